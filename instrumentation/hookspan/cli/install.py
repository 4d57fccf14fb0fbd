"""`hookspan install` and `hookspan uninstall`: our hooks in Claude Code's settings, and out again.

What install changed stands in `<state>/installed.json`, by settings file: the digests before and after, a backup, the
containers that were there empty, and the variables that were put into `env`. With it uninstall gives back the very
bytes if nobody else has changed the file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from hookspan import atomic, claude_settings, relay
from hookspan.claude_settings import EVENTS, Scope, SettingsText
from hookspan.config import Settings, load
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.units import counted
from hookspan.values import URL

RECORD_VERSION: Final = 1  # of installed.json; a new one needs a fixture in tests/upgrades
NEXT: Final = "Start a session of Claude Code, then: hookspan open"


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
@click.option("--check", is_flag=True, help="Say whether everything is installed (exit 1 if not), and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--print", "print_block", is_flag=True, help="Print the hooks, for managed settings, and change nothing.")
@click.option("--no-hooks", is_flag=True, help="Only what the plugin's hooks run and record to; no settings change.")
@click.option(
    "--scope",
    type=click.Choice(["user", "local"]),
    default="user",
    help="All your projects (default), or the one in this folder.",
)
@click.option(
    "--native-telemetry/--no-native-telemetry",
    "native",
    default=None,
    help="Let Claude Code send its own telemetry to `export.endpoint`, or no longer; else left as it is.",
)
def install(
    dry_run: bool, check: bool, yes: bool, print_block: bool, no_hooks: bool, scope: Scope, native: bool | None
) -> None:
    """Add hookspan's hooks to Claude Code's settings.

    Shows the change and asks first. Other hooks and settings stay as they are, byte for byte.
    """
    _refuse_windows()
    paths = Paths.from_environment()
    file = claude_settings.path(scope, os.environ, Path.cwd())
    settings = load(paths, os.environ)
    variables = _native_variables(settings, native)
    if check:
        _check(paths, file, variables or {})
        return
    made = relay.prepare(paths)
    if print_block:
        _print(claude_settings.block(made.command), variables)
        return
    if no_hooks:
        relay.create_state(paths, load(paths))
        made.install()
        click.echo(f"The plugin's hooks run {_short(made.target)}, {made.how}.\n\n{NEXT}")
        return
    old = _read(file)
    before = SettingsText.of(str(file), old or b"")
    record = _records(paths).get(str(file))
    after = _with_native(before.with_ours(made.command, paths), record, variables)
    if changes := after.data() != (old or b""):
        _show_change(file, old or b"", after.data(), whole=dry_run or not yes)
    _warn(file, before)
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)" if changes else "nothing to change")
        return
    if changes:
        _ask(f"\nWrite this to {_short(file)}?", yes=yes)
    relay.create_state(paths, load(paths))  # from the files alone, as the agent that a hook starts reads them
    made.install()
    if changes:
        _write(paths, file, old, before, after, _env_of(record, before, variables))
        click.echo(f"Installed in {_short(file)}: {counted(len(EVENTS), 'events')}, relay {made.how}.")
    else:
        click.echo(f"Nothing to change: hookspan is installed in {_short(file)}.")
    if variables:
        click.echo(f"Claude Code sends its own telemetry to {settings.export.endpoint} from its next session on.")
    _offer_endpoint(paths, settings.export.endpoint, yes=yes)
    if changes:
        click.echo(f"\n{NEXT}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--scope", type=click.Choice(["user", "local"]), help="Only there; else everywhere it was installed.")
@click.option("--purge", is_flag=True, help="Delete the relay, the settings and all that was recorded, too.")
def uninstall(dry_run: bool, yes: bool, scope: Scope | None, purge: bool) -> None:
    """Take hookspan out of Claude Code's settings.

    A file that nobody else has changed gets its very bytes back; from any other only our entries are removed.
    """
    from hookspan.cli import purge as everything

    paths = Paths.from_environment()
    if purge and scope:
        raise click.UsageError("--purge is for all of hookspan, not for a scope")
    doomed = everything.kept(paths) if purge else []
    files = [claude_settings.path(scope or "user", os.environ, Path.cwd())]
    if scope is None:
        files = list(dict.fromkeys([*files, *map(Path, _records(paths))]))
    planned = [change for file in files if (change := _removal(paths, file)) is not None]
    if not planned and not doomed:
        click.echo("Nothing to change: hookspan is not installed.")
        return
    for change in planned:
        _show_change(change.file, change.old, change.new or b"", whole=dry_run or not yes)
    if doomed:
        click.echo(f"\nTo be deleted, with every session recorded: {', '.join(map(_short, doomed))}")
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)")
        return
    write = f"Write this to {', '.join(_short(change.file) for change in planned)}?"
    _ask(f"\n{'Go ahead? Sessions of Claude Code should be closed.' if doomed else write}", yes=yes)
    for change in planned:
        _remove(paths, change)
        click.echo(f"Removed from {_short(change.file)}.")
    if purge:
        everything.purge(paths)
        for change in planned:
            everything.remove_empty(change.file.parent)
        click.echo("Nothing of hookspan is left but the command itself.")
        return
    click.echo(
        f"\nThe relay stays in {_short(paths.bin)}, since a session that is open now would show errors without it,\n"
        f"and what was recorded in {_short(paths.state)}. When no session is open: hookspan uninstall --purge"
    )


@dataclass(frozen=True, slots=True)
class Record:
    """What `install` did to one settings file."""

    at: int  # Unix seconds
    before: str | None  # SHA-256 of the file as it was; None: there was none
    after: str
    backup: str | None
    empty: list[str]  # containers that were there with nothing in them
    env: dict[str, str] = field(default_factory=dict)  # variables of ours, as they were written


@dataclass(frozen=True, slots=True)
class Removal:
    """What `uninstall` is going to do to one settings file; `new` None deletes it."""

    file: Path
    old: bytes
    new: bytes | None
    backup: Path | None  # no longer needed afterwards


def _refuse_windows() -> None:
    if os.name == "nt":
        raise UserError("hookspan does not run on native Windows; use it inside WSL2.")


def _print(block: dict[str, Any], variables: Mapping[str, str] | None) -> None:
    click.echo(json.dumps(block | ({"env": variables} if variables else {}), indent=2))


def _native_variables(settings: Settings, wanted: bool | None) -> dict[str, str] | None:
    """What makes Claude Code send all of its own telemetry where hookspan sends its; None: whatever is there."""
    if not wanted:
        return None if wanted is None else {}
    export = settings.export
    if export.endpoint is None:
        raise UserError(
            "there is no endpoint to send Claude Code's own telemetry to",
            hint="`hookspan stack up`, or `hookspan config set export.endpoint URL`",
        )
    if export.headers:
        click.echo(
            "warning: `export.headers` are not written to Claude Code's settings, since they may be secret; "
            "if the endpoint wants them, set OTEL_EXPORTER_OTLP_HEADERS there",
            err=True,
        )
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",  # spans
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": export.protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": export.endpoint,
    }


def _with_native(text: SettingsText, record: Record | None, variables: Mapping[str, str] | None) -> SettingsText:
    """The text with these variables in place of those that are ours; another value of the user's own is an error."""
    if variables is None:
        return text
    ours, keep = ({}, []) if record is None else (record.env, record.empty)
    clean = text.without_env(
        {key: value for key, value in ours.items() if variables.get(key) != value}, ["env"] if variables else keep
    )
    foreign = [key for key, value in variables.items() if clean.env.get(key, value) != value]
    if foreign:
        raise UserError(
            f"`env` in `{text.name}` has {', '.join(f'`{key}`' for key in foreign)} of your own; nothing was changed",
            hint="Claude Code sends its telemetry to one place: take them out, and let the Collector there pass it on",
        )
    return clean.with_env(variables)


