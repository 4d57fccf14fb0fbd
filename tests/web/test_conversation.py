"""What was said, by the API: in pages, by turn and kind, and by a text in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from tests.web.player import Player
from tests.web.site import Site


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A site with a session that has a subagent, and the session's id."""
    with (
        closing(Site(tmp_path_factory.mktemp("talk") / "machine")) as site,
        closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player,
    ):
        session = player.past("print_tools_agent", end=60, stretch=10).session
        site.settle()
        yield site, session


def test_it_is_paged_and_each_message_names_its_span(talk: tuple[Site, str]) -> None:
    site, session = talk
    first = site.get(f"/sessions/{session}/messages", limit=5)
    rest = site.get(f"/sessions/{session}/messages", start=first["next"])
    items = first["items"] + rest["items"]
    assert (first["total"], len(items), rest["next"]) == (13, 13, None)
    assert [item["number"] for item in items] == list(range(13))
    assert (items[0]["kind"], items[0]["text"]) == ("prompt", "fix the cart")
    assert first["place"].endswith(f"{session}.jsonl")
    spans = {span["span_id"]: span for span in site.get(f"/sessions/{session}/spans")["items"]}
    call = next(item for item in items if item["kind"] == "call" and item["tool"] == "Bash")
    assert spans[call["span_id"]]["name"] == "execute_tool Bash"
    assert spans[items[1]["span_id"]]["name"] == "chat claude-opus-5-5"
    result = next(item for item in items if item["tool_call"] == call["tool_call"] and item["kind"] == "result")
    assert (result["tool"], result["about"], result["text"]) == ("Bash", "ls", "cart.py")
    (again,) = site.get(f"/sessions/{session}/messages", message=call["id"], limit=1)["items"]
    assert again == call == site.get(f"/sessions/{session}/messages/{call['number']}")


def test_a_turn_a_kind_a_subagent_and_a_text_are_found(talk: tuple[Site, str]) -> None:
    site, session = talk

    def kinds(**query: Any) -> list[str]:
        return [item["text"] for item in site.get(f"/sessions/{session}/messages", **query)["items"]]

    last = site.get(f"/sessions/{session}")["turns"][-1]["trace_id"]
    assert kinds(kind="said") == ["fix the cart", "Looking.", "Fixed.", "Noted."]
    assert kinds(kind="said", trace=last) == ["Noted."]
    assert kinds(kind="failed") == ["Exit code 3"]
    (subagent,) = site.get(f"/sessions/{session}/messages", limit=0)["subagents"]
    assert kinds(subagent=subagent["subagent"]) == ["review the cart", "echo reviewed", "reviewed", "Reviewed."]
    started = [item for item in site.get(f"/sessions/{session}/messages")["items"] if item["tool"] == "Agent"]
    assert subagent["tool_call"] == started[0]["tool_call"]
    assert site.get(f"/sessions/{session}/found", q="EXIT")["starts"] == [6, 7]
    assert site.get(f"/sessions/{session}/found", q="exit", kind="failed")["starts"] == [0]
    said = site.get(f"/sessions/{session}/said")["said"]
    assert sorted(said.values()) == sorted(
        ["Looking.", "Bash: exit 3", "Agent: Look closer", "Fixed.", "Noted.", "Bash: echo reviewed", "Reviewed."]
    )
    assert site.get(f"/sessions/{session}/said", trace=last)["said"].keys() < said.keys()
    names = {span["span_id"] for span in site.get(f"/sessions/{session}/spans")["items"] if span["type"] == "model"}
    assert names == said.keys()


def test_what_is_not_kept_and_what_is_not_to_be_shown(talk: tuple[Site, str], tmp_path: Path) -> None:
    site, session = talk
    script = site.script()
    assert script.get(f"/api/v1/sessions/{session}/messages/99").status_code == 404
    assert script.get(f"/api/v1/sessions/{session}/messages", params={"subagent": "../x"}).status_code == 404
    path = Path(site.get(f"/sessions/{session}/messages", limit=0)["place"])
    whole = site.get(f"/sessions/{session}/messages")
    path.rename(tmp_path / "away")
    for subagent in path.with_suffix("").rglob("*.jsonl"):
        subagent.unlink()
    left = site.get(f"/sessions/{session}/messages", message=whole["items"][6]["id"])
    assert "hook events" in left["place"], "the journal still has what hooks were told"

    def told(messages: dict[str, Any]) -> list[tuple[str, str, str]]:
        return [(item["kind"], item["tool"], item["text"]) for item in messages["items"] if item["kind"] != "result"]

    # What was said before a call is in no hook event.
    assert told(left) == [one for one in told(whole) if one[2] != "Looking."]
    results = [item for item in left["items"] if item["kind"] == "result"]
    assert [(item["tool"], item["failed"]) for item in results if item["text"].startswith("Exit code 3")] == [
        ("Bash", True)
    ]
    (subagent,) = left["subagents"]
    said = site.get(f"/sessions/{session}/messages", subagent=subagent["subagent"])["items"]
    assert [item["text"] for item in said] == ["echo reviewed", "reviewed", "Reviewed."]
    spans = {span["span_id"]: span for span in site.get(f"/sessions/{session}/spans")["items"]}
    assert all(spans[item["span_id"]]["name"] == f"execute_tool {item['tool']}" for item in results)
    assert site.get(f"/sessions/{session}/found", q="EXIT", kind="failed")["starts"] == [0]
    assert "exit 3" in site.get(f"/sessions/{session}/shared", format="markdown")["text"]

    site.compact()
    assert "cleanupPeriodDays" in site.get(f"/sessions/{session}/messages")["missing"], "raw_hours are over, too"
    site.machine.paths.config.write_text("[dashboard]\nport = 0\n[content]\nlocal = false\n")
    until(lambda: not site.get("/summary")["content"], "the setting is not in force")
    for asked in ("messages", "messages/0", "found", "said"):
        assert script.get(f"/api/v1/sessions/{session}/{asked}").status_code == 403
