"""Checks what `install` set up: settings, the relay, and what the relay needs beside the journal."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from hookspan.agent import effective, status
from hookspan.agent.health import Status
from hookspan.cli.doctor.checks import claude, others
from hookspan.cli.doctor.checks.folders import OTHERS
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.fixes import make_private
from hookspan.cli.doctor.result import Fix, Result
from hookspan.config import load
from hookspan.paths import Paths
from hookspan.setup import relay as installed_relay
from hookspan.setup.problem import Area
from hookspan.setup.relay import TRIAL_EVENT, TRIAL_TIMEOUT
from hookspan.units import counted


def settings(context: Context) -> Iterator[Result]:
    """Our own settings can be read, and every name in them is one."""
    loaded = load(context.paths, context.env)  # not context.settings: here its error is the finding
    for warning in loaded.warnings:
        why = "a key that is unknown or locked has no effect"
        yield Result(Status.WARNING, warning, why, f"edit `{context.paths.config}`, or unset the variable", quotes=True)
    ignored = effective.ignored(context.paths, context.env)
    for variable in ignored:
        yield Result(Status.WARNING, variable.message, "the following checks use the settings in force", variable.todo)
    if context.env.get("OTEL_EXPORTER_OTLP_ENDPOINT") and not loaded.export.endpoints:
        yield Result(
            Status.WARNING,
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but hookspan ignores it",
            "it is often meant for your own program",
            "to export there: `hookspan config import-otel`",
        )
    elif not loaded.warnings and not ignored:
        config = context.paths.config
        yield Result(Status.HEALTHY, f"`{config}`" if config.exists() else "defaults")


def relay(context: Context) -> Iterator[Result]:
    """Run what is installed with a folder of its own: silent, quick, and the event is in the journal."""
    paths, commands = context.paths, context.agents.run
    for program in (paths.relay, paths.relay_script):
        yield from _program(program)
    if not commands:
        yield Result(
            Status.CRITICAL, "none of hookspan's hooks records here", "nothing is recorded", "see `hooks` above"
        )
        return
    took = 0.0
    for command in commands:
        problem, took = _try(command)
        if problem:
            why = "these events are lost, and the client may show an error at each"
            what = f"`{command[0]}` {problem}"
            yield Result(Status.CRITICAL, what, why, context.agents.install, fix=_install(context))
            return
    kind = "compiled" if Path(commands[0][0]).name == paths.relay.name else "in Python, since there is no C compiler"
    message = f"records an event, silently ({kind}; {took * 1000:.1f} ms with the process)"
    yield Result(Status.HEALTHY, message, value=took, unit="s")


def _install(context: Context) -> Fix | None:
    """Install the relay anew, with the hooks of an agent that has some."""
    agents = context.agents
    if agents.others_alone:
        return others.install_fix(next(hooks for hooks in agents.others if hooks.wanted))
    return claude.fix_of(agents.claude_code)


def _program(path: Path) -> Iterator[Result]:
    """Owner and mode of what coding agents run as this user."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if status.st_uid not in {0, os.geteuid()}:
        why = "its owner decides what coding agents run as you"
        todo = f"remove it, then `hookspan install`: `rm {shlex.quote(str(path))}`"
        yield Result(Status.CRITICAL, f"`{path}` belongs to user {status.st_uid}", why, todo)
    elif status.st_mode & OTHERS:
        why = "others could change what coding agents run as you"
        todo = f"`chmod go-w {shlex.quote(str(path))}`"
        yield Result(Status.CRITICAL, f"`{path}` can be written by others", why, todo, fix=make_private(path))


def _try(command: Sequence[str]) -> tuple[str, float]:
    """What is wrong with a hook command, and how long it took (seconds)."""
    with tempfile.TemporaryDirectory(prefix="hookspan-doctor-") as folder:
        (Path(folder) / "journal").mkdir(mode=0o700)
        began = time.monotonic()
        try:
            done = installed_relay.run([*command[:-1], folder], TRIAL_EVENT, timeout=TRIAL_TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"fails: {error}", 0.0
        took = time.monotonic() - began
        journal = Path(folder) / "journal" / "current.jsonl"
        if (done.returncode, done.stdout, done.stderr) != (0, b"", b"") or not journal.exists():
            output = f"exit {done.returncode}, {counted(len(done.stdout) + len(done.stderr), 'bytes')} of output"
            return f"does not record: {output}", took
    return "", took


def starter(context: Context) -> Iterator[Result]:
    """What the relay needs beside the journal: how to start an agent, where to count, since when none was there."""
    paths = context.paths
    if not paths.state.exists():
        yield Result(Status.WARNING, f"`{paths.state}` does not exist yet", todo="`hookspan install`")
        return
    if not context.agents.names and not paths.relay_conf.exists():
        yield Result(Status.WARNING, f"`{paths.relay_conf}` does not exist yet", todo="see `hooks` above")
        return
    mend = Fix("write `relay.conf`, `heartbeat` and `drops` again", lambda: _create_state(paths))
    lines = _lines(paths.relay_conf)
    command = [line.removeprefix("arg ") for line in lines if line.startswith("arg ")]
    if problems := [problem for problem in context.agents.problems if problem.area is Area.STARTER]:
        yield from (Result.of_problem(problem, fix=mend) for problem in problems)
    elif not command or not os.access(command[0], os.X_OK):
        message = (
            f"hooks start the agent with `{command[0]}`, which is gone"
            if command
            else f"`{paths.relay_conf}` names no command that starts an agent"
        )
        why = "hooks are recorded, but no agent starts by itself; usually a Python environment was moved"
        yield Result(
            Status.CRITICAL, message, why, f"{context.agents.install} with the hookspan that you use now", fix=mend
        )
    elif command != installed_relay.agent_command(paths):
        why = "an update or another environment; both work, and the newer one takes over"
        message = f"hooks start another hookspan's agent (`{command[0]}`)"
        yield Result(Status.WARNING, message, why, context.agents.install, fix=mend)
    elif "autostart 0" in lines and not paths.down.exists() and not status.status_of(paths)["answered"]:
        why = "hooks are recorded, but no agent reads them"
        yield Result(Status.WARNING, "`agent.autostart` is off and no agent runs", why, "`hookspan up`")
    else:
        yield Result(Status.HEALTHY, "the next hook can start an agent")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _create_state(paths: Paths) -> None:
    installed_relay.create_state(paths, load(paths))
