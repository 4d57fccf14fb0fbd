"""Who it was: nothing unless it is wanted, a pseudonym that only the team can make, a name where that is said."""

import pwd
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hookspan.config import Identity, load, values
from hookspan.errors import UserError
from hookspan.paths import Paths
from tests.export.exporting import SpanExport
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE

SECRET = "of the team alone"

Sent = Callable[..., dict[str, Any]]


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the resource of spans and metrics says when somebody works on a machine; their bytes are in `""`."""

    def export(identity: Identity, *, login: str = "ada", machine: str = "laptop", **settings: Any) -> dict[str, Any]:
        monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=login))
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        paths = Paths(state=folder / "state", config=folder / "config.toml", data=folder / "data")
        paths.create()
        paths.key.write_bytes(machine.encode().ljust(32))
        exporting = SpanExport(paths)
        try:
            with Sink() as sink:
                exporter = exporting.start(sink.url, identity=identity, **settings)
                exporting.commit()
                assert exporter.drain(PATIENCE)
                agents = [one.resource for one in sink.points if one.resource["service.name"] == "hookspan"]
                assert settings or not any(key.startswith("user.") for resource in agents for key in resource)
                resource = sink.spans[0].resource
                return resource | {"": b"".join(one.message.SerializeToString() for one in sink.requests)}
        finally:
            exporting.stop()
            exporting.store.close()

    return export


def test_unless_it_is_wanted_not_a_byte_of_it_leaves(sent: Sent):
    everything = sent(Identity(secret=SECRET), login="ada.lovelace")[""]
    assert everything
    for text in (b"user.", b"ada.lovelace", SECRET.encode()):
        assert text not in everything


def test_a_person_has_one_pseudonym_on_all_machines_of_the_team(sent: Sent):
    team = Identity("pseudonym", SECRET)
    said = sent(team, login="ada.lovelace")
    assert b"ada.lovelace" not in said[""]
    assert "user.name" not in said
    who = said["user.id"]
    assert (len(who), sent(team, login="ada.lovelace", machine="desktop")["user.id"]) == (32, who)
    assert sent(team, login="grace")["user.id"] != who
    assert sent(Identity("pseudonym", "another team's own"), login="ada.lovelace")["user.id"] != who


def test_without_a_secret_of_the_team_it_is_of_one_machine(sent: Sent):
    alone = Identity("pseudonym")
    assert sent(alone)["user.id"] == sent(alone)["user.id"] != sent(alone, machine="desktop")["user.id"]


def test_a_name_where_that_is_said(sent: Sent):
    named = sent(Identity("name", SECRET))
    assert named["user.name"] == "ada"
    assert named["user.id"] == sent(Identity("pseudonym", SECRET))["user.id"], "series go on"
    assert sent(Identity("name"), resource={"user.id": "42"})["user.id"] == "42", "[resource] goes before it"


def test_the_secret_is_long_enough_and_not_shown(paths: Paths):
    paths.config.write_text(f'[identity]\nuser = "pseudonym"\nsecret = "{SECRET}"\n')
    assert values(load(paths))["identity.secret"] == "(hidden)"
    paths.config.write_text('[identity]\nsecret = "short"\n')
    with pytest.raises(UserError, match="its value") as caught:
        load(paths)
    assert "16 characters" in str(caught.value)
