import json
import os
from pathlib import Path

import pytest
from dirty_equals import IsPartialDict
from hypothesis import given
from hypothesis import strategies as st

from hookspan import config
from hookspan.config import OPTIONS, Notify, Project, Settings, from_snapshot, load
from hookspan.errors import UserError
from hookspan.paths import Paths


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_files_everything_is_its_default(paths: Paths):
    settings = load(paths, {})
    assert settings == Settings()
    assert settings.export.endpoint is None
    assert settings.origin("dashboard.port") == "default"


def test_each_layer_wins_over_the_one_before(paths: Paths):
    write(paths.system_config, "[dashboard]\nport = 1\ncache_ttl = 1\nmax_connections = 1\nhost = 'a'")
    write(paths.config, "[dashboard]\nport = 2\ncache_ttl = 2\nmax_connections = 2")
    settings = load(paths, {"HOOKSPAN_DASHBOARD_PORT": "3", "HOOKSPAN_DASHBOARD_CACHE_TTL": "3"})
    board = settings.dashboard
    assert (board.port, board.cache_ttl, board.max_connections, board.host) == (3, 3, 2, "a")
    assert [settings.origin(f"dashboard.{name}") for name in ("port", "cache_ttl", "max_connections", "host")] == [
        "HOOKSPAN_DASHBOARD_PORT",
        "HOOKSPAN_DASHBOARD_CACHE_TTL",
        str(paths.config),
        str(paths.system_config),
    ]
    assert load(paths).dashboard.port == 2  # an agent that a hook started has files only


def test_a_locked_key_is_the_administrators_alone(paths: Paths):
    write(paths.system_config, 'locked = ["export.endpoint", "content"]\n[export]\nendpoint = "http://gate:4318"')
    write(paths.config, '[export]\nendpoint = "http://else:1"\nprotocol = "grpc"\n[content]\nexport = true')
    settings = load(paths, {"HOOKSPAN_EXPORT_ENDPOINT": "http://else:2", "HOOKSPAN_CONTENT_EXPORT": "true"})
    assert settings.export.endpoint == "http://gate:4318"
    assert settings.export.protocol == "grpc"
    assert settings.content.export is False
    assert len(settings.warnings) == 4
    assert all("locks it" in warning for warning in settings.warnings)
    write(paths.config, 'locked = ["content"]\n[content]\nexport = true')
    write(paths.system_config, "")
    assert load(paths).content.export == "labels"  # a user's lock locks nothing


def test_an_administrator_sets_where_to_and_a_user_may_still_stay_out(paths: Paths):
    """As docs/guides/team.md has it: the endpoint is locked, whether to take part isn't."""
    policy = 'locked = ["export.endpoint", "content.export"]\n[export]\nendpoint = "https://gate:4318"'
    write(paths.system_config, policy)
    assert load(paths).export.on
    write(paths.config, "[export]\nenabled = false")
    settings = load(paths)
    assert (settings.export.on, settings.export.endpoint) == (False, "https://gate:4318")
    write(paths.system_config, policy.replace('"export.endpoint"', '"export"'))
    assert load(paths).export.on, "all of `export` is locked, so that nobody stays out"


def test_the_lock_of_the_endpoint_has_no_way_around_it(paths: Paths):
    write(paths.system_config, 'locked = ["export.endpoint"]\n[export]\nendpoint = "http://gate:4318"')
    write(paths.config, '[export]\ntraces_endpoint = "http://mine:1"\ntraces_headers = { key = "a" }')
    settings = load(paths, {"HOOKSPAN_EXPORT_METRICS_ENDPOINT": "http://mine:2"})
    assert settings.export.endpoints == ["http://gate:4318"]
    assert settings.export.traces_headers == {"key": "a"}
    assert len(settings.warnings) == 2
    write(paths.system_config, 'locked = ["export.endpoint"]\n[export]\nmetrics_endpoint = "http://gate:9090"')
    assert load(paths).export.endpoints == ["http://gate:9090"], "the administrator may split them"


def test_labels_of_the_team_and_of_the_user_stand_side_by_side(paths: Paths):
    write(
        paths.system_config,
        'locked = ["resource.team", "projects.shop"]\n[resource]\nteam = "core"\nsite = "north"\n'
        '[projects.shop.labels]\ncost_centre = "42"',
    )
    write(
        paths.config,
        '[resource]\nteam = "mine"\nsite = "home"\nrole = "dev"\n'
        "[projects.shop]\nrecord = false\n[projects.diary]\nrecord = false",
    )
    settings = load(paths)
    assert settings.resource == {"team": "core", "site": "home", "role": "dev"}
    assert settings.projects == {
        "shop": Project(labels={"cost_centre": "42"}),
        "diary": Project(record=False),
    }
    assert [warning.partition("`")[2].partition("`")[0] for warning in settings.warnings] == [
        "resource.team",
        "projects.shop",
    ]


