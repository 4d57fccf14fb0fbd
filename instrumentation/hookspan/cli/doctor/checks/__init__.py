"""The checks of `hookspan doctor` in the order in which they are printed: a name and a function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from hookspan.agent.health import Status
from hookspan.cli.doctor.checks import (
    agent,
    backends,
    claude,
    clock,
    folders,
    installed,
    kept,
    others,
    received,
    recorded,
    told,
)
from hookspan.cli.doctor.context import Context, SettingsUnreadable
from hookspan.cli.doctor.result import Result
from hookspan.errors import UserError

Check = Callable[[Context], Iterator[Result]]

ALL: Final[Mapping[str, Check]] = {
    "settings": installed.settings,
    "hooks": claude.hooks,
    "policies": claude.policies,
    "stale": claude.stale,
    "twice": claude.twice,
    "native": claude.native,
    "status line": claude.status_line,
    "other agents": others.others,
    "relay": installed.relay,
    "starter": installed.starter,
    "folders": folders.folders,
    "owners": folders.owners,
    "sockets": folders.sockets,
    "disk": folders.disk,
    "journal": recorded.journal,
    "lost": recorded.lost,
    "store": recorded.store,
    "transcripts": kept.transcripts,
    "agent": agent.agent,
    "alone": agent.second_agent,
    "port": agent.port,
    "clock": clock.clock,
    "export": backends.export,
    "receive": received.receive,
    "collector": backends.collector,
    "docker": backends.docker,
    "notify": told.notify,
}


def run(context: Context) -> Iterator[tuple[str, Result]]:
    """Every check in turn; one that breaks is a finding too."""
    for name, check in ALL.items():
        try:
            yield from ((name, result) for result in check(context))
        except SettingsUnreadable:
            yield name, Result(Status.UNKNOWN, "not checked: the settings can't be read")
        except UserError as error:
            yield name, Result(Status.CRITICAL, error.message, todo=error.hint or "", quotes=True)
        except OSError as error:
            yield name, Result(Status.UNKNOWN, f"can't be checked: {error}", todo="see what it says of the file")
