"""docs/threat-model.md says what stands in whose way: each row names tests that exist, and none here is unnamed."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAME = re.compile(r"`(\w+)/(test_\w+)`")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.endswith("| tests |")]


def names_in(folder: str) -> set[str]:
    files = (TESTS / folder).glob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}


def test_every_row_names_tests_that_exist_and_every_test_here_is_named():
    assert len(ROWS) > 25
    assert [row for row in ROWS if not NAME.search(row.rsplit("|", 2)[1])] == []
    named = set(NAME.findall(TEXT))
    assert sorted(f"{folder}/{name}" for folder, name in named if name not in names_in(folder)) == []
    own = test_every_row_names_tests_that_exist_and_every_test_here_is_named.__name__
    assert sorted(names_in("threats") - {own} - {name for folder, name in named if folder == "threats"}) == []
