"""Project, repository and branch are on all that is told of a session, whenever the agent looks."""

import json
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import late
from tests.otlp_sink import Sink

from .machine import Machine
from .test_projects import Worker, git, repository

WHERE = ("hookspan.project", "vcs.repository.name", "vcs.ref.head.name")


def shop(folder: Path) -> Path:
    """A subfolder of a repository that has another name at its origin."""
    top = repository(folder, "shop")["top"]
    git("remote", "add", "origin", "https://example.invalid/team/store.git", folder=top)
    git("checkout", "-q", "-b", "first", folder=top)
    (top / "services" / "api").mkdir(parents=True)
    return top / "services" / "api"


def test_a_session_that_is_over_at_once_has_its_repository(make_machine: Callable[..., Machine], sink: Sink, tmp_path):
    """Two of them in a subfolder, beside an agent that had nothing to do."""
    machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
    folder = shop(tmp_path)
    machine.up()
    machine.json("flush", "--wait", "60s")
    for _ in range(2):
        worker = Worker(machine, folder)
        worker.begin()
        worker.finish()
    assert machine.json("flush", "--wait", "60s")["exported"]
    found = [span for span in sink.spans if "session.id" in span.attributes]
    assert len(found) == 2 * 9
    assert {tuple(span.attributes.get(key) for key in WHERE) for span in found} == {("shop", "store", "first")}
    _, sums = late.store(machine.paths)
    assert {word for key in sums for word in key if word.startswith("hookspan.project=")} == {"hookspan.project=shop"}


class Told(Worker):
    """A session in a folder whose client writes a transcript."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        super().__init__(machine, folder)
        self.transcript = machine.home / ".claude" / "projects" / "-shop" / f"{self.session}.jsonl"
        self.transcript.parent.mkdir(parents=True, exist_ok=True)

    def hook(self, name: str, **fields: object) -> None:
        super().hook(name, transcript_path=str(self.transcript), **fields)

    def say(self, kind: str, branch: str) -> None:
        usage = {"input_tokens": 5, "output_tokens": 1}
        message = {"id": f"msg_{uuid.uuid4().hex}", "model": "m", "role": kind, "content": "x", "usage": usage}
        about = {"promptId": self.prompt, "gitBranch": branch, "version": "2.1.331"}
        line = {"type": kind, "timestamp": datetime.now(UTC).isoformat(), "message": message, **about}
        with self.transcript.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def run(self, tool: str, between: Callable[[], None] = lambda: None) -> None:
        call = {"tool_name": "Bash", "tool_input": {"command": tool}, "tool_use_id": f"toolu_{tool}"}
        self.hook("PreToolUse", **call)
        between()
        self.hook("PostToolUse", tool_response={"stdout": ""}, duration_ms=1, **call)


@pytest.mark.parametrize("gone", [False, True])
def test_an_agent_that_comes_late_tells_the_same(make_machine: Callable[..., Machine], tmp_path: Path, gone: bool):
    """A session that changes its branch; afterwards the user changes it again, or removes the folder."""
    machine, folder = make_machine(), shop(tmp_path)
    top = folder.parents[1]
    machine.up()
    session = Told(machine, folder)
    session.hook("SessionStart", source="startup")
    session.hook("UserPromptSubmit", prompt="go")
    session.say("user", "first")
    session.say("assistant", "first")
    session.run("switch", lambda: git("checkout", "-q", "-b", "second", folder=top))
    session.say("assistant", "second")
    session.run("work")
    session.say("assistant", "second")
    session.hook("Stop")
    session.hook("SessionEnd", reason="other")
    assert machine.json("flush", "--wait", "60s")["drained"]
    assert machine.cli("down").returncode == 0
    if gone:
        shutil.rmtree(top)
    else:
        git("checkout", "-q", "-b", "third", folder=top)

    other = make_machine()
    other.env["HOME"] = machine.env["HOME"]
    late.hand_over(machine.paths.journal, other.paths.journal)
    other.up()
    assert other.json("flush", "--wait", "60s")["drained"]
    early, afterwards = late.store(machine.paths), late.store(other.paths)
    assert len(early[0]) == 15
    branches = {str(span.get("gen_ai.tool.call.id", span["name"])): span[WHERE[2]] for span in early[0].values()}
    assert [branches[name] for name in ("hook SessionStart", "toolu_switch", "toolu_work", "session")] == [
        "first",
        "first",
        "second",
        "second",
    ]
    # What the repository is called, only its folder tells.
    if gone:
        assert {(span[WHERE[0]], span.get(WHERE[1])) for span in afterwards[0].values()} == {(folder.name, None)}
        for span in early[0].values():
            span[WHERE[0]] = folder.name
            del span[WHERE[1]]
        early = early[0], afterwards[1]
    assert late.differences(early, afterwards) == []
    assert other.cli("down").returncode == 0
    assert other.cli("rebuild").returncode == 0
    assert late.store(other.paths) == afterwards, "nor does a rebuild"
