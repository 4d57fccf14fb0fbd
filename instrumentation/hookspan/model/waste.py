"""What work was for nothing, with a price where one can be told: rows that the store adds up by hour and session.

Each model call is divided once. What a kind of waste takes of a call's tokens no other takes too, and nothing is taken
that the call's cost doesn't have, so all waste together is never more than all cost:

    all of it      an agent that gets nowhere, from the alarm on
    output         the calls that the answer asked for, by the length of their inputs, where they fail or are denied
    cache write    what a miss wrote again, at what that costs more than reading it; then results that came since the
                   agent's call before, where calls failed, were denied or had read the same before
    cache read     results of repeated reads that are still in the context; then definitions of tools

What a call came to is known before or after its model call is read: either waits for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import CacheCause, WasteKind
from hookspan.wire.facts import ModelCall

from . import watchdog
from .cache import Missed
from .state import KEPT_PLACES, KEPT_READS, KEPT_WASTED, Attempt, Price, SessionState, Unspent, Wasted, bound
from .step import NANO, Step

BYTES_PER_TOKEN: Final = 4
"""Of English and JSON, about. Results share what the API counted as new, so it decides only where other text is new."""
_MCP: Final = "mcp__"
SERVER: Final = "mcp_server"
PLUGIN: Final = "plugin"


class _Purse:
    """What is left of a call's cost, nano-USD. Nothing has a price where those of its model are not known."""

    def __init__(self, call: ModelCall) -> None:
        self._left = call.cost_nano

    def take(self, tokens: float, price: float) -> int:
        """The price of so many tokens, -1 if it is not known; never more than is left."""
        if self._left < 0 or price < 0:
            return -1
        taken = min(int(tokens * price), self._left)
        self._left -= taken
        return taken

    def rest(self) -> int:
        """All that is left, -1 without a price."""
        taken, self._left = self._left, min(self._left, 0)
        return taken


def called(step: Step, call: ModelCall, missed: Missed | None, definitions: Mapping[tuple[str, str], int]) -> None:
    """Divides a model call. `definitions`: tokens of those that it had, by label and name."""
    if call.error_status:
        return
    purse, session = _Purse(call), step.session
    if loop := watchdog.loop_of(session, call):
        price = Price(
            call.input_tokens + call.cache_write_tokens + call.cache_read_tokens + call.output_tokens, purse.rest()
        )
        took = call.end - call.start
        _write(step, WasteKind.LOOP, loop.value, call.end, count=1, priced=price.nano >= 0, price=price, took=took)
    again = missed.tokens if missed else 0
    if missed:
        _missed(step, call, missed, purse)
    whole = sum(call.wrote.values())
    for id_, size in call.wrote.items():
        share = call.output_tokens * (size / whole if whole else 1 / len(call.wrote))
        _learn(step, id_, "asked", Price(int(share), purse.take(share, call.output_price)))
    written = max(0, call.cache_write_tokens - again)
    new = call.input_tokens + written
    paid = call.input_tokens * call.input_price + written * call.cache_write_price
    each = -1.0 if min(call.input_price, call.cache_write_price) < 0 else paid / new if new else 0.0
    estimated = sum(call.results.values()) / BYTES_PER_TOKEN
    scale = min(1.0, new / estimated) if estimated else 0.0
    carried = dict(session.carried.get(call.agent_id, {}))
    for id_, size in call.results.items():
        tokens = size / BYTES_PER_TOKEN * scale
        _learn(step, id_, "result", Price(int(tokens), purse.take(tokens, each)))
    cached = call.cache_read_tokens
    for what, tokens in carried.items():
        price_of_it = Price(min(tokens, cached), purse.take(min(tokens, cached), call.cache_read_price))
        cached -= price_of_it.tokens
        _write(step, WasteKind.REPEATED, what, call.end, price=price_of_it)
    cold = not missed and call.cache_write_tokens > cached
    for (label, name), tokens in definitions.items():
        nano = purse.take(tokens, call.cache_write_price if cold else call.cache_read_price)
        what = f"{SERVER if label == sc.MCP_SERVER else PLUGIN}:{name}"
        _write(step, WasteKind.DEFINITIONS, what, call.end, count=1, priced=nano >= 0, price=Price(tokens, nano))
    if call.plugin:
        used(step, PLUGIN, call.plugin, call.end)


