"""Checks Claude Code: whether it runs each hook once, and where its own telemetry goes.

Of one that hookspan was not installed for, while it was for other agents, nothing is said but that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hookspan.agent.health import Status
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Fix, Result
from hookspan.clients.claude_code.settings_files import Scope, config_folder
from hookspan.receive.port import kept_port, url_of
from hookspan.setup import receipts
from hookspan.setup.installation import Installation
from hookspan.setup.problem import Area

TELEMETRY: Final = "CLAUDE_CODE_ENABLE_TELEMETRY"
ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_", "LOGS_"))
CONTENT: Final = ("OTEL_LOG_USER_PROMPTS", "OTEL_LOG_TOOL_DETAILS", "OTEL_LOG_TOOL_CONTENT", "OTEL_LOG_RAW_API_BODIES")


ELSEWHERE: Final = (
    "hookspan is installed for other agents alone; `hookspan install --agent claude-code` adds Claude Code"
)


def install_fix(what: str, *, native: bool | None = None, scope: Scope = "user") -> Fix:
    """`hookspan install`, which shows its change itself and has been agreed to."""

    def do() -> None:
        from hookspan.cli.install.run import install

        install(yes=True, native_telemetry=native, scope=scope)

    return Fix(what, do)


def fix_of(installation: Installation) -> Fix | None:
    """What writes its hooks anew; None where they are those of another project."""
    return install_fix(installation.install, scope=installation.scope) if installation.reaches else None


def hooks(context: Context) -> Iterator[Result]:
    """Our hooks are in settings that Claude Code reads, or come with the plugin, whole and with their relay."""
    if context.agents.others_alone:
        yield Result(Status.HEALTHY, ELSEWHERE)
    else:
        yield from _of(context, Area.HOOKS, f"the hooks are in {context.installation.where}")


def policies(context: Context) -> Iterator[Result]:
    """Nothing keeps Claude Code from running our hooks."""
    yield from _of(context, Area.POLICIES, "hooks may run")


def stale(context: Context) -> Iterator[Result]:
    """No entry of an older hookspan is left, which would run another relay, or one that is gone."""
    yield from _of(context, Area.STALE, "no entry of an older hookspan")


def twice(context: Context) -> Iterator[Result]:
    """Our hooks come by one way only: settings, or the plugin."""
    runs = bool(context.installation.run)
    yield from _of(context, Area.TWICE, "each event is recorded once" if runs else "no event is recorded twice")


def status_line(context: Context) -> Iterator[Result]:
    """A status line that `install` had go through the relay still does."""
    lines = context.installation.status_lines
    well = (
        f"goes through hookspan in {', '.join(lines)}" if lines else "not installed: the account's quota is not known"
    )
    yield from _of(context, Area.STATUS_LINE, well)


def _of(context: Context, area: Area, well: str) -> Iterator[Result]:
    if context.agents.others_alone:
        return
    problems = [problem for problem in context.installation.problems if problem.area is area]
    for problem in problems:
        yield Result.of_problem(problem, fix=fix_of(context.installation) if problem.mends else None)
    if not problems:
        yield Result(Status.HEALTHY, well)


def native(context: Context) -> Iterator[Result]:
    """Where Claude Code's own telemetry goes, and whether it says more than ours may."""
    if context.agents.others_alone:
        return
    file = config_folder(context.env) / "settings.json"
    written = _env(file)
    env = {**context.env, **written}
    receipt = receipts.read(context.paths).get(str(file))
    ours = receipt.env if receipt is not None else {}
    lacking = [key for key, value in ours.items() if written.get(key) != value]
    if lacking:
        yield Result(
            Status.WARNING,
            f"Claude Code's own telemetry was switched on, but `env` in `{file}` lacks {_listed(lacking)}",
            "somebody has since changed these variables",
            "`hookspan install --native-telemetry`, or `--no-native-telemetry`",
            fix=install_fix("`hookspan install --native-telemetry`", native=True)
            if (context.settings.export.endpoints or context.settings.receive.enabled)
            and context.installation.scope == "user"
            else None,
        )
        return
    if not _on(env.get(TELEMETRY)):
        yield Result(
            Status.HEALTHY,
            "off; `hookspan install --native-telemetry` shows what every hook costs, beside hookspan's spans",
        )
        return
    problems = list(_conflicts(context, env))
    yield from problems
    if not problems:
        where = "the receiver" if context.settings.receive.enabled else "the same endpoint as hookspan's"
        yield Result(Status.HEALTHY, f"on, and sent to {where}")


def _conflicts(context: Context, env: Mapping[str, str]) -> Iterator[Result]:
    todo = "`hookspan install --native-telemetry`"
    exporters = [name for name in ("TRACES", "METRICS", "LOGS") if env.get(f"OTEL_{name}_EXPORTER", "none") != "none"]
    if not exporters:
        yield Result(Status.WARNING, f"`{TELEMETRY}` is set, but no `OTEL_*_EXPORTER`", "nothing is sent", todo)
        return
    if not env.get("OTEL_EXPORTER_OTLP_PROTOCOL"):
        yield Result(
            Status.WARNING,
            f"`{TELEMETRY}` is set, but not `OTEL_EXPORTER_OTLP_PROTOCOL`",
            "Claude Code has no default for it, and sends nothing",
            todo,
        )
    export, receive = context.settings.export, context.settings.receive
    ours = {url.rstrip("/") for url in (export.endpoint, *export.endpoints) if url}
    if receive.enabled:
        ours = {url_of(receive.port or kept_port(context.paths.receive_port))}
    elsewhere = [key for key in ENDPOINTS if env.get(key) and not _is_one_of(ours, env[key])]
    off = url_of(kept_port(context.paths.receive_port))
    if not receive.enabled and any(_is_one_of({off}, env.get(key, "")) for key in ENDPOINTS):
        yield Result(
            Status.WARNING,
            f"Claude Code's own telemetry is sent to the receiver ({off}), which is off",
            "all of it is lost",
            "`hookspan config set receive.enabled true`, or `hookspan install --no-native-telemetry`",
        )
    elif receive.enabled and elsewhere:
        yield Result(
            Status.WARNING,
            f"Claude Code's own telemetry is not sent to the receiver ({', '.join(ours)}): see {_listed(elsewhere)}",
            "nothing of it is joined to sessions",
            todo,
            fix=install_fix(todo, native=True),
        )
    elif ours and elsewhere:
        yield Result(
            Status.WARNING,
            f"Claude Code's own telemetry is sent elsewhere than to `export.endpoint`: see {_listed(elsewhere)}",
            "the two can be joined only where both arrive",
            "send both to the same endpoint, or let that Collector forward it",
        )
    content = [key for key in CONTENT if _on(env.get(key))]
    if content and not context.settings.content.export:
        yield Result(
            Status.WARNING,
            f"{_listed(content)} let Claude Code send content, although `content.export` is off",
            "prompts, commands or results leave this machine in its own telemetry",
            "remove them from `env` in Claude Code's settings, unless this is what you want",
        )


def _value(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _env(file: Path) -> dict[str, str]:
    env = _value(file).get("env")
    return {key: str(value) for key, value in env.items()} if isinstance(env, dict) else {}


def _on(value: str | None) -> bool:
    return (value or "").strip().lower() not in {"", "0", "false", "no", "off"}


def _is_one_of(ours: Collection[str], url: str) -> bool:
    url = url.rstrip("/")
    return url in ours or url.removesuffix("/v1/traces").removesuffix("/v1/metrics").removesuffix("/v1/logs") in ours


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
