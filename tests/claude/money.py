"""The client's own totals as an oracle: tokens by model in `cost-state` against hookspan's for the same calls.

What remains is one of four known differences; each is named by a fact about the client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import Outcome
from tests.claude.verdict import SpanLike

NANO = 1_000_000_000

# Why the client's totals differ from the calls in its transcripts, by scenario.
EXPLAINED = {
    "compact": "summary_call_is_in_no_transcript",
    "compact_auto": "summary_call_is_in_no_transcript",
    "esc_stream": "cut_answer_is_estimated",
    "print_fork": "fork_takes_the_totals_along",
    "print_resume_killed": "killed_client_s_totals_are_lost",
    "sigkill_dialog": "killed_client_s_totals_are_lost",
}

Key = tuple[str, str]  # session, model


def theirs(lines: Iterable[Mapping[str, Any]]) -> dict[Key, Counter[str]]:
    """The newest `cost-state` of each session, by session and model. A later line holds the earlier ones' tokens."""
    found: dict[Key, Counter[str]] = {}
    for line in lines:
        if line.get("type") == "cost-state":
            for model, usage in line["modelUsage"].items():
                found[line["sessionId"], model] = Counter(
                    input=usage["inputTokens"],
                    output=usage["outputTokens"],
                    cache_read=usage["cacheReadInputTokens"],
                    cache_write=usage["cacheCreationInputTokens"],
                    nano_usd=round(usage["costUSD"] * NANO),
                )
    return found


def ours(model_calls: Iterable[SpanLike]) -> dict[Key, Counter[str]]:
    """Sums over model calls' spans."""
    found: dict[Key, Counter[str]] = {}
    for span in model_calls:
        told = span.attributes
        if told.get(sc.OUTCOME) == Outcome.ERROR:
            continue
        read, write = (told.get(key, 0) for key in (sc.GEN_AI_USAGE_CACHE_READ, sc.GEN_AI_USAGE_CACHE_WRITE))
        key = (str(told[sc.SESSION_ID]), str(told[sc.GEN_AI_RESPONSE_MODEL]))
        found.setdefault(key, Counter()).update(
            input=told.get(sc.GEN_AI_USAGE_INPUT_TOKENS, 0) - read - write,
            output=told.get(sc.GEN_AI_USAGE_OUTPUT_TOKENS, 0),
            cache_read=read,
            cache_write=write,
            nano_usd=round(told.get(sc.COST_USD, 0) * NANO),
        )
    return found


def residuals(lines: Iterable[Mapping[str, Any]], model_calls: Sequence[SpanLike]) -> dict[Key, dict[str, int]]:
    """What the client counts over hookspan, where it left totals at all; only what isn't zero."""
    own = ours(model_calls)
    found = {}
    for key, total in theirs(lines).items():
        counted = own.get(key, Counter())
        rest = {kind: total[kind] - counted[kind] for kind in total if total[kind] != counted[kind]}
        if rest:
            found[key] = rest
    return found


def told(scenario: str, rest: Mapping[Key, Mapping[str, int]]) -> Iterator[str]:
    """Residuals in words."""
    for (_, model), kinds in rest.items():
        amounts = ", ".join(
            f"{kind} {value / NANO:+.4f} USD" if kind == "nano_usd" else f"{kind} {value:+}"
            for kind, value in kinds.items()
        )
        yield f"{scenario}: the client counts for {model} {amounts}: {EXPLAINED.get(scenario, 'not explained')}"
