"""Stops the agent for a while, and afterwards restores its previous state whatever happened."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from hookspan.agent import launch
from hookspan.cli.lifecycle.manager import Manager
from hookspan.errors import UserError
from hookspan.paths import Paths

ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Pause:
    """`ran`: there was an agent. `over`: another one has been started, so that the one before is not to come back."""

    ran: bool
    over: bool = False


@contextmanager
def paused(paths: Paths, *, wished_port: bool = False) -> Iterator[Pause]:
    """No agent runs at the beginning of the block; the one that ran is started again after it.

    It stays or leaves as before, with the variables and at the address that it had, by the service if that had started
    it. Also if the block fails, or is ended by Ctrl-C or a signal; but not if `down` was said meanwhile. `wished_port`:
    its page is at the port of the settings, if that is free by now.
    """
    manager, way = Manager.here(paths), launch.startup(paths)
    pause = Pause(ran=way is not None)
    served = way is not None and manager.is_ours() and manager.runs()
    with _signals(signal.default_int_handler):  # SIGTERM and SIGHUP unwind the block as Ctrl-C does
        try:
            launch.stop(paths)
            yield pause
        finally:
            if way is not None and not pause.over and not paths.down.exists():
                with _signals(lambda *_: None):  # who presses Ctrl-C twice wants the agent back, too
                    _resume(paths, way, manager if served else None, 0 if wished_port else way.port)


def _resume(paths: Paths, way: launch.Startup, manager: Manager | None, port: int) -> None:
    if manager is not None:
        with contextlib.suppress(UserError):  # then without it
            manager.run(*manager.resume)
            return
    launch.start(paths, _environment(way), stay=way.stay, port=port)


def _environment(way: launch.Startup) -> dict[str, str]:
    """That of this shell, with the settings of another."""
    own = launch.settings_variables(os.environ)
    return {name: value for name, value in os.environ.items() if name not in own} | dict(way.variables)


@contextmanager
def _signals(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Another handler for what ends a program; only the main thread may have one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in ENDS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
