"""The watchdog with the real client: a session of loops and of honest work, one after the other, the agent running.

The limits are low, so that the session is short; `tests/model/test_watchdog.py` has the usual ones.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.journal import Tail
from hookspan.model.fold import fold
from hookspan.model.state import State
from hookspan.store import Reader
from hookspan.wire.reduced import Reduced
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, down, flush
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.waiting import PATIENCE, until

PROMPT = "fix the cart"
LIMITS = {"calls": 4, "polls": 6, "reads": 5, "edits": 4, "errors": 4, "failed_checks": 5, "stale_calls": 12}
DEAR = 0.3  # USD; the session costs more
OTHER = "review the cart"
KEY = b"k" * 32
NEWS = "echo news"


@dataclass(frozen=True)
class Loop:
    """What repeats, as answers of the model; the alarm's kind, and its call at which it is to be found."""

    kind: str
    at: int
    answers: list[list[Tool]]

    @classmethod
    def of(cls, kind: str, at: int, *calls: Tool) -> Loop:
        """One call an answer, two more than it takes to be found."""
        return cls(kind, at, [[call] for call in calls][: at + 2])


def edited(path: str, gone: str, come: str) -> Tool:
    return Tool("Edit", {"file_path": path, "old_string": gone, "new_string": come})


def loops(project: Path) -> Iterator[Loop]:
    cart = str(project / "cart.py")
    limit = LIMITS.__getitem__
    read = Tool("Read", {"file_path": cart})
    fails = "echo no such service >&2; exit 1"
    timed = "python3 -c 'import time; print(f\"3 passed in {time.time() % 10:.6f}s\")'"
    there, back = edited(cart, "i.price", "i.cost"), edited(cart, "i.cost", "i.price")
    yield Loop.of("repeated_call", limit("calls"), *[bash("cat cart.py")] * 9)
    yield Loop.of("repeated_call", limit("calls"), *[bash(timed)] * 9)
    yield Loop.of("repeated_call", 2 * limit("calls"), *[bash("ls"), bash("wc cart.py")] * 9)
    yield Loop.of("reread", limit("calls"), *[read] * 9)
    yield Loop.of("edits_undone", limit("edits"), *[there, back] * 3)
    yield Loop.of("same_error", limit("errors"), *[bash(f"{fails} # {number}", "error") for number in range(9)])
    denied = [
        Tool("Write", {"file_path": str(project / f"kept-{number}"), "content": "x"}, "denied") for number in range(9)
    ]
    yield Loop.of("same_error", limit("errors"), *denied)
    yield Loop.of("unchanged_poll", limit("polls"), *[bash("sleep 0.01; cat cart.py")] * 9)
    yield Loop.of("unchanged_poll", limit("polls"), *[Tool("mcp__tiny__greet", {"name": "Ada"})] * 9)
    values = [edited(cart, f"def total{number or ''}(", f"def total{number + 1}(") for number in range(9)]
    check = bash("echo one failed; exit 1", "error")
    checks = [call for value in values for call in (check, value)]
    yield Loop.of("no_progress", 2 * limit("failed_checks") - 1, *checks)
    rounds = [bash(f"head -{number} cart.py; echo {number}") for number in range(1, 7)] * 4
    yield Loop.of("no_progress", 6 + limit("stale_calls"), *rounds)
    yield Loop("repeated_call", 1 + limit("calls"), [[agent(OTHER, run_in_background=False)]])


def honest(project: Path) -> Iterator[list[Tool]]:
    """Answers of calls that are no loop."""
    yield [bash("git status --short")] * 8
    for number in range(8):
        yield [Tool("Read", {"file_path": str(project / "big.txt"), "offset": 1 + number, "limit": 1})]
    for number in range(8):
        yield [bash("cat count; echo again >> count")]
        yield [bash("git status --short count"), bash(f"echo {number}")]


@pytest.mark.need_npm
def test_loops_of_the_client_are_found_in_time_and_honest_work_is_not():
    with Model("watchdog") as model, InstalledHome(model.url) as home:
        for name, value in {**LIMITS, "turn_usd": DEAR}.items():
            home.hookspan("config", "set", f"watchdog.{name}", str(value))
        (home.project / "big.txt").write_text("\n".join(map(str, range(100))))
        (home.project / "count").touch()
        server = Path(__file__).parent / "mcp_server.py"
        config = {"mcpServers": {"tiny": {"command": "/usr/bin/python3", "args": [str(server)]}}}
        (home.home / "mcp.json").write_text(json.dumps(config))
        home.settings(permissions={"deny": ["Edit(kept-*)"]})
        home.hookspan("up")
        played = list(loops(home.project))
        answers = [answer for loop in played for answer in [*loop.answers, [bash(f"{NEWS}; date +%N")]]]
        answers += honest(home.project)
        model.play({
            PROMPT: [*(says(*calls) for calls in answers), says("Fixed.")],
            OTHER: [*[says(bash("cat cart.py"))] * (LIMITS["calls"] + 2), says("Reviewed.")],
        })  # fmt: skip
        *mode, allowed = ALLOW
        PrintSession(
            home, PROMPT, "--mcp-config", str(home.home / "mcp.json"), *mode, f"{allowed} mcp__tiny__greet"
        ).wait(10 * PATIENCE)
        flush(home)
        until(lambda: home.sessions()[0].ended, "the end")
        down(home)
        parts, ended = fold_anew(home)
        told = Reader(home.paths).spans_of_session(home.sessions()[0].id, hooks=False)
        alarms = [span for span in told if span.name.startswith("alarm ")]
    for part, loop in zip(parts, played, strict=False):
        assert [one for one in part if one[0] != "turn_cost"] == [(loop.kind, loop.at)], loop.answers[0]
    found = [one for part in parts for one in part]
    assert sorted(kind for kind, _ in found) == sorted(["turn_cost", *(loop.kind for loop in played)])
    assert sorted(str(span.attributes[sc.ALARM_KIND]) for span in alarms) == sorted(kind for kind, _ in found)
    assert all(span.attributes[sc.ALARM_COST_USD] > 0 for span in alarms)
    links = {link.span_id for span in alarms for link in span.links}
    assert links <= {span.span_id for span in told}
    assert ended


def fold_anew(home: InstalledHome) -> tuple[list[list[tuple[str, int]]], bool]:
    """The journal once more. Of each part of the session the alarms: kind, and calls of the part by then.

    Then whether all alarms have ended.
    """
    state, heard = State(), set()
    parts: list[list[tuple[str, int]]] = [[]]
    with contextlib.closing(Tail(home.paths)) as tail:
        lines = list(itertools.chain.from_iterable(iter(tail.read, [])))
    for line in lines:
        record = decode(line.data, KEY)
        if isinstance(record, Reduced) and record.event == "PreToolUse" and NEWS in line.data.decode():
            heard, parts = {record.tool_use_id}, [*parts, []]
        elif isinstance(record, Reduced):  # a call that never ran may be told by its batch alone
            heard |= {record.tool_use_id, *(call.tool_use_id for call in record.calls)} - {""}
        for one in fold(state, line.number, record).increments:
            if one.instrument == "hookspan.alarms":
                parts[-1].append((dict(one.attributes)[sc.ALARM_KIND], len(heard) - (len(parts) > 1)))
    return parts, all(alarm.ended for session in state.sessions.values() for alarm in session.alarms)
