"""Claude Code's side: whether it runs our hooks, once each, and where its own telemetry goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hookspan.agent import health
from hookspan.agent.health import Status
from hookspan.claude_settings import EVENTS, Handler, SettingsText
from hookspan.cli.checks.found import Fix, Found, Place
from hookspan.errors import UserError
from hookspan.paths import Paths

PLUGIN: Final = "hookspan"
TELEMETRY: Final = "CLAUDE_CODE_ENABLE_TELEMETRY"
ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_", "LOGS_"))
CONTENT: Final = ("OTEL_LOG_USER_PROMPTS", "OTEL_LOG_TOOL_DETAILS", "OTEL_LOG_TOOL_CONTENT", "OTEL_LOG_RAW_API_BODIES")


def install_fix(what: str, *, native: bool | None = None) -> Fix:
    """`hookspan install`, which shows its change itself and has been agreed to."""

    def do() -> None:
        from hookspan.cli.install import install

        install.callback(  # type: ignore[misc] # click's callbacks are optional
            dry_run=False, check=False, yes=True, print_block=False, no_hooks=False, scope="user", native=native
        )

    return Fix(what, do)


def hooks(place: Place) -> Iterator[Found]:
    """Our entries are where `install` put them, in a file that Claude Code can read."""
    files = health.settings_files(place.paths)
    if not files:
        if plugins(place):
            yield Found(Status.HEALTHY, "the plugin brings the hooks")
            return
        yield Found(
            Status.UNKNOWN,
            "hookspan did not install these hooks",
            "they may come from managed settings; if not, Claude Code runs none of ours",
            "`hookspan install`",
        )
        return
    well = True
    for file in files:
        for problem in health.settings_problems(file, place.paths):
            well = False
            yield Found(
                Status.CRITICAL,
                problem,
                "what Claude Code does not run is not recorded",
                "`hookspan install`",
                fix=install_fix("`hookspan install`") if _can_be_read(file) else None,
            )
        for problem in _broken(file):
            well = False
            yield Found(
                Status.WARNING,
                f"`{problem}` in `{file}` is broken",
                "Claude Code can ignore every hook of a file for one entry that it can't use",
                "mend or remove that entry, which is not ours",
            )
    if well:
        yield Found(Status.HEALTHY, f"the hooks are in {', '.join(f'`{file}`' for file in files)}")


def policies(place: Place, managed: Sequence[Path] = health.MANAGED) -> Iterator[Found]:
    """Nothing keeps Claude Code from running hooks at all."""
    own = [problem for file in place.settings_files for problem in health.switched_off(file)]
    for problem in own:
        yield Found(
            Status.CRITICAL, problem, "nothing is recorded while it is set", "take `disableAllHooks` out of that file"
        )
    theirs = health.policy_problems(managed)
    for problem in theirs:
        yield Found(
            Status.CRITICAL,
            problem,
            "the administrator's settings win over yours",
            "ask who manages this machine to add what `hookspan install --print` says",
        )
    if not own and not theirs:
        yield Found(Status.HEALTHY, "hooks may run")


def stale(place: Place) -> Iterator[Found]:
    """No entry of an older hookspan is left, which would run another relay, or one that is gone."""
    well = True
    for file, handlers in _ours(place).items():
        seen: set[str] = set()
        for handler in handlers:
            problem = _stale(handler, place.paths, again=handler.event in seen)
            seen.add(handler.event)
            if problem is None:
                continue
            well = False
            status, message, why = problem
            of_user = file in {place.settings_files[0], *health.settings_files(place.paths)}
            yield Found(
                status,
                f"`hooks.{handler.event}[{handler.group}]` in `{file}` {message}",
                why,
                "`hookspan install` replaces it" if of_user else "`hookspan uninstall --scope local` in that project",
                fix=install_fix("`hookspan install`") if file == place.settings_files[0] else None,
            )
    if well:
        yield Found(Status.HEALTHY, "no entry of an older hookspan")


def _stale(handler: Handler, paths: Paths, *, again: bool) -> tuple[Status, str, str] | None:
    words = [handler.value["command"], *handler.value.get("args", ())]
    if str(paths.relay) not in words and str(paths.relay_script) not in words:
        program = words[0].split()[0] if len(words) == 1 and words[0].split() else words[0]
        if not os.access(program, os.X_OK):
            why = "Claude Code shows an error at each of these events"
            return Status.CRITICAL, f"runs `{program}`, which is gone", why
        return Status.WARNING, f"runs another relay, `{program}`", "it records to another place, or as an older version"
    if handler.event not in EVENTS:
        why = "a hook for this event changes what Claude Code does"
        return Status.WARNING, "is for an event that hookspan does not register", why
    if again:
        return Status.WARNING, "is there a second time", "each event starts two relays"
    return None


def twice(place: Place) -> Iterator[Found]:
    """Our hooks come by one way only: settings, or the plugin."""
    ours = {file: handlers for file, handlers in _ours(place).items() if handlers}
    names = plugins(place)
    commands = {
        (handler.value["command"], *handler.value.get("args", ())) for found in ours.values() for handler in found
    }
    why = "each event starts two relays; the second record is recognised and not counted, but the time is spent"
    if names and ours:
        files = ", ".join(f"`{file}`" for file in ours)
        yield Found(
            Status.WARNING,
            f"the plugin `{names[0]}` and our entries in {files} are both there",
            why,
            f"keep one: `hookspan uninstall`, or `claude plugin disable {names[0]}`",
        )
    elif len(ours) > 1 and len(commands) > 1:
        files = ", ".join(f"`{file}`" for file in ours)
        yield Found(
            Status.WARNING, f"{files} run different relays", why, "`hookspan uninstall`, then `hookspan install`"
        )
    else:
        yield Found(Status.HEALTHY, "each event is recorded once")


def native(place: Place) -> Iterator[Found]:
    """Where Claude Code's own telemetry goes, and whether it says more than ours may."""
    file = place.settings_files[0]
    written = _env(file)
    env = {**place.env, **written}
    lacking = [key for key, value in _recorded(place.paths, file).items() if written.get(key) != value]
    if lacking:
        yield Found(
            Status.WARNING,
            f"Claude Code's own telemetry was installed, but `env` in `{file}` lacks {_listed(lacking)}",
            "somebody has changed these variables since",
            "`hookspan install --native-telemetry`, or `--no-native-telemetry`",
            fix=install_fix("`hookspan install --native-telemetry`", native=True)
            if place.settings.export.endpoint
            else None,
        )
        return
    if not _on(env.get(TELEMETRY)):
        yield Found(
            Status.HEALTHY, "off; `hookspan install --native-telemetry` puts what every hook costs beside our spans"
        )
        return
    problems = list(_conflicts(place, env))
    yield from problems
    if not problems:
        yield Found(Status.HEALTHY, "on, and goes where ours goes")


