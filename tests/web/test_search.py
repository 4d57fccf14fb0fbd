"""Search by the API: messages of all sessions with what they open at, filters, pages, and what it may not show."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.store import Retention, Store
from tests.waiting import until
from tests.web.player import Player
from tests.web.site import Site

DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A site with a session in which something was said, and the session's id."""
    with (
        contextlib.closing(Site(tmp_path_factory.mktemp("talk") / "machine")) as site,
        contextlib.closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        session = player.past("print_tools_agent", end=60, stretch=10).session
        site.settle()
        until(lambda: len(site.get("/search", q="cart")["items"]) >= 3)
        yield site, session


def test_a_message_is_found_and_says_what_it_opens_at(talk: tuple[Site, str]) -> None:
    site, session = talk
    (prompt,) = [item for item in site.get("/search", q='"fix the cart"')["items"] if item["kind"] == "prompt"]
    turns = {turn["trace_id"] for turn in site.get(f"/sessions/{session}")["turns"]}
    assert (prompt["session"], prompt["trace"] in turns) == (session, True)
    assert "".join(part["text"] for part in prompt["snippet"]) == "fix the cart"
    assert [part["text"] for part in prompt["snippet"] if part["hit"]] == ["fix the cart"]
    messages = {item["id"]: item for item in site.get(f"/sessions/{session}/messages")["items"]}
    assert messages[prompt["message"]]["text"] == "fix the cart"
    spans = {span["span_id"]: span for span in site.get(f"/sessions/{session}/spans")["items"]}
    (failed, *_) = site.get("/search", tool="Bash", outcome="error")["items"]
    assert spans[failed["span"]]["name"] == "execute_tool Bash"
    (found,) = site.get("/search", what="spans", tool="Bash", exit=3)["items"]
    assert (found["span"], found["outcome"]) == (failed["span"], "error")


def test_it_is_paged_and_filtered(talk: tuple[Site, str]) -> None:
    site, session = talk
    for what, filters in (("messages", {"session": session}), ("spans", {"session": session})):
        whole = site.get("/search", what=what, limit=100, **filters)["items"]
        paged, before = [], {}
        while True:
            page = site.get("/search", what=what, limit=3, **filters, **before)
            paged += page["items"]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert len(whole) > 6
        assert paged == whole
        assert [item["at"] for item in whole] == sorted((item["at"] for item in whole), reverse=True)
    assert site.get("/search", q="cart", project="another")["items"] == []
    slow = site.get("/search", what="spans", longer=5000)["items"]
    assert slow
    assert all(item["duration"] >= 5000 for item in slow)
    traces = {item["trace"] for item in slow}
    assert all(item["trace"] in traces for item in site.get("/search", kind="prompt", longer=5000)["items"])
    assert site.script().get("/api/v1/search", params={"q": "x", "before": "x"}).status_code == 400


def test_no_message_is_shown_where_content_is_not(tmp_path: Path) -> None:
    site = Site(tmp_path / "machine", settings="[content]\nlocal = false")
    try:
        assert site.script().get("/api/v1/search", params={"q": "cart"}).status_code == 403
        assert site.get("/search", what="spans", tool="Bash")["items"] == []
    finally:
        site.close()


def test_a_conversation_is_shown_from_the_archive_once_its_file_is_deleted(tmp_path: Path) -> None:
    site = Site(tmp_path / "machine", settings="[archive]\nenabled = true")
    try:
        player = Player(site.machine.paths, site.machine.home, site.machine.env)
        session = player.past("print_tools_agent", end=60, stretch=10).session
        site.settle()
        until(lambda: site.get("/search", q="reviewed")["items"])
        whole = site.get(f"/sessions/{session}/messages")
        (subagent,) = whole["subagents"]
        said = site.get(f"/sessions/{session}/messages", subagent=subagent["subagent"])
        for path in (site.machine.home / ".claude").rglob("*.jsonl"):
            path.unlink()
        kept = site.get(f"/sessions/{session}/messages")
        assert kept["items"] == whole["items"]
        assert "archive" in kept["place"]
        assert site.get(f"/sessions/{session}/messages", subagent=subagent["subagent"])["items"] == said["items"]
        player.close()

        site.machine.down()
        with contextlib.closing(Store.open(site.machine.paths)) as store:
            while not store.prune(Retention(days=1, bytes=1 << 40), time.time_ns() + 2 * DAY).done:
                pass
        site.up()
        page = site.get(f"/sessions/{session}")
        assert (page["session"]["id"], page["session"]["state"], page["turns"]) == (session, "ended", [])
        (hit,) = [item for item in site.get("/search", q='"fix the cart"')["items"] if item["kind"] == "prompt"]
        opened = site.get(f"/sessions/{session}/messages", message=hit["message"])
        assert opened["items"] == whole["items"]
    finally:
        site.close()


def test_a_damaged_index_says_so_and_is_made_anew(tmp_path: Path) -> None:
    site = Site(tmp_path / "machine")
    try:
        player = Player(site.machine.paths, site.machine.home, site.machine.env)
        player.past("print_tools_agent", end=60, stretch=10)
        site.settle()
        until(lambda: len(site.get("/search", q="cart")["items"]) >= 3)
        site.machine.down()
        with contextlib.closing(sqlite3.connect(site.machine.paths.content_db)) as db:
            (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message'").fetchone()
        with site.machine.paths.content_db.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        site.up()
        answers, script = [], site.script()

        def is_found() -> bool:
            answers.append(script.get("/api/v1/search", params={"q": "cart"}))
            return answers[-1].status_code == 200 and len(answers[-1].json()["items"]) >= 3

        until(is_found)
        refused = [answer.json() for answer in answers if answer.status_code != 200]
        assert {one["type"] for one in refused} <= {f"urn:hookspan:problem:{what}" for what in ("damaged", "busy")}
        assert [*site.machine.paths.state.glob("content.db.damaged-*")]
        player.close()
    finally:
        site.close()
