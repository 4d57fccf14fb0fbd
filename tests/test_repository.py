"""What `make lint` says, as tests, so that CI says it too."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cache import cache

ROOT = Path(__file__).parents[1]
KEPT = {"mypy": [f"--cache-dir={cache() / 'mypy'}"]}
"""What a fresh clone would find out anew: mypy knows by their digests which files it has seen."""


@pytest.mark.parametrize(
    "command", ["ruff check .", "ruff format --check .", "mypy", "lint-imports --no-cache", "deptry ."]
)
def test_lint(command: str):
    program, *arguments = command.split()
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments, *KEPT.get(program, [])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
