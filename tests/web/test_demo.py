"""Demo data: what a newcomer loads by a button, and what must not become of it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from hookspan.store import Reader
from hookspan.web import demo
from tests.agent.machine import event
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until
from tests.web.site import Follower, Play, Site


def asked(site: Site, method: str, count: int) -> list[str]:
    """The sessions after POST or DELETE: the answer waits for the store, but not for one that is held up for long."""
    began = time.monotonic()
    answer = site.script().request(method, "/api/v1/demo")
    assert answer.status_code == 200, answer.text
    sessions: list[str] = answer.json()["sessions"]
    if len(sessions) != count:
        assert time.monotonic() - began > demo.PATIENCE
        site.append()
        return asked(site, method, count)
    return sessions


def load(site: Site) -> list[str]:
    return asked(site, "POST", 3)


def remove(site: Site) -> None:
    asked(site, "DELETE", 0)


def turn(site: Site, session: str) -> Any:
    """The first finished one, once its span is written."""
    return until(lambda: [one for one in site.get(f"/sessions/{session}")["turns"] if one["outcome"]])[0]


def test_one_waits_one_fans_out_one_fails(make_site: Callable[..., Site]) -> None:
    site = make_site(cache_ttl=0)
    sessions = load(site)
    assert load(site) == sessions
    assert site.get("/summary")["setup"]["step"] == "install"  # it is still missing
    rows = {row["project"]: row for row in site.get("/sessions")["sessions"]}
    assert sorted(row["id"] for row in rows.values()) == sorted(sessions)
    assert all(row["local"] and row["cost"] and not row["unpriced"] for row in rows.values())
    shop, payments, docs = rows["shop"], rows["payments"], rows["docs"]
    assert (shop["state"], shop["tool"], shop["asks"]) == ("waiting", "Bash", "npm test -- --coverage")
    assert (shop["title"], shop["branch"]) == ("Add a coupon field to the cart", "coupons")
    assert 190_000 < time.time() * 1000 - shop["waiting_since"] < 300_000
    assert (payments["state"], payments["subagents"], payments["subagents_running"]) == ("working", 4, 3)
    running = {one["label"] for one in site.get(f"/sessions/{payments['id']}/open")["open"] if one["type"] == "tool"}
    assert {"semgrep --config auto src", "pytest -q tests"} <= running
    assert (docs["state"], docs["tools_failed"]) == ("idle", 5)
    failed = turn(site, docs["id"])
    assert (failed["outcome"], failed["error_type"]) == ("error", "overloaded")
    assert turn(site, shop["id"])["split"]["wait"] > 200_000


def test_it_is_not_exported_is_in_no_sum_and_in_no_gauge(make_site: Callable[..., Site]) -> None:
    with Sink() as sink:
        site = make_site(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        sessions = load(site)
        play = Play()
        site.append(play.start(), play.submit(), *play.tool(), play.stop(), event("SessionEnd", play.session))
        until(lambda: "session" in {span.name for span in sink.spans})
        assert {span.attributes["session.id"] for span in sink.spans} == {play.session}
        until(lambda: any(point.name == "hookspan.session.active" for point in sink.points))
        assert {point.value for point in sink.points if point.name == "hookspan.session.active"} == {0}
        assert until(lambda: sink.latest("hookspan.wait.oldest")).value == 0
    summary = site.get("/summary")
    assert [one["id"] for one in summary["waiting"]] == [sessions[0]]
    assert summary["hooks"]["samples"] == 6


def test_it_goes_without_a_trace_and_can_come_again(site: Site) -> None:
    play = Play()
    site.append(play.start(), play.submit())
    before = site.get("/summary")
    assert not before["demo"]
    first = load(site)
    assert site.get("/summary")["demo"]  # the answer in the cache is not used
    away = Follower(site)
    asyncio.run(away.follow(lambda page: page.summary))

    async def watch() -> None:
        page = Follower(site)
        following = asyncio.create_task(page.follow(lambda it: "reset" in it.kinds))
        await page.until(lambda it: it.kinds)
        await asyncio.to_thread(remove, site)
        await asyncio.wait_for(following, PATIENCE)

    asyncio.run(watch())
    summary = site.get("/summary")
    assert not summary["demo"]
    assert summary["states"] == before["states"]
    assert site.get("/sessions", state="ended")["sessions"] == []
    asyncio.run(away.follow(lambda page: "reset" in page.kinds))  # who was away is told, too
    reader = Reader(site.machine.paths)
    try:
        assert [reader.spans_of_session(one) for one in first] == [[], [], []]
        counts = reader.counts()
        assert (counts.sessions, counts.events) == (1, 2) == (1, len(reader.events()))
    finally:
        reader.close()
    again = load(site)
    assert not set(again) & set(first)


def test_a_rebuilt_store_has_not_got_it_either(site: Site) -> None:
    load(site)
    remove(site)
    kept = load(site)
    until(lambda: site.machine.status()["ingest"]["caught_up"])
    done = site.machine.cli("rebuild")
    assert done.returncode == 0, done.stderr
    reader = Reader(site.machine.paths)
    try:
        assert sorted(row.id for row in reader.sessions()) == sorted(kept)
    finally:
        reader.close()


def test_another_sites_page_can_not_load_it(site: Site) -> None:
    browser = site.browser()
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
        {"origin": f"http://127.0.0.1:{site.port - 1}", "sec-fetch-site": "same-site"},
    ):
        for method in ("POST", "DELETE"):
            assert browser.request(method, "/api/v1/demo", headers=headers).status_code == 403, (method, headers)
    assert browser.post("/api/v1/demo", headers={"origin": site.url}).status_code == 200
    assert site.client().delete("/api/v1/demo", headers={"origin": site.url}).status_code == 401
