"""Phoenix and MLflow, which know nothing of hookspan, find in its spans what really was: calls, tokens, cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hookspan.store import Reader as Store
from tests.agent.machine import Machine, append
from tests.claude import money
from tests.claude.evidence import Evidence
from tests.model.replay import HOME, SESSIONS, expected
from tests.readers.readers import MLflow, Phoenix, Reader, Session, running
from tests.waiting import until

DELIVERY = 300.0  # s; they are Python, and a busy machine makes minutes of their seconds

pytestmark = [pytest.mark.xdist_group("readers"), pytest.mark.slow]

PLAYED = ("print_tools_agent", "print_nested_agents", "permission_approved", "print_continue")
"""Tools, subagents below each other, a dialog, a session that was resumed."""
SHOWN = "print_tools_agent"
"""The one that is of another project, whose conversation is exported."""


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Phoenix, MLflow]]:
    yield from running(tmp_path_factory.mktemp("readers"))


def send(reader: Reader, folder: Path) -> int:
    """The recordings, through an agent, as `docs/guides/llm-backends.md` says it for this reader; how many spans."""
    where = f'endpoint = "{reader.url}"\nheaders = {{{reader.headers}}}\nmetrics = false\nmax_days = 3650\ntimeout = 60'
    opted_in = '[projects."bank"]\ncontent = "conversation"\n'
    machine = Machine(folder / "machine", settings=f"[export]\n{where}\n{opted_in}").install()
    try:
        machine.up()
        for name in PLAYED:
            for path in (SESSIONS / name / "projects").rglob("*.json*"):
                target = machine.home / ".claude" / path.relative_to(SESSIONS / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
            moved = f"{HOME}/.claude".encode(), f"{machine.home}/.claude".encode()
            journal = (SESSIONS / name / "journal.jsonl").read_bytes().replace(*moved)
            if name == SHOWN:
                journal = journal.replace(b"/home/u/shop", b"/home/u/bank")
            append(machine, *journal.splitlines())
        store = Store(machine.paths)
        until(lambda: len(found := store.sessions()) == len(PLAYED) and all(row.ended for row in found))
        until(lambda: machine.json("flush", "--wait", "60s")["exported"], "not all is out", timeout=DELIVERY)
        return sum(len(store.spans_of_session(row.id)) for row in store.sessions())
    finally:
        machine.close()


@pytest.mark.parametrize("number", [0, 1], ids=["Phoenix", "MLflow"])
def test_what_was(readers: tuple[Phoenix, MLflow], number: int, tmp_path: Path) -> None:
    reader = readers[number]
    sent = send(reader, tmp_path)

    scripts = [expected(name) for name in PLAYED]
    calls = [call for script in scripts for call in script["model_calls"] if call["in_transcript"]]
    agents = sum(len(script["turns"]) + len(script["subagents"]) for script in scripts)
    tools = sum(len(script["tools"]) for script in scripts)
    kinds = Counter(agent=agents, tool=tools, model=len(calls))
    truth: dict[str, Session] = {}
    for name in PLAYED:
        for (session, model), total in money.theirs(Evidence.recorded(SESSIONS / name).lines()).items():
            one = truth.setdefault(session, Session())
            one.input += total["input"] + total["cache_read"] + total["cache_write"]
            one.output += total["output"]
            one.cost += total["nano_usd"] / money.NANO * (model not in reader.unpriced)
    script = expected(SHOWN)
    (shown,) = {session for session, _ in money.theirs(Evidence.recorded(SESSIONS / SHOWN).lines())}
    count = {
        "agent": len(script["turns"]) + len(script["subagents"]),
        "model": len([call for call in script["model_calls"] if call["in_transcript"]]),
        "tool": len(script["tools"]),
    }
    every = {(shown, kind, which): number for kind, number in count.items() for which in ("in", "out")}

    def all_told() -> bool:
        """They take in spans, and count tokens and what these cost, on their own time."""
        told = reader.told()
        assert told.kinds.total() == sent
        assert {kind: told.kinds[kind] for kind in kinds} == kinds
        assert told.kinds["other"] > tools, "hooks and dialogs are there, and plain"
        assert told.sessions.keys() == truth.keys()
        for session, one in truth.items():
            found = told.sessions[session]
            assert (found.input, found.output) == (one.input, one.output), session
            assert found.cost == pytest.approx(one.cost, rel=1e-6), session
        assert +told.said == Counter(every), "the conversation of the project that opted in, whole, and of no other"
        text = json.dumps(told.texts)
        for said in (
            "fix the cart",
            "Looking.",
            "Fixed.",
            "review the cart",
            "Reviewed.",
            "echo reviewed",
            "Exit code 3",
        ):
            assert said in text, text[:2000]
        return True

    until(all_told, "it tells of something else", timeout=DELIVERY)