def _missed(step: Step, call: ModelCall, missed: Missed, purse: _Purse) -> None:
    more = -1.0 if missed.cost_nano < 0 else call.cache_write_price - call.cache_read_price
    price = Price(missed.tokens, purse.take(missed.tokens, more))
    if missed.cause is CacheCause.COMPACTION:
        _write(step, WasteKind.COMPACTION, "", call.end, priced=price.nano >= 0, price=price)
    else:
        _write(step, WasteKind.CACHE_MISS, missed.cause.value, call.end, count=1, priced=price.nano >= 0, price=price)


def ended(step: Step, id_: str, wasted: Wasted | None) -> None:
    """A tool call is over; `wasted` where it was for nothing."""
    session = step.session
    known = session.unspent.pop(id_, None)
    if wasted is None:
        return
    session.wasted[id_] = wasted
    bound(session.wasted, KEPT_WASTED)
    _write(step, WasteKind(wasted.kind), wasted.what, wasted.at, count=1, took=wasted.took)
    for part, price in known.parts.items() if known else ():
        _learn(step, id_, part, price)


def _learn(step: Step, id_: str, part: str, price: Price) -> None:
    """What a part of a tool call cost: that it was asked for, or that its result was read."""
    session = step.session
    wasted = session.wasted.get(id_)
    if wasted is None:
        if id_ not in session.closed:
            session.unspent.setdefault(id_, Unspent()).parts[part] = price
            bound(session.unspent, KEPT_WASTED)
        return
    repeated = wasted.kind == WasteKind.REPEATED
    if part == "result":
        del session.wasted[id_]  # nothing more of it comes
        if repeated:
            of_agent = session.carried.setdefault(wasted.agent_id, {})
            of_agent[wasted.what] = of_agent.get(wasted.what, 0) + price.tokens
            bound(session.carried, KEPT_PLACES)
    elif repeated:
        return
    decides = part == "result" if repeated else part == "asked"
    priced = decides and price.nano >= 0
    _write(step, WasteKind(wasted.kind), wasted.what, wasted.at, priced=priced, price=price)


def used(step: Step, of: str, name: str, at: int) -> None:
    """A plugin, or a server's tool, was of use."""
    _write(step, WasteKind.USED, f"{of}:{name}", at, count=1)


def used_tool(step: Step, tool: str, at: int) -> None:
    """The same of the server that a tool is of, if it is of one."""
    server, separator, _ = tool.removeprefix(_MCP).partition("__")
    if tool.startswith(_MCP) and separator:
        used(step, SERVER, server, at)


def is_repeated(session: SessionState, agent_id: str, given: str, result: str) -> bool:
    """Whether this agent has had the very same result of the very same input; remembers that it has it now.

    `given` and `result` are digests; what has none is not compared.
    """
    if not given or not result:
        return False
    key = f"{agent_id}/{given}"
    before = session.reads.pop(key, "")
    session.reads[key] = result
    bound(session.reads, KEPT_READS)
    return before == result


def forget_reads(session: SessionState, agent_id: str) -> None:
    """A summary has taken the place of what this agent had read: to read it once more is no waste."""
    session.reads = {key: value for key, value in session.reads.items() if not key.startswith(f"{agent_id}/")}


def forget_results(session: SessionState, agent_id: str) -> None:
    """The same of what is read from the cache with each request."""
    session.carried.pop(agent_id, None)


def retried(step: Step, attempts: list[Attempt], at: int) -> None:
    """Attempts failed, and the client waited; nobody pays for them."""
    for attempt in attempts:
        _write(step, WasteKind.RETRY, attempt.error, at, count=1, took=attempt.delay)


def compacted(step: Step, start: int, end: int) -> None:
    """A compaction took its time. Its own call is in no transcript."""
    _write(step, WasteKind.COMPACTION, "", end, count=1, took=end - start)


def asked(step: Step, what: str, at: int, took: int) -> None:
    """Somebody was asked, and an agent waited for the answer."""
    _write(step, WasteKind.ASKED, what, at, count=1, took=took)


def hooks_ran(step: Step, event: str, seconds: float, at: int) -> None:
    """The client measured what hooks of an event took, ours among them."""
    _write(step, WasteKind.HOOKS, event, at, count=1, took=round(seconds * NANO))


def named(tool: str, program: str) -> str:
    """What calls are told apart by: the tool, and of a shell the program."""
    return f"{tool} {program}" if program else tool


def _write(
    step: Step,
    kind: WasteKind,
    what: str,
    at: int,
    *,
    count: int = 0,
    priced: int = 0,
    price: Price | None = None,
    took: int = 0,
) -> None:
    tokens, nano = (price.tokens, max(0, price.nano)) if price else (0, 0)
    step.waste(kind.value, what, at, count=int(count), priced=int(priced), tokens=tokens, nano=nano, took=took)
