"""The frame of the command line: help, errors, exit codes, and what is imported."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hookspan import __version__
from hookspan.cli import quick, verbs
from hookspan.config import load
from hookspan.paths import Paths
from tests.agent.ingest import take_in
from tests.agent.machine import Machine
from tests.model.replay import play


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
        assert len(done.stdout.splitlines()) <= 23  # a terminal has 24, and the next prompt takes one
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_every_module_of_a_verb_is_in_the_list_and_the_other_way_round():
    folder = Path(verbs.__file__).parent
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert modules == {verbs.module_name(name) for name in verbs.NAMES}, f"SECTIONS in {verbs.__file__}"


@pytest.mark.parametrize("name", verbs.NAMES)
def test_every_verb_has_its_name_and_a_help(name: str):
    command = verbs.load(name)
    assert command.name == name
    assert command.help


def test_the_lines_of_the_help_are_sentences():
    for lines in verbs.SECTIONS.values():
        assert all(meaning.endswith((".", "?")) for meaning in lines.values())


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["xyzzy"], 2, "error: No such command 'xyzzy'.\n\nhint: `hookspan --help` lists what is allowed\n"),
        (["stats"], 2, "error: No such command 'stats'. Did you mean 'status'?\n"),
        (["config"], 2, "Usage: hookspan config [OPTIONS] COMMAND [ARGS]...\n"),
        (["config", "shw"], 2, "error: No such command 'shw'. Did you mean 'show'?\n"),
        (["config", "show", "--nope"], 2, "`hookspan config show --help`"),
        (["config", "set", "export.protocol", "x"], 1, "error: `export.protocol` can't be `x`\n\nhint: allowed: `http"),
        (["config", "show", "nope"], 1, "error: `nope` is not a setting"),
    ],
)
def test_errors_say_what_is_wrong_and_what_to_do(words: list[str], status: int, message: str, tmp_path: Path):
    done = run(*words, home=tmp_path)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stdout == ""


def test_a_bug_leaves_a_report_without_arguments(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(
        "import hookspan.config.edit as c\ndef no(*a, **k): raise ZeroDivisionError('oops')\nc.change_all = no\n"
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


@pytest.mark.parametrize("words", ["--version", "status", "sessions", "man", "share --help", "--help"])
def test_output_that_does_not_fit_is_no_bug(words: str, tmp_path: Path):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hookspan", *words.split()],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    error = "error: can't write the output: No space left on device\n\nhint: make room there, or send it elsewhere\n"
    assert (done.returncode, done.stderr) == (1, error)


@pytest.mark.parametrize("words", ["--version", "now", "sessions", "cost"])
def test_nobody_needs_to_hear_the_answer(words: str, tmp_path: Path):
    command = f"exec {sys.executable} -m hookspan {words} >&- 2>&-"
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    assert subprocess.run(["/bin/sh", "-c", command], env=env, check=False).returncode == 0
    assert not list(tmp_path.rglob("crash-*.md"))


def test_what_is_asked_often_is_answered_the_same_with_the_command_lines_library(tmp_path: Path):
    machine = Machine(tmp_path)
    take_in(machine.paths, play("background_agent", tmp_path / "recording").records)
    for words in quick.PLAIN:
        before, short, after = machine.cli(*words, "--"), machine.cli(*words), machine.cli(*words, "--")
        assert (short.returncode, short.stdout) in {(whole.returncode, whole.stdout) for whole in (before, after)}
        assert short.stdout or words == ("now",)
        assert not {"click", "inspect"} & imported(*words, env=machine.env)


def imported(*words: str, env: dict[str, str]) -> set[str]:
    """The modules that a call has imported."""
    command = [sys.executable, "-X", "importtime", "-m", "hookspan", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    found = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "hookspan" in found, done.stderr
    return found


def test_quick_verbs_import_neither_opentelemetry_nor_a_web_server(tmp_path: Path):
    heavy = {"opentelemetry", "starlette", "uvicorn", "google", "grpc", "apprise", "genai_prices", "requests", "psutil"}
    for words in (["version"], ["config", "show"], ["status"], []):
        assert not heavy & imported(*words, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})


def test_the_version_is_told_without_the_command_line(tmp_path: Path):
    for flag in ("--version", "-V"):
        assert not {"click", "typing", "hookspan.cli"} & imported(flag, env={"HOME": str(tmp_path)})
        assert run(flag, home=tmp_path).stdout == f"hookspan {__version__}\n"


def test_status_of_an_agent_reads_neither_settings_nor_the_store(tmp_path: Path):
    machine = Machine(tmp_path)
    try:
        done = machine.cli("install", "--yes")
        assert done.returncode == 0, done.stderr
        machine.up()
        env = {name: value for name, value in machine.env.items() if name in {"HOME", "PATH", "HOOKSPAN_HOME"}}
        heavy = {"hookspan.store", "sqlite3", "msgspec", "tempfile", "inspect", "dataclasses", "difflib", "hashlib"}
        assert not {"hookspan.config", *heavy} & imported("status", env=env)
        assert not heavy & imported("status", env={**env, "HOOKSPAN_DASHBOARD_PORT": "1"}), "it is compared"
        same = str(load(machine.paths).dashboard.port)
        assert not {"tomllib", *heavy} & imported("status", env={**env, "HOOKSPAN_DASHBOARD_PORT": same})
    finally:
        machine.close()


COMPLETIONS = {
    "bash": """eval "$(hookspan completion bash)"
        COMP_WORDS=(hookspan {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _hookspan_completion hookspan; printf '%s\\n' "${{COMPREPLY[@]}}"
        """,
    "fish": "hookspan completion fish | source; complete --do-complete 'hookspan {words}' | cut -f1",
    # zsh completes only within its line editor: what our function tells it is caught here.
    "zsh": """compdef() {{ }}; _describe() {{ print -l -- ${{${{(P)3}}%%:*}} }}; compadd() {{ print -l -- ${{(P)5}} }}
        eval "$(hookspan completion zsh)"
        words=(hookspan {words}) CURRENT=${{#words}}; _hookspan_completion""",
}


@pytest.mark.need_fish
@pytest.mark.need_zsh
@pytest.mark.parametrize("shell", COMPLETIONS)
def test_shells_complete_verbs_options_and_values(shell: str, tmp_path: Path):
    for words, expected in (
        ("inst", ["install"]),
        ("config s", ["set", "show"]),
        ("install --dr", ["--dry-run"]),
        ("completion f", ["fish"]),
    ):
        done = subprocess.run(
            [shell, "-c", COMPLETIONS[shell].format(words=words)],
            env={"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert sorted(done.stdout.split()) == expected, done.stderr


@pytest.mark.need_fish
@pytest.mark.need_zsh
@pytest.mark.parametrize("shell", COMPLETIONS)
def test_shells_complete_sessions_projects_and_settings(shell: str, tmp_path: Path):
    env = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    take_in(Paths.from_environment(env), play("print_mcp", tmp_path / "played").records)
    (row,) = json.loads(run("sessions", "--json", home=tmp_path).stdout)
    for words, expected in (
        (f"trace {row['id'][:4]}", row["id"]),
        ("trace la", "last"),
        (f"forget {row['id'][:4]}", row["id"]),
        (f"sessions --project {row['project'][:2]}", row["project"]),
        ("config set export.end", "export.endpoint"),
        ("config show dashboard.po", "dashboard.port"),
    ):
        done = subprocess.run(
            [shell, "-c", COMPLETIONS[shell].format(words=words)], env=env, capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == [expected], done.stderr


@pytest.mark.need_fish
def test_fish_shows_help_lines_to_their_end(tmp_path: Path):
    env = {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    line = "hookspan completion fish | source; complete --do-complete 'hookspan sess'"
    done = subprocess.run(["fish", "-c", line], env=env, capture_output=True, text=True, check=False)
    (offered,) = done.stdout.splitlines()
    assert "," in offered
    assert offered.endswith(".")


@pytest.mark.need_mandoc
def test_the_manual_page_is_right_roff_and_names_every_verb(tmp_path: Path):
    page = run("man", home=tmp_path).stdout
    assert page == (Path(__file__).parents[2] / "docs" / "reference" / "hookspan.1").read_text(), "make generate"
    linted = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "error"], input=page, capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")
    shown = subprocess.run(["mandoc", "-T", "utf8"], input=page, capture_output=True, text=True, check=True).stdout
    shown = re.sub(".\b", "", shown)  # bold is a letter printed twice
    assert [name for name in verbs.NAMES if f"hookspan {name} " not in shown] == []


def test_version(tmp_path: Path):
    told = json.loads(run("version", "--json", home=tmp_path).stdout)
    assert told["relay"] is None
    assert run("--version", home=tmp_path).stdout.strip() == f"hookspan {told['hookspan']}"


def test_bare_says_the_next_command(tmp_path: Path):
    assert "next: hookspan install" in run(home=tmp_path).stdout
    run("install", "--yes", home=tmp_path)
    assert "next: hookspan open" in run(home=tmp_path).stdout
    config = tmp_path / ".config" / "hookspan" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[store]\ndays = 'x'\n")
    told = run("status", home=tmp_path).stdout
    assert "settings  `store.days` can't be `x`" in told
    assert "next: hookspan doctor" in told
