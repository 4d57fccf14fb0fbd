"""A user of whom the system knows no more than a number, as in many containers."""

import json
import os
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
@pytest.mark.parametrize(
    "env",
    [{}, {"HOME": ""}, {"HOME": "/nonexistent"}, {"HOME": "/dev/null"}],
    ids=["unset", "empty", "missing", "file"],
)
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_no_command_breaks_without_a_home(verb: str, env: dict[str, str]):
    words = [*filter(None, [verb]), *ARGUMENTS.get(verb, [])]
    done = (forked if env else started)(*words, env={"PATH": "/usr/bin:/bin", **env})
    assert done.returncode in {0, 1}, f"{done.returncode} (a bug is {EXIT_BUG}): {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    if env.get("HOME") != "/nonexistent" and done.returncode and "error" in done.stderr:
        assert "set HOME to a folder that belongs to you" in done.stderr


@pytest.mark.parametrize("words", [["restart"], ["service", "status"], ["doctor"], ["uninstall", "--yes", "--purge"]])
def test_no_command_breaks_in_a_home_whose_name_is_no_text(words: list[str], tmp_path: Path):
    home = tmp_path / os.fsdecode(b"caf\xe9")
    home.mkdir()
    done = call(*words, env={"PATH": "/usr/bin:/bin", "HOME": str(home)}, timeout=5 * PATIENCE)
    assert done.returncode in {0, 1}, done.stderr
    assert "bug" not in done.stderr


def test_a_file_system_without_blocks_is_told_of():
    done = call("doctor", "--json", env={"PATH": "/usr/bin:/bin", "HOME": "/proc/nobody"}, timeout=5 * PATIENCE)
    assert "disk" in {one["check"] for one in json.loads(done.stdout)["checks"]}