def _conflicts(place: Place, env: Mapping[str, str]) -> Iterator[Found]:
    todo = "`hookspan install --native-telemetry`"
    exporters = [name for name in ("TRACES", "METRICS", "LOGS") if env.get(f"OTEL_{name}_EXPORTER", "none") != "none"]
    if not exporters:
        yield Found(Status.WARNING, f"`{TELEMETRY}` is set, but no `OTEL_*_EXPORTER`", "nothing is sent", todo)
        return
    if not env.get("OTEL_EXPORTER_OTLP_PROTOCOL"):
        yield Found(
            Status.WARNING,
            f"`{TELEMETRY}` is set, but not `OTEL_EXPORTER_OTLP_PROTOCOL`",
            "Claude Code has no default for it, and sends nothing",
            todo,
        )
    ours = (place.settings.export.endpoint or "").rstrip("/")
    elsewhere = [key for key in ENDPOINTS if env.get(key) and not _same(env[key], ours)]
    if ours and elsewhere:
        yield Found(
            Status.WARNING,
            f"Claude Code's own telemetry goes elsewhere than `export.endpoint`: see {_listed(elsewhere)}",
            "the two can be joined only where both arrive",
            "set one of them to the other, or let that Collector pass it on",
        )
    told = [key for key in CONTENT if _on(env.get(key))]
    if told and not place.settings.content.export:
        yield Found(
            Status.WARNING,
            f"{_listed(told)} let Claude Code send content, though `content.export` is off",
            "prompts, commands or results leave this machine by its own telemetry",
            "take them out of `env` in Claude Code's settings, unless that is what you want",
        )


def plugins(place: Place) -> list[str]:
    """Our plugin as the settings name it (`hookspan@marketplace`), if it is enabled here."""
    enabled: dict[str, Any] = {}
    for file in place.settings_files:  # the later ones win
        found = _value(file).get("enabledPlugins")
        if isinstance(found, dict):
            enabled |= found
    return [name for name, on in enabled.items() if on and name.partition("@")[0] == PLUGIN]


def hook_commands(place: Place) -> list[tuple[str, ...]]:
    """What Claude Code runs of ours, from the settings files that `install` wrote, else from the user's."""
    files = health.settings_files(place.paths) or place.settings_files[:1]
    commands: dict[tuple[str, ...], None] = {}
    for file in files:
        if file.exists():
            for handler in SettingsText.of(str(file), file.read_bytes()).ours(place.paths):
                commands[handler.value["command"], *handler.value.get("args", ())] = None
    return list(commands)


def _ours(place: Place) -> dict[Path, list[Handler]]:
    """Our handlers by settings file; one that can't be read is another check's matter."""
    found = {}
    for file in dict.fromkeys([*place.settings_files, *health.settings_files(place.paths)]):
        try:
            found[file] = list(SettingsText.of(str(file), file.read_bytes()).ours(place.paths))
        except (OSError, UserError):
            continue
    return found


def _broken(file: Path) -> list[str]:
    try:
        return SettingsText.of(str(file), file.read_bytes()).broken()
    except (OSError, UserError):
        return []


def _can_be_read(file: Path) -> bool:
    try:
        SettingsText.of(str(file), file.read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, UserError):
        return False
    return True


def _value(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _env(file: Path) -> dict[str, str]:
    found = _value(file).get("env")
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _recorded(paths: Paths, file: Path) -> dict[str, str]:
    """The variables that `install` wrote to a settings file."""
    try:
        return dict(json.loads(paths.installed.read_bytes())["files"][str(file)]["env"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _on(value: str | None) -> bool:
    return (value or "").strip().lower() not in {"", "0", "false", "no", "off"}


def _same(url: str, ours: str) -> bool:
    return url.rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/metrics").removesuffix("/v1/logs") == ours


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
