"""install and uninstall against real files, with the real compiler and the real relay."""

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookspan.cli.install.diff import diff
from hookspan.cli.verbs.install import install
from hookspan.clients.claude_code.handlers import EVENTS, is_ours, matcher_group
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.clients.hooks_text import command_words
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.setup import relay
from hookspan.setup.relay import Relay
from tests.command import call
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".claude").mkdir()
    return tmp_path


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".claude" / "settings.json"


@pytest.fixture
def hookspan(home: Path) -> Run:
    """The installed command in a process of its own, with a home of its own and nothing of ours around it."""

    def run(*words: str, status: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = call(*words, env={"HOME": str(home), "PATH": "/usr/bin:/bin"} | env, cwd=home)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ODD_FILES = {
    "empty": b"",
    "blank": b"  \n",
    "object": b"{}",
    "spaced object": b"{ }\n",
    "no final newline": b'{\n  "model": "opus"\n}',
    "minified": b'{"model":"opus","hooks":{"Stop":[{"hooks":[{"type":"command","command":"x"}]}]}}',
    "one line": b'{ "model": "opus", "hooks": { "Stop": [ { "hooks": [] } ] } }\n',
    "tabs": b'{\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t{\n\t\t\t\t"hooks": []\n\t\t\t}\n\t\t]\n\t}\n}\n',
    "CRLF": b'{\r\n  "a": 1,\r\n  "hooks": {\r\n    "Stop": []\r\n  }\r\n}\r\n',
    "BOM": b'\xef\xbb\xbf{\n  "a": 1\n}\n',
    "empty containers": b'{\n  "hooks": {\n    "Stop": [],\n    "Setup": [ ]\n  }\n}\n',
    "empty hooks": b'{\n  "hooks": { }\n}\n',
    "unknown event": b'{"hooks": {"Tomorrow": [{"hooks": [{"type": "telepathy"}]}]}, "z": null}',
    "others' hooks": b'{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "http", "url": "http://x"}]}]}}',
    "broken group": b'{"hooks": {"PreToolUse": ["what", {"hooks": 3}, null]}}',
    "duplicate keys elsewhere": b'{"env": {"A": "1", "A": "2"}, "x": 1, "x": 2}',
    "escapes": '{"caf\\u00e9": "\\ud83d\\ude00 é 😀", "\\u0068ooks": {"\\u0053top": []}}'.encode(),
    "strange numbers": b'{"a": 1.0, "b": 1e400, "c": -0, "d": 123456789012345678901234567890}',
    "comma first": b'{ "a": 1\n, "hooks": { "Stop": [ {"hooks": []} ]\n  , "Setup": [] }\n}\n',
    "deep": b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}",
    "huge": b'{\n  "a": [\n' + b'    "' + b"x" * 60 + b'",\n' * 1 + b'    "yy",\n' * 200_000 + b'    "z"\n  ]\n}\n',
}


@pytest.mark.parametrize("data", ODD_FILES.values(), ids=ODD_FILES.keys())
def test_install_and_uninstall_give_back_the_very_bytes(data: bytes, file: Path, hookspan: Run):
    file.write_bytes(data)
    file.chmod(0o640)
    old = json.loads(data.decode("utf-8-sig") or "{}", strict=True) if data.strip() else {}
    hookspan("install", "--yes")
    new = json.loads(file.read_bytes().decode("utf-8-sig"))
    assert {key: value for key, value in new.items() if key != "hooks"} == {
        k: v for k, v in old.items() if k != "hooks"
    }
    for event, groups in new["hooks"].items():
        before = old.get("hooks", {}).get(event, [])
        assert groups[: len(before)] == before
        assert len(groups) == len(before) + (event in EVENTS)
    assert set(EVENTS) <= set(new["hooks"])
    written = file.read_bytes()
    assert written.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert (b"\r\n" in data) == (b"\r\n" in written)
    assert b"\r\n" not in data or written.count(b"\n") == written.count(b"\r\n")
    assert file.stat().st_mode & 0o777 == 0o640
    installed = tree(file.parents[1])
    hookspan("install", "--yes")
    assert tree(file.parents[1]) == installed
    hookspan("install", "--check")
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == 0o640
    hookspan("install", "--check", status=1)


