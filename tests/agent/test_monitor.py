"""A running agent's health checks: where a change is told, what the page's limit does, when it is ready."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from hookspan.agent.client import Client
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until
from tests.web.site import Refused, Site, stream

from .machine import Machine, launch, ready

OFTEN = "[monitor]\ninterval = 1\n"
# Else the agent notices within a second that its store is gone, and writes it anew.
MENDS_NOTHING = "from hookspan.agent.ingest.keeper import StoreKeeper; StoreKeeper.damage = lambda self: None"


def check(site: Site, name: str) -> Any:
    """What the API says of a check."""
    return {one["name"]: one for one in site.get("/health")["checks"]}.get(name, {})


def latest(sink: Sink, name: str) -> float | None:
    """The newest value of a check's gauge, None before there is one."""
    try:
        return sink.latest("hookspan.health.status", {"hookspan.health.check": name}).value
    except LookupError:
        return None


async def told(site: Site, status: str) -> None:
    """Listen to the page's stream until its numbers have this status."""
    async with stream(site) as messages:
        async for message in messages:
            if message.kind == "summary" and message.data["health"] == status:
                return


def test_a_change_of_health_is_told_everywhere(
    make_site: Callable[..., Site], sink: Sink, inbox: tuple[str, list[str]], answering: tuple[str, list[int]]
):
    """The page and its stream, the log, the gauge, whoever is to be notified; and that it is over, but for the last."""
    (url, messages), (health, codes) = inbox, answering
    codes.append(200)
    site = make_site(
        f'{OFTEN}[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n[collector]\nhealth = "{health}"\n'
        f'[[notify]]\nurl = "{url}"\nevents = ["health_critical"]\ninterval = 1\n'
    )
    until(lambda: check(site, "collector").get("status") == "healthy")
    for code, status, value in ((503, "critical", 3), (200, "healthy", 0)):
        codes.append(code)
        until(lambda status=status: check(site, "collector")["status"] == status)
        if status == "critical":
            assert site.get("/health")["status"] == status
            asyncio.run(asyncio.wait_for(told(site, status), PATIENCE))
        until(lambda value=value: latest(sink, "collector") == value)

    def logged() -> list[str]:
        return [line["status"] for line in site.machine.log() if line.get("check") == "collector"]

    until(lambda: logged()[-2:] == ["critical", "healthy"], "what the log says")
    until(lambda: "hookspan: collector is critical" in "\n".join(messages), f"received {messages}")


def test_pages_that_are_turned_away_are_a_warning(make_site: Callable[..., Site]):
    site = make_site(OFTEN, max_connections=1)

    async def one_too_many() -> None:
        async with stream(site):
            with pytest.raises(Refused) as refused:
                async with stream(site):
                    pass
            assert refused.value.status == 503

    until(lambda: check(site, "dashboard").get("status") == "healthy")
    asyncio.run(one_too_many())
    warned = until(lambda: [line for line in site.machine.log() if line.get("check") == "dashboard"])
    assert warned[0]["status"] == "warning"
    until(lambda: check(site, "dashboard")["status"] == "healthy", "nobody is turned away any more")


def test_it_is_ready_while_the_store_can_be_read(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[dashboard]\nport = 0\n")
    launch(machine, "--stay", fault=MENDS_NOTHING)
    ready(machine)
    page = Client(machine.paths).request("ping", timeout=PATIENCE)["url"]
    store = machine.paths.store
    away = store.with_name("away")

    def readiness() -> tuple[int, Any]:
        answer = httpx2.get(f"{page}/readyz", timeout=PATIENCE)
        return answer.status_code, answer.json()

    until(lambda: readiness() == (200, {"status": "ok"}))
    store.rename(away)
    assert readiness() == (503, {"status": "unavailable"})
    store.mkdir()
    assert readiness() == (503, {"status": "unavailable"}), "what can't be opened is no bug of the page"
    store.rmdir()
    away.replace(store)
    assert readiness() == (200, {"status": "ok"})
