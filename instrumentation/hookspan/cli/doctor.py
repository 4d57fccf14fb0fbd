"""`hookspan doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from hookspan.agent import health, standing
from hookspan.agent.health import Finding, Status
from hookspan.claude_settings import SettingsText, config_folder
from hookspan.config import Settings, load
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths, file_system
from hookspan.relay import TRIAL_EVENT

TRIAL_TIMEOUT: Final = 10.0  # seconds
CONNECT_TIMEOUT: Final = 3.0
MODE_EXAMPLES: Final = 3

SYMBOLS: Final = {
    Status.HEALTHY: ("ok", "green"),
    Status.WARNING: ("warn", "yellow"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.CRITICAL: ("FAIL", "red"),
}

# What the reasons in the relay's file of lost events mean.
REASONS: Final[Mapping[str, str]] = {
    "cap": "the journal had reached `journal.bytes`, and no agent was there to make room",
    "heartbeat": "no agent had run for 7 days",
    "read": "Claude Code sent nothing within 2 s",
    "open": "the journal could not be opened",
    "lock": "the journal was locked and a file beside it could not be made",
    "write": "the disk was full",
    "other": "the state folder was not private",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--end-to-end", is_flag=True, help="Send a marked session through the hook and look for it everywhere.")
@click.option("--jaeger", metavar="URL", help="Where to look for the trace; default: `links.jaeger`.")
@click.option("--prometheus", metavar="URL", help="Where to look for the counters.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, end_to_end: bool, jaeger: str | None, prometheus: str | None) -> None:
    """Find what is wrong and say how to mend it.

    Exits 1 when something is broken. --end-to-end leaves one session behind that is marked as synthetic.
    """
    paths = Paths.from_environment()
    found: list[dict[str, Any]] = []
    for name, finding in checks(paths):
        found.append({"check": name, **asdict(finding)})
        if not as_json:
            _show(name, finding)
    steps: list[dict[str, Any]] = []
    if end_to_end:
        settings = load(paths, os.environ)
        for name, finding, step in _end_to_end(paths, settings, jaeger or settings.links.jaeger, prometheus):
            steps.append(step)
            if not as_json:
                _show(name, finding)
    ok = all(each["status"] != Status.CRITICAL for each in found) and all(step["found"] for step in steps)
    if as_json:
        click.echo(json.dumps({"ok": ok, "checks": found} | ({"end_to_end": steps} if end_to_end else {})))
    else:
        click.echo("\nAll is well." if ok else "\nSomething is broken: see FAIL above.")
    if not ok:
        ctx.exit(EXIT_USER)


def checks(paths: Paths) -> Iterator[tuple[str, Finding]]:
    """Every check in turn; one that breaks is a finding too."""
    for name, check in _CHECKS.items():
        try:
            yield name, check(paths)
        except UserError as error:
            yield name, Finding(Status.CRITICAL, error.message, todo=error.hint or "")
        except OSError as error:
            yield name, Finding(Status.CRITICAL, f"can't be checked: {error}")


def _settings(paths: Paths) -> Finding:
    settings = load(paths, os.environ)
    if settings.warnings:
        return Finding(Status.WARNING, "; ".join(settings.warnings), todo=f"edit `{paths.config}`")
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint and settings.export.endpoint is None:
        return Finding(
            Status.WARNING,
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, which hookspan does not obey: it is often that of your own program",
            todo=f"to export there: `hookspan config set export.endpoint {endpoint}`",
        )
    return Finding(Status.HEALTHY, f"`{paths.config}`" if paths.config.exists() else "defaults")


def _installation(paths: Paths) -> Finding:
    return health.installation(paths)


def hook_commands(paths: Paths) -> list[tuple[str, ...]]:
    """What Claude Code runs of ours, from the settings files that `install` wrote, else from the user's."""
    files = health.settings_files(paths) or [config_folder(os.environ) / "settings.json"]
    commands: dict[tuple[str, ...], None] = {}
    for file in files:
        if file.exists():
            for handler in SettingsText.of(str(file), file.read_bytes()).ours(paths):
                commands[handler.value["command"], *handler.value.get("args", ())] = None
    return list(commands)