def test_a_missing_file_is_made_and_removed_again(file: Path, hookspan: Run):
    file.parent.rmdir()
    hookspan("install", "--yes")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"hooks": {e: [matcher_group(command(file.parents[1]))] for e in EVENTS}}
    hookspan("uninstall", "--yes")
    assert not file.exists()


def command(home: Path) -> list[str]:
    paths = Paths.from_environment({"HOME": str(home)})
    return [str(paths.relay), str(paths.state)]


def test_what_is_installed_records_an_event(file: Path, home: Path, hookspan: Run):
    hookspan("install", "--yes")
    handler = json.loads(file.read_text())["hooks"]["Stop"][0]["hooks"][0]
    state = Paths.from_environment({"HOME": str(home)}).state
    (state / "down").touch()  # this test is not about starting an agent
    event = b'{"hook_event_name":"Stop","session_id":"s"}'
    done = relay.run([handler["command"], *handler["args"]], event, timeout=PATIENCE, env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert event in (state / "journal" / "current.jsonl").read_bytes()
    assert handler["timeout"] == 5
    (state / "down").unlink()
    assert [path for path in state.rglob("*") if path.stat().st_mode & 0o077] == []
    drops = (state / "drops").read_bytes()
    assert [len(line) for line in drops.splitlines(keepends=True)] == [64] * len(relay.DROP_REASONS)


def test_a_relay_that_is_tried_has_its_event_though_we_go_on_late(monkeypatch: pytest.MonkeyPatch):
    communicate = subprocess.Popen.communicate

    def late(self: "subprocess.Popen[bytes]", *given: Any, **named: Any) -> tuple[bytes, bytes]:
        self.wait(PATIENCE)
        return communicate(self, *given, **named)

    monkeypatch.setattr(subprocess.Popen, "communicate", late)
    impatient = "import os; os.set_blocking(0, False); os.write(1, os.read(0, 100))"
    assert relay.run([sys.executable, "-c", impatient], b"{}", timeout=PATIENCE).stdout == b"{}"


def test_the_relay_counts_in_the_drops_file_that_install_made(home: Path, hookspan: Run):
    hookspan("install", "--yes")
    paths = Paths.from_environment({"HOME": str(home)})
    paths.down.touch()
    paths.current.mkdir()  # so that nothing can be written
    relay.run([str(paths.relay), str(paths.state)], b"{}", timeout=PATIENCE, env={}).check_returncode()
    counted = {line[:16].strip(): int(line[16:36]) for line in paths.drops.read_text().splitlines()}
    assert list(counted) == list(relay.DROP_REASONS)
    assert sum(counted.values()) == 1


def test_a_symlink_stays_one_and_its_target_changes(home: Path, file: Path, hookspan: Run):
    target = home / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_bytes(b'{"a": 1}\n')
    file.symlink_to("../dotfiles/claude.json")
    hookspan("install", "--yes")
    assert file.is_symlink()
    assert b"hookspan-relay" in target.read_bytes()
    hookspan("uninstall", "--yes")
    assert file.is_symlink()
    assert target.read_bytes() == b'{"a": 1}\n'


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o600, 0o664])
def test_the_mode_stays(mode: int, file: Path, hookspan: Run):
    file.write_bytes(b"{}")
    file.chmod(mode)
    hookspan("install", "--yes")
    assert file.stat().st_mode & 0o777 == mode
    hookspan("uninstall", "--yes")
    assert file.stat().st_mode & 0o777 == mode
    assert file.read_bytes() == b"{}"


def test_the_backup_is_private_and_goes_when_it_has_served(home: Path, file: Path, hookspan: Run):
    file.write_bytes(b'{"env": {"TOKEN": "x"}}')
    file.chmod(0o644)
    hookspan("install", "--yes")
    (backup,) = Paths.from_environment({"HOME": str(home)}).backups.iterdir()
    assert backup.read_bytes() == b'{"env": {"TOKEN": "x"}}'
    assert backup.stat().st_mode & 0o777 == 0o600
    hookspan("uninstall", "--yes")
    assert not backup.exists()


