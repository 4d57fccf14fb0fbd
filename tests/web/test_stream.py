"""The live stream: whole, once, in order, whatever breaks in between."""

import asyncio
import time
from collections.abc import Callable

import psutil
import pytest

from hookspan.web.stream_endpoint import SEND_TIMEOUT
from tests.waiting import PATIENCE, until
from tests.web.site import Follower, Play, Refused, Site, append, stream

PAGES = 100
EVENTS = 500
MEMORY = 150 << 20  # bytes


def test_what_happens_comes_with_its_spans_its_session_and_the_new_numbers(site: Site) -> None:
    play, page = Play(), Follower(site)
    site.append(play.start(), play.submit())

    async def run() -> None:
        following = asyncio.create_task(
            page.follow(
                lambda it: (
                    len(it.records) >= 3
                    and it.summary
                    and (it.summary["hooks"]["samples"], it.summary["states"]["working"]) == (5, 1)
                )
            )
        )
        await page.until(lambda it: it.kinds)
        events = play.tool("npm test", asked=True)
        append(site.machine, *events[:2])
        await page.until(lambda it: len(it.records) >= 2)
        waiting = page.sessions[play.session]
        assert (waiting["state"], waiting["tool"], waiting["asks"]) == ("waiting", "Bash", "npm test")
        assert page.keys == []
        append(site.machine, *events[2:])
        await following

    asyncio.run(run())
    assert page.records == site.records(after=2)
    spans = {one["key"]: one for one in site.get(f"/sessions/{play.session}/spans")["items"]}
    assert [spans[key]["name"] for key in page.keys] == ["permission Bash", "execute_tool Bash"]
    assert page.sessions[play.session]["state"] == "working"


def test_a_fetch_and_the_stream_after_it_leave_no_gap_and_have_no_overlap(make_site: Callable[..., Site]) -> None:
    """Also when the answer came from the cache and is older than the store."""
    site, play = make_site(cache_ttl=3600), Play()
    site.append(play.start(), play.submit())
    first = site.get("/summary")
    site.append(*play.tool())
    cached = site.get("/summary")
    assert cached["position"] == first["position"]
    page = Follower(site)
    site.append(*play.tool())
    asyncio.run(page.follow(lambda it: len(it.records) >= 4, after=cached["position"]))
    assert page.records == site.records(after=2)
    assert len(page.records) == 4
    newest = site.get("/events", limit=1)
    again = Follower(site)
    asyncio.run(again.follow(lambda it: it.summary, after=newest["position"]))
    assert again.records == []


def test_a_page_misses_nothing_and_sees_nothing_twice_over_a_killed_agent(site: Site) -> None:
    page, play = Follower(site), Play()
    total = 2 + 40 * 2 + 20 * 2

    async def run() -> None:
        following = asyncio.create_task(page.follow(lambda it: len(it.records) >= total))
        await page.until(lambda it: it.kinds)
        append(site.machine, play.start(), play.submit())
        for number in range(40):
            append(site.machine, *play.tool())
            if number == 20:
                await asyncio.to_thread(site.machine.kill)  # somewhere in the middle of it
            await asyncio.sleep(0.01)
        for _ in range(20):
            append(site.machine, *play.tool())  # while there is no agent
        await asyncio.to_thread(site.machine.up)
        await asyncio.wait_for(following, PATIENCE)

    asyncio.run(run())
    assert page.records == site.records()
    assert len(page.records) == total
    assert len(page.keys) == len(set(page.keys)) == 60
    assert page.kinds.count("hello") >= 2
    assert "reset" not in page.kinds
    assert site.where == site.url


