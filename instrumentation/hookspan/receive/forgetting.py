"""Takes sessions out of what was received and is not dealt with yet."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hookspan import atomic
from hookspan.catalogue import attributes as sc
from hookspan.config import Signal
from hookspan.export.services import SERVICES

from . import children, otlp
from .children import Came
from .otlp import NotOtlpError
from .receiver import spools
from .spool import Stored


def forget(folder: Path, sessions: Collection[str], traces: Collection[str]) -> int:
    """Take sessions out of `folder`, of which nobody else uses anything; how many requests had something of them.

    What says no session goes by its trace: those of `traces`, and those in which spans of the sessions are. So spans of
    programs that these sessions' tool calls ran go with them.
    """
    if not folder.exists():
        return 0
    choice = _Choice(sessions, traces)
    kept = spools(folder, sys.maxsize)
    log = folder / children.LOG
    came = list(children.read_log(log))
    choice.learn(came)
    for signal in kept:
        place = kept[signal].first()
        while (found := kept[signal].read(place)) is not None:
            choice.learn_from(signal, found[0])
            place = found[1]
    changed = sum(
        kept[signal].rewrite(lambda request, signal=signal: choice.rest(signal, request))  # type: ignore[misc]
        for signal in kept
    )
    for spool in kept.values():
        spool.close()
    if came:
        atomic.write(log, children.lines(choice.without(came)), mode=0o600)
    return changed


class _Choice:
    """What belongs to the sessions."""

    def __init__(self, sessions: Collection[str], traces: Collection[str]) -> None:
        self._sessions, self._traces = frozenset(sessions), set(traces)
        self._calls: set[str] = set()

    def learn(self, came: Sequence[Came]) -> None:
        """Know their traces and tool calls from the log of programs' spans."""
        for each in came:
            if each.execution is not None and each.execution.session in self._sessions:
                self._traces.add(each.execution.trace_id)
                self._calls.add(each.execution.tool_use_id)

    def learn_from(self, signal: Signal, request: Stored) -> None:
        """Know their traces from a request."""
        if signal == "metrics":
            return
        message = _decoded(signal, request)
        if message is None or not self._is_named_in(message.SerializeToString()):
            return
        outer, inner, items = SERVICES[signal].levels
        for resource in getattr(message, outer):
            of_all = _session(resource.resource.attributes)
            for scope in getattr(resource, inner):
                for item in getattr(scope, items):
                    if item.trace_id and (_session(item.attributes) or of_all) in self._sessions:
                        self._traces.add(item.trace_id.hex())

    def rest(self, signal: Signal, request: Stored) -> Stored | None:
        """The request without them, the very one if it has nothing of them, None if nothing is left."""
        message = _decoded(signal, request)
        if message is None:
            return None if self._is_named_in(request.body) else request
        if not self._is_named_in(message.SerializeToString()):
            return request
        outer, inner, items = SERVICES[signal].levels
        resources = getattr(message, outer)
        for resource in resources:
            of_all = _session(resource.resource.attributes)
            for scope in getattr(resource, inner):
                self._take_out(signal, getattr(scope, items), of_all)
            _keep(getattr(resource, inner), [scope for scope in getattr(resource, inner) if getattr(scope, items)])
        _keep(resources, [resource for resource in resources if getattr(resource, inner)])
        return Stored(request.at, message.SerializeToString(), own=request.own) if resources else None

    def without(self, came: Sequence[Came]) -> list[Came]:
        """The log of programs' spans without theirs."""
        kept = []
        for each in came:
            spans = [
                sent
                for sent in each.spans
                if sent.trace_id not in self._traces and not (sent.call and sent.call.session in self._sessions)
            ]
            done = [key for key in each.done if not any(f":{call}:" in key for call in self._calls)]
            if each.trace not in self._traces and (spans or done or each.trace or each.looked):
                kept.append(Came(each.at, spans, each.trace, each.execution, done, each.looked))
        return kept

    def _take_out(self, signal: Signal, items: Any, of_all: str) -> None:
        if signal != "metrics":
            _keep(items, [item for item in items if not self._is_of(item, of_all)])
            return
        for metric in items:
            points = getattr(metric, metric.WhichOneof("data") or "gauge").data_points
            _keep(points, [point for point in points if not self._is_of(point, of_all)])
        _keep(items, [metric for metric in items if getattr(metric, metric.WhichOneof("data") or "gauge").data_points])

    def _is_of(self, item: Any, of_all: str) -> bool:
        if session := _session(item.attributes) or of_all:
            return session in self._sessions
        return self._is_named_in(item.SerializeToString())

    def _is_named_in(self, data: bytes) -> bool:
        names = [name.encode() for name in (*self._sessions, *self._traces)]
        return any(name in data for name in (*names, *(bytes.fromhex(trace) for trace in self._traces)))


def _decoded(signal: Signal, request: Stored) -> Any:
    """None for what is no request."""
    try:
        data = otlp.unpacked(request.body, gzip=request.gzip)
        return otlp.decode(signal, data, is_json=request.json)
    except NotOtlpError:
        return None


def _session(attributes: Any) -> str:
    return next((one.value.string_value for one in attributes if one.key == sc.SESSION_ID), "")


def _keep(field: Any, kept: Sequence[Any]) -> None:
    if len(kept) != len(field):
        del field[:]
        field.extend(kept)
