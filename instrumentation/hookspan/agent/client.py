"""The command line's side of the control socket. It imports little, since `hookspan status` waits for it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hookspan import __version__
from hookspan.agent import PROTOCOL, sockets
from hookspan.agent.lock import is_held
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record

_RELEASE: Final = re.compile(r"\d+(?:\.\d+)*")  # the numbers at the start of a version
READY_TIMEOUT: Final = 15.0  # seconds; an agent is ready in less than one, on a machine that isn't drowning
START_POLL: Final = 0.05  # seconds between looks for an agent that is being started
ANSWER_TIMEOUT: Final = 5.0  # seconds; an agent answers from memory


class Ready(Record):
    """An agent of this version runs."""

    version: str
    pid: int
    about: Mapping[str, Any]


class NeedsRestart(Record):
    """An agent runs that doesn't fit, or one that holds the lock and doesn't answer."""

    reason: str
    about: Mapping[str, Any]


class Unreachable(Record):
    """No agent runs."""


Probe = Ready | NeedsRestart | Unreachable


class NoAnswerError(UserError):
    """The agent can't be reached or didn't answer in time."""


class Client:
    """Requests to the agent of `paths`."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def request(self, op: str, *, timeout: float = ANSWER_TIMEOUT, **arguments: Any) -> dict[str, Any]:
        """The answer to one operation. NoAnswerError if there is none, UserError if the agent says that it failed."""
        return self.ask(op, timeout=timeout, **arguments)()

    def ask(self, op: str, *, timeout: float = ANSWER_TIMEOUT, **arguments: Any) -> Callable[[], dict[str, Any]]:
        """As `request`, in two steps: the agent answers while the caller does other things, then calls for it."""
        answers = self._answers(op, timeout, arguments)
        next(answers)
        return lambda: next(answers)

    def _answers(self, op: str, timeout: float, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Nothing once it is asked, then the answer."""
        try:
            with sockets.connect(self._paths.control_socket) as stream:
                stream.settimeout(timeout)
                stream.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
                yield {}
                line = _read(stream, time.monotonic() + timeout)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoAnswerError("no agent is running", hint="`hookspan up` starts one") from error
        except OSError as error:
            raise NoAnswerError(
                f"the agent does not answer ({error.strerror or 'timed out'})",
                hint="`hookspan restart` starts a new one",
            ) from error
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise NoAnswerError("the agent ended in the middle of its answer", hint="try again") from error
        if not isinstance(answer, dict):
            raise NoAnswerError("the agent's answer can't be read", hint="`hookspan restart` starts a new one")
        if not answer.get("ok"):
            raise UserError(
                f"the agent could not do `{op}`: {answer.get('error', 'no reason given')}",
                hint=f"details are in `{self._paths.log}`",
            )
        yield answer

    def wait_for_start(self) -> Probe:
        """As `probe`, after one that is just being started has come up, or should have."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not isinstance(probed := self.probe(), Ready) and is_held(self._paths.start_lock):
            if time.monotonic() > deadline:
                break
            time.sleep(START_POLL)
        return probed

    def probe(self) -> Probe:
        """Whether there is an agent, and whether it fits this program."""
        try:
            about = self.request("ping")
        except UserError as error:
            if is_held(self._paths.agent_lock):
                return NeedsRestart(f"it holds its lock, but {error.message}", lock_content(self._paths))
            return Unreachable()
        version, protocol = str(about.get("version", "")), about.get("protocol")
        if protocol != PROTOCOL:
            return NeedsRestart(f"it speaks protocol {protocol}, this is {PROTOCOL}", about)
        if version != __version__:
            return NeedsRestart(f"it is version {version}, this is {__version__}", about)
        if about.get("state") == "stopping":
            return NeedsRestart("it is stopping", about)
        return Ready(version, int(about["pid"]), about)


def lock_content(paths: Paths) -> dict[str, Any]:
    """Pid and version as the agent wrote them into its lock; empty if it wrote none."""
    try:
        pid, version = paths.agent_lock.read_text().split()
        return {"pid": int(pid), "version": version}
    except (OSError, ValueError):
        return {}


def is_newer(version: str, than: str) -> bool:
    """Whether `version` is later; numbers count as numbers, and a release is later than its own pre-releases."""
    return _order(version) > _order(than)


def _order(version: str) -> tuple[tuple[int, ...], int, str]:
    match = _RELEASE.match(version)
    if match is None:
        return (), 0, version
    rest = version[match.end() :]
    final = not rest or rest.startswith((".post", "+"))
    return tuple(map(int, match[0].split("."))), final, rest


def _read(stream: Any, deadline: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if time.monotonic() > deadline:
            raise TimeoutError
        part = stream.recv(65536)
        if not part:
            break
        line += part
    return line