def test_a_hundred_pages_miss_none_of_a_hundred_events_a_second(make_site: Callable[..., Site]) -> None:
    site, play = make_site(max_connections=PAGES), Play()
    site.append(play.start())
    pages = [Follower(site) for _ in range(PAGES)]
    before = psutil.Process(site.pid).memory_info().rss

    async def run() -> int:
        following = [asyncio.create_task(page.follow(lambda it: len(it.records) >= EVENTS)) for page in pages]
        for page in pages:
            await page.until(lambda it: it.kinds)
        most = 0
        for _ in range(EVENTS // 10):
            events = [one for _ in range(5) for one in play.tool()]
            await asyncio.to_thread(append, site.machine, *events)
            most = max(most, psutil.Process(site.pid).memory_info().rss)
            await asyncio.sleep(0.1)
        await asyncio.gather(*following)
        return most

    most = asyncio.run(run())
    expected = site.records(after=1)
    assert len(expected) == EVENTS
    for page in pages:
        assert page.records == expected
        assert "slow" not in page.kinds
        assert "reset" not in page.kinds
    assert most < MEMORY, f"{before >> 20} MB became {most >> 20} MB"


def _has(count: int) -> Callable[[Follower], bool]:
    return lambda page: len(page.records) >= count


def test_a_page_that_does_not_read_is_let_go_and_comes_back_whole(site: Site) -> None:
    """Its queue is bounded; meanwhile the others get everything at once."""
    play, slow, quick = Play(), Follower(site), Follower(site)
    site.append(play.start(), play.submit())
    rounds, each = 60, 100
    total = rounds * each * 2

    async def run() -> None:
        following = asyncio.create_task(quick.follow(lambda it: len(it.records) >= total))
        async with stream(site) as messages:
            async for message in messages:
                slow.apply(message)
                if message.kind == "hello":
                    break
            began = time.monotonic()
            for number in range(rounds):  # 60 MB, and nobody reads them from this connection
                events = [one for _ in range(each) for one in play.tool("x" * 100, session_note="y" * 10)]
                await asyncio.to_thread(append, site.machine, *events)
                await quick.until(_has((number + 1) * each * 2))
                if site.get("/health")["stream"]["slow"]:
                    break
            nonlocal total
            total = len(quick.records)
            async for message in messages:
                slow.apply(message)
        following.cancel()
        assert slow.kinds[-1] == "slow" or time.monotonic() - began > SEND_TIMEOUT  # then it is let go without a word
        assert len(slow.records) < total
        await slow.follow(lambda it: len(it.records) >= total or "reset" in it.kinds)

    asyncio.run(run())
    assert quick.records == site.records(after=2)
    assert slow.records == quick.records
    assert psutil.Process(site.pid).memory_info().rss < MEMORY


def test_over_the_limit_a_page_is_told_when_to_come_again(make_site: Callable[..., Site]) -> None:
    site = make_site(max_connections=2)

    async def run() -> None:
        async with stream(site) as one, stream(site) as two:
            assert (await anext(one)).kind == (await anext(two)).kind == "hello"
            with pytest.raises(Refused) as refused:
                async with stream(site):
                    pass
            assert refused.value.status == 503
            assert int(refused.value.headers["retry-after"]) > 0
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:  # those two have gone, and their places are free
            try:
                async with stream(site) as three:
                    assert (await anext(three)).kind == "hello"
                    return
            except Refused:
                await asyncio.sleep(0.02)
        pytest.fail("the places of closed pages stay taken")

    asyncio.run(run())
    told = until(lambda: (found := site.get("/health")["stream"])["connections"] == 0 and found, "the last one stays")
    assert told["refused"] >= 1
    assert (told["maximum"], told["slow"]) == (2, 0)


def test_a_page_that_is_too_far_behind_or_ahead_begins_anew(site: Site) -> None:
    play = Play()
    site.append(play.start(), play.submit())
    site.append(*[one for _ in range(10_100) for one in play.tool()])

    async def first(after: int) -> list[str]:
        found = []
        async with stream(site, after=after) as messages:
            async for message in messages:
                found.append(message)
                if message.kind == "summary":
                    break
        return [f"{one.kind} {one.data.get('reason', '')} {one.id}".strip() for one in found[:2]]

    site.settle()
    position = site.get("/summary")["position"]
    assert asyncio.run(first(100)) == [f"hello  {position}", f"reset too_far_behind {position}"]
    assert asyncio.run(first(position + 1)) == [f"hello  {position}", f"reset store_rebuilt {position}"]


def test_the_end_of_the_agent_ends_the_stream_at_once(site: Site) -> None:
    page = Follower(site)

    async def run() -> list[str]:
        async with stream(site) as messages:
            assert (await anext(messages)).kind == "hello"
            down = asyncio.create_task(asyncio.to_thread(site.machine.cli, "down"))
            async for message in messages:
                page.apply(message)
            await down
        return page.kinds

    assert asyncio.run(run())[-1] == "bye"


def test_a_position_must_be_one(site: Site) -> None:
    script = site.script()
    for path, headers in (("?after=x", {}), ("?after=-1", {}), ("", {"last-event-id": "1e3"}), ("?since=1", {})):
        assert script.get(f"/api/v1/stream{path}", headers=headers).status_code == 400