def test_what_the_administrator_says_of_a_project_stays_when_the_user_says_something_else_of_it(paths: Paths):
    write(
        paths.system_config,
        '[projects.shop]\nrecord = false\ncontent = false\n[projects.shop.labels]\nteam = "core"\ncost = "42"\n'
        "[projects.till]\nrecord = false",
    )
    write(paths.config, '[projects.shop.labels]\nrole = "dev"\ncost = "7"\n[projects.till]\nrecord = true')
    settings = load(paths)
    assert settings.projects == {
        "shop": Project(record=False, content=False, labels={"team": "core", "cost": "7", "role": "dev"}),
        "till": Project(),
    }
    assert settings.origin("projects") == str(paths.config)
    assert from_snapshot(settings.as_dict()).projects == settings.projects


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[export]\nprotocol = 'htp'", ["`export.protocol`", "`htp`", "`http/protobuf` or `grpc`"]),
        ("[export]\nendpoint = 'localhost:4318'", ["`export.endpoint`", "localhost:4318", "a URL"]),
        ("[export]\nendpoint = 'http://'", ["`export.endpoint`"]),
        ("[export]\nheaders = {a = 1}", ["`export.headers`", "its value"]),
        ("[dashboard]\nport = 65536", ["`dashboard.port`", "`65536`", "from 0 to 65535"]),
        ("[dashboard]\nport = true", ["`dashboard.port`", "a whole number"]),
        ("[dashboard]\nport = 1.5", ["`dashboard.port`", "a whole number"]),
        ("[dashboard]\nenabled = 1", ["`dashboard.enabled`", "true or false"]),
        ("[dashboard]\nhost = ''", ["`dashboard.host`"]),
        ("[dashboard]\nallowed_hosts = 'a'", ["`dashboard.allowed_hosts`", "a list"]),
        ("[monitor]\ninterval = nan", ["`monitor.interval`", "`nan`"]),
        ("[journal]\nbytes = '3 quarts'", ["`journal.bytes`", "512 MiB"]),
        ("[resource]\nx = 3", ["`resource`"]),
        ("[projects.web]\nrecord = 'no'", ['`projects."web".record`', "true or false"]),
        ("[[notify]]\nevents = ['waiting']", ["`notify 1.url`", "an apprise URL"]),
        ("[[notify]]\nurl = 'ntfy://secret'\nevents = ['dinner']", ["`notify 1.events`", "turn_failed"]),
        ("[notify]\nurl = 'ntfy://x'", ["`notify`", "[[notify]]"]),
        ("export = 3", ["`export`", "must be a table"]),
        ("[export\n", ["is not TOML", "line 1"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(text: str, words: list[str], paths: Paths):
    write(paths.config, text)
    with pytest.raises(UserError) as caught:
        load(paths)
    for word in (*words, str(paths.config)):
        assert word in str(caught.value)


def test_a_secret_is_not_in_the_message(paths: Paths):
    with pytest.raises(UserError) as caught:
        load(paths, {"HOOKSPAN_EXPORT_HEADERS": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_name_is_a_warning_that_guesses(paths: Paths):
    write(paths.config, "[expotr]\na = 1\n[dashboard]\nprot = 1\n[[notify]]\nurl = 'ntfy://x'\nevent = []")
    settings = load(paths, {"HOOKSPAN_DASHBOARD_PROT": "1", "HOOKSPAN_HOME": "/x", "PATH": "/bin"})
    assert [warning.rpartition(" ")[2] for warning in settings.warnings] == [
        "`export`?",
        "`port`?",
        "`events`?",
        "`HOOKSPAN_DASHBOARD_PORT`?",
    ]


def test_an_unreadable_file_is_an_error(paths: Paths):
    paths.config.write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"can't read `.*`: it is not UTF-8 \(byte 1\)$"):
        load(paths)
    paths.config.unlink()
    paths.config.mkdir()
    with pytest.raises(UserError, match=r"can't read `.*`: Is a directory\n"):
        load(paths)


def test_tables(paths: Paths):
    write(
        paths.config,
        """
        [resource]
        "deployment.environment.name" = "prod"
        [projects."my.app"]
        record = false
        labels = { team = "core" }
        [[notify]]
        url = "ntfy://a"
        [[notify]]
        url = "ntfy://b"
        events = ["turn_failed"]
        """,
    )
    settings = load(paths)
    assert settings.resource == {"deployment.environment.name": "prod"}
    assert settings.projects == {"my.app": Project(record=False, labels={"team": "core"})}
    assert settings.notify == (Notify("ntfy://a"), Notify("ntfy://b", events=("turn_failed",)))


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("HOOKSPAN_EXPORT_HEADERS", "a=b, c%20d=e%2Cf", "export.headers", {"a": "b", "c d": "e,f"}),
        ("HOOKSPAN_EXPORT_HOOK_SPANS", "no", "export.hook_spans", False),
        ("HOOKSPAN_JOURNAL_BYTES", "2GiB", "journal.bytes", 2 << 30),
        ("HOOKSPAN_JOURNAL_BYTES", "3 MB", "journal.bytes", 3_000_000),
        ("HOOKSPAN_DASHBOARD_ALLOWED_HOSTS", "a, b", "dashboard.allowed_hosts", ("a", "b")),
        ("HOOKSPAN_MONITOR_INTERVAL", "2.5", "monitor.interval", 2.5),
        ("HOOKSPAN_MONITOR_INTERVAL", "", "monitor.interval", 30.0),
    ],
)
def test_variables(variable: str, text: str, key: str, value: object, paths: Paths):
    assert load(paths, {variable: text}).value(key) == value


def test_an_empty_variable_says_none_where_none_is_allowed(paths: Paths):
    write(paths.config, "[export]\nendpoint = 'http://a'\nprotocol = 'grpc'")
    settings = load(paths, {"HOOKSPAN_EXPORT_ENDPOINT": "", "HOOKSPAN_EXPORT_PROTOCOL": ""})
    assert settings.export.endpoint is None
    assert settings.export.protocol == "grpc"


def test_a_snapshot_is_the_same_settings_in_another_process(paths: Paths):
    write(paths.system_config, 'locked = ["traces"]')
    write(
        paths.config,
        '[projects.a.labels]\nx = "y"\n[[notify]]\nurl = "ntfy://x"\n[dashboard]\nallowed_hosts = ["h"]\nx=1',
    )
    settings = load(paths, {"HOOKSPAN_EXPORT_ENDPOINT": "http://a", "HOOKSPAN_EXPORT_HEADERS": "a=b"})
    assert from_snapshot(json.loads(json.dumps(settings.as_dict()))) == settings


def test_names_are_unique_and_every_option_has_its_help():
    for attribute in ("key", "variable"):
        assert len({getattr(option, attribute) for option in OPTIONS.values()}) == len(OPTIONS)
    assert [option.key for option in OPTIONS.values() if not option.help.endswith(".")] == []
    for option in OPTIONS.values():  # a default that its own kind refuses could not be written to a file
        if option.default is not None:
            assert option.kind.read(option.default) == option.default


@given(st.sampled_from(list(OPTIONS.values())), st.text() | st.integers().map(str))
def test_whatever_a_variable_says_is_a_value_or_the_users_error(option: config.Option, text: str):
    nowhere = Paths(Path("/nowhere/s"), Path("/nowhere/c"), Path("/nowhere/d"), Path("/nowhere/e"))
    try:
        value = load(nowhere, {option.variable: text}).value(option.key)
    except UserError as error:
        assert option.kind.allowed in str(error)
    else:
        assert value is None or option.kind.read(value) == value


def test_seed_names_are_settings():
    variables = {option.variable for option in OPTIONS.values()}
    asked = "ENABLED HOST PORT CACHE_TTL MAX_CONNECTIONS"
    assert {f"HOOKSPAN_DASHBOARD_{name}" for name in asked.split()} <= variables
    assert {"HOOKSPAN_MONITOR_INTERVAL", "HOOKSPAN_EXPORT_ENDPOINT"} <= variables


def test_as_dict_hides_nothing_that_an_agent_needs(paths: Paths):
    plain = load(paths, {"HOOKSPAN_EXPORT_HEADERS": "a=b"}).as_dict()
    assert plain["settings"]["export"] == IsPartialDict(headers={"a": "b"})
    assert os.fspath(paths.config) not in json.dumps(plain)