def _env_of(record: Record | None, before: SettingsText, variables: Mapping[str, str] | None) -> dict[str, str]:
    """Which variables are ours once `variables` are written (None: none are): not those that the user has as well."""
    ours = {} if record is None else record.env
    if variables is None:
        return ours
    return {key: value for key, value in variables.items() if key in ours or key not in before.env}


def _check(paths: Paths, file: Path, variables: Mapping[str, str]) -> None:
    found = SettingsText.of(str(file), _read(file) or b"")
    problems = []
    ours = {(h.value["command"], *h.value.get("args", ())) for h in found.ours(paths)}
    if len(ours) != 1:
        problems.append("our hooks are not there" if not ours else "our hooks run different commands")
    else:
        (command,) = ours
        if missing := found.missing(command, paths):
            problems.append(f"of {counted(len(EVENTS), 'events')} it lacks {len(missing)}: {', '.join(missing)}")
        if not any(Path(word) in {paths.relay, paths.relay_script} and os.access(word, os.X_OK) for word in command):
            problems.append(f"what our hooks run is not in `{paths.bin}`")
        if command[-1] != str(paths.state):
            problems.append(f"our hooks record to `{command[-1]}`, not to `{paths.state}`")
    record = _records(paths).get(str(file))
    wanted = {**(record.env if record is not None else {}), **variables}
    if lacking := [key for key, value in wanted.items() if found.env.get(key) != value]:
        problems.append(f"Claude Code's own telemetry is not sent: `env` lacks {', '.join(lacking)}")
    problems += [
        f"`{file}` is missing" for file in (paths.relay_conf, paths.heartbeat, paths.drops) if not file.exists()
    ]
    if found.value.get("disableAllHooks") is True:
        problems.append("`disableAllHooks` is set")
    if problems:
        raise UserError(
            f"hookspan is not fully installed in `{file}`: {'; '.join(problems)}", hint="`hookspan install`"
        )
    click.echo(f"hookspan is installed in {_short(file)}: {counted(len(EVENTS), 'events')}.")


