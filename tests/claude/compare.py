"""hookspan held against the client: `python -m tests.claude.compare [--version V] [--jobs N] [--markdown] [NAME ...]`.

Plays scenarios on a version of the client, hookspan installed and the client's own telemetry on, and prints what
differs. A call, a wait or a token count that one side has and the other hasn't is a fault. A fact about the client that
its run doesn't confirm is named. Times differ by what the client needs until a hook's process runs; that is measured in
the same run and stands beside them, with what the machine itself needs to start a process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import enums
from hookspan.catalogue.enums import EndReason
from tests.claude import client, facts, lag, money
from tests.claude.evidence import Evidence
from tests.claude.lag import Control
from tests.claude.native import Interval, Native
from tests.claude.pipeline import Outcome, Pipeline
from tests.claude.scenarios import SCENARIOS
from tests.claude.verdict import SpanLike, Spans
from tests.times import percentile_95, rows, table

MS = 1e6  # nanoseconds


@dataclass(frozen=True)
class Kind:
    """What is compared: its upper limit in ms at p95 on a machine that does nothing else, and what it is."""

    limit: float | None
    what: str


KINDS = {
    "tool start": Kind(25, "hookspan - native start of the execution"),
    "tool end": Kind(25, "hookspan - native end of the call"),
    "tool length": Kind(2, "hookspan - native duration of the execution"),
    "wait start": Kind(100, "hookspan - native start of the dialog"),
    "wait end": Kind(100, "hookspan - native end of the dialog"),
    "cut tool start": Kind(None, "calls whose end only the transcript reports"),
    "cut tool end": Kind(None, "calls whose end only the transcript reports"),
    "chat start": Kind(None, "hookspan (api-request line) - native"),
    "chat end": Kind(None, "hookspan (last line of the answer) - native"),
    "retried chat start": Kind(None, "calls with failed attempts: the native span starts with the first"),
    "retried chat end": Kind(None, "calls with failed attempts: the native span starts with the first"),
    "turn start": Kind(None, "hookspan (UserPromptSubmit) - native"),
    "turn end": Kind(None, "hookspan (Stop) - native"),
    "cut turn start": Kind(None, "turns without a Stop"),
    "cut turn end": Kind(None, "turns without a Stop"),
    "subagent start": Kind(None, "hookspan (SubagentStart) - native"),
    "subagent end": Kind(None, "hookspan (SubagentStop) - native"),
}
LATE = 25.0  # ms; a tool's end that is later is told apart


@dataclass
class Comparison:
    """Differences of one or many runs, ms, by what was compared; and what explains them."""

    faults: list[str] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=dict)
    lags: dict[str, list[float]] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    residuals: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def __iadd__(self, other: Comparison) -> Self:
        self.faults += other.faults
        self.late += other.late
        self.residuals += other.residuals
        self.changed += other.changed
        self.busy += other.busy
        for mine, others in ((self.times, other.times), (self.lags, other.lags)):
            for what, values in others.items():
                mine.setdefault(what, []).extend(values)
        return self

    def time(self, what: str, ours: int, theirs: int) -> None:
        """Enter a difference of two times, nanoseconds."""
        self.times.setdefault(what, []).append((ours - theirs) / MS)

    def lag(self, what: str, later: int, earlier: int) -> None:
        """Enter a part of what explains the differences, nanoseconds."""
        self.lags.setdefault(what, []).append((later - earlier) / MS)

    def interval(self, what: str, ours: SpanLike, theirs: Interval) -> None:
        """Enter the differences of start and end."""
        self.time(f"{what} start", ours.start, theirs.start)
        self.time(f"{what} end", ours.end, theirs.end)


def compare(run: Outcome) -> Comparison:
    """Compare one run's spans with its native telemetry."""
    found = Comparison()
    native, spans = run.native, run.spans
    _tools(found, native, spans)
    _turns(found, native, spans)
    _subagents(found, native, spans)
    _lags(found, run)
    lines = (line for lines in run.recording.transcripts.values() for line in lines)
    hidden = {call["request_id"] for call in run.recording.expected["model_calls"] if not call["in_transcript"]}
    _model_calls(found, native, spans, hidden)
    rest = money.residuals(lines, spans.model_calls)
    told = list(money.told(run.recording.name, rest))
    found.residuals += told
    if run.recording.name not in money.EXPLAINED and not hidden:
        found.faults += told
    return found


def _tools(found: Comparison, native: Native, spans: Spans) -> None:
    """Each native call is one of ours, with the execution's times; a human's wait is a span beside it."""
    ours = {span.attributes[sc.GEN_AI_TOOL_CALL_ID]: span for span in spans.tools}
    waits = {span.attributes.get(sc.TOOL_CALL_ID): span for span in spans.waits}
    for tool in native.tools.values():
        span = ours.get(tool.id)
        if span is None:
            found.faults.append(f"{tool.name} {tool.id}: native only")
            continue
        if tool.execution is not None:
            outcome = span.attributes[sc.OUTCOME]
            ended = outcome in {enums.Outcome.SUCCESS, enums.Outcome.ERROR}
            found.interval("tool" if ended else "cut tool", span, Interval(tool.execution.start, tool.whole.end))
            if ended:
                found.time("tool length", span.end - span.start, tool.execution.length)
            if tool.success is not None and tool.success != (outcome == enums.Outcome.SUCCESS):
                found.faults.append(f"{tool.name} {tool.id}: {outcome}, native success {tool.success}")
        wait = waits.get(tool.id)
        if tool.wait is not None and wait is not None:
            found.interval("wait", wait, tool.wait)
        elif tool.wait is not None:
            found.faults.append(f"{tool.name} {tool.id}: its wait is native only")


