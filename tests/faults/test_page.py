"""docs/faults.md says what the tests are."""

import subprocess
import sys
from pathlib import Path


def test_the_page_is_what_the_tests_say():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tests.faults.page", "--check"], cwd=root, check=False)
    assert done.returncode == 0, "`make generate` writes it"
