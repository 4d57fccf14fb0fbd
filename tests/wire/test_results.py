"""Results of tools without the durations at their ends."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.wire.results import timeless

PLAIN = re.compile(rb"[0-9.]*\d ?(?:m?s|seconds?)\b")
"""What a duration is, told in the shortest way."""
PIECES = [
    "1",
    "23",
    ".",
    " ",
    "  ",
    "m",
    "s",
    "ms",
    "second",
    "seconds",
    "msecond",
    "x",
    "\n",
    "3s",
    "4 ms",
    "0.5 s",
    "é",
]


@pytest.mark.parametrize(
    ("result", "left"),
    [
        ("30 passed in 0.12s", "30 passed in "),
        ("took 3 ms, 2.5 seconds in all", "took , in all"),
        ("1 second\n2 s\n", "\n\n"),
        ("5 msgs, 7s9, 8 secondss, 9mm", "5 msgs, 7s9, 8 secondss, 9mm"),
    ],
)
def test_durations_are_taken_out(result: str, left: str) -> None:
    assert timeless(result.encode()).decode().split() == left.split()


@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_each_duration_and_nothing_else_is(result: str) -> None:
    assert timeless(result.encode()) == PLAIN.sub(b"", result.encode())
