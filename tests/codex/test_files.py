"""Codex's two files: what is theirs comes back to the byte, and what Codex remembers of trust is read in every form."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from hookspan.catalogue.codex import CODEX
from hookspan.clients.codex import handlers, trust
from hookspan.clients.codex.hooks_text import CodexHooks
from hookspan.clients.codex.trust import Trust
from hookspan.paths import Paths
from tests.faults.stand import read_only
from tests.other_agents.at_home import Run

pytestmark = pytest.mark.slow

BOM = b"\xef\xbb\xbf"
FOREIGN = '{"type": "command", "command": "touch theirs"}'
GROUP = f'{{"hooks": [{FOREIGN}]}}'
HOOKS: dict[str, bytes] = {
    "empty file": b"",
    "only space": b" \n\n",
    "empty object": b"{}",
    "empty object, final newline": b"{}\n",
    "hooks, empty": b'{"hooks": {}}\n',
    "an event, empty": b'{"hooks": {"Stop": []}}\n',
    "foreign before": f'{{"hooks": {{"Stop": [{GROUP}]}}}}\n'.encode(),
    "foreign in every event": json.dumps(
        {"hooks": {event: [json.loads(GROUP)] for event in CODEX.registered}}
    ).encode(),
    "foreign with a matcher": f'{{"hooks": {{"PreToolUse": [{{"matcher": "Bash", "hooks": [{FOREIGN}]}}]}}}}'.encode(),
    "no final newline": b'{\n  "hooks": {\n    "Stop": []\n  }\n}',
    "CRLF": f'{{\r\n  "hooks": {{\r\n    "Stop": [\r\n      {GROUP}\r\n    ]\r\n  }}\r\n}}\r\n'.encode(),
    "BOM": b'\xef\xbb\xbf{"hooks": {}}\n',
    "tabs": f'{{\n\t"hooks": {{\n\t\t"Stop": [\n\t\t\t{GROUP}\n\t\t]\n\t}}\n}}\n'.encode(),
    "one line, no space": b'{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"x"}]}]}}',
    "odd space": b'{ "hooks"  :{"Stop" : [\n\n ] }\n  ,"a":1}\n\n\n',
    "unknown keys": b'{"$schema": "x", "hooks": {"NewEvent": [{"hooks": [], "_by": 1}]}, "description": "ours"}\n',
    "unicode": '{"größe 😀": "\\u00e9\\ud83d\\ude00", "hooks": {"Stop": []}}\n'.encode(),
    "escaped keys": b'{"\\u0068ooks": {"Sto\\u0070": []}}\n',
}
CONFIGS: dict[str, str] = {
    "comments": "# mine\nmodel = 'x' # why\n\n[features] # on\nhooks = true\n{trust}",
    "CRLF": "model = 'x'\r\n[features]\r\nhooks = true\r\n{trust}",
    "no final newline": "{trust}model = 'x'",
    "BOM": "\ufeffmodel = 'x'\n{trust}",
    "tabs": "\tmodel\t=\t'x'\n[features]\n\thooks = true\n{trust}",
    "inline table": "features = {{ hooks = true }}\n{trust}",
    "dotted keys": "features.hooks = true\n{trust}",
    "existing [hooks]": "{trust}[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = 'command'\ncommand = 'touch theirs'\n",
    "arrays of tables": "[[skills.config]]\npath = 'a'\n[[skills.config]]\npath = 'b'\n{trust}",
    "unicode": "# größe 😀\nmodel = 'größe'\n{trust}",
    "trust as inline tables": "[hooks]\nstate = {{ {inline} }}\n",
    "trust as dotted keys": "[hooks.state]\n{dotted}",
    "trust in literal keys": "{literal}",
}


@pytest.fixture
def home(tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(root=tmp_path)


@pytest.fixture
def codex(tmp_path: Path) -> Path:
    folder = tmp_path / ".codex"
    folder.mkdir()
    return folder


def install(hookspan: Run, *words: str, **more: int) -> subprocess.CompletedProcess[str]:
    return hookspan("install", "--agent", "codex", "--yes", *words, **more)


@pytest.mark.parametrize("data", HOOKS.values(), ids=HOOKS)
def test_hooks_come_and_go_to_the_byte(data: bytes, codex: Path, hookspan: Run) -> None:
    file = codex / "hooks.json"
    file.write_bytes(data)
    install(hookspan)
    once = file.read_bytes()
    assert once.startswith(BOM) == data.startswith(BOM)
    given = json.loads(once.decode("utf-8-sig"))["hooks"]
    for event in CODEX.registered:
        assert "--agent codex" in given[event][-1]["hooks"][0]["command"], "ours come after everybody else's"
    assert "Nothing to change" in install(hookspan).stdout
    assert file.read_bytes() == once
    hookspan("uninstall", "--yes")
    assert file.read_bytes() == data

    # Where somebody has put something behind ours, that alone stays with what was there.
    install(hookspan)
    text = file.read_bytes().decode("utf-8-sig")
    given = json.loads(text)
    given["hooks"]["Stop"].append(json.loads(GROUP))
    file.write_text(json.dumps(given))
    hookspan("uninstall", "--agent", "codex", "--yes")
    before = json.loads(data.decode("utf-8-sig")) if data.strip() else {}
    stop = before.get("hooks", {}).get("Stop", [])
    assert json.loads(file.read_text()) == before | {
        "hooks": before.get("hooks", {}) | {"Stop": [*stop, json.loads(GROUP)]}
    }


def trusted(file: Path) -> dict[str, str]:
    """What Codex remembers of each handler in a file when all are trusted."""
    given = json.loads(file.read_text())["hooks"]
    return {
        handlers.trust_key(str(file), event, place, 0): handlers.trust_hash(event, group["hooks"][0])
        for event, groups in given.items()
        for place, group in enumerate(groups)
    }


@pytest.mark.parametrize("form", CONFIGS.values(), ids=CONFIGS)
def test_codex_s_settings_are_read_in_every_form_and_never_written(form: str, codex: Path, hookspan: Run) -> None:
    config, file = codex / "config.toml", codex / "hooks.json"
    install(hookspan)
    known = trusted(file)
    text = form.format(
        trust="".join(f'[hooks.state."{key}"]\ntrusted_hash = "{value}"\n' for key, value in known.items())
        if "{trust}model" not in form
        else "".join(f'hooks.state."{key}".trusted_hash = "{value}"\n' for key, value in known.items()),
        inline=", ".join(f'"{key}" = {{ trusted_hash = "{value}" }}' for key, value in known.items()),
        dotted="".join(f'"{key}".trusted_hash = "{value}"\n' for key, value in known.items()),
        literal="".join(f"[hooks.state.'{key}']\ntrusted_hash = '{value}'\n" for key, value in known.items()),
    )
    config.write_bytes(text.encode())
    paths = Paths.from_environment({"HOME": str(codex.parent)})
    ours = list(CodexHooks.of(str(file), file.read_bytes()).ours(paths))
    assert trust.of(file, ours, trust.settings(file)) == [Trust.TRUSTED] * len(CODEX.registered)
    install(hookspan, "--check")
    install(hookspan)
    hookspan("uninstall", "--yes")
    assert config.read_bytes() == text.encode()
    assert not file.exists()


def test_a_symlink_and_a_mode_stay(codex: Path, hookspan: Run) -> None:
    real = codex.parent / "dotfiles" / "hooks.json"
    real.parent.mkdir()
    real.write_text('{"hooks": {}}')
    real.chmod(0o440)
    link = codex / "hooks.json"
    link.symlink_to(real)
    install(hookspan)
    assert link.is_symlink()
    assert "--agent codex" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o440
    hookspan("uninstall", "--yes")
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, '{"hooks": {}}', 0o440)


BROKEN = {
    b"{,}": "line 1",
    b'{"hooks": {"Stop": [{]}}': "line 1",
    b"[]": "object",
    b'{"hooks": []}': "`hooks`",
    b'{"hooks": {"Stop": {}}}': "hooks.Stop",
    b'{"hooks": {}, "hooks": {}}': "`hooks`",
    b'{"hooks": {"Stop": [], "Stop": []}}': "`Stop`",
    b'\xff\xfe{"hooks": {}}': "UTF-8",
    b'{"hooks": {"Stop": []}} x': "line 1",
}


@pytest.mark.parametrize(("data", "says"), BROKEN.items(), ids=map(str, BROKEN))
def test_a_file_that_codex_could_not_read_is_refused_and_kept(
    data: bytes, says: str, codex: Path, hookspan: Run
) -> None:
    file = codex / "hooks.json"
    file.write_bytes(data)
    said = install(hookspan, status=1)
    assert str(file) in said.stderr
    assert says in said.stderr
    assert file.read_bytes() == data
    assert sorted(codex.iterdir()) == [file]


@pytest.mark.need_root
def test_a_folder_that_can_not_be_written(codex: Path, hookspan: Run) -> None:
    with read_only(codex):
        assert "can't write" in install(hookspan, status=1).stderr
    assert list(codex.iterdir()) == []
