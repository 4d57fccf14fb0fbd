"""Do the tests of the hook path fail when a promise is broken? `python -m tests.conformance.mutants [WORD ...]`.

Applies each mutant of `mutant_table` by itself to a copy of `hooks`, and runs there the tests that must fail. Every
test of this folder that docs/hook-path.md names for a promise must be shown to fail for it. Prints a table; with words,
only of the mutants that these occur in.
"""

import ast
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import hypothesis  # noqa: F401 - so that no fork has to import it anew
import pytest

from tests.conformance.build import compile_relay
from tests.conformance.mutant_table import COMPILES, MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
HERE = "tests/conformance"
COPIED = (
    "hooks",
    HERE,
    "pyproject.toml",
    *(f"tests/{name}.py" for name in ("__init__", "cache", "compiled_once", "conftest", "waiting")),
)
PATIENCE = {"LONG = 60": "LONG = 8"}  # seconds: a mutant that hangs is found out sooner
IN_C = "not sanitized and not python and not interpreted"
ITS_TESTS = {
    "relay.c": IN_C,
    "libc.c": IN_C,
    **dict.fromkeys(("main.py", "relay.py"), "not sanitized and not compiled"),
}


def edited(text: str, edits: dict[str, str]) -> str:
    """The text with each piece replaced.

    Raises:
        ValueError: a piece is not there, or more than once.
    """
    for piece, becomes in edits.items():
        if (count := text.count(piece)) != 1:
            raise ValueError(f"{count} times in the text, must be once: {piece!r}")
        text = text.replace(piece, becomes)
    return text


def promises() -> dict[str, set[str]]:
    """The rows of docs/hook-path.md that tests of this folder hold, and these tests."""
    rows = re.findall(r"^\| (.+?) \| (`.+`) \|$", (ROOT / "docs" / "hook-path.md").read_text("utf-8"), re.MULTILINE)
    return {row: tests for row, names in rows if (tests := set(re.findall(r"`(test_\w+)`", names)))}


def unlike_the_page() -> list[str]:
    """Where the table does not fit the page, a sentence each."""
    wrong = []
    left = promises()
    for promise, mutants in MUTANTS.items():
        named = {test for mutant in mutants for test in mutant.tests}
        rows = [row for row in left if row.startswith(promise)]
        if len(rows) != 1:
            what = "is more than one promise" if rows else "is not a promise"
            wrong.append(f"{promise!r} {what} of docs/hook-path.md: {HERE}/mutant_table.py")
            continue
        tests = left.pop(rows[0])
        wrong += [f"{promise}: no mutant shows that {test} fails" for test in tests - named]
        wrong += [f"{promise}: the page does not name {test}" for test in named - tests]
    return wrong + [f"{row}: no mutant" for row in left]


def check(mutant: Mutant, relay: Path) -> None:
    """Raises an error if the mutant is no program."""
    if relay.suffix == ".c":
        compile_relay(hooks=relay.parent)
        return
    for node in ast.parse(relay.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RARE":
            ast.parse(ast.literal_eval(node.value))


def run(copy: Path, options: list[str], failed: Connection) -> None:
    """Runs pytest in the copy; sends the tests that failed."""
    found = set()

    class Listener:
        def pytest_runtest_setup(self, item: pytest.Function) -> None:
            if item.originalname in found:
                pytest.skip("it has failed with other parameters")

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.when == "call" and report.failed:
                found.add(report.nodeid.partition("::")[2].partition("[")[0])

    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]  # they are the checkout's
    os.chdir(copy)
    sys.path[0] = str(copy)
    output = os.open("output", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    plugins = ["-p", "no:cacheprovider", "-p", "no:unraisableexception"]
    code = pytest.main(["-q", *plugins, *options], plugins=[Listener()])
    failed.send(found if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} else None)


def failed(copy: Path, tests: set[str], *options: str) -> set[str]:
    """Runs these tests in the copy, in a fork; gives those that failed."""
    names = []
    for file in (copy / HERE).glob("test_*.py"):
        here = set(re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE))
        names += [f"{HERE}/{file.name}::{test}" for test in sorted(tests & here)]
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=run, args=(copy, [*options, *names], theirs))
    process.start()
    theirs.close()
    found: set[str] | None = ours.recv()
    process.join()
    if found is None:
        raise RuntimeError((copy / "output").read_text())
    return found


def verdict(copy: Path, mutant: Mutant) -> str:
    """What became of the mutant; `SURVIVED`, if a test that should fail did not."""
    relay = copy / "hooks" / mutant.file
    original = relay.read_text("utf-8")
    try:
        relay.write_text(edited(original, mutant.edits), "utf-8")
        if COMPILES not in mutant.tests:
            check(mutant, relay)
        tests = set(mutant.tests)
        alive = tests - failed(copy, tests, "-k", ITS_TESTS[mutant.file])
        return f"SURVIVED {' '.join(sorted(alive))}" if alive else f"killed by {' '.join(mutant.tests)}"
    except (ValueError, SyntaxError, subprocess.CalledProcessError) as error:
        return f"SURVIVED, as it is no program: {error}"
    finally:
        relay.write_text(original, "utf-8")


def main(words: list[str]) -> int:
    """0, or 1 if a mutant survived, can't be made, or a promise has none."""
    wrong = [] if words else unlike_the_page()
    table = [(promise, mutant) for promise, mutants in MUTANTS.items() for mutant in mutants]
    table = [(promise, mutant) for promise, mutant in table if all(word in f"{promise} {mutant}" for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder, "copy")
        for name in COPIED:
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(ROOT / name, target) if (ROOT / name).is_dir() else shutil.copy(ROOT / name, target)
        conftest = copy / HERE / "conftest.py"
        patient = conftest.read_text("utf-8")
        conftest.write_text(edited(patient, PATIENCE), "utf-8")
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["HOOKSPAN_TEST_CACHE"] = f"{folder}/cache"

        for promise, mutant in table:
            says = verdict(copy, mutant)
            print(f"{promise:<52} {mutant.file:<8} {mutant.what:<46} {says}", flush=True)
            wrong += [mutant.what] if says.startswith("SURVIVED") else []
        # What fails anyhow shows nothing.
        conftest.write_text(patient, "utf-8")
        for file, its in ITS_TESTS.items():
            if tests := {test for _, mutant in table if mutant.file == file for test in mutant.tests}:
                wrong += [f"{file} as it is: {test} fails" for test in failed(copy, tests, "-k", its)]
    print(*wrong, f"{len(table)} mutants", sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
