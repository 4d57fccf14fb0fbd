"""install --status-line: the line of before is kept, shown whatever becomes of hookspan, and comes back to the byte."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from hookspan.clients.claude_code import status_line_command
from hookspan.clients.claude_code.settings_text import REFRESH
from hookspan.paths import Paths
from tests.cli.test_install import Run, file, home, hookspan, tree  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow

TOLD = b'{"session_id":"2fdc5994-7f80-46c8-8e7c-f55bf2922f93","cwd":"/home/u/shop"}\n'
FILES = {
    "none": b'{\n  "model": "opus"\n}\n',
    "empty file": b"",
    "command": b'{\n  "statusLine": {\n    "type": "command",\n    "command": "~/.claude/line.sh"\n  }\n}\n',
    "padding and interval": b'{"statusLine":{"padding":2,"command":"echo a","type":"command","refreshInterval":5}}',
    "quotes and escapes": b'{"statusLine": {"type": "command", "command": "echo \\"\\u00e4\\\\t\'\'\\" #\\nexit 3"}}\n',
    "CRLF": b'{\r\n\t"statusLine": {\r\n\t\t"type": "command",\r\n\t\t"command": "cat"\r\n\t}\r\n}\r\n',
    "BOM": b'\xef\xbb\xbf{"statusLine":{"type":"command","command":"cat"}}',
    "beside hooks": b'{"hooks":{"Stop":[]},"statusLine":{"type":"command","command":"cat"}}',
    "broken quoting": b'{"statusLine":{"type":"command","command":"echo \'a"}}',
}
COMMANDS = [
    "cat",
    "cat; exit 3",
    "echo 'it'\"'\"'s'; echo \"$0 $# $SECRET\" >&2",
    "# nothing",
    "x=1\ncat <<E\n$x\nE\n",
    "kill $$",
    '"$HOME/a line.sh" ~ \'b  c\' "$HOME"',
]
LINE_SH = '#!/bin/sh\ncat; echo "$0 $#:" "$@" >&2; exit 3\n'


def line_of(file: Path) -> str:  # noqa: F811 - a fixture's name
    command: str = json.loads(file.read_bytes().decode("utf-8-sig"))["statusLine"]["command"]
    return command


def shown(command: str, home: Path) -> tuple[int, bytes, bytes]:  # noqa: F811
    """What a status line's command does. It starts no agent, which would write to what is looked at or deleted here."""
    if (state := home / ".local" / "state" / "hookspan").is_dir():
        (state / "down").touch()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "SECRET": "hunter2"}
    done = subprocess.run(
        command, shell=True, input=TOLD, capture_output=True, env=env, cwd=home, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def journal(home: Path) -> list[dict[str, object]]:  # noqa: F811
    path = home / ".local" / "state" / "hookspan" / "journal" / "current.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_a_status_line_comes_back_to_the_byte(data: bytes, file: Path, home: Path, hookspan: Run):  # noqa: F811
    file.write_bytes(data)
    hookspan("install", "--yes")
    without = file.read_bytes()
    hookspan("install", "--yes", "--status-line")
    hookspan("install", "--yes", "--status-line")
    hookspan("install", "--yes")
    assert "--status-line" in line_of(file)
    old, new = json.loads(data.decode("utf-8-sig") or "{}"), json.loads(file.read_bytes().decode("utf-8-sig"))
    rest = {"padding", "refreshInterval", "type"}
    assert {
        k: v for k, v in old.get("statusLine", {"type": "command", "refreshInterval": REFRESH}).items() if k in rest
    } == {k: v for k, v in new["statusLine"].items() if k in rest}
    lines = home / ".local" / "state" / "hookspan" / "lines"
    assert lines.is_dir() == ("statusLine" not in old)
    hookspan("install", "--yes", "--no-status-line")
    assert file.read_bytes() == without
    hookspan("install", "--yes", "--status-line")
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == data
    assert not lines.exists()


def test_what_others_change_meanwhile_stays(file: Path, hookspan: Run):  # noqa: F811
    file.write_bytes(FILES["quotes and escapes"])
    hookspan("install", "--yes", "--status-line")
    file.write_text(file.read_text().replace('{"statusLine"', '{"model":"opus","statusLine"'))
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == FILES["quotes and escapes"].replace(b'{"statusLine"', b'{"model":"opus","statusLine"')


@pytest.mark.parametrize("command", COMMANDS)
def test_the_line_is_as_before_with_hookspan_and_without(command: str, file: Path, home: Path, hookspan: Run):  # noqa: F811
    file.write_text(json.dumps({"statusLine": {"type": "command", "command": command}}))
    (home / "a line.sh").write_text(LINE_SH)
    (home / "a line.sh").chmod(0o700)
    before = shown(command, home)
    hookspan("install", "--yes", "--status-line")
    assert status_line_command.read(line_of(file), Paths.from_environment({"HOME": str(home)})).before == command
    assert shown(line_of(file), home) == before
    assert [record["kind"] for record in journal(home)] == ["status_line"]
    shutil.rmtree(home / ".local")
    assert shown(line_of(file), home) == before


def test_without_a_line_of_before_a_lost_relay_shows_nothing(file: Path, home: Path, hookspan: Run):  # noqa: F811
    hookspan("install", "--yes", "--status-line")
    assert shown(line_of(file), home) == (0, b"", b"")
    assert len(journal(home)) == 1
    shutil.rmtree(home / ".local")
    assert shown(line_of(file), home)[1:] == (b"", b"")


def test_a_line_that_is_no_command_is_refused(file: Path, hookspan: Run):  # noqa: F811
    data = b'{"statusLine":{"type":"builtin"}}'
    file.write_bytes(data)
    assert "is not a command" in hookspan("install", "--yes", "--status-line", status=1).stderr
    assert file.read_bytes() == data


def test_status_and_doctor_know_it(file: Path, home: Path, hookspan: Run):  # noqa: F811
    hookspan("install", "--yes", "--status-line")
    assert "status line of" in hookspan("status").stdout
    file.write_text(json.dumps({**json.loads(file.read_text()), "statusLine": {"type": "command", "command": "cat"}}))
    assert "no longer goes through hookspan" in hookspan("status").stdout
    assert "no longer goes through hookspan" in hookspan("doctor").stdout
    hookspan("install", "--yes", "--no-status-line")
    assert "status line" not in hookspan("status").stdout
    assert line_of(file) == "cat"


def test_the_python_relay_s_command_is_ours_too(home: Path):  # noqa: F811
    paths = Paths.from_environment({"HOME": str(home)})
    relay = ("/usr/bin/python3", "-I", "-S", str(paths.relay_script), str(paths.state))
    for before in (None, "cat", "~/line.sh 'a b'", "echo 'a;b'; exec true --status-line"):
        command = status_line_command.written(relay, before)
        found = status_line_command.read(command, paths)
        assert found
        assert (found.relay, found.before) == (relay, before)
    quoted = (
        '_hookspan_line=cat; [ -x {0} ] && exec {0} {1} --status-line "$0" -c "$_hookspan_line"; eval "$_hookspan_line"'
    )
    found = status_line_command.read(quoted.format(paths.relay, paths.state), paths)  # an older hookspan's
    assert found == status_line_command.RelayedLine((str(paths.relay), str(paths.state)), "cat")
    assert status_line_command.read(f"exec {shlex.join(relay)}", paths) is None
    assert status_line_command.read("exec foo --status-line", paths) is None
