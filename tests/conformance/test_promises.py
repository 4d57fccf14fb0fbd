"""docs/hook-path.md names tests that exist, all that are here, and all promises that `make mutants` breaks."""

import re
from pathlib import Path

from tests.conformance.mutant_table import MUTANTS
from tests.conformance.mutants import edited, unlike_the_page

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "hook-path.md").read_text(encoding="utf-8")


def names_in(folder: str, files_named: str = "test_*.py") -> set[str]:
    files = (TESTS / folder).glob(files_named)
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}


def test_every_promise_names_tests_that_exist_and_every_test_here_is_named():
    named = {(folder or "conformance/", name) for folder, name in re.findall(r"`(\w+/)?(test_\w+)`", TEXT)}
    assert sorted((folder, name) for folder, name in named if name not in names_in(folder)) == []
    here = names_in("conformance") - names_in("conformance", Path(__file__).name)
    assert sorted(here - {name for folder, name in named if folder == "conformance/"}) == []


def test_the_mutants_are_those_of_the_promises_on_the_page():
    assert unlike_the_page() == []


def test_every_mutant_can_still_be_made():
    for mutants in MUTANTS.values():
        for mutant in mutants:
            edited((TESTS.parent / "hooks" / mutant.file).read_text(encoding="utf-8"), mutant.edits)