def _model_calls(found: Comparison, native: Native, spans: Spans, hidden: AbstractSet[str]) -> None:
    """Answered calls: same tokens; native counts cached input apart. `hidden` are those that no transcript shows."""
    by_tokens = {_tokens(span): span for span in spans.model_calls}
    for call in native.model_calls.values():
        if not call.success or call.request_id in hidden:
            continue
        cached = call.tokens["cache_read_tokens"] + call.tokens["cache_creation_tokens"]
        span = by_tokens.get((call.model, call.tokens["input_tokens"] + cached, call.tokens["output_tokens"]))
        if span is not None:
            # native counts all attempts from the first on, a transcript names the request that was answered
            found.interval("chat" if call.attempts == 1 else "retried chat", span, call.whole)
        else:
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
            stopped = span.attributes[sc.END_REASON] == EndReason.STOP
            found.interval("turn" if stopped else "cut turn", span, turn.whole)


def _subagents(found: Comparison, native: Native, spans: Spans) -> None:
    ours = {span.attributes.get(sc.AGENT_ID): span for span in spans.subagents}
    for agent in native.subagents.values():
        span = ours.get(agent.agent_id)
        if span is None:
            found.faults.append(f"subagent {agent.agent_id}: native only")
        else:
            found.interval("subagent", span, agent.whole)


def _lags(found: Comparison, run: Outcome) -> None:
    """What the client needs from a call's end until it begins to run the hook, and from there until there is a process.

    How long that process then waits for its first instruction is told by itself, and its stamp is free of it.
    """
    native, journal = run.native, run.recording.journal
    for line in journal:
        found.lag("hook's process: made .. first instruction", line["age"], 0)
    for index, start in lag.starts(native, journal).items():
        line = journal[index]
        found.lag(start.event, line["at"] - line["age"], start.at)
        tool = native.tools.get(line["event"].get("tool_use_id", ""))
        if tool is not None and start.event in {"PostToolUse", "PostToolUseFailure"}:
            found.lag("client: a call's end .. start of its hook", start.at, tool.whole.end)
            parts = (start.at - tool.whole.end) / MS, (line["at"] - line["age"] - start.at) / MS
            if sum(parts) > LATE:
                found.late.append(
                    f"{run.recording.name}: {tool.name} ended {sum(parts):.0f} ms before its hook's process was made; "
                    f"the client began to run the hook after {parts[0]:.0f} ms"
                )


def verdict(what: str, values: Sequence[float]) -> str:
    """The limit, and whether it is kept."""
    kind = KINDS.get(what)
    if kind is None or kind.limit is None:
        return ""
    return f"{kind.limit:g}" + ("" if percentile_95(values) <= kind.limit else " exceeded")


def report(total: Comparison, *, markdown: bool) -> Iterator[str]:
    """All tables, as text or as a part of a Markdown page."""
    busy = statistics.mean(total.busy) if total.busy else 0.0
    yield (
        f"Claude Code {client.version()}, {lag.cores()} cores. "
        f"Some process waited for a core in {busy:.0%} of the time."
    )
    yield ""
    times = [
        (*row, verdict(row[0], total.times[row[0]]), KINDS[row[0]].what if markdown else "")
        for row in rows(total.times, list(KINDS))
    ]
    yield from table(("ms", "n", "p50", "p95 of sizes", "max", "limit", "what"), times, markdown=markdown)
    yield ""
    lags = list(rows(total.lags, ()))
    yield from table(
        ("ms, client's start of a hook .. its process made", "n", "p50", "p95", "max"), lags, markdown=markdown
    )
    if total.late:
        yield ""
        yield from (f"- {late}" for late in total.late)
    if total.residuals:
        yield ""
        yield from (f"- {residual}" for residual in total.residuals)


def play(name: str) -> Comparison:
    """One scenario, compared. A client that can't even be brought into the situation is a fault like any other."""
    with Control() as control:
        try:
            run = Pipeline().run(SCENARIOS[name])
        except (AssertionError, LookupError, OSError, RuntimeError, subprocess.SubprocessError) as broken:
            return Comparison(faults=[f"{name}: could not be played: {repr(broken)[:200]}"])
    found = compare(run)
    found.faults = [f"{name}: {fault}" for fault in run.faults + found.faults]
    found.changed += facts.changed(name, Evidence.of(run.recording, run.native))
    found.busy.append(control.busy)
    found.lags["control: asking for the same program .. its first instruction"] = [value / MS for value in control.lags]
    return found


def main(arguments: Sequence[str]) -> int:
    """Play scenarios and print all differences; 1 if a span is wrong or a fact has changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.claude.compare")
    parser.add_argument("--version", default=client.version(), help="the client's, or `latest`")
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at a time; more than one disturbs the times")
    parser.add_argument("--markdown", action="store_true", help="print tables as the page docs/accuracy.md has them")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; none: all")
    options = parser.parse_args(arguments)
    os.environ["HOOKSPAN_CLAUDE_VERSION"] = client.newest() if options.version == "latest" else options.version
    client.executable()
    total = Comparison()
    with ProcessPoolExecutor(options.jobs) as pool:
        for one in pool.map(
            play, options.names or [name for name, known in SCENARIOS.items() if client.is_since(known.since)]
        ):
            total += one
            sys.stderr.writelines(f"{line}\n" for line in one.faults + one.changed)
    heads = {"Wrong": total.faults, "Facts that changed": total.changed}
    for head, lines in heads.items():
        sys.stdout.write("\n".join([f"{head}: {len(lines)}", *(f"- {line}" for line in lines), "", ""]))
    sys.stdout.write("\n".join([*report(total, markdown=options.markdown), ""]))
    return 1 if total.faults or total.changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