@pytest.mark.parametrize("left", ['{"model": "opus"}', None])
def test_the_backup_goes_with_hooks_that_somebody_else_took_out(
    left: str | None, home: Path, file: Path, hookspan: Run
):
    file.write_bytes(b'{"env": {"TOKEN": "x"}}')
    hookspan("install", "--yes")
    if left is None:
        file.unlink()
    else:
        file.write_text(left)
    hookspan("uninstall", "--yes")
    assert list(Paths.from_environment({"HOME": str(home)}).backups.iterdir()) == []


def test_what_others_change_between_install_and_uninstall_stays(file: Path, hookspan: Run):
    file.write_bytes(b'{\n  "model": "opus",\n  "hooks": {"Setup": []}\n}\n')
    hookspan("install", "--yes")
    value = json.loads(file.read_text())
    value["model"] = "haiku"
    value["hooks"]["Stop"].insert(0, {"hooks": [{"type": "command", "command": "say done"}]})
    value["hooks"]["PreToolUse"][0]["hooks"].append({"type": "command", "command": "lint"})
    file.write_text(json.dumps(value, indent=8))  # as Claude Code does when /config changes something
    hookspan("uninstall", "--yes")
    assert json.loads(file.read_text()) == {
        "model": "haiku",
        "hooks": {
            "Setup": [],  # was there before us
            "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
            "PreToolUse": [{"hooks": [{"type": "command", "command": "lint"}]}],
        },
    }
    hookspan("uninstall", "--yes")


def test_older_forms_of_ours_are_replaced_and_do_not_come_back(home: Path, file: Path, hookspan: Run):
    script = Paths.from_environment({"HOME": str(home)}).relay_script
    old = [
        {"type": "command", "command": "/opt/hookspan-relay /state", "timeout": 1},
        {"type": "command", "command": "/opt/bin/hookspan-relay", "args": []},
        {"type": "command", "command": f"python3 -I -S {shlex.quote(str(script))} /state"},
        {"type": "command", "command": "/usr/bin/python3", "args": ["-I", "-S", str(script), "/state"]},
    ]
    foreign = {"type": "command", "command": "cat /opt/hookspan-relay"}
    file.write_text(json.dumps({"hooks": {"Stop": [{"hooks": [*old, foreign]}], "FileChanged": [{"hooks": [old[0]]}]}}))
    hookspan("install", "--check", status=1)
    hookspan("install", "--yes")
    hooks = json.loads(file.read_text())["hooks"]
    assert hooks["Stop"] == [{"hooks": [foreign]}, matcher_group(command(home))]
    assert set(hooks) == set(EVENTS)
    hookspan("uninstall", "--yes")
    assert json.loads(file.read_text()) == {"hooks": {"Stop": [{"hooks": [foreign]}]}}


def test_uninstall_works_without_a_record(home: Path, file: Path, hookspan: Run):
    file.write_bytes(b'{\n  "a": 1\n}\n')
    hookspan("install", "--yes")
    Paths.from_environment({"HOME": str(home)}).installed.unlink()
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == b'{\n  "a": 1\n}\n'