def _warn(file: Path, found: SettingsText) -> None:
    """Say what keeps hooks from running, though they are installed."""
    for entry in found.broken():
        click.echo(f"warning: `{entry}` is broken, which can make Claude Code ignore every hook in this file", err=True)
    if found.value.get("disableAllHooks") is True:
        click.echo(f"warning: `disableAllHooks` in {_short(file)} keeps every hook from running", err=True)


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"can't read `{file}`: {error.strerror}") from error


def _put(file: Path, data: bytes, expected: bytes | None) -> None:
    """Write a settings file, unless it has changed since it was read."""
    if _read(file) != expected:
        raise UserError(f"`{file}` has changed while you were asked; nothing was written", hint="try again")
    try:
        if expected is None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write(file, data)
    except OSError as error:
        raise UserError(f"can't write `{file}`: {error.strerror}", hint="nothing was changed") from error


def _write(
    paths: Paths, file: Path, old: bytes | None, before: SettingsText, after: SettingsText, env: dict[str, str]
) -> None:
    """Back up, record, write: in this order, so that whatever is written can be taken back."""
    records = _records(paths)
    known = records.get(str(file))
    if known is not None and old is not None and known.after == _digest(old):
        record = Record(int(time.time()), known.before, _digest(after.data()), known.backup, known.empty, env)
    else:
        # Nothing of ours in it, nor an older form, must come back with uninstall.
        text = before.without_ours(paths).without_env(known.env if known is not None else {})
        clean = old if text is before else text.data()
        backup = None
        if clean is not None:
            backup = paths.backups / f"{file.name}.{_digest(clean)[:16]}"
            atomic.write(backup, clean, mode=0o600)
        record = Record(
            int(time.time()),
            None if clean is None else _digest(clean),
            _digest(after.data()),
            None if backup is None else str(backup),
            before.empty(),
            env,
        )
    _save_records(paths, records | {str(file): record})
    try:
        _put(file, after.data(), old)
    except UserError:
        _save_records(paths, records)
        raise


def _removal(paths: Paths, file: Path) -> Removal | None:
    old, record = _read(file), _records(paths).get(str(file))
    if old is None:
        return None
    if record is not None and record.after == _digest(old):
        if record.backup is None:
            return Removal(file, old, None, None)
        backup = Path(record.backup)
        saved = _read(backup)
        if saved is not None and _digest(saved) == record.before:
            return Removal(file, old, saved, backup)
    text = SettingsText.of(str(file), old)
    keep, env = ((), {}) if record is None else (record.empty, record.env)
    clean = text.without_ours(paths, keep=keep).without_env(env, keep=keep)
    return None if clean is text or clean.data() == old else Removal(file, old, clean.data(), None)


