"""What the API says, asked over HTTP from a running agent."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hookspan.clients.decode import decode
from hookspan.journal import Journal
from hookspan.web import friction
from hookspan.wire import encode
from tests.agent.machine import event
from tests.waiting import PATIENCE, clear_of_midnight, until
from tests.web.player import Player
from tests.web.site import Play, Site, append

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\u202egnp.exe",
    "<img src=x onerror=alert(1)>",
    "line\r\ndata: {}\r\n\r\nevent: update",
    "'; DROP TABLE span; --",
    "\x00\x1b[31m",
    "é" * 300,
    "{{7*7}} ${7*7}",
    "../../etc/passwd",
)


def test_an_empty_machine_is_told_what_is_missing(site: Site) -> None:
    summary = site.get("/summary")
    assert summary["setup"]["step"] == "install"
    assert summary["setup"]["command"] == "hookspan install"
    assert summary["position"] == 0
    assert summary["hooks"] is None
    assert site.get("/sessions")["sessions"] == []
    assert site.get("/friction")["asked"] == []
    assert site.get("/log")["items"] == []
    assert site.get("/events")["items"] == []


def test_the_numbers_of_the_panel(site: Site) -> None:
    one, two = Play(), Play()
    site.append(one.start(), one.submit(), *one.tool(), *one.tool(name="Read"), one.stop())
    site.append(two.start(), two.submit(), *two.tool("npm test", asked=True)[:2])
    found = site.get("/summary")
    assert found["top_tools"] == [{"tool": "Bash", "calls": 1}, {"tool": "Read", "calls": 1}]
    assert found["states"] == {"working": 0, "waiting": 1, "waiting_or_running": 0, "idle": 1}
    assert [row["id"] for row in found["waiting"]] == [two.session]
    assert found["waiting"][0]["asks"] == "npm test"
    assert found["oldest_wait"] == found["waiting"][0]["waiting_since"]
    assert found["hooks"]["samples"] == 11
    assert found["hooks"]["average"] == pytest.approx(0.1)
    assert found["setup"]["step"] is None


def test_who_waits_comes_first_then_who_works_then_the_newest(site: Site) -> None:
    """With the strip of the last half hour, and older sessions page by page."""
    ended = [Play() for _ in range(5)]
    for play in ended:
        site.append(play.start(), play.submit(), play.stop(), event("SessionEnd", play.session, reason="other"))
    idle, working, late, early = Play(), Play(), Play(), Play()
    site.append(idle.start(), idle.submit(), idle.stop())
    site.append(early.start(), early.submit(), *early.tool(asked=True)[:2])
    site.append(late.start(), late.submit(), *late.tool(asked=True)[:2])
    site.append(working.start(), working.submit(), working.tool("make")[0])
    first = site.get("/sessions", limit=2)
    ids = [row["id"] for row in first["sessions"]]
    open_ones = [early.session, late.session, working.session, idle.session]
    assert ids[:4] == open_ones
    rows = {row["id"]: row for row in first["sessions"]}
    assert rows[working.session]["tool"] == "Bash"
    assert len(rows[idle.session]["activity"]) == 30
    assert sum(rows[idle.session]["activity"]) == 3
    assert rows[idle.session]["activity"][0] == 0
    site.append(*idle.tool())
    time.sleep(0.01)
    seen, cursor = ids[4:], first["next"]
    while cursor:
        page = site.get("/sessions", limit=2, before=cursor)
        seen += [row["id"] for row in page["sessions"]]
        cursor = page["next"]
    fresh = site.get("/sessions", state="open", limit=3)["sessions"]  # another question: not from the cache
    assert sum(next(row for row in fresh if row["id"] == idle.session)["activity"]) == 5
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == {play.session for play in ended}
    assert site.get("/sessions", state="ended")["sessions"][0]["state"] == "ended"
    assert site.get("/sessions", project="none")["sessions"] == []
    assert site.get("/sessions", project="shop", state="open")["projects"] == ["shop"]


def test_a_filter_is_of_all_there_is_and_counts_it(site: Site) -> None:
    plays = [Play() for _ in range(12)]
    for number, play in enumerate(plays):
        folder = {"cwd": "/home/u/pay ments"} if number % 4 == 0 else {}
        over = [play.stop(), event("SessionEnd", play.session, reason="other")] if number else play.tool(asked=True)[:2]
        site.append(*({**one, **folder} for one in (play.start(), play.submit(f"Überarbeite Teil-{number}"), *over)))
    few = {"project": "pay ments", "limit": 1}
    page = site.get("/sessions", **few)
    none = {"working": 0, "waiting": 0, "waiting_or_running": 0, "idle": 0}
    assert page["counts"] == none | {"waiting": 1, "ended": 2}
    assert [row["id"] for row in page["sessions"]] == [plays[0].session, plays[8].session]
    older = site.get("/sessions", **few, before=page["next"])
    assert [row["id"] for row in older["sessions"]] == [plays[4].session]
    assert older["next"] is None
    for words, found in {
        "überarbeite TEIL-11": [11],
        "PAY teil ments": [0, 8, 4],
        f"{plays[3].session[:8]}": [3],
        "%": [],
    }.items():
        page = site.get("/sessions", q=words)
        assert [row["id"] for row in page["sessions"]] == [plays[number].session for number in found], words
        assert sum(page["counts"].values()) == len(found)
    for state, count in {"all": 12, "open": 1, "waiting": 1, "working": 0, "idle": 0, "ended": 11}.items():
        page = site.get("/sessions", state=state)
        assert len(page["sessions"]) == count, state
        assert page["counts"] == none | {"waiting": 1, "ended": 11}


def test_ended_sessions_are_in_the_order_asked_for_and_none_is_lost_between_pages(site: Site) -> None:
    """Many of the same cost, the same time and without a wait; by day, branch and in every order."""
    plays = [Play() for _ in range(9)]
    noon = datetime.now().astimezone().replace(hour=12) - timedelta(days=1)
    for number, play in enumerate(plays):
        end = event("SessionEnd", play.session, reason="other")
        call = play.tool(asked=True) if number == 4 else play.tool()
        day = noon - timedelta(days=0 if number < 6 else 3)
        for step, one in enumerate((play.start(), play.submit(), *call, play.stop(), end)):
            moment = day + timedelta(seconds={2: step, 4: step > 3}.get(number, 0))
            append(site.machine, one, at=int(moment.timestamp()) * 1_000_000_000)
    site.append()
    site.settle()
    ids = [play.session for play in plays]

    def pages(**asked: Any) -> list[str]:
        seen: list[str] = []
        cursor = {}
        while True:
            page = site.get("/sessions", limit=2, **asked, **cursor)
            assert page["counts"]["ended"] == (6 if "since" in asked else 3 if "until" in asked else 9)
            seen += [one["id"] for one in page["sessions"]]
            if page["next"] is None:
                return seen
            cursor = {"before": page["next"]}

    for sort, first in {"newest": 2, "length": 2, "waited": 4, "cost": 8}.items():
        found = pages(sort=sort)
        assert (found[0], sorted(found)) == (ids[first], sorted(ids)), sort
    late, early = (f"{noon - timedelta(days=ago):%Y-%m-%d}" for ago in (0, 3))
    assert sorted(pages(since=late)) == sorted(ids[:6])
    assert sorted(pages(until=early, sort="cost")) == sorted(ids[6:])
    page = site.get("/sessions", limit=1)
    assert [(day["date"], day["sessions"], day["cost"]) for day in page["days"]] == [(late, 6, 0)]
    last = page["sessions"][0]["last"]
    assert page["days"][0]["since"] <= last < page["days"][0]["until"]
    assert [day["date"] for day in site.get("/sessions", limit=8)["days"]] == [late, early]
    waited = site.get("/sessions", limit=9)["waited"]
    assert (waited[ids[4]] > 0, set(waited)) == (True, {ids[4]})
    cursor = site.get("/sessions", limit=2, sort="cost")["next"]
    refused = site.script().get("/api/v1/sessions", params={"sort": "waited", "before": cursor})
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "`before` is a cursor of the order `cost`, not of `waited`",
    )
    assert page["branches"] == []
    assert site.get("/sessions", branch="main")["sessions"] == []


def test_a_session_is_called_by_its_first_prompt_until_it_has_a_title(site: Site) -> None:
    play, named = Play(), Play()
    *asked, answered = play.tool("git status", asked=True)
    prompt = play.submit("fix the cart, token=abcdefgh12345678")
    append(site.machine, play.start(), prompt, *asked, at=time.time_ns() - 2 * 10**9)
    site.append(answered, play.stop(), play.submit("and test it"))
    site.append({**named.start(), "session_title": "Tidy up"}, named.submit("remove the dead code"))
    titles = {play.session: "fix the cart, token=[redacted]", named.session: "Tidy up"}
    assert {row["id"]: row["title"] for row in site.get("/sessions")["sessions"]} == titles
    assert {id_: site.get(f"/sessions/{id_}")["session"]["title"] for id_ in titles} == titles
    rows = json.loads(site.machine.cli("sessions", "--json").stdout)
    assert {row["id"]: row["title"] for row in rows} == titles
    found = site.get("/sessions", q="dead code")["sessions"]
    assert [row["title"] for row in found] == ["Tidy up"]  # its first prompt has it
    site.machine.paths.config.write_text("[dashboard]\nport = 0\n[content]\nlocal = false\n")
    site.restart()
    assert [row["title"] for row in site.get("/sessions")["sessions"]] == ["", ""]
    assert site.get("/sessions", q="cart")["sessions"] == []  # nor is it told by what is found
    (row,) = site.get("/friction/sessions", kind="asked", what="Bash git")["items"]
    assert (row["id"], row["title"]) == (play.session, "")


def test_a_dialog_says_what_it_asks_as_long_as_its_event_is_kept(site: Site) -> None:
    asks, plans, server = Play(), Play(), Play()
    question = {
        "question": "How shall it round?",
        "header": "Rounding",
        "options": [{"label": "Up", "description": "Always"}, {"label": "Down", "description": None}, "odd"],
        "multiSelect": True,
    }
    site.append(asks.start(), asks.submit(), *asks.ask("AskUserQuestion", {"questions": [question, 7]}))
    site.append(plans.start(), plans.submit(), *plans.ask("ExitPlanMode", {"plan": "# Round\n\n- *up*"}))
    elicits = {"mcp_server_name": "bank", "message": "Which account?", "prompt_id": server.prompt}
    site.append(server.start(), server.submit(), event("Elicitation", server.session, **elicits))

    def shown(play: Play) -> tuple[list[dict[str, Any]], str]:
        position = site.get("/events")["position"]
        page = site.get(f"/sessions/{play.session}", position=position)
        rows = {row["id"]: row for row in site.get("/sessions", position=position)["sessions"]}
        assert page["session"]["asks"] == rows[play.session]["asks"]
        return page["asking"], page["session"]["asks"]

    (asking,), short = shown(asks)
    assert short == "How shall it round?"
    assert len(asking["questions"]) == 1  # what is no question is left out
    assert asking["questions"][0] == {
        "question": "How shall it round?",
        "header": "Rounding",
        "options": [
            {"label": "Up", "description": "Always"},
            {"label": "Down", "description": ""},
            {"label": "", "description": ""},
        ],
        "multiple": True,
    }
    assert site.get(f"/log/{asking['record']}")["event"] == "PermissionRequest"
    (asking,), short = shown(plans)
    assert (asking["plan"], short) == ("# Round\n\n- *up*", "")
    (asking,), short = shown(server)
    assert (asking["message"], short) == ("Which account?", "Which account?")
    journal = Journal(site.machine.paths)
    until(journal.rotate, "the journal's lock")
    (segment,) = [one for one in journal.segments() if not one.current]
    key = site.machine.paths.key.read_bytes()
    assert journal.compact(segment, lambda line: encode(decode(line, key))) is not None
    site.append(Play().start())
    assert shown(asks) == ([], "")


def test_a_session_of_many_spans_comes_page_by_page_and_whole(site: Site) -> None:
    play = Play()
    site.append(play.start(), play.submit("fix it"), *[one for _ in range(120) for one in play.tool()])
    page = site.get(f"/sessions/{play.session}", limit=50)
    assert page["session"]["id"] == play.session
    assert page["spans"]["total"] == 120
    assert len(page["events"]) == 50
    assert [turn["label"] for turn in page["turns"]] == ["fix it"]
    assert page["turns"][0]["open"]
    assert [span["type"] for span in page["open"]] == ["turn"]
    items, cursor = page["spans"]["items"], page["spans"]["next"]
    while cursor:
        more = site.get(f"/sessions/{play.session}/spans", after=cursor, limit=30)
        items += more["items"]
        cursor = more["next"]
    keys = [item["key"] for item in items]
    assert len(keys) == len(set(keys)) == 120
    assert [item["start"] for item in items] == sorted(item["start"] for item in items)
    trace = site.get(f"/traces/{page['turns'][0]['trace_id']}")
    assert trace["session"] == play.session
    assert {item["key"] for item in trace["items"]} == {*keys, ""}  # the turn itself is still open
    hooks = site.get(f"/traces/{page['turns'][0]['trace_id']}", hooks="true")["items"]
    assert sum(item["type"] == "hook" for item in hooks) == 241


def test_spans_come_in_brief_and_whole_one_by_one(shared: Site) -> None:
    """What rows show of all spans is a part of what is known of them, and the rest is had by their ids."""
    player = Player(shared.machine.paths, shared.machine.home, shared.machine.env)
    session = player.past("print_parallel_agents", end=900).session
    player.close()
    shared.settle()
    path = f"/sessions/{session}/spans"
    for of in ({}, {"hooks": "true"}, {"trace": shared.get(f"/sessions/{session}")["turns"][0]["trace_id"]}):
        whole = shared.get(path, limit=2000, **of)
        first = shared.get(path, brief="true", limit=2, **of)
        rest = shared.get(path, brief="true", limit=10_000, after=first["next"], **of)
        assert (len(first["items"]), first["total"], rest["next"]) == (2, whole["total"], None)
        brief = first["items"] + rest["items"]
        left_out = ("attributes", "links", "events")
        assert [{**one, **dict.fromkeys(left_out)} for one in whole["items"]] == [
            {**one, **dict.fromkeys(left_out)} for one in brief
        ]
        by_id = {one["span_id"]: one["attributes"] for one in whole["items"]}
        agents = [one for one in brief if one["type"] in {"turn", "subagent"}]
        assert len(agents) == 3
        assert all(one["attributes"] == by_id[one["span_id"]] for one in agents)
        assert [
            one for one in brief if one["links"] or one["events"] or (one["attributes"] and one not in agents)
        ] == []
        for span in whole["items"]:
            assert shared.get(path, hooks="true", trace=span["trace_id"], span=span["span_id"])["items"] == [span]
    for wrong in ({"trace": "x" * 32}, {"span": "0" * 32}, {"limit": 2001}):
        assert shared.script().get(f"/api/v1{path}", params=wrong).status_code == 400


def test_a_store_that_somebody_holds_is_to_be_asked_again(site: Site) -> None:
    """As one that is just being made is held by the agent itself, on a machine that has no time for it."""
    site.append(Play().start())
    store, script = site.machine.paths.store, site.script()

    def answer() -> int:
        held = sqlite3.connect(store.with_name("held.db"), isolation_level=None)
        with contextlib.closing(held):
            held.executescript("CREATE TABLE IF NOT EXISTS t (x); BEGIN EXCLUSIVE")
            store.with_name("held.db").replace(store)
            found = script.get("/api/v1/sessions", params={"limit": 1})
        assert found.status_code == 200 or (found.status_code, found.headers["retry-after"]) == (503, "1"), found.text
        return found.status_code

    until(lambda: answer() == 503, "the agent is always quicker to set it aside")
    assert until(lambda: script.get("/api/v1/sessions").status_code == 200)


def test_what_is_not_there_and_what_is_wrong(site: Site) -> None:
    script = site.script()
    for path, status in {
        "/api/v1/sessions/nothing": 404,
        "/api/v1/sessions/nothing/spans": 404,
        "/api/v1/sessions/nothing/open": 404,
        "/api/v1/traces/nothing": 404,
        "/api/v1/traces/" + "0" * 32: 404,
        "/api/v1/log/0": 404,
        "/api/v1/log/9": 404,
        "/api/v1/log/x": 404,
        "/api/v1/nothing": 404,
        "/api/v1/sessions?before=x": 400,
        "/api/v1/sessions?before=1": 400,
        "/api/v1/sessions?before=1.2": 400,
        "/api/v1/sessions?since=2026-02-30": 400,
        "/api/v1/sessions?sort=some": 400,
        "/api/v1/sessions?limit=0": 400,
        "/api/v1/sessions?limit=1&limit=2": 400,
        "/api/v1/sessions?state=some": 400,
        "/api/v1/events?after=1&before=2": 400,
        "/api/v1/friction?days=91": 400,
        "/api/v1/summary?callback=x": 400,
    }.items():
        answer = script.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert problem["type"].startswith("urn:hookspan:problem:")
        assert problem["detail"]
    answer = script.post("/api/v1/summary")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    for header in ("content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"):
        assert header in answer.headers
    assert "server" not in answer.headers


def test_texts_are_data_whatever_they_hold(site: Site) -> None:
    """In names, commands, prompts; also in the stream, where a line break would end a message."""
    play = Play()
    events = [play.start()]
    for text in HOSTILE:
        events += [play.submit(text), *play.tool(text, name=text[:60] or "x")]
        events.append(event(text[:50], play.session, prompt_id=play.prompt))
    site.append(
        *events, b'{"v":1,"at":5,"event":{"hook_event_name":"\\ud800","session_id":"\\udfff"}}', b"\xff\xfe not json"
    )
    script = site.script()
    for path in ("summary", "sessions", f"sessions/{play.session}", "events", "friction", "log", "health"):
        answer = script.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        answer.json()
    tools = {
        item["attributes"].get("gen_ai.tool.name") for item in site.get(f"/sessions/{play.session}/spans")["items"]
    }
    assert HOSTILE[0][:60] in tools
    with script.stream("GET", "/api/v1/stream?after=0") as answer:
        kinds: list[str] = []
        records: list[int] = []
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kinds.append(line[7:])
            if line.startswith("data: "):
                told = json.loads(line[6:])
                if kinds[-1] == "update":
                    records += [one["record"] for one in told["events"]]
            if "summary" in kinds:
                break
    assert set(kinds) == {"hello", "update", "summary"}
    assert records == site.records()  # in how many messages is a matter of what the agent commits meanwhile


def test_the_log_shows_raw_events_page_by_page_and_only_if_it_may(make_site: Callable[..., Site]) -> None:
    site = make_site()
    play = Play()
    secret = "the very prompt"
    site.append(play.start(), play.submit(secret), *play.tool(), b"torn {", play.submit("x" * 40_000))
    # Facts of the observers follow behind these six lines, at their own time.
    newest = site.get("/log", before=7, limit=3)
    assert [item["record"] for item in newest["items"]] == [6, 5, 4]
    assert site.get("/log", limit=1)["items"][0]["record"] >= 6
    long, torn, post = newest["items"]
    assert (long["json"], long["cut"], len(long["text"])) == (None, True, 32 << 10)
    assert (torn["kind"], torn["text"], torn["json"]) == ("other", "torn {", None)
    assert (post["kind"], post["event"], post["session"]) == ("event", "PostToolUse", play.session)
    older = site.get("/log", before=4)
    assert [item["record"] for item in older["items"]] == [3, 2, 1]
    assert older["items"][1]["json"]["event"]["prompt"] == secret
    assert [item["record"] for item in site.get("/log", after=2, limit=2)["items"]] == [3, 4]
    assert site.get("/log/6")["json"]["event"]["prompt"] == "x" * 40_000
    assert site.get(f"/sessions/{play.session}")["turns"][0]["label"] == secret
    site.machine.paths.config.write_text("[dashboard]\nport = 0\n[content]\nlocal = false\n")
    site.restart()
    for path in ("/log", "/log/2"):
        answer = site.script().get(f"/api/v1{path}")
        assert answer.status_code == 403
        assert "content.local" in answer.json()["hint"]
    for path in (
        "/summary",
        "/sessions",
        f"/sessions/{play.session}",
        "/events",
        f"/traces/{play.prompt.replace('-', '')}",
    ):
        assert secret not in site.script().get(f"/api/v1{path}").text


def test_packed_segments_are_in_the_log_too(site: Site) -> None:
    play = Play()
    site.append(play.start(), play.submit(), *play.tool())
    journal = Journal(site.machine.paths)
    until(journal.rotate, "the journal's lock")
    key = site.machine.paths.key.read_bytes()
    (segment,) = [one for one in journal.segments() if not one.current]
    assert journal.compact(segment, lambda line: encode(decode(line, key))) is not None
    site.append(*play.tool())
    items = site.get("/log", after=2)["items"]
    assert [item["record"] for item in items] == list(range(3, 3 + len(items)))
    kinds = [item["kind"] for item in items if item["kind"] != "fact"]  # observers write theirs at their own time
    assert kinds == ["reduced", "reduced", "event", "event"]
    assert items[0]["event"] == "PreToolUse"
    assert site.get("/log/3")["kind"] == "reduced"


def test_answers_are_used_again_and_the_rate_is_true(make_site: Callable[..., Site]) -> None:
    site = make_site(cache_ttl=3600)
    site.append(Play().start())  # then the store is open; when it was opened all answers were forgotten
    script = site.script()
    before = site.get("/health")["cache"]
    assert (before["hits"], before["misses"], before["hit_rate"]) == (0, 0, 0.0)
    first = script.get("/api/v1/sessions").json()
    site.append(Play().start())
    for _ in range(3):
        assert script.get("/api/v1/sessions").json() == first
    assert script.get("/api/v1/sessions", params={"limit": 2}).json() != first
    cache = site.get("/health")["cache"]
    assert (cache["hits"], cache["misses"], cache["hit_rate"], cache["entries"]) == (3, 2, 0.6, 2)
    assert 0 < cache["oldest"] < 3_600_000
    play = Play()
    site.append(play.start())
    old = site.get(f"/sessions/{play.session}", position=1)
    site.append(play.submit())
    assert site.get(f"/sessions/{play.session}", position=1) == old
    position = site.get("/summary")["position"]
    assert site.get(f"/sessions/{play.session}", position=position)["session"]["turns"] == old["session"]["turns"] + 1
    site = make_site(cache_ttl=0)
    for _ in range(2):
        site.get("/sessions")
    assert site.get("/health")["cache"]["hits"] == 0


def test_friction_finds_the_habit_and_its_rule(site: Site) -> None:
    play = Play()
    now = time.time_ns() - 20 * 10**9  # all of it has happened: what is of tomorrow would be in no day
    append(site.machine, play.start(), play.submit(), at=now - 10**9)
    for number in range(3):
        for command in ("npm test -- a", "git status", "rm -rf x", "ls | wc"):
            events = play.tool(command, asked=True)
            append(site.machine, *events[:2], at=now + number)
            append(site.machine, events[2], at=now + number + 2_000_000_000)  # answered after two seconds
    refused = play.tool("git status", asked=True)
    batch = event(
        "PostToolBatch",
        play.session,
        prompt_id=play.prompt,
        tool_calls=[
            {
                "tool_name": "Bash",
                "tool_input": refused[0]["tool_input"],
                "tool_use_id": refused[0]["tool_use_id"],
                "tool_response": "The user doesn't want to proceed with this tool use.",
            }
        ],
    )
    append(site.machine, *refused[:2], at=now + 3_000_000_000)
    append(site.machine, batch, at=now + 4_000_000_000)
    append(site.machine, play.stop(), at=now + 9_000_000_000)
    site.append(*play.tool("false", error="Exit code 1"))
    found = site.get("/friction")
    asked = {(one["tool"], one["program"]): one for one in found["asked"]}
    assert asked["Bash", "npm"]["count"] == asked["Bash", "npm"]["approved"] == 3
    assert asked["Bash", "npm"]["waited"]["average"] == pytest.approx(1999, abs=1)
    assert (asked["Bash", "git"]["count"], asked["Bash", "git"]["refused"]) == (4, 1)
    assert asked["Bash", "git"]["approved_share"] == 0.75
    assert [(rule["rule"], rule["count"], rule["examples"]) for rule in found["rules"]] == [
        ("Bash(npm test:*)", 3, ["npm test -- a"])
    ]
    assert len(found["cost"]["days"]) == len(found["waits"]["days"]) == 7
    today = [day for day in found["waits"]["days"] if day["count"]]
    assert sum(day["count"] for day in today) == found["waits"]["count"] == sum(one["count"] for one in found["asked"])
    assert sum(day["waited"] for day in today) == pytest.approx(found["waits"]["waited"])
    assert {project for day in today for project in day["projects"]} == set(found["projects"])
    assert site.get("/friction", days=1, project="none")["asked"] == []


def test_time_is_the_same_everywhere_and_of_its_own_day(site: Site) -> None:
    """Sessions whose background subagent asks: one of a minute ago and one of ten days ago, both read now."""
    clear_of_midnight(after=3 * PATIENCE)
    with contextlib.closing(Player(site.machine.paths, site.machine.home, site.machine.env)) as player:
        ids = {
            days: player.past("background_agent_asks", end=60 + days * 86_400, stretch=10).session for days in (0, 10)
        }
        site.settle()
    waited = {}
    for days, id_ in ids.items():
        turns = site.get(f"/sessions/{id_}")["turns"]
        assert turns
        assert not any(one["open"] for one in turns)
        spans = site.get(f"/sessions/{id_}/spans")["items"]
        (dialog,) = [span["end"] - span["start"] for span in spans if span["type"] == "wait"]
        assert sum(turn["split"]["wait"] for turn in turns) == pytest.approx(dialog, abs=0.01)
        waited[days] = dialog
    for days, dialogs in {7: [0], 30: [0, 10]}.items():
        found = site.get("/friction", days=days)
        total = pytest.approx(sum(waited[one] for one in dialogs), abs=0.01)
        assert found["time"]["wait"] == found["waits"]["waited"] == total
        assert [day["count"] for day in found["waits"]["days"] if day["waited"]] == [1] * len(dialogs)
        assert sum(one["waited"]["total"] for one in found["asked"]) == total


@pytest.mark.parametrize(
    ("tool", "label", "rule"),
    [
        ("Bash", "npm test", "Bash(npm test:*)"),
        ("Bash", "npm run build --prod", "Bash(npm run build:*)"),
        ("Bash", "npm run", ""),
        ("Bash", "git status", "Bash(git status:*)"),
        ("Bash", "git push origin", ""),
        ("Bash", "pytest -q", "Bash(pytest:*)"),
        ("Bash", "cargo", ""),
        ("Bash", "git -C /x status", ""),
        ("Bash", "npm test && rm -rf /", ""),
        ("Bash", "echo $(cat /etc/passwd)", ""),
        ("Bash", "ls > file", ""),
        ("Bash", "rm -rf build", ""),
        ("Bash", "sudo ls", ""),
        ("Bash", "python -c x", ""),
        ("Bash", "./run.sh", ""),
        ("Bash", "timeout 60 make test", "Bash(timeout 60 make test)"),
        ("Bash", "python3.12 manage.py check", "Bash(python3.12 manage.py check)"),
        ("Bash", "setsid touch *", ""),
        ("Bash", "aws s3 ls", "Bash(aws s3 ls)"),
        ("Bash", "uv run pytest -q", "Bash(uv run pytest:*)"),
        ("Bash", "uv run deploy.py", ""),
        ("Bash", "uv tool run x", ""),
        ("Bash", "bundle exec sh", ""),
        ("Bash", "gh api /user", ""),
        ("Bash", "gh repo view a/b", "Bash(gh repo view a/b)"),
        ("Bash", "git stash list", "Bash(git stash list)"),
        ("Bash", "git branch -a", "Bash(git branch -a)"),
        ("Bash", "git difftool HEAD", ""),
        ("Bash", "terraform state list", "Bash(terraform state list)"),
        ("Bash", "npm config list", "Bash(npm config list)"),
        ("Bash", "make test", "Bash(make test)"),
        ("Bash", "gh run delete 5", "Bash(gh run delete 5)"),
        ("Bash", 'gh repo view "a  b"', 'Bash(gh repo view "a  b")'),
        ("Bash", "go test ./...", "Bash(go test ./...)"),
        ("Bash", "helm template x", "Bash(helm template x)"),
        ("Bash", "pre-commit run mypy", "Bash(pre-commit run mypy:*)"),
        ("Bash", "git worktree list *", ""),
        ("Bash", "FOO=1 npm test", ""),
        ("Bash", "curl https://x/[redacted]", ""),
        ("Bash", "npm test a very long command that was cut…", ""),
        ("Bash", "", ""),
        ("WebFetch", "https://docs.python.org/3/", "WebFetch(domain:docs.python.org)"),
        ("WebFetch", "not a url", ""),
        ("mcp__jira__search", "x", "mcp__jira__search"),
        ("Edit", "/x/y.py", ""),
    ],
)
def test_a_rule_allows_what_was_allowed_and_little_more(tool: str, label: str, rule: str) -> None:
    assert friction.rule_for(tool, label) == rule


def test_health_and_its_history(make_site: Callable[..., Site]) -> None:
    site = make_site(settings="[monitor]\ninterval = 1\n")

    def sick(found: dict[str, Any]) -> set[str]:
        return {one["name"] for one in found["checks"] if one["status"] not in {"healthy", "unknown"}}

    def well() -> Any:
        """A round, of which the first ones may find that the store or what reads the journal has no processor."""
        found = site.get("/health")
        assert sick(found) <= {"resources"}  # the machine's memory and disk are not the test's
        return found["checks"] and found

    found = until(well, "a round of checks without a problem")
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["dashboard"]["status"] == "healthy"
    assert site.url in checks["dashboard"]["message"]
    assert checks["installation"]["status"] == "unknown"
    assert found["status"] == (checks["resources"]["status"] if sick(found) else "unknown")
    assert found["agent"]["pid"] == site.pid
    assert found["ingest"]["caught_up"] in {True, False}
    (round_,) = site.get("/health/history", limit=1)["rounds"]
    assert round_["checks"]["dashboard"] == "healthy"
    assert round_["values"]["dashboard"] == 0


def test_settings_say_where_they_are_from_and_keep_secrets(make_site: Callable[..., Site]) -> None:
    site = make_site(cache_ttl=7)
    done = site.machine.cli("config", "set", "export.headers", "authorization=Bearer s3cret")
    assert done.returncode == 0, done.stderr
    answer = site.get("/settings")
    found = {one["key"]: one for one in answer["settings"]}
    assert (found["dashboard.cache_ttl"]["value"], found["dashboard.enabled"]["origin"]) == (7, "default")
    assert found["dashboard.cache_ttl"]["origin"] == str(site.machine.paths.config)
    assert "s3cret" not in json.dumps(answer)