REFUSED = {
    "broken": (b'{\n  "a": 1,\n}\n', r"line 3, column 1|line 2, column 9"),
    "comment": (b'{\n  // mine\n  "a": 1\n}', r"line 2, column 3"),
    "not a number": (b'{"a": NaN}', r"NaN"),
    "an array": (b"[]", r"must hold a JSON object, not an array"),
    "hooks an array": (b'{"hooks": []}', r"`hooks` .* must be an object, not an array"),
    "hooks null": (b'{"hooks": null}', r"`hooks` .* must be an object, not null"),
    "an event an object": (b'{"hooks": {"Stop": {}}}', r"`hooks.Stop` .* must be an array, not an object"),
    "hooks twice": (b'{\n"hooks": {},\n"hooks": {}}', r"`hooks` is there 2 times .*lines 2, 3"),
    "an event twice": (b'{"hooks": {"Stop": [],\n"Stop": []}}', r"`Stop` is there 2 times"),
    "not UTF-8": (b'{"a": "\xff"}', r"not UTF-8: .* at byte 7"),
    "too deep": (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", r"can't be read as JSON"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_claude_code_could_not_use_is_refused_and_kept(
    data: bytes, message: str, file: Path, hookspan: Run
):
    file.write_bytes(data)
    done = hookspan("install", "--yes", status=1)
    assert re.search(message, done.stderr)
    assert done.stderr.startswith("error: ")
    assert tree(file.parents[1]) == {".claude/settings.json": data}


# Each makes Claude Code 2.1.331 ignore the file's hooks when it stands under PreToolUse.
TRAPS = {
    '"what"': "",
    '{"hooks": 3}': "",
    '{"matcher": 5, "hooks": []}': ".matcher",
    '{"hooks": ["what"]}': ".hooks[0]",
    '{"hooks": [{"type": "command", "command": "x"}, {"type": "command"}]}': ".hooks[1]",
    '{"hooks": [{"command": "x"}]}': ".hooks[0]",
}


@pytest.mark.parametrize("group", TRAPS)
def test_an_entry_that_disables_the_whole_file_is_named_and_is_never_ours(group: str, file: Path, hookspan: Run):
    file.write_text(f'{{"hooks": {{"PreToolUse": [{group}], "Stop": []}}}}')
    warned = hookspan("install", "--yes").stderr
    assert warned.startswith(f"warning: `hooks.PreToolUse[0]{TRAPS[group]}` is broken")
    assert warned.count("warning:") == 1
    assert SettingsText.of("x", file.read_bytes()).broken() == [f"hooks.PreToolUse[0]{TRAPS[group]}"]


@pytest.mark.parametrize("words", [("--dry-run",), ("--print",), ("--check",), ()])
def test_nothing_is_written_by(words: tuple[str, ...], file: Path, hookspan: Run):
    file.write_bytes(b"{}")
    done = hookspan("install", *words, status=0 if words in {("--dry-run",), ("--print",)} else 1)
    assert tree(file.parents[1]) == {".claude/settings.json": b"{}"}
    if words == ("--print",):
        assert set(json.loads(done.stdout)["hooks"]) == set(EVENTS)
    if words == ("--dry-run",):
        assert done.stdout.count("hookspan-relay") == len(EVENTS)
        assert "--- ~/.claude/settings.json" in done.stdout


def test_who_is_not_asked_is_spared_the_diff(file: Path, hookspan: Run):
    file.write_bytes(b"{}")
    for command in ("install", "uninstall"):
        shown = hookspan(command, "--yes").stdout.splitlines()
        assert len(shown) < 8
        assert re.fullmatch(r"~/.claude/settings.json: [\d,]+ lines? added, [\d,]+ removed", shown[0])


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"n\n", 1), (b"\x03", 130)])
def test_the_question(answer: bytes, status: int, file: Path, home: Path):
    file.write_bytes(b"{}")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home)
        words = [sys.executable, "-m", "hookspan", "install"]
        os.execve(sys.executable, words, {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "dumb"})
    seen = b""
    try:
        while not seen.endswith(b"[y/N]: "):
            seen += os.read(terminal, 65536)
        os.write(terminal, answer)
        while True:
            # Python can miss an interrupt that comes just before it begins to read: then its user presses it again.
            if answer == b"\x03" and not select.select([terminal], [], [], 20)[0]:
                os.write(terminal, answer)
            else:
                seen += os.read(terminal, 65536)
                if seen.endswith(b"[y/N]: "):  # and the second one, whether to keep conversations
                    os.write(terminal, answer)
                    seen += b"\n"
    except OSError:  # the child has closed its end
        pass
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status, seen
    assert (b"hookspan-relay" in file.read_bytes()) == (status == 0)
    config = home / ".config" / "hookspan" / "config.toml"
    assert (config.exists() and "enabled = true" in config.read_text()) == (status == 0)


def test_scopes_and_a_moved_config_folder(home: Path, hookspan: Run):
    moved = home / "moved"
    hookspan("install", "--yes", CLAUDE_CONFIG_DIR=str(moved))
    hookspan("install", "--yes", "--scope", "local")
    local = home / ".claude" / "settings.local.json"
    assert sorted(p.name for p in (home / ".claude").iterdir()) == ["settings.local.json"]
    assert (moved / "settings.json").exists()
    assert local.exists()
    hookspan("uninstall", "--yes")  # every file that was installed to, wherever it is
    assert not (moved / "settings.json").exists()
    assert not local.exists()