def _remove(paths: Paths, change: Removal) -> None:
    if change.new is None:
        if _read(change.file) != change.old:
            raise UserError(f"`{change.file}` has changed while you were asked; nothing was written", hint="try again")
        Path(os.path.realpath(change.file)).unlink()
    else:
        _put(change.file, change.new, change.old)
    records = _records(paths)
    records.pop(str(change.file), None)
    _save_records(paths, records)
    if change.backup is not None and not any(r.backup == str(change.backup) for r in records.values()):
        change.backup.unlink()


def _records(paths: Paths) -> dict[str, Record]:
    """By settings file; a record that can't be read is as good as none."""
    try:
        found = json.loads(paths.installed.read_bytes())
        if found["version"] > RECORD_VERSION:
            raise UserError(
                f"`{paths.installed}` was written by a newer hookspan "
                f"(format {found['version']}, this one knows {RECORD_VERSION})",
                hint="update hookspan, or uninstall with the newer one first",
            )
        return {file: Record(**record) for file, record in found["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _save_records(paths: Paths, records: dict[str, Record]) -> None:
    if records:
        files = {file: asdict(record) for file, record in records.items()}
        plain: dict[str, Any] = {"version": RECORD_VERSION, "files": files}
        atomic.write(paths.installed, json.dumps(plain, indent=2).encode() + b"\n", mode=0o600)
    else:
        paths.installed.unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _ask(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(
            "there is no terminal to ask on; nothing was changed", hint="`--yes` goes ahead, `--dry-run` looks"
        )
    if not click.confirm(question):
        raise UserError("nothing was changed")


def _offer_endpoint(paths: Paths, endpoint: str | None, *, yes: bool) -> None:
    """Offer OTEL_EXPORTER_OTLP_ENDPOINT, and don't obey it: it is often that of the application being worked on."""
    from hookspan.cli.config import change

    ambient = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if endpoint is not None or not URL.accept(ambient):
        return
    if not yes and sys.stdin.isatty() and click.confirm(f"\nExport to {ambient} (OTEL_EXPORTER_OTLP_ENDPOINT)?"):
        change(paths, "export.endpoint", ambient)
        if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
            change(paths, "export.protocol", "grpc")
    else:
        click.echo(f"\nNothing is exported. To export: hookspan config set export.endpoint {ambient}")


def _short(path: Path) -> str:
    """A path as people write it."""
    home = os.environ.get("HOME") or str(Path.home())
    text = str(path)
    return "~" + text[len(home) :] if text.startswith(home.rstrip("/") + "/") else text


def _show_change(file: Path, old: bytes, new: bytes, *, whole: bool) -> None:
    """The diff; or, for who doesn't want to be asked about it, how many lines it has."""
    lines = list(diff(_short(file), old, new))
    if whole:
        for line in lines:
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            click.secho(line, fg=colour)
    else:
        signs = Counter(line[:1] for line in lines[2:])  # two lines of heading
        click.echo(f"{_short(file)}: {counted(signs['+'], 'lines')} added, {signs['-']:,} removed")


def diff(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """The unified diff, in time that depends on what differs: difflib alone takes minutes for a big file."""
    before, after = (data.decode("utf-8").splitlines(keepends=True) for data in (old, new))
    head = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    head = max(0, head - 3)  # lines of context
    most = min(len(before), len(after)) - head
    pairs = zip(reversed(before), reversed(after), strict=False)
    tail = max(0, next((n for n, (a, b) in enumerate(pairs) if n >= most or a != b), most) - 3)
    lines = difflib.unified_diff(before[head : len(before) - tail], after[head : len(after) - tail], name, name)
    for number, line in enumerate(lines):
        shown = _shifted(line, head) if line.startswith("@@") else line
        yield shown.rstrip("\r\n")
        if number > 1 and not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _shifted(line: str, by: int) -> str:
    """A hunk's heading with line numbers of the whole file."""
    words = line.split()
    for place in (1, 2):
        start, comma, length = words[place][1:].partition(",")
        words[place] = f"{words[place][0]}{int(start) + by}{comma}{length}"
    return " ".join(words) + "\n"
