"""The frame of the command line: help, errors, exit codes, and what is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hookspan.cli.main import SECTIONS, cli


def run(*words: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hookspan", *words],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"} | env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_fits_a_screen_and_needs_no_verb(tmp_path: Path):
    for flag in ("-h", "--help"):
        done = run(flag, home=tmp_path)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) <= 40
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_every_verb_is_found_and_says_what_the_list_says():
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        listed = next(verbs[name].help for verbs in SECTIONS.values() if name in verbs)
        assert command.help or command.short_help
        assert listed.endswith((".", "?"))


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["nope"], 2, "error: No such command 'nope'.\n\nhint: `hookspan --help` lists what is allowed\n"),
        (["config", "show", "--nope"], 2, "`hookspan config show --help`"),
        (["config", "set", "export.protocol", "x"], 1, "error: `export.protocol` can't be `x`\n\nhint: allowed: `http"),
        (["config", "show", "nope"], 1, "error: `nope` is no setting"),
    ],
)
def test_errors_say_what_is_wrong_and_what_to_do(words: list[str], status: int, message: str, tmp_path: Path):
    done = run(*words, home=tmp_path)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stdout == ""


def test_a_bug_leaves_a_report_without_arguments(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(
        "import hookspan.cli.config as c\ndef no(*a, **k): raise ZeroDivisionError('oops')\nc.change = no\n"
    )
    done = run("config", "set", "export.headers", "a=hunter2", home=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    (report,) = tmp_path.rglob("crash-*.md")
    assert str(report) in done.stderr
    text = report.read_text()
    assert "ZeroDivisionError: oops" in text
    assert "`hookspan config`" in text
    assert "hunter2" not in text
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "hookspan", "config", "show"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_quick_verbs_import_neither_opentelemetry_nor_a_web_server(tmp_path: Path):
    code = (
        "import sys\nfrom hookspan.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    heavy = {"opentelemetry", "starlette", "uvicorn", "google", "grpc", "apprise", "genai_prices", "requests", "psutil"}
    for words in (["version"], ["config", "show"], []):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "hookspan" in done.stderr.split()
        assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path):
    assert "_HOOKSPAN_COMPLETE" in run("completion", shell, home=tmp_path).stdout


def test_bash_completes_verbs_and_options(tmp_path: Path):
    script = (
        'eval "$(hookspan completion bash)"; COMP_WORDS=(hookspan {}); COMP_CWORD={}; _hookspan_completion hookspan; '
        'echo "${{COMPREPLY[@]}}"'
    )
    for words, place, expected in (
        ("inst", 1, "install"),
        ("config s", 2, "set show"),
        ("install --dr", 2, "--dry-run"),
    ):
        done = subprocess.run(
            ["/bin/bash", "-c", script.format(words, place)],
            env={"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert sorted(done.stdout.split()) == expected.split()


def test_version(tmp_path: Path):
    told = json.loads(run("version", "--json", home=tmp_path).stdout)
    assert told["relay"] is None
    assert run("--version", home=tmp_path).stdout.strip() == f"hookspan {told['hookspan']}"


def test_bare_says_the_next_command(tmp_path: Path):
    assert "next: hookspan install" in run(home=tmp_path).stdout
    run("install", "--yes", home=tmp_path)
    assert "next: hookspan open" in run(home=tmp_path).stdout
