"""Figures as people read them."""

import ast
import itertools
import re
from pathlib import Path

import pytest

from hookspan.units import counted, elapsed, size

SOURCES = Path(__file__).parents[1] / "instrumentation" / "hookspan"
NOUNS = {
    "bytes", "calls", "checks", "connections", "entries", "events", "failures", "files", "hooks", "lines", "processors",
    "records", "segments", "services", "sessions", "spans", "strays", "subagents", "transcripts", "turns",
}  # fmt: skip
AFTER = re.compile(r" (?:[a-z]*[a-rt-z] )?([a-z]+)\b")  # a word between them is none that ends in s: that is a verb


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (64 << 20, "64 MiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (2 << 30, "2.0 GiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_a_size_reads_as_on_the_page(number: int, text: str):
    assert size(number) == text


def test_a_time_that_ticks_reads_as_on_the_page():
    seconds = (-1, 0, 59, 60, 192, 7500, 86_400 * 3 + 4 * 3600)
    read = ["0 s", "0 s", "59 s", "1 min 00 s", "3 min 12 s", "2 h 05 min", "3 d 4 h"]
    assert [elapsed(one) for one in seconds] == read


def test_one_is_no_plural():
    assert [counted(count, "turns") for count in (0, 1, 2, 1234)] == ["0 turns", "1 turn", "2 turns", "1,234 turns"]
    assert counted(1, "entries") == "1 entry"


def test_every_noun_that_is_printed_after_a_number_is_counted():
    """In an f-string a number is followed by no plural: `counted` has the noun in it."""
    found = []
    for file in [*SOURCES.glob("cli/**/*.py"), *SOURCES.glob("agent/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else []
            for value, text in itertools.pairwise(parts):
                if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                    continue
                after = AFTER.match(str(text.value))
                if after and after[1] in NOUNS and "counted" not in ast.unparse(value):
                    found.append(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    assert not found


def test_sizes_have_one_form():
    for file in [*SOURCES.glob("cli/**/*.py"), *SOURCES.glob("agent/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr) and not file.name.startswith("bench"):
                assert not re.search(r"\b[KMGT]i?B\b", ast.unparse(node)), f"{file.name}:{node.lineno}"
