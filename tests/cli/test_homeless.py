"""A user of whom the system knows no more than a number, as in many containers."""

import subprocess
import sys
from pathlib import Path

import pytest

from hookspan.cli import verbs
from hookspan.errors import EXIT_BUG
from tests.command import call
from tests.waiting import PATIENCE

NOBODY = 61_005
ARGUMENTS = {
    "install": ["--yes"],
    "uninstall": ["--yes"],
    "audit": ["key"],
    "config": ["show"],
    "service": ["install"],
    "open": ["--print"],
    "trace": ["last"],
    "tail": ["--no-follow"],
    "demo": ["--help"],
    "bench": ["--help"],
    "import": ["--dry-run"],
    "forget": ["--yes", "x"],
    "rebuild": ["--yes"],
    "stack": ["status"],
    "completion": ["bash"],
}
VERBS = list(verbs.NAMES)


def started(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """By a Python of its own. That may be in a folder that only its owner may enter: this user may look everywhere."""
    return subprocess.run(
        [
            *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
            *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
            *(sys.executable, "-m", "hookspan", *words),
        ],
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )


def forked(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """For a third of that: what the start does is seen where the variable is unset."""
    return call(*words, env=env, cwd=Path("/"), timeout=5 * PATIENCE, uid=NOBODY)


@pytest.mark.need_root
@pytest.mark.parametrize("env", [{}, {"HOME": ""}, {"HOME": "/nonexistent"}], ids=["unset", "empty", "missing"])
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_no_command_breaks_without_a_home(verb: str, env: dict[str, str]):
    words = [*filter(None, [verb]), *ARGUMENTS.get(verb, [])]
    done = (forked if env else started)(*words, env={"PATH": "/usr/bin:/bin", **env})
    assert done.returncode in {0, 1}, f"{done.returncode} (a bug is {EXIT_BUG}): {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    if not env.get("HOME") and done.returncode and "error" in done.stderr:
        assert "set HOME to a folder that belongs to you" in done.stderr
