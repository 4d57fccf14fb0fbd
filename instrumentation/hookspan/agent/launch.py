"""Starting and stopping the agent from the command line, and taking over from an older one."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from hookspan import __version__
from hookspan.agent.client import READY_TIMEOUT, Client, NeedsRestart, Ready, Unreachable, is_newer, lock_content
from hookspan.agent.lock import FileLock, wait_free
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import Record
from hookspan.setup.relay import agent_command
from hookspan.store.database import refuse_newer
from hookspan.store.schema import MIGRATIONS

ASK_AGAIN: Final = 0.2  # seconds until an agent that didn't answer is asked again
STOP_TIMEOUT: Final = 20.0  # seconds; the agent's own deadline for draining is 10
LOCK_TIMEOUT: Final = 10.0  # seconds for a start by somebody else to end
POLL: Final = 0.02

# What an agent gets of our environment: nothing that a shell, a repository or a secret manager put there.
ENVIRONMENT: Final = (
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "PATH",
    "CLAUDE_CONFIG_DIR",  # where transcripts and the hooks' settings are
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)


def settings_variables(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that are settings."""
    return {name: value for name, value in env.items() if name.startswith("HOOKSPAN_") and name != "HOOKSPAN_HOME"}


def fingerprint(env: Mapping[str, str]) -> str:
    """Tells whether two environments hold the same settings, without telling them."""
    return hashlib.sha256(repr(sorted(settings_variables(env).items())).encode()).hexdigest()[:16]


class Startup(Record):
    """How an agent was started: by `up` it stays, with the settings of variables; by a hook it does neither.

    `port` is where its page is, 0 without one.
    """

    stay: bool
    variables: Mapping[str, str]
    port: int


def startup(paths: Paths) -> Startup | None:
    """How the agent that runs was started; None if none runs."""
    client = Client(paths)
    probed = client.wait_for_start()
    if isinstance(probed, Unreachable):
        return None
    try:
        answer = client.request("way")
    except UserError:  # an older one, or one that does not answer
        return Startup(bool(probed.about.get("stay")), {}, _port(probed.about))
    return Startup(answer["stay"], answer["with"], _port(answer))


def _port(about: Mapping[str, Any]) -> int:
    return urlsplit(about.get("url") or "").port or 0


def ensure(paths: Paths, env: Mapping[str, str]) -> None:
    """Make sure that an agent runs, and if none does, start one as a hook would. UserError after `hookspan down`."""
    if isinstance(Client(paths).wait_for_start(), Unreachable):
        if paths.down.exists():
            raise UserError("the agent was stopped with `hookspan down`", hint="`hookspan up` starts it")
        start(paths, env, stay=False)


def start(paths: Paths, env: Mapping[str, str], *, stay: bool = True, port: int = 0) -> Ready:
    """Make sure that an agent of this version runs; UserError if it can't.

    One that is to stay has the settings of `env`. Else it is as one that a hook starts, and any will do. `port` is
    tried first for the page; 0: none.

    It holds the start lock as a relay does, so that hooks don't start another one meanwhile.
    """
    paths.create()
    start_lock = FileLock(paths.start_lock)
    if not start_lock.acquire(LOCK_TIMEOUT):
        raise UserError(
            "another process has been starting the agent for 10 s", hint=f"see `{paths.log}`, then try again"
        )
    try:
        probed = Client(paths).probe()
        if isinstance(probed, Ready):
            if not stay or (probed.about.get("stay") and probed.about.get("variables") == fingerprint(env)):
                return probed
            _stop(paths)
        elif isinstance(probed, NeedsRestart):
            if is_newer(str(probed.about.get("version", "")), __version__):
                raise UserError(
                    f"a newer agent runs ({probed.about['version']}; this is {__version__})",
                    hint="use the newer `hookspan`, or run its `hookspan down` first",
                )
            _stop(paths)
        refuse_newer(paths.store, len(MIGRATIONS))  # better reported here, to the user, than in the agent's log
        return _spawn(paths, env, start_lock, [*(["--stay"] if stay else []), *(["--port", str(port)] if port else [])])
    finally:
        start_lock.release()


def ready(paths: Paths) -> Ready:
    """The agent that somebody else is starting, once it is ready; UserError if it does not get there."""
    deadline = time.monotonic() + READY_TIMEOUT
    while not isinstance(probed := Client(paths).probe(), Ready):
        if time.monotonic() > deadline:
            raise UserError(f"no agent is ready after {READY_TIMEOUT:.0f} s", hint=f"look at `{paths.log}`")
        time.sleep(POLL)
    return probed


def stop(paths: Paths) -> bool:
    """Stop the agent and wait for its end; False if none ran. UserError when it doesn't end in time."""
    start_lock = FileLock(paths.start_lock)
    if not paths.run.is_dir():
        return False
    start_lock.acquire(LOCK_TIMEOUT)  # a start that is under way must end first, or it would outlive us
    try:
        return _stop(paths)
    finally:
        start_lock.release()


def _stop(paths: Paths) -> bool:
    client, deadline, asked = Client(paths), time.monotonic() + STOP_TIMEOUT, False
    if isinstance(client.probe(), Unreachable):
        return False
    while not asked or not wait_free(paths.agent_lock, deadline - time.monotonic()):
        if time.monotonic() > deadline:
            pid = lock_content(paths).get("pid", "?")
            raise UserError(
                f"the agent (pid {pid}) does not end", hint=f"look at `{paths.log}`; `kill -9 {pid}` loses nothing"
            )
        try:
            client.request("stop")
            asked = True
        except UserError:  # it is stopping, or not ready yet
            asked = wait_free(paths.agent_lock, ASK_AGAIN)
    return True


def _spawn(paths: Paths, env: Mapping[str, str], start_lock: FileLock, options: Sequence[str]) -> Ready:
    descriptor = start_lock.fileno()
    passed = {name: env[name] for name in ENVIRONMENT if name in env}
    if "--stay" in options:
        passed |= settings_variables(env)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*agent_command(paths), "--start-lock-fd", str(descriptor), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            cwd="/",
            env=passed,
            pass_fds=[descriptor],
        )
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            probed = Client(paths).probe()
            if isinstance(probed, Ready):
                return probed
            if process.poll() is not None:
                errors.seek(0)
                output = errors.read().decode(errors="replace").strip()
                raise UserError(
                    f"the agent ended at once (exit {process.returncode})" + (f": {output}" if output else ""),
                    hint=f"`{paths.log}` may say more",
                )
            time.sleep(POLL)
    raise UserError(
        f"the agent (pid {process.pid}) is not ready after {READY_TIMEOUT:.0f} s", hint=f"look at `{paths.log}`"
    )


def take_over(paths: Paths, lock: FileLock) -> bool:
    """Called in a new agent: take the agent's lock. False if one runs that is as new as this.

    An older one is asked to stop; one that is stopping, or that doesn't answer (it has just started, or it is going),
    is waited for.
    """
    if lock.acquire():
        return True
    client, deadline = Client(paths), time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        probed = client.probe()
        if isinstance(probed, Ready):
            return False
        if isinstance(probed, NeedsRestart) and probed.about.get("state") not in {None, "stopping"}:
            if not is_newer(__version__, str(probed.about.get("version", ""))):
                return False
            with contextlib.suppress(UserError):  # it is ending just now, or has no time to answer
                client.request("stop")
        if lock.acquire(0.5):
            return True
    return False
