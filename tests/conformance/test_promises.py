"""docs/hook-path.md says which tests hold a promise: it names tests that exist, and all that are here."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "hook-path.md").read_text(encoding="utf-8")


def names_in(folder: str) -> set[str]:
    files = (TESTS / folder).glob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}


def test_every_promise_names_tests_that_exist_and_every_test_here_is_named():
    named = {(folder or "conformance/", name) for folder, name in re.findall(r"`(\w+/)?(test_\w+)`", TEXT)}
    assert sorted((folder, name) for folder, name in named if name not in names_in(folder)) == []
    here = names_in("conformance") - {test_every_promise_names_tests_that_exist_and_every_test_here_is_named.__name__}
    assert sorted(here - {name for folder, name in named if folder == "conformance/"}) == []
