"""Checks the agent: it runs, has this version, is the only one, and its page has the port that is set."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from hookspan import __version__
from hookspan.agent import launch, status
from hookspan.agent.client import Client, is_newer, lock_content
from hookspan.agent.health import Status
from hookspan.agent.health.checks import NO_METRICS
from hookspan.agent.lock import is_held
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Fix, Result
from hookspan.cli.lifecycle.paused import paused
from hookspan.config import OPTIONS, TABLES, from_snapshot, is_locked, load
from hookspan.errors import UserError
from hookspan.paths import Paths

GRACE: Final = launch.STOP_TIMEOUT + 10.0  # seconds: an agent that takes over waits so long for the one before
TAKEN_IN: Final = 5.0  # seconds in which a running agent takes in a change of the files
POLL: Final = 0.25
LISTENERS: Final = ("/proc/net/tcp", "/proc/net/tcp6")
LISTENING: Final = "0A"  # the state in these tables


def agent(context: Context) -> Iterator[Result]:
    """The agent answers, has this version, and is healthy."""
    report = status.status_of(context.paths)
    state = report["agent"]["state"]
    if report["answered"]:
        yield from _answering(context, report)
    elif state == "unresponsive":
        message = f"pid {report['agent'].get('pid', '?')} does not answer: {report['agent']['problem']}"
        why = "hooks are recorded, but nothing is read or exported in the meantime"
        yield Result(
            Status.CRITICAL, message, why, "`hookspan restart`; if that fails, `kill -9` it, which loses nothing"
        )
    elif state == "down":
        why = "hooks are recorded, but no agent reads them"
        yield Result(Status.WARNING, "stopped by `hookspan down`", why, "`hookspan up`")
    else:
        yield Result(Status.HEALTHY, "not running; the next hook starts it")


def _answering(context: Context, report: dict[str, Any]) -> Iterator[Result]:
    about = report["agent"]
    text = f"{about['state']}, pid {about['pid']}, version {about['version']}"
    well = True
    if about["version"] != __version__:
        well = False
        if is_newer(__version__, str(about["version"])):
            fix = Fix("`hookspan restart`", lambda: _restart(context))
            why = "an update takes effect when the agent restarts"
            yield Result(Status.WARNING, f"{text}; this is {__version__}", why, "`hookspan restart`", fix=fix)
        else:
            why = "there are two installations; the newer agent stays"
            yield Result(Status.WARNING, f"{text}; this is the older {__version__}", why, "use the newer `hookspan`")
    if problem := report.get("settings_problem"):
        well = False
        why = "it continues with the last good settings"
        todo = "correct the setting; the agent applies it within seconds"
        yield Result(Status.CRITICAL, problem, why, todo, quotes=True)
    elif about["version"] == __version__ and (keys := _other_settings(context.paths)):
        well = False
        why = "it applies changed files within seconds, above all locks, but has not applied these"
        message = f"the agent's settings differ from the files: {', '.join(f'`{key}`' for key in keys)}"
        yield Result(
            Status.CRITICAL,
            message,
            why,
            "`hookspan restart`",
            fix=Fix("`hookspan restart`", lambda: _restart(context)),
        )
    checks = (report.get("health") or {}).get("checks") or {}
    for name, check in checks.items():
        if check["status"] in {"warning", "critical"} and check["todo"] != NO_METRICS:  # `export` below says it
            well = False
            yield Result(Status.WARNING, f"its check `{name}`: {check['message']}", "", check["todo"])
    if well:
        yield Result(Status.HEALTHY, text)


def _other_settings(paths: Paths) -> list[str]:
    """Keys whose value in the running agent is not what the files say; what the variables of `up` say may differ."""
    until = time.monotonic() + TAKEN_IN
    while True:
        try:
            files = load(paths)
            agents = from_snapshot(Client(paths).request("settings")["settings"])
        except (UserError, KeyError):  # said elsewhere, or it has just gone
            return []
        keys = [
            key
            for key in (*OPTIONS, *TABLES)
            if agents.value(key) != files.value(key)
            and (key not in OPTIONS or agents.origin(key) != OPTIONS[key].variable or is_locked(key, files.locked))
        ]
        if not keys or time.monotonic() > until:
            return keys
        time.sleep(POLL)


def _restart(context: Context) -> None:
    with paused(context.paths):
        pass


def second_agent(context: Context, grace: float = GRACE) -> Iterator[Result]:
    """No second agent works on the same files: one without the lock can only be a stopped or a stuck one."""
    holder = lock_content(context.paths).get("pid") if is_held(context.paths.agent_lock) else None
    others = [
        process
        for process in agents(context.paths)
        if process.pid != holder and time.time() - process.create_time() > grace
    ]
    for process in others:
        yield Result(
            Status.CRITICAL,
            f"a second agent (pid {process.pid}) runs on `{context.paths.state}` without the lock",
            "it was stopped or stuck when its run folder was deleted; otherwise it would exit by itself",
            f"`kill -CONT {process.pid}`, else `kill -9 {process.pid}`, which loses nothing",
            fix=Fix(f"end pid {process.pid}, {_command(process)}", lambda process=process: _end(process)),  # type: ignore[misc]
        )
    if not others:
        yield Result(Status.HEALTHY, "no second agent")


def agents(paths: Paths) -> Iterator[psutil.Process]:
    """This user's agents that work on these files."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            state = words[words.index("--state") + 1] if "--state" in words[:-1] else None
            if (
                state == str(paths.state)
                and any("hookspan.agent" in word for word in words)
                and process.uids().real == os.getuid()
            ):
                yield process


