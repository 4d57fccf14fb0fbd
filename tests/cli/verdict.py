"""Whether hooks are installed, as each part of hookspan that says so sees it: they must say the same."""

import json
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

from tests.waiting import until

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CHECKS = {"hooks", "policies", "stale", "twice", "other agents", "relay", "starter"}


def installed(run: Run, of: Iterable[Iterable[str]] = ((),)) -> str | None:
    """Where the hooks are, as all agree; None where all agree that something is wrong. `run`: our command.

    `of`: for each agent that it was installed for, the options of `install` that say so.
    """
    checked = [run("install", "--check", *words) for words in of]
    doctor = json.loads(run("doctor", "--json").stdout)
    status = json.loads(run("status", "--json").stdout)
    bare = run().stdout
    run("restart")
    health = until(lambda: json.loads(run("status", "--json").stdout).get("health"))["checks"]["installation"]
    run("down")
    broken = [one for one in doctor["checks"] if one["check"] in CHECKS and one["status"] == "critical"]
    said = {
        "install --check": not any(done.returncode for done in checked),
        "doctor": not broken,
        "status": status["installed"] and not any(one["broken"] for one in status["installation"]["problems"]),
        "bare": "next: hookspan install" not in bare and "next: hookspan doctor" not in bare,
        "health": health["status"] in {"healthy", "warning"},
    }
    assert len(set(said.values())) == 1, (
        said,
        [done.stderr for done in checked],
        broken,
        status["installation"],
        health,
    )
    return str(status["installation"]["where"]) if said["doctor"] else None


def found(run: Run, name: str) -> list[dict[str, Any]]:
    """What a check of `doctor` found that isn't well."""
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    return [one for one in checks if one["check"] == name and one["status"] != "healthy"]
