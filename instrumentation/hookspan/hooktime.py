"""What hooks cost, in two parts: starting the process (and an interpreter, if there is one) and the relay's work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hookspan.units import counted

PROMISE: Final = 0.005  # seconds that a hook may take, p99: nobody feels that


class HookTime(NamedTuple):
    """One hook's, in nanoseconds.

    `took`: the relay, from its first instruction until its line was in the journal. `age`: before that, since its
    process was created; 0 if the kernel doesn't report it.
    """

    took: int
    age: int


def statistics(hooks: Sequence[HookTime]) -> dict[str, Any] | None:
    """The relay's average, p99, maximum and minimum, and the average `start` before it (None: unknown), in seconds."""
    if not hooks:
        return None
    took = sorted(hook.took for hook in hooks)
    ages = [hook.age for hook in hooks if hook.age]
    return {
        "average": sum(took) / len(took) / 1e9,
        "p99": took[int(len(took) * 0.99)] / 1e9,
        "max": took[-1] / 1e9,
        "min": took[0] / 1e9,
        "start": sum(ages) / len(ages) / 1e9 if ages else None,
        "samples": len(took),
    }


def describe(figures: Mapping[str, Any]) -> str:
    """The same in one line, beginning with the time that people feel."""
    average, p99, most, least = (f"{figures[name] * 1e3:.2f} ms" for name in ("average", "p99", "max", "min"))
    of = f"p99 {p99}, max {most}, min {least} of {counted(figures['samples'], 'hooks')}"
    start = figures.get("start")
    if start is None:
        return f"average {average} in the relay, {of}; the start of its process, not measured here, comes on top"
    whole = f"{(start + figures['average']) * 1e3:.2f} ms"
    return f"average {whole}: {start * 1e3:.2f} ms until the relay starts, {average} in it ({of})"