def _end(process: psutil.Process) -> None:
    """A stopped process hears SIGTERM when it goes on; psutil checks that the pid is still its own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(launch.STOP_TIMEOUT)
            return
        process.kill()


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"`{' '.join(process.cmdline()[:4])} ...`"
    return "which has ended"


# --- The page


def port(context: Context) -> Iterator[Result]:
    """The page is where `dashboard.port` says."""
    dashboard = context.settings.dashboard
    if not dashboard.enabled:
        yield Result(Status.HEALTHY, "the page is switched off")
        return
    report = status.status_of(context.paths)
    url = report["agent"].get("url") if report["answered"] else None
    if not dashboard.port or (url and url.endswith(f":{dashboard.port}")):
        yield Result(Status.HEALTHY, url or "any free port, since `dashboard.port` is 0")
        return
    holder = listener(dashboard.port)
    if holder is None:
        if url is None:
            yield Result(Status.HEALTHY, f"{dashboard.port} is free")
        else:
            why = f"{dashboard.port} was taken when the agent started; it is free now"
            yield Result(Status.HEALTHY, f"the page is at {url}", why, "`hookspan restart` takes it")
        return
    where = f"the page is at {url}" if url else "the page will take another port"
    yield Result(
        Status.WARNING,
        f"port {dashboard.port} is taken by {holder}; {where}",
        "a bookmarked address leads to somebody else's page; `hookspan open` knows the right one",
        "choose another port with `hookspan config set dashboard.port`, or end that program",
    )


def listener(number: int) -> str | None:
    """The program that listens on a TCP port of this machine, in words; None if there is none."""
    with contextlib.suppress(psutil.Error, PermissionError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and _port(connection.laddr) == number and connection.pid:
                process = psutil.Process(connection.pid)
                return f"`{process.name()}` (pid {process.pid}, user {process.username()})"
    uids = {uid for table in LISTENERS for uid in _listening(Path(table), number)}
    if uids:
        return f"a program of user {', '.join(map(str, sorted(uids)))}"
    return None if _is_free(number) else "another program"


def _listening(table: Path, number: int) -> Iterator[int]:
    """The users that listen on a port, as Linux tells everybody."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == number:
                yield int(fields[7])


def _is_free(number: int) -> bool:
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def _port(address: Any) -> int | None:
    """Of an address as psutil has it, which is an empty tuple where there is none."""
    return getattr(address, "port", None)