def _relay(paths: Paths) -> Finding:
    """Run what is installed with a folder of its own: silent, quick, and the event is in the journal."""
    commands = hook_commands(paths)
    if not commands:
        return Finding(Status.CRITICAL, "no hook of ours is in Claude Code's settings", todo="`hookspan install`")
    took = 0.0
    for command in commands:
        with tempfile.TemporaryDirectory(prefix="hookspan-doctor-") as folder:
            (Path(folder) / "journal").mkdir(mode=0o700)
            began = time.monotonic()
            try:
                words = [*command[:-1], folder]
                done = subprocess.run(words, input=TRIAL_EVENT, capture_output=True, timeout=TRIAL_TIMEOUT, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                return Finding(Status.CRITICAL, f"`{command[0]}` fails: {error}", todo="`hookspan install`")
            took = time.monotonic() - began
            journal = Path(folder) / "journal" / "current.jsonl"
            if (done.returncode, done.stdout, done.stderr) != (0, b"", b"") or not journal.exists():
                said = f"exit {done.returncode}, {len(done.stdout) + len(done.stderr)} bytes of output"
                return Finding(Status.CRITICAL, f"`{command[0]}` does not record: {said}", todo="`hookspan install`")
        if command[-1] != str(paths.state):
            return Finding(
                Status.CRITICAL,
                f"the hooks record to `{command[-1]}`, this `hookspan` looks into `{paths.state}`",
                todo="`hookspan install`, or set HOOKSPAN_HOME as it was at the installation",
            )
    kind = "compiled" if Path(commands[0][0]).name == paths.relay.name else "in Python, for want of a C compiler"
    return Finding(
        Status.HEALTHY, f"records in silence ({kind}; {took * 1000:.1f} ms with the process)", took, unit="s"
    )


def _folders(paths: Paths) -> Finding:
    if not paths.state.exists():
        return Finding(Status.WARNING, f"`{paths.state}` is not there yet", todo="`hookspan install`")
    paths.create()  # says what is wrong with them
    open_to_others = [
        path for path in paths.state.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
    ]
    if open_to_others:
        shown = ", ".join(f"`{path}`" for path in open_to_others[:MODE_EXAMPLES])
        return Finding(
            Status.WARNING,
            f"{len(open_to_others)} files could be read by others: {shown}",
            todo=f"`chmod -R go= {paths.state}`",
        )
    return Finding(Status.HEALTHY, f"`{paths.state}` is yours alone ({file_system(paths.state) or 'local'})")


def _disk(paths: Paths) -> Finding:
    folder = paths.state if paths.state.exists() else Path.home()
    usage = shutil.disk_usage(folder)
    full = 100.0 * usage.used / (usage.used + usage.free)
    status = health.graded(full, health.DISK_WARNING, health.CRITICAL)
    todo = "" if status is Status.HEALTHY else "make room, or lower `journal.bytes` and `store.bytes`"
    return Finding(status, f"{usage.free / 1e9:.1f} GB free ({full:.0f} % full)", full, health.DISK_WARNING, "%", todo)


def _journal(paths: Paths) -> Finding:
    found = standing.journal(paths)
    message = f"{found['bytes'] / 1e6:.1f} MB in {found['segments'] + 1} files"
    if found["quarantine_bytes"]:
        return Finding(
            Status.WARNING,
            f"{message}; lines that could not be read are set aside in `{paths.quarantine}`",
            todo="look at their `reason`; most often another program wrote into the journal",
        )
    if found["strays"]:
        message += f", {found['strays']} strays that the agent takes in"
    return Finding(Status.HEALTHY, message)


def _lost(paths: Paths) -> Finding:
    lost = standing.drops(paths)
    if not lost:
        return Finding(Status.HEALTHY, "no event was lost")
    reasons = "; ".join(f"{drop['count']:g} because {REASONS.get(reason, reason)}" for reason, drop in lost.items())
    recent = any(time.time() - drop["last"] < 86_400 for drop in lost.values())  # noqa: PLR2004 - a day
    return Finding(Status.CRITICAL if recent else Status.WARNING, f"lost events: {reasons}")


def _agent(paths: Paths) -> Finding:
    found = standing.standing(paths)
    agent = found["agent"]
    if found["answered"]:
        ill = (found.get("health") or {}).get("checks") or {}
        bad = [
            f"{name}: {check['message']}" for name, check in ill.items() if check["status"] in {"warning", "critical"}
        ]
        worst = Status.WARNING if bad else Status.HEALTHY
        text = f"{agent['state']}, pid {agent['pid']}, version {agent['version']}"
        if found.get("settings_problem"):
            return Finding(
                Status.CRITICAL, found["settings_problem"], todo="correct the setting, then `hookspan restart`"
            )
        return Finding(worst, "; ".join([text, *bad]), todo="`hookspan status` shows each check" if bad else "")
    if agent["state"] == "unresponsive":
        return Finding(Status.CRITICAL, f"does not answer: {agent['problem']}", todo="`hookspan restart`")
    if agent["state"] == "down":
        return Finding(
            Status.WARNING, "down, as you said; hooks are recorded, and nothing reads them", todo="`hookspan up`"
        )
    return Finding(Status.HEALTHY, "not running; the next hook starts it")


def _endpoint(paths: Paths) -> Finding:
    """An export without content: what takes it takes spans too."""
    settings = load(paths, os.environ)
    endpoint = settings.export.endpoint
    if endpoint is None:
        return Finding(Status.HEALTHY, "off: no endpoint is set")
    todo = "start the collector, or correct `export.endpoint`; spans wait meanwhile, nothing is lost"
    began = time.monotonic()
    problem = _connect(endpoint) if settings.export.protocol == "grpc" else _post_nothing(settings)
    took = time.monotonic() - began
    if problem:
        return Finding(Status.CRITICAL, f"{endpoint}: {problem}", took, unit="s", todo=todo)
    return Finding(Status.HEALTHY, f"{endpoint} answers in {took * 1000:.0f} ms", took, unit="s")


def _connect(endpoint: str) -> str:
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 4317), timeout=CONNECT_TIMEOUT):
            return ""
    except OSError as error:
        return f"can't be reached ({error.strerror or error})"


