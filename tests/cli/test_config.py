"""`hookspan config` on real files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hookspan.cli.settings.save import NEW
from hookspan.cli.verbs.config import config as group
from hookspan.config import OPTIONS, load
from hookspan.config.edit import change
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.values import Number


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setenv("HOOKSPAN_HOME", str(tmp_path))

    def call(*words: str) -> Result:
        return CliRunner().invoke(group, words, catch_exceptions=False)

    return call


FILE = """# mine
[export]   # where
endpoint = "http://a"  # keep
[[notify]]
url = "ntfy://secret-topic"
"""


def test_set_keeps_comments_and_what_others_wrote(run: Callable[..., Result], tmp_path: Path):
    file = tmp_path / "config.toml"
    file.write_text(FILE)
    file.chmod(0o644)
    run("set", "export.endpoint", "http://b:4318")
    run("set", "export.headers", "a=b")
    run("set", "dashboard.allowed_hosts", "x,y")
    run("set", "journal.bytes", "3 GiB")
    run("set", "resource.deployment.environment.name", "prod")
    text = file.read_text()
    assert text.startswith('# mine\n[export]   # where\nendpoint = "http://b:4318"  # keep\n')
    assert file.stat().st_mode & 0o777 == 0o600
    settings = load(Paths.from_environment())
    assert settings.export.endpoint == "http://b:4318"
    assert settings.export.headers == {"a": "b"}
    assert settings.dashboard.allowed_hosts == ("x", "y")
    assert settings.journal.bytes == 3 << 30
    assert settings.resource == {"deployment.environment.name": "prod"}
    assert settings.notify[0].url == "ntfy://secret-topic"
    run("unset", "export.endpoint")
    assert load(Paths.from_environment()).export.endpoint is None


def test_set_leaves_dotted_keys_where_they_are(run: Callable[..., Result], tmp_path: Path):
    (tmp_path / "config.toml").write_text('export.endpoint = "http://b:4318"\nstore.days = 3\n')
    run("set", "export.headers", "a=b")
    settings = load(Paths.from_environment())
    assert (settings.export.endpoint, settings.export.headers) == ("http://b:4318", {"a": "b"})
    assert settings.store.days == 3


def test_set_refuses_what_is_not_allowed_and_changes_nothing(run: Callable[..., Result], tmp_path: Path):
    file = tmp_path / "config.toml"
    for words in (("export.endpoint", "x"), ("nope.nope", "1"), ("dashboard.port", "99999"), ("resource", "x")):
        with pytest.raises(UserError):
            run("set", *words)
    with pytest.raises(UserError, match=r"did you mean `export\.endpoint`\?"):
        run("set", "export.endpont", "http://b:4318")
    assert not file.exists()
    file.write_text("[export\n")
    with pytest.raises(UserError, match="is not TOML"):
        run("set", "dashboard.port", "1")
    assert file.read_text() == "[export\n"


def test_set_refuses_a_locked_key(paths: Paths):
    paths.system_config.parent.mkdir()
    paths.system_config.write_text('locked = ["export"]')
    with pytest.raises(UserError, match="locked"):
        change(paths, "export.endpoint", "http://a")


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS.keys())
def test_every_setting_can_be_set_to_its_default(option, paths: Paths):
    text = {"dict": "a=b", "tuple": "a,b", "NoneType": "http://a.example.org", "bool": str(option.default).lower()}
    value = text.get(type(option.default).__name__, str(option.default))
    value = "" if isinstance(option.kind, Number) and option.kind.optional else value
    change(paths, option.key, value)
    assert load(paths).origin(option.key) == str(paths.config)
    change(paths, option.key, None)
    assert load(paths).origin(option.key) == "default"


def test_show_hides_secrets_and_tells_origins(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "config.toml").write_text(FILE + '[export.headers]\nauthorization = "hunter2"\n')
    monkeypatch.setenv("HOOKSPAN_DASHBOARD_PORT", "9")
    for words in ((), ("--json",), ("--origin",)):
        output = run("show", *words).output
        assert "hunter2" not in output
        assert "secret-topic" not in output
    shown = json.loads(run("show", "--json").output)
    assert shown["dashboard.port"] == {"value": 9, "origin": "HOOKSPAN_DASHBOARD_PORT"}
    assert shown["export.endpoint"] == {"value": "http://a", "origin": str(tmp_path / "config.toml")}
    assert set(OPTIONS) <= set(shown)
    assert "hunter2" in run("show", "--secrets").output
    assert set(json.loads(run("show", "export", "--json").output)) == {k for k in OPTIONS if k.startswith("export.")}
    assert run("path").output == f"{tmp_path / 'config.toml'}\n"


def test_one_value_is_printed_for_scripts(run: Callable[..., Result], tmp_path: Path):
    (tmp_path / "config.toml").write_text('[export]\nheaders = {a = "hunter2"}\n[resource]\nteam = "pay"\n')
    shown = [
        run("get", key).output for key in ("export.metrics", "export.endpoint", "export.protocol", "resource.team")
    ]
    assert shown == ["true\n", "\n", "http/protobuf\n", "pay\n"]
    with pytest.raises(UserError, match="secret"):
        run("get", "export.headers")
    assert json.loads(run("get", "export.headers", "--secret").output) == {"a": "hunter2"}
    with pytest.raises(UserError, match=r"did you mean `export\.endpoint`"):
        run("get", "export.endpont")


@pytest.mark.parametrize("there", [True, False])
def test_edit_saves_what_is_allowed(run: Callable[..., Result], tmp_path: Path, monkeypatch, there: bool):
    file = tmp_path / "config.toml"
    if there:
        file.write_text(FILE)
    monkeypatch.setenv("VISUAL", "sed -i '$ a [store]'")
    assert "Saved" in run("edit").stdout
    assert file.read_text() == (FILE if there else NEW) + "[store]\n"
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("VISUAL", "true")
    assert run("edit").stdout == "Nothing was changed.\n"
    before = file.read_text()
    monkeypatch.setenv("VISUAL", f"sh -c 'echo \"# by another\" >> {file}; echo days = 30 >> $0'")
    with pytest.raises(UserError, match="nothing was changed"):
        run("edit")
    assert file.read_text() == before + "# by another\n"
    file.write_text(before)
    monkeypatch.setenv("VISUAL", "sed -i '$ a days = true'")
    with pytest.raises(UserError, match="nothing was changed"):
        run("edit")
    assert file.read_text() == before


@pytest.mark.parametrize(("key", "value"), [("resource", "{}"), ("projects", "{}"), ("notify", "[]")])
def test_a_table_in_which_nothing_is_set_is_empty(run: Callable[..., Result], key: str, value: str):
    assert run("get", key).output.strip() == value
    assert run("show", key).exit_code == 0
