"""A recorded session, played to a real agent that exports it: what came of it, however busy the machine is."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hookspan.cli.demo.outcome import await_outcome
from hookspan.cli.demo.player import play
from hookspan.errors import UserError
from hookspan.sandbox import Sandbox, sandbox
from tests.waiting import PATIENCE, until

T = TypeVar("T")


def patient(ask: Callable[[], T], what: str) -> T:
    """What is said by a command, which gives up sooner than a test does."""

    def asked() -> T:
        try:
            return ask()
        except UserError as error:
            raise AssertionError(str(error)) from error

    return until(asked, what, timeout=5 * PATIENCE)


def up(home: Sandbox) -> None:
    """Start the agent."""
    patient(lambda: home.cli("up") or True, "no agent comes up")


def session(name: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """All of it, in a home of that name; `settings` are HOOKSPAN_* variables without that prefix."""
    with sandbox(name, settings) as home:
        up(home)
        played = play(home)
        outcome = patient(lambda: await_outcome(home, played), "not all of it is out")
    assert outcome["spans"]
    assert outcome["lost"] == 0
    return outcome
