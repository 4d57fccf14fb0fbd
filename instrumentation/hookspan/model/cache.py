"""Why the prompt cache was missed: each request compared with the one before it of the same agent.

That it was missed is told by the usage alone: it read less than the request before had left there. Why, by what
differs between the two, and by the time between them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import spans
from hookspan.catalogue.enums import CacheCause
from hookspan.wire.facts import Definition, ModelCall, RequestShape

from .rows import Attributes, SpanEvent
from .state import KEPT_REQUESTS, KEPT_SHAPES, Place, Requested, SessionState, Shape, bound
from .step import NANO, Step

LEAST_TOKENS: Final = 2_000
"""Tokens that must be missing. The API keeps nothing below 1,024, and moves what it keeps by some hundreds."""
LEAST_SHARE: Final = 0.05
"""Share of what was kept that must be missing: a request that reads 95 % of it has not missed it."""
DEFAULT_TTL: Final = 300
"""Seconds that the API keeps a prompt, unless it is asked to keep it for an hour."""
HOUR: Final = 3_600
TOOLS_SHOWN: Final = 16


class Missed(msgspec.Struct, frozen=True):
    """A miss: its cause, the tokens that were written to the cache again, and what that cost more than reading them.

    `cost_nano` is nano-USD, -1 without a known price. `tools` are those that differ, each with `+`, `-` or `~` before
    its name: added, removed, defined anew.
    """

    cause: CacheCause
    tokens: int
    cost_nano: float = -1
    tools: tuple[str, ...] = ()

    def event(self, at: int) -> SpanEvent:
        """As an event of the call's span."""
        attributes: Attributes = {sc.CACHE_CAUSE: self.cause.value, sc.CACHE_RECACHED: self.tokens}
        if self.cost_nano >= 0:
            attributes[sc.CACHE_COST_USD] = self.cost_nano / NANO
        if self.tools:
            attributes[sc.CACHE_TOOLS] = list(self.tools)
        return SpanEvent(spans.CACHE_MISSED.name, at, attributes)


def shaped(step: Step, fact: RequestShape) -> None:
    """What requests of this shape have beside their messages."""
    shapes = step.session.shapes
    shapes.pop(fact.shape, None)
    shapes[fact.shape] = Shape(system=fact.system, tools=fact.tools)
    bound(shapes, KEPT_SHAPES)


def compacted(session: SessionState, agent_id: str) -> None:
    """The next request of this agent begins with a summary."""
    if before := session.requests.get(agent_id):
        before.compacted = True


def compare(session: SessionState, fact: ModelCall) -> Missed | None:
    """Whether and why a call missed the cache, and remembers it for the next one."""
    kept = fact.cache_read_tokens + fact.cache_write_tokens
    if fact.error_status or fact.cache_ttl < 0 or not (kept or fact.input_tokens):
        return None
    before = session.requests.pop(fact.agent_id, None)
    session.requests[fact.agent_id] = Requested(
        model=fact.request_model or fact.response_model,
        effort=fact.effort,
        shape=fact.shape,
        kept=kept,
        end=fact.end,
        ttl=fact.cache_ttl or (HOUR if fact.cache_write_1h_tokens else DEFAULT_TTL),
    )
    bound(session.requests, KEPT_REQUESTS)
    if fact.shape in session.shapes:
        session.shapes[fact.shape] = session.shapes.pop(fact.shape)  # the last that goes
    if before is None or fact.end < before.end:
        return None
    whole = kept + fact.input_tokens
    left = min(before.kept, whole)
    lost = left - fact.cache_read_tokens
    if lost < max(LEAST_TOKENS, LEAST_SHARE * left):
        return None
    cause, tools = _cause(session, before, fact)
    if whole < before.kept and cause is CacheCause.UNKNOWN:
        return None  # its user went back to an earlier message: what was not read is new
    tokens = min(lost, fact.cache_write_tokens)
    priced = min(fact.cache_write_price, fact.cache_read_price) >= 0
    cost = tokens * (fact.cache_write_price - fact.cache_read_price) if priced else -1
    return Missed(cause, tokens, cost, tools)


def _cause(session: SessionState, before: Requested, fact: ModelCall) -> tuple[CacheCause, tuple[str, ...]]:
    """What alone would have been enough comes first: a summary is new, and what has expired is gone anyway."""
    if before.compacted:
        return CacheCause.COMPACTION, ()
    if fact.start - before.end > before.ttl * NANO:
        return CacheCause.IDLE, ()
    if before.model != (fact.request_model or fact.response_model):
        return CacheCause.MODEL, ()
    was, now = session.shapes.get(before.shape), session.shapes.get(fact.shape)
    if was and now and (tools := _differing(was.tools, now.tools)):
        return CacheCause.TOOLS, tools
    if was and now and was.system != now.system:
        return CacheCause.SYSTEM_PROMPT, ()
    return CacheCause.UNKNOWN if before.effort == fact.effort else CacheCause.EFFORT, ()


def _differing(was: list[Definition], now: list[Definition]) -> tuple[str, ...]:
    old, new = ({tool.name: tool.digest for tool in tools} for tools in (was, now))
    found = [f"-{name}" for name in old if name not in new]
    found += [f"+{name}" for name in new if name not in old]
    found += [f"~{name}" for name in new if name in old and old[name] != new[name]]
    return tuple(found[:TOOLS_SHOWN])


def count(step: Step, missed: Missed, place: Place, own: str) -> None:
    """Adds a miss to the sums."""
    cause = (sc.CACHE_CAUSE, missed.cause.value)
    step.count("hookspan.cache.recached", missed.tokens, cause, place=place, own_id=own)
    if missed.cost_nano >= 0:
        step.count("hookspan.cache.recached.cost", missed.cost_nano / NANO, cause, place=place, own_id=own)