def _post_nothing(settings: Settings) -> str:
    import ssl
    import urllib.error
    import urllib.request

    export = settings.export
    url = (export.endpoint or "").rstrip("/").removesuffix("/v1/traces") + "/v1/traces"
    headers = {"Content-Type": "application/x-protobuf", **export.headers}
    request = urllib.request.Request(url, data=b"", headers=headers, method="POST")  # noqa: S310 - checked to be http(s)
    handlers: list[urllib.request.BaseHandler] = []
    if export.certificate is not None:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=export.certificate)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=CONNECT_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"says {error.code} to an empty export at {url}"
    except OSError as error:
        return f"can't be reached ({getattr(error, 'reason', error)})"


def _collector(paths: Paths) -> Finding:
    return health.collector(load(paths, os.environ).collector.health)


_CHECKS: Final[Mapping[str, Callable[[Paths], Finding]]] = {
    "settings": _settings,
    "hooks": _installation,
    "relay": _relay,
    "folders": _folders,
    "disk": _disk,
    "journal": _journal,
    "lost": _lost,
    "agent": _agent,
    "export": _endpoint,
    "collector": _collector,
}


def _end_to_end(
    paths: Paths, settings: Settings, jaeger: str | None, prometheus: str | None
) -> Iterator[tuple[str, Finding, dict[str, Any]]]:
    from hookspan.cli.end_to_end import Step, steps

    commands = hook_commands(paths)
    found: Sequence[Step] | Iterator[Step]
    if commands:
        found = steps(paths, settings, commands[0], jaeger=jaeger, prometheus=prometheus)
    else:
        found = [Step("hook", False, 0.0, "no hook of ours is in Claude Code's settings", "`hookspan install`")]
    for step in found:
        words = f"{'found' if step.found else 'NOT FOUND'} after {step.seconds:.2f} s: {step.message}"
        status = Status.HEALTHY if step.found else Status.CRITICAL
        yield step.name, Finding(status, words, step.seconds, unit="s", todo=step.hint), asdict(step)


def _show(name: str, finding: Finding) -> None:
    word, colour = SYMBOLS[finding.status]
    click.echo(f"{click.style(f'{word:<5}', fg=colour)}{name:<14}{finding.message}")
    if finding.todo and finding.status is not Status.HEALTHY:
        click.echo(f"{'':<19}-> {finding.todo}")
