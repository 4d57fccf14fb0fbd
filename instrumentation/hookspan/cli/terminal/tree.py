"""Spans as a tree of text: what `hookspan trace` prints, and what reviewers read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import is_child
from hookspan.cli.terminal.text import printable
from hookspan.model.rows import STATUS_ERROR, Span, SpanEvent

_SHOWN: Final = (
    (sc.OUTCOME, ""),
    (sc.DECISION, ""),
    (sc.ERROR_TYPE, ""),
    (sc.EXIT_CODE, "exit "),
    (sc.END_REASON, "end="),
    (sc.EXIT_REASON, "exit="),
    (sc.JOB_ID, "job="),
    (sc.SOURCE, "source="),
    (sc.COMMAND_PROGRAM, ""),
    (sc.FILE_EXTENSION, "."),
    (sc.COLLISION, "collision="),
    (sc.MCP_SERVER, "mcp="),
    (sc.SKILL_NAME, "skill="),
    (sc.WORKFLOW_NAME, "workflow="),
    (sc.TRIGGER, ""),
    (sc.PROMPT_KIND, ""),
    (sc.COMMAND_NAME, "/"),
    (sc.TEAMMATE, "teammate="),
    (sc.TASK_ID, "task="),
    (sc.PERMISSION_MODE, "mode="),
    (sc.TURNS, "turns="),
    (sc.PROMPTS, "prompts="),
    (sc.TOOLS, "tools="),
    (sc.TOOLS_FAILED, "failed="),
    (sc.MODEL_CALLS, "calls="),
    (sc.SUBAGENTS, "subagents="),
    (sc.ATTEMPTS, "attempts="),
    (sc.CONTEXT_BEFORE, "before="),
    (sc.CONTEXT_AFTER, "after="),
    (sc.ALARM_CALLS, "calls="),
    (sc.CHILD_LEFT_OUT, "left out="),
)
_FLAGS: Final = (
    (sc.NEVER_RAN, "never ran"),
    (sc.BLOCKED_BY_HOOK, "blocked by a hook"),
    (sc.BACKGROUND, "background"),
    (sc.START_INFERRED, "start inferred"),
    (sc.END_INFERRED, "end inferred"),
    (sc.LATE, "late"),
    (sc.PAYLOAD_CUT, "payload cut"),
    (sc.CHILD_ORPHAN, "parent never sent"),
)
_USAGE: Final = (
    (sc.GEN_AI_USAGE_INPUT_TOKENS, sc.GEN_AI_USAGE_OUTPUT_TOKENS, sc.GEN_AI_USAGE_CACHE_READ, sc.COST_USD),
    (sc.TOTAL_INPUT_TOKENS, sc.TOTAL_OUTPUT_TOKENS, sc.TOTAL_CACHE_READ, sc.TOTAL_COST_USD),
    (None, None, None, sc.ALARM_COST_USD),
)
"""Of a model call, of what has model calls, and of an alarm."""
CHILDREN_SHOWN: Final = 20
"""Of a program's spans below one other: a test suite has thousands."""
_LEAST_COST: Final = 0.000_001  # dollars; less is the client's arithmetic with fractions
_HIDDEN_IF: Final = {(sc.PROMPTS, 1), (sc.PROMPT_KIND, "human"), (sc.TOOLS_FAILED, 0), (sc.TOOLS, 0)}


def duration(nanoseconds: int) -> str:
    """A length of time in the unit that a person would use."""
    seconds = nanoseconds / 1e9
    if seconds < 0.001:  # noqa: PLR2004
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"


def describe(span: Span) -> str:
    """What matters of one span's attributes, in one line."""
    get = span.attributes.get
    parts = []
    for key, prefix in _SHOWN:
        value = get(key)
        if value is None or (key, value) in _HIDDEN_IF:
            continue
        parts.append(f"{prefix}{value}")
    waited = get(sc.WAITED)
    if isinstance(waited, int | float):
        parts.append(f"waited {duration(round(waited * 1e9))}")
    for keys in _USAGE:
        tokens_in, tokens_out, cached, cost = (get(key) if key else None for key in keys)
        if tokens_in is not None:
            parts.append(f"{tokens_in} in ({cached or 0} cached), {tokens_out} out")
        if isinstance(cost, int | float):
            parts.append(f"${cost:.6f}".rstrip("0").rstrip("."))
    residual = get(sc.COST_RESIDUAL_USD)
    if isinstance(residual, int | float) and abs(residual) >= _LEAST_COST:
        sign = "-" if residual < 0 else "+"
        parts.append(f"{sign}${abs(residual):.6f}".rstrip("0") + " in no transcript")
    parts += [words for key, words in _FLAGS if get(key)]
    parts += [f"{event.name.removeprefix('hookspan.')}: {_happened(event)}".rstrip(": ") for event in span.events]
    parts += [f"link:{link.attributes.get(sc.LINK, '')}" for link in span.links]
    if span.status == STATUS_ERROR:
        parts.append("ERROR")
    return "  ".join(parts)


def _happened(event: SpanEvent) -> str:
    """What an event on a span was about."""
    keys = (sc.CACHE_CAUSE, sc.ERROR_TYPE, sc.COMMAND_NAME)
    return next((str(event.attributes[key]) for key in keys if key in event.attributes), "")


def render(spans: Iterable[Span], *, hooks: bool = False, labels: bool = False) -> list[str]:
    """All traces, each as a tree: offset from its start, name, duration, what matters. Fit for a terminal.

    Args:
        spans: Spans of any number of traces.
        hooks: Whether hook spans are shown.
        labels: Whether the start of commands and prompts is shown.
    """
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if hooks or not span.hook:
            traces[span.trace_id].append(span)
    lines: list[str] = []
    for members in sorted(traces.values(), key=lambda members: min(span.start for span in members)):
        lines += _render_trace(members, labels=labels)
    return lines


def _render_trace(members: Sequence[Span], *, labels: bool) -> list[str]:
    begin = min(span.start for span in members)
    ids = {span.span_id for span in members}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(members, key=lambda span: (span.start, span.end, span.name, span.span_id)):
        children[span.parent_id if span.parent_id in ids else ""].append(span)
    lines = [f"trace {members[0].trace_id}"]

    def walk(parent: str, depth: int) -> None:
        below = children.get(parent, ())
        shown, hidden = _shown(below)
        for span in shown:
            orphan = "?" if depth == 0 and span.parent_id else ""
            offset = f"+{(span.start - begin) / 1e9:.3f}"
            name = f"{'  ' * depth}{orphan}{span.name}"
            label = f"  `{span.label}`" if labels and span.label else ""
            length = duration(span.end - span.start)
            lines.append(printable(f"{offset:>10}  {name:<44} {length:>9}  {describe(span)}{label}".rstrip()))
            if span.span_id != parent:
                walk(span.span_id, depth + 1)
        if hidden:
            lines.append(f"{'':>10}  {'  ' * depth}and {hidden} more (--json)")

    walk("", 0)
    return lines


def _shown(below: Sequence[Span]) -> tuple[Sequence[Span], int]:
    """Of spans with the same parent those that are shown, and how many are not: programs' that are all right."""
    theirs = [span for span in below if is_child(span.name)]
    if len(theirs) <= CHILDREN_SHOWN:
        return below, 0
    failed = [span for span in theirs if span.status == STATUS_ERROR]
    kept = {id(span) for span in [*failed, *theirs][:CHILDREN_SHOWN]}
    shown = [span for span in below if id(span) in kept or not is_child(span.name)]
    return shown, len(below) - len(shown)
