"""Where the time of a turn with very many calls went: hooks and lines of a transcript in, `hookspan.time` out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model import times
from hookspan.wire.reduced import Reduced
from tests.model.test_waste import Agent

ROUNDS = 1_500
MODEL, TOOL, WAIT, GAP = 4, 2, 3, 1


class Worker(Agent):
    """Its main agent has one turn."""

    def event(self, event: str, **fields: str) -> None:
        self.fold(Reduced(event=event, session="s", prompt="p", at=int(self.at * 10**9), **fields))

    def thinks(self, at: float) -> None:
        """A model call of 4 s."""
        self.calls += 1
        self.at = at
        self.line(type="api-request", id=f"r{self.calls}", params={"model": "claude-opus-5-5"})
        self.at += MODEL
        message = {"id": f"m{self.calls}", "model": "claude-opus-5-5", "usage": {"output_tokens": 1}}
        self.line(type="assistant", message=message)
        for fact in self.parser.flush():
            self.fold(fact)

    def works(self, id_: str, seconds: float, tool: str = "Bash", *, asks: bool = False, by: str = "") -> None:
        who = {"agent_id": by, "agent_type": "Explore"} if by else {}
        self.hook("PreToolUse", id_, tool, prompt_id="p", **who)
        if asks:
            self.hook("PermissionRequest", id_, tool, prompt_id="p", **who)
            self.at += WAIT
        self.at += seconds
        told = {"prompt_id": "p", "tool_response": {}, "duration_ms": seconds * 1000, **who}
        self.hook("PostToolUse", id_, tool, **told)

    def ends(self) -> dict[str, float]:
        """The turn's time by kind."""
        self.event("SessionEnd")
        self.at += 3_600
        self.event("SessionStart", source="resume")
        spent: Counter[str] = Counter()
        for one in (one for rows in self.rows for one in rows.increments if one.instrument == "hookspan.time"):
            spent[dict(one.attributes)[sc.TIME_KIND]] += one.value
        return {kind: round(seconds, 3) for kind, seconds in spent.items()}

    def rounds(self) -> Iterator[float]:
        """When each round begins, with a model call that takes 4 s."""
        self.event("UserPromptSubmit")
        for number in range(ROUNDS):
            yield self.at
            self.at += GAP
            self.works(f"c{number}", TOOL, asks=number % 100 == 50)
        self.event("Stop")


WHOLE = {"model": MODEL * ROUNDS, "tool": TOOL * ROUNDS, "other": GAP * ROUNDS, "wait": WAIT * ROUNDS // 100}


def test_each_moment_counts_once_however_many_calls_a_turn_has():
    worker = Worker()
    for begins in worker.rounds():
        worker.thinks(begins)
    (turn,) = worker.state.sessions["s"].turns.values()
    assert len(turn.intervals) <= times.KEPT
    assert worker.ends() == WHOLE


def test_model_calls_that_are_read_when_the_tools_are_done_take_what_was_nobodys():
    worker = Worker()
    begun = []
    for begins in worker.rounds():
        begun.append(begins)
        worker.at += MODEL
    end = worker.at
    for begins in begun:
        worker.thinks(begins)
    worker.at = end
    assert worker.ends() == WHOLE


def test_a_subagent_that_worked_long_fills_the_gaps_between_its_calls():
    """Its Agent call ends last. In the stretch in which that began the gaps before it are not told apart."""
    worker = Worker()
    for number, _ in enumerate(worker.rounds()):
        worker.at += MODEL
        if number == ROUNDS // 2:
            worker.hook("PreToolUse", "agent", "Agent", prompt_id="p")
            began = worker.at
    took = worker.at - began
    worker.hook("PostToolUse", "agent", "Agent", prompt_id="p", tool_response={}, duration_ms=took * 1000)
    spent, half = worker.ends(), (GAP + MODEL) * ROUNDS / 2
    assert spent == {
        "tool": pytest.approx(WHOLE["tool"] + half, rel=0.01),
        "other": pytest.approx(half, rel=0.01),
        "wait": WHOLE["wait"],
    }


def test_gaps_in_which_a_subagent_did_nothing_after_its_turn_are_nobodys():
    worker = Worker()
    worker.event("UserPromptSubmit")
    worker.event("SubagentStart", agent_id="a", agent_type="Explore")
    worker.event("Stop")
    for number in range(times.KEPT * 2):
        worker.at += GAP
        worker.works(f"c{number}", TOOL, by="a")
    assert worker.ends() == {"tool": TOOL * times.KEPT * 2}
