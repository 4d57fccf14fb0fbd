"""hookspan's spans beside the client's own telemetry: `python -m tests.claude.compare [NAME ...]`.

Prints two kinds of difference. A call, a wait or a token count that one side has and the other hasn't is a fault and
listed. Times differ by what starting a hook's process takes; their distribution is measured.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from hookspan.model import semconv as sc
from tests.claude.native import Interval, Native
from tests.claude.pipeline import Pipeline
from tests.claude.scenarios import SCENARIOS
from tests.claude.verdict import SpanLike, Spans

MS = 1e6  # nanoseconds

# Upper limits in ms at p95, on a machine that does nothing else.
BARS = {
    "tool start": 25.0,
    "tool end": 25.0,
    "tool length": 2.0,
    "wait start": 100.0,
    "wait end": 100.0,
}


@dataclass
class Comparison:
    """Differences of one or many runs: `times` in ms (ours minus theirs) by what was compared."""

    faults: list[str] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=dict)

    def __iadd__(self, other: Comparison) -> Self:
        self.faults += other.faults
        for what, values in other.times.items():
            self.times.setdefault(what, []).extend(values)
        return self

    def time(self, what: str, ours: int, theirs: int) -> None:
        """Enter a difference of two times, nanoseconds."""
        self.times.setdefault(what, []).append((ours - theirs) / MS)

    def interval(self, what: str, ours: SpanLike, theirs: Interval) -> None:
        """Enter the differences of start and end."""
        self.time(f"{what} start", ours.start, theirs.start)
        self.time(f"{what} end", ours.end, theirs.end)

    def table(self) -> Iterator[str]:
        """The distribution of each difference, and its limit where there is one."""
        yield f"{'ms, ours - native':<18} {'n':>4} {'p50':>8} {'p95 of |.|':>10} {'max of |.|':>10}  limit"
        for what, values in sorted(self.times.items()):
            sizes = sorted(map(abs, values))
            at_95 = sizes[min(len(sizes) - 1, round(0.95 * len(sizes)))]
            limit = BARS.get(what)
            mark = "" if limit is None else f"{limit:g}" + ("" if at_95 <= limit else " EXCEEDED")
            numbers = f"{statistics.median(values):>8.1f} {at_95:>10.1f} {sizes[-1]:>10.1f}"
            yield f"{what:<18} {len(values):>4} {numbers}  {mark}"


def compare(native: Native, spans: Spans) -> Comparison:
    """Compare one run's spans with its native telemetry."""
    found = Comparison()
    _tools(found, native, spans)
    _model_calls(found, native, spans)
    _turns(found, native, spans)
    return found


def _tools(found: Comparison, native: Native, spans: Spans) -> None:
    """Each native call is one of ours, with the execution's times; a human's wait is a span beside it."""
    ours = {span.attributes[sc.GEN_AI_TOOL_CALL_ID]: span for span in spans.tools}
    waits = {span.attributes.get(sc.GEN_AI_TOOL_CALL_ID): span for span in spans.waits}
    for tool in native.tools.values():
        span = ours.get(tool.id)
        if span is None:
            found.faults.append(f"{tool.name} {tool.id}: native only")
            continue
        if tool.execution is not None:
            ended = span.attributes[sc.OUTCOME] in {sc.Outcome.SUCCESS, sc.Outcome.ERROR}
            found.interval("tool" if ended else "cut tool", span, Interval(tool.execution.start, tool.whole.end))
            if ended:
                found.time("tool length", span.end - span.start, tool.execution.length)
        wait = waits.get(tool.id)
        if tool.wait is not None and wait is not None:
            found.interval("wait", wait, tool.wait)
        elif tool.wait is not None:
            found.faults.append(f"{tool.name} {tool.id}: its wait is native only")


def _model_calls(found: Comparison, native: Native, spans: Spans) -> None:
    """Answered calls: same tokens; native counts cached input apart."""
    by_tokens = {_tokens(span): span for span in spans.model_calls}
    for call in native.model_calls.values():
        if not call.success:
            continue
        cached = call.tokens["cache_read_tokens"] + call.tokens["cache_creation_tokens"]
        span = by_tokens.get((call.model, call.tokens["input_tokens"] + cached, call.tokens["output_tokens"]))
        if span is not None:
            # native counts all attempts from the first on, a transcript names the request that was answered
            found.interval("chat" if call.attempts == 1 else "retried chat", span, call.whole)
        elif not spans.compactions:  # the call that summarizes is in no transcript
            found.faults.append(f"model call {call.request_id}: native only")


def _tokens(span: SpanLike) -> tuple[object, ...]:
    """Unlike in any other answer of the script."""
    keys = (sc.GEN_AI_REQUEST_MODEL, sc.GEN_AI_USAGE_INPUT_TOKENS, sc.GEN_AI_USAGE_OUTPUT_TOKENS)
    return tuple(span.attributes.get(key) for key in keys)


def _turns(found: Comparison, native: Native, spans: Spans) -> None:
    """A prompt's trace is the prompt's id. Native interactions of a killed client were never exported."""
    ours = {span.trace_id: span for span in spans.turns}
    for turn in native.turns:
        span = ours.get(turn.prompt_id.replace("-", ""))
        if span is None:
            found.faults.append(f"turn {turn.prompt_id}: native only")
        else:
            stopped = span.attributes[sc.END_REASON] == sc.EndReason.STOP
            found.interval("turn" if stopped else "cut turn", span, turn.whole)


def main(names: list[str]) -> int:
    """Run scenarios, print all differences; 1 if any span is wrong."""
    total = Comparison()
    for name in names or SCENARIOS:
        run = Pipeline().run(SCENARIOS[name])
        one = compare(run.native, run.spans)
        total += one
        for fault in run.faults + one.faults:
            sys.stdout.write(f"{name}: {fault}\n")
        total.faults += run.faults
    sys.stdout.write("\n".join([*total.table(), ""]))
    return 1 if total.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