def test_without_a_compiler_the_script_is_installed_and_works(file: Path, home: Path, hookspan: Run):
    empty = home / "empty"
    empty.mkdir()
    hookspan("install", "--yes", PATH=str(empty))
    paths = Paths.from_environment({"HOME": str(home)})
    handler = json.loads(file.read_text())["hooks"]["Stop"][0]["hooks"][0]
    assert handler["args"] == ["-I", "-S", str(paths.relay_script), str(paths.state)]
    paths.down.touch()
    relay.run([handler["command"], *handler["args"]], b'{"a":1}', timeout=PATIENCE, env={}).check_returncode()
    assert b'{"a":1}' in paths.current.read_bytes()
    hookspan("install", "--check")
    hookspan("install", "--yes")  # with a compiler: the compiled one takes over
    assert json.loads(file.read_text())["hooks"]["Stop"] == [matcher_group(command(home))]
    done = hookspan("uninstall", "--yes")
    assert not file.exists()
    assert paths.relay.exists()
    assert f"The relay stays in ~/{paths.bin.relative_to(home)}" in done.stdout


FALSE_COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do
    shift
done
cp /bin/true "$2"
"""


def test_a_compiler_whose_programs_do_not_work_is_passed_over(home: Path, hookspan: Run):
    tools = home / "tools"
    tools.mkdir()
    for name in ("musl-gcc", "cc"):
        (tools / name).write_text(FALSE_COMPILER)
        (tools / name).chmod(0o755)
    done = hookspan("install", "--yes", PATH=f"{tools}:/usr/bin:/bin")
    assert "nothing can be compiled here" in done.stdout


def test_where_the_relay_can_not_do_without_a_c_library_it_has_one(home: Path, hookspan: Run):
    tools = home / "tools"
    tools.mkdir()
    (tools / "cc").write_text('#!/bin/sh\ncase "$*" in *-nostdlib*) exit 1; esac\nexec /usr/bin/cc "$@"\n')
    (tools / "cc").chmod(0o755)
    done = hookspan("install", "--yes", PATH=f"{tools}:/usr/bin:/bin")
    assert re.search("relay compiled with (musl-gcc|cc), static", done.stdout)


def test_the_agent_command_and_the_cap_are_in_relay_conf(home: Path, hookspan: Run):
    hookspan("config", "set", "journal.bytes", "300 MiB")
    hookspan("install", "--yes", HOOKSPAN_AGENT_AUTOSTART="0")  # the environment is not the files
    paths = Paths.from_environment({"HOME": str(home)})
    lines = paths.relay_conf.read_text().splitlines()
    assert lines[:2] == ["cap_bytes 314572800", "autostart 1"]
    assert [line.removeprefix("arg ") for line in lines[2:]] == [
        *(sys.executable, "-I", "-m", "hookspan.agent"),
        *("--state", str(paths.state), "--config", str(paths.config), "--data", str(paths.data)),
    ]
    hookspan("config", "set", "agent.autostart", "false")
    assert paths.relay_conf.read_text().splitlines()[1] == "autostart 0"


def test_an_ambient_endpoint_is_offered_and_not_obeyed(home: Path, hookspan: Run):
    done = hookspan("install", "--yes", OTEL_EXPORTER_OTLP_ENDPOINT="http://other:4318")
    assert "hookspan config set export.endpoint http://other:4318" in done.stdout
    assert not Paths.from_environment({"HOME": str(home)}).config.exists()


ENDPOINT = "http://127.0.0.1:4318"
NATIVE = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT,
}
NATIVE_FILES = {
    "empty env": b'{\n  "env": { },\n  "a": 1\n}\n',
    "tabs": b'{\n\t"env": {\n\t\t"EDITOR": "vi"\n\t},\n\t"hooks": {}\n}\n',
    "CRLF and BOM": b'\xef\xbb\xbf{\r\n  "hooks": {\r\n    "Stop": []\r\n  }\r\n}\r\n',
    "one of them is the user's own": b'{"env":{"OTEL_LOGS_EXPORTER":"otlp"}}',
}


@pytest.mark.parametrize("data", NATIVE_FILES.values(), ids=NATIVE_FILES.keys())
def test_native_telemetry_comes_and_goes_to_the_byte(data: bytes, file: Path, hookspan: Run):
    file.write_bytes(data)
    hookspan("config", "set", "export.endpoint", ENDPOINT)
    hookspan("install", "--yes")
    without = file.read_bytes()
    hookspan("install", "--check", "--native-telemetry", status=1)
    hookspan("install", "--yes", "--native-telemetry")
    written = file.read_bytes()
    value, old = (json.loads(text.decode("utf-8-sig")) for text in (written, data))
    assert value["env"] == old.get("env", {}) | NATIVE
    assert {key: value[key] for key in old if key not in {"env", "hooks"}} == {
        key: old[key] for key in old if key not in {"env", "hooks"}
    }
    hookspan("install", "--yes", "--native-telemetry")
    hookspan("install", "--yes")  # without a word about it, it stays
    assert file.read_bytes() == written
    hookspan("install", "--check")
    hookspan("install", "--yes", "--no-native-telemetry")
    assert json.loads(file.read_bytes().decode("utf-8-sig")) == json.loads(without.decode("utf-8-sig"))
    hookspan("install", "--yes", "--native-telemetry")
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == data


def test_childrens_traces_come_and_go_to_the_byte(file: Path, home: Path, hookspan: Run):
    """With the receiver that they need, whose port is fixed from then on; without an agent, and without an endpoint."""
    data = NATIVE_FILES["tabs"]
    file.write_bytes(data)
    before = everything(home)
    for words in (["--children", "--dry-run"], ["--children", "--check"]):
        hookspan("install", *words, status=1 if "--check" in words else 0)
    assert "has no port yet" in hookspan("install", "--children", "--print", status=1).stderr, "none could be kept"
    assert everything(home) == before
    hookspan("install", "--yes", "--children")
    env = json.loads(file.read_bytes())["env"]
    assert env["CLAUDE_CODE_PROPAGATE_TRACEPARENT"] == "1"
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://127.0.0.1:")
    hookspan("install", "--yes")  # without a word about it, it stays
    hookspan("install", "--yes", "--native-telemetry")
    assert json.loads(file.read_bytes())["env"] == env
    hookspan("install", "--check", "--children")
    shown = hookspan("config", "show", "--json").stdout
    assert {"receive.enabled", "receive.children"} <= set(re.findall(r"receive\.\w+", shown))
    hookspan("install", "--yes", "--no-children")
    del env["CLAUDE_CODE_PROPAGATE_TRACEPARENT"]
    assert json.loads(file.read_bytes())["env"] == {"EDITOR": "vi"} | env
    hookspan("install", "--yes", "--children", "--no-native-telemetry", status=2)
    hookspan("install", "--yes", "--children")
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == data


def test_native_telemetry_leaves_what_others_wrote(file: Path, hookspan: Run):
    hookspan("config", "set", "export.endpoint", ENDPOINT)
    hookspan("install", "--yes", "--native-telemetry")
    value = json.loads(file.read_text())
    value["env"] |= {"EDITOR": "vi", "OTEL_METRICS_EXPORTER": "none"}
    file.write_text(json.dumps(value, indent=4))
    hookspan("install", "--check", status=1)
    hookspan("uninstall", "--yes")
    assert json.loads(file.read_text()) == {"env": {"OTEL_METRICS_EXPORTER": "none", "EDITOR": "vi"}}


def test_native_telemetry_follows_the_endpoint_and_takes_no_other_place_from_anybody(file: Path, hookspan: Run):
    done = hookspan("install", "--yes", "--native-telemetry", status=1)
    assert "hint: `hookspan stack up`" in done.stderr
    hookspan("config", "set", "export.endpoint", ENDPOINT)
    done = hookspan("install", "--yes", "--native-telemetry", HOOKSPAN_EXPORT_HEADERS="authorization=Bearer 1")
    assert "OTEL_EXPORTER_OTLP_HEADERS" in done.stderr
    hookspan("config", "set", "export.protocol", "grpc")
    hookspan("config", "set", "export.endpoint", "http://127.0.0.1:4317")
    hookspan("install", "--yes", "--native-telemetry")
    changed = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    assert json.loads(file.read_text())["env"] == NATIVE | changed
    hookspan("uninstall", "--yes")
    assert not file.exists()
    theirs = b'{"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://telemetry.example.com"}}'
    file.write_bytes(theirs)
    done = hookspan("install", "--yes", "--native-telemetry", status=1)
    assert "`OTEL_EXPORTER_OTLP_ENDPOINT` of your own" in done.stderr
    assert file.read_bytes() == theirs


def test_a_relay_that_is_running_can_be_replaced(home: Path, hookspan: Run):
    hookspan("install", "--yes")
    paths = Paths.from_environment({"HOME": str(home)})
    paths.down.touch()
    running = subprocess.Popen([str(paths.relay), str(paths.state)], stdin=subprocess.PIPE, env={})
    inode = paths.relay.stat().st_ino
    built = Relay(paths.relay, paths.relay.read_bytes() + b"\0", (), "")
    assert built.install(paths)
    assert paths.relay.stat().st_ino != inode
    running.communicate(b"{}")
    assert running.returncode == 0


# --- The splice itself, on any JSON.

KEYS = st.one_of(st.sampled_from(["hooks", "Stop", "matcher", "args", *EVENTS[:3]]), st.text(max_size=4))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
HANDLERS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"type": st.just("command"), "command": st.sampled_from(["x", "a 'b", "hookspan"])}),
)
GROUPS = st.one_of(
    VALUES, st.fixed_dictionaries({"hooks": st.lists(HANDLERS, max_size=3)}, optional={"matcher": VALUES})
)
HOOKS = st.dictionaries(st.sampled_from([*EVENTS[:4], "FileChanged", "New"]), st.lists(GROUPS, max_size=3), max_size=4)
SETTINGS = st.builds(
    lambda before, hooks, after: before | ({} if hooks is None else {"hooks": hooks}) | after,
    st.dictionaries(KEYS.filter(lambda key: key != "hooks"), VALUES, max_size=3),
    st.none() | HOOKS,
    st.dictionaries(KEYS.filter(lambda key: key != "hooks"), VALUES, max_size=2),
)
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 1, 2, 4, "\t"]),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
        "ensure_ascii": st.booleans(),
    }
)
PATHS = Paths(Path("/s"), Path("/c"), Path("/d"))
COMMAND = ("/d/bin/hookspan-relay", "/s")


@given(value=SETTINGS, layout=LAYOUTS, crlf=st.booleans(), end=st.sampled_from(["", "\n", "\n\n"]))
@settings(max_examples=400)
def test_any_object_gets_ours_and_nothing_else_changes(
    value: dict[str, Any], layout: dict[str, Any], crlf: bool, end: str
):
    text = json.dumps(value, **layout) + end
    data = (text.replace("\n", "\r\n") if crlf else text).encode()
    before = SettingsText.of("settings.json", data)
    after = SettingsText.of("settings.json", before.with_ours(COMMAND, PATHS).data())
    expected = dict(value)
    hooks = expected.setdefault("hooks", {})
    expected["hooks"] = hooks | {event: [*hooks.get(event, []), matcher_group(COMMAND)] for event in EVENTS}
    assert after.value == expected
    assert list(after.value) == list(expected)
    assert after.with_ours(COMMAND, PATHS) is after
    back = after.without_ours(PATHS, keep=before.empty())
    assert back.value == value
    if not before.empty() and value:  # what was empty may have had blanks in it
        assert back.data() == data


@given(value=SETTINGS, layout=LAYOUTS, draw=st.data())
def test_ours_are_taken_out_wherever_somebody_put_them(
    value: dict[str, Any], layout: dict[str, Any], draw: st.DataObject
):
    ours = matcher_group(COMMAND)["hooks"][0]
    clean = SettingsText.of("x", json.dumps(value, **layout).encode())
    mixed = json.loads(clean.with_ours(COMMAND, PATHS).text)
    lists = [g["hooks"] for gs in mixed["hooks"].values() for g in gs if isinstance(g, dict) and "hooks" in g]
    for handlers in lists:
        if isinstance(handlers, list) and draw.draw(st.booleans()):
            handlers.insert(draw.draw(st.integers(0, len(handlers))), {"type": "command", "command": "other"})
            handlers.insert(draw.draw(st.integers(0, len(handlers))), ours)
    text = SettingsText.of("x", json.dumps(mixed, **layout).encode()).without_ours(PATHS)
    assert not list(text.ours(PATHS))
    assert others(text.value) == others(mixed)
    assert SettingsText.of("x", text.data()).text == text.text


def others(value: dict[str, Any]) -> list[object]:
    groups = [g for gs in value.get("hooks", {}).values() for g in gs]
    handlers = [h for g in groups if isinstance(g, dict) and isinstance(g.get("hooks"), list) for h in g["hooks"]]
    return [handler for handler in handlers if not is_ours(command_words(handler), PATHS)]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")), st.booleans())
def test_the_diff_turns_the_old_text_into_the_new(old: list[str], new: list[str], newline: bool):
    ends = "\n" if newline else ""
    texts = ["\n".join(lines) + (ends if lines else "") for lines in (old, new)]
    shown = list(diff("x", texts[0].encode(), texts[1].encode()))
    assert (shown == []) == (texts[0] == texts[1])
    assert patched(texts[0].splitlines(), shown) == texts[1].splitlines()


def patched(lines: list[str], shown: list[str]) -> list[str]:
    """What `patch` makes of it; every hunk must say where it belongs, and be right about what is there."""
    made, position = [], 0
    for line in shown[2:]:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (length != "0")
            made += lines[position:begin]
            position = begin
        elif line[0] in " -":
            assert lines[position] == line[1:]
            position += 1
        if line[0] in " +":
            made.append(line[1:])
    return made + lines[position:]


def test_without_hooks_other_options_are_heeded_or_refused(home: Path, hookspan: Run):
    before = everything(home)
    assert "nothing was changed" in hookspan("install", "--no-hooks", "--dry-run").stdout
    hookspan("install", "--no-hooks", "--check", status=1)
    for words in (["--archive"], ["--children"], ["--no-native-telemetry"], ["--status-line"], ["--scope", "local"]):
        assert "--no-hooks changes no settings" in hookspan("install", "--no-hooks", *words, status=2).stderr
    assert everything(home) == before


def test_native_windows_is_refused(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch, pytest.raises(UserError, match="native Windows"):
        patch.setattr("os.name", "nt")
        assert install.callback is not None
        install.callback(
            agent="claude-code",
            dry_run=False,
            check=False,
            yes=True,
            print_block=False,
            no_hooks=False,
            scope="user",
            native=None,
            children=None,
            status_line=None,
            archive=None,
        )


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file, folder and link, with its mode and what it holds."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("others", [True, False], ids=["a home with other people's files", "an empty home"])
def test_purge_leaves_nothing(others: bool, tmp_path: Path, hookspan: Run):
    home = tmp_path
    (home / ".claude").rmdir()
    if others:
        for name in (".config/other/a.toml", ".local/share/other/b", ".local/state/c", ".claude/CLAUDE.md"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text("theirs")
        (home / ".claude" / "settings.json").write_bytes(b'{ "model": "opus" }')
        (home / ".config" / "systemd" / "user").mkdir(parents=True)
        (home / "shop").mkdir()
        (home / "link").symlink_to("shop")
    before = everything(home)
    env = {"HOOKSPAN_DASHBOARD_PORT": "0"}
    hookspan("config", "set", "export.endpoint", "http://127.0.0.1:9")
    hookspan("install", "--yes")
    hookspan("install", "--yes", "--scope", "local")
    (relay_file,) = (home / ".local" / "share" / "hookspan" / "bin").iterdir()
    state = home / ".local" / "state" / "hookspan"
    event = b'{"hook_event_name":"Stop","session_id":"2275201c-d667-46b2-be10-331a52d1ebcf"}'
    hookspan("up", **env)
    relay.run([str(relay_file), str(state)], event, timeout=PATIENCE, env={}).check_returncode()
    hookspan("flush", "--wait", "1s", status=1)  # nobody listens there
    assert "To be deleted" in hookspan("uninstall", "--purge", "--dry-run").stdout
    until((state / "store.db").exists, "the agent's store")
    hookspan("uninstall", "--purge", "--yes")
    assert everything(home) == before

    def left() -> list[list[str]]:
        commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        return [command for command in commands if str(state) in command]

    until(lambda: not left(), "a process is left")
