"""Reports to attach to an issue, without secrets and content: of a bug, and of the current state (`doctor --report`).

What may be in one is listed here, not what may not: settings by their kind, log lines by their keys, and of texts only
our own words, without paths, addresses and names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hookspan import __version__
from hookspan.cli.doctor.redact import Redactor
from hookspan.errors import UserError
from hookspan.folders import home_folder, make_folders
from hookspan.paths import Paths
from hookspan.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookspan.cli.doctor.context import Context
    from hookspan.cli.doctor.result import Result

LOG_LINES: Final = 60
LOG_BYTES: Final = 256 << 10  # read from the log's end
LOG_KEYS: Final = ("at", "level", "logger", "event", "error", "stack")
LIBRARIES: Final = ("click", "msgspec", "opentelemetry-sdk", "psutil", "starlette", "uvicorn")
VARIABLES: Final = ("HOOKSPAN_", "OTEL_", "CLAUDE")


def write_crash(error: BaseException) -> Path:
    """Write the report of `error` (0600) to the state folder, else to the temporary folder, and give its path."""
    verb = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    trace = "".join(traceback.format_exception(error))
    text = (
        f"# hookspan {__version__}: {type(error).__name__}\n\n"
        f"- command: `hookspan {verb}` (arguments left out)\n"
        f"- Python {platform.python_version()} ({sys.implementation.name}), {platform.platform()}\n\n"
        f"```\n{_without_home(trace)}```\n"
    )
    return _save("crash", text)


def _without_home(text: str) -> str:
    with contextlib.suppress(UserError):  # it may be what the report is about
        return text.replace(str(home_folder()), "~")
    return text


def write_state(context: Context, results: Sequence[tuple[str, Result]]) -> Path:
    """Write how things stand (0600) as Markdown with JSON in it, and give its path."""
    redact = Redactor(context.paths, context.env)
    parts = {
        "Versions": _versions(context.paths),
        "What `hookspan doctor` found": [_result(name, result, redact) for name, result in results],
        "Settings": _settings(context),
        "Variables that are set (names only)": sorted(name for name in context.env if name.startswith(VARIABLES)),
        "Health and counts": _counts(context.paths, redact),
        f"The last {counted(LOG_LINES, 'lines')} of the agent's log": _log(context.paths, redact),
    }
    text = "".join(f"\n## {title}\n\n```json\n{_json(part)}\n```\n" for title, part in parts.items())
    return _save("doctor", f"# hookspan {__version__}: report\n{text}")


def _json(part: Any) -> str:
    if part and isinstance(part, list):  # a line each
        return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in part) + "\n]"
    return json.dumps(part, indent=2)


def _versions(paths: Paths) -> dict[str, Any]:
    versions: dict[str, Any] = {
        "hookspan": __version__,
        "python": f"{platform.python_version()} ({sys.implementation.name})",
        "system": platform.platform(),
    }
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    for name, path in (("relay", paths.relay), ("relay in Python", paths.relay_script)):
        with contextlib.suppress(OSError):
            versions[name] = (
                f"{counted(path.stat().st_size, 'bytes')}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
            )
    return versions


def _result(name: str, result: Result, redact: Redactor) -> dict[str, Any]:
    message = "(left out: it quotes a setting or another program)" if result.quotes else redact.text(result.message)
    return {"check": name, "status": result.status, "message": message, "value": result.value, "unit": result.unit}


def _settings(context: Context) -> dict[str, Any]:
    """What is a number or one of a few words as it is, of everything else only whether it is set."""
    from hookspan.config import OPTIONS, TABLES, Option
    from hookspan.values import URL, Choice, Flag, Level, Number, Size

    def shown(option: Option, value: Any) -> Any:
        if isinstance(option.kind, Flag | Level | Number | Size | Choice):
            return value
        if not value:
            return "not set"
        return _address(value) if option.kind is URL else "set"

    try:
        settings = context.settings
    except UserError:
        return {"problem": "they can't be read"}
    shown_values: dict[str, Any] = {
        key: shown(option, settings.value(key))
        for key, option in OPTIONS.items()
        if settings.origin(key) != "default" or isinstance(option.kind, Flag | Level)
    }
    return shown_values | {table: counted(len(settings.value(table)), "entries") for table in TABLES}


def _address(url: str) -> str:
    """Protocol, port, and whether it is this machine."""
    from hookspan.values import is_on_this_machine

    parts = urlsplit(url)
    where = "this machine" if is_on_this_machine(url) else "another machine"
    return f"{parts.scheme}, port {parts.port or 'by default'}, {where}"


def _counts(paths: Paths, redact: Redactor) -> dict[str, Any]:
    from hookspan.agent.status import files, status_of
    from hookspan.store import Reader

    now = status_of(paths)
    checks = (now.get("health") or {}).get("checks") or {}
    parts: dict[str, Any] = {
        "agent": {key: now["agent"].get(key) for key in ("state", "version", "stay", "started")},
        "health": {
            name: {key: check[key] for key in ("status", "value", "threshold", "unit", "since")}
            for name, check in checks.items()
        },
        **files(paths),
    }
    export = now.get("export")
    if isinstance(export, dict):
        parts["export"] = {key: redact.value(value) for key, value in export.items() if key != "endpoint"}
    if paths.store.exists():
        reader = Reader(paths)
        try:
            counts = reader.counts()
            parts["rows"] = {name: getattr(counts, name) for name in counts.__struct_fields__}
        except Exception as error:  # noqa: BLE001 - a store that can't be read is what the report is about
            parts["rows"] = type(error).__name__
        finally:
            reader.close()
    return parts


def _log(paths: Paths, redact: Redactor) -> list[dict[str, Any]]:
    try:
        with paths.log.open("rb") as file:
            file.seek(max(0, paths.log.stat().st_size - LOG_BYTES))
            lines = file.read(LOG_BYTES).splitlines()[-LOG_LINES:]
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            ours = str(entry.get("logger", "")).startswith("hookspan")  # other libraries' words may quote anything
            keys = LOG_KEYS if ours else LOG_KEYS[:3]
            entries.append({key: redact.value(entry[key]) for key in keys if key in entry})
    return entries


def _save(kind: str, text: str) -> Path:
    name = time.strftime(f"{kind}-%Y%m%dT%H%M%S") + f"-{os.getpid()}.md"
    try:
        folder = Paths.from_environment().state / "reports"
        make_folders(folder)
        return _put(folder / name, text)
    except Exception:  # noqa: BLE001 - whatever is wrong with the state folder, the report must still be written
        return _put(Path(tempfile.mkdtemp(prefix="hookspan-")) / name, text)


def _put(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
