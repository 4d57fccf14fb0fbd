"""`hookspan install` and `hookspan uninstall`: our hooks in Claude Code's settings, and out again.

What install changed is recorded (`setup/record.py`), so that uninstall gives back the very bytes if nobody else has
changed the file.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import click

from hookspan import atomic
from hookspan.clients.claude_code import settings_files
from hookspan.clients.claude_code.handlers import EVENTS, all_hooks
from hookspan.clients.claude_code.settings_files import Scope
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.config import Settings, load
from hookspan.errors import UserError
from hookspan.paths import Paths, home_folder, working_folder
from hookspan.setup import places, record, relay, removal, settings_file
from hookspan.setup.installation import Area, Installation, look
from hookspan.setup.record import Record
from hookspan.setup.relay import Relay
from hookspan.units import counted
from hookspan.values import URL

NEXT: Final = "Start a session of Claude Code, then: hookspan open"
NEXT_DOWN: Final = "The agent is down, as you said, and no hook starts it until: hookspan up"


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
    paths, folder = Paths.from_environment(), working_folder()
    file = settings_files.of_scope(scope, os.environ, folder)
    settings = load(paths, os.environ)
    variables = _native_variables(settings, native)
    found = look(paths, folder=folder)
    if check:
        _check(found, file, variables or {})
        return
    made = relay.prepare(paths)
    if print_block:
        _print(all_hooks(made.command), variables)
        return
    if no_hooks:
        relay.create_state(paths, load(paths))
        made.install(paths)
        click.echo(f"The plugin's hooks run {_short(made.target)}, {made.how}.\n\n{NEXT}")
        return
    change = Change.of(found, file, made, variables)
    change.show(whole=dry_run or not yes)
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)" if change.needed else "nothing to change")
        return
    if change.needed:
        _ask(f"\nWrite this to {_short(file)}?", yes=yes)
    relay.create_state(paths, load(paths))  # from the files alone, as the agent that a hook starts reads them
    made.install(paths)
    change.make(paths)
    click.echo(change.done(made))
    for other in () if change.brought else found.others:
        click.echo(
            f"Until now these hooks recorded to {_short(other.state)}, which stays as it is.\n"
            f"To delete it: {places.call(other, os.environ, 'uninstall --purge')}"
        )
    if variables:
        click.echo(f"Claude Code sends its own telemetry to {settings.export.endpoint} from its next session on.")
    _offer_endpoint(paths, settings.export.endpoint, yes=yes)
    if change.needed:
        click.echo(f"\n{NEXT if not paths.down.exists() else NEXT_DOWN}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the change and make none.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--scope", type=click.Choice(["user", "local"]), help="Only there; else everywhere it was installed.")
@click.option("--purge", is_flag=True, help="Delete the relay, the settings and all that was recorded, too.")
def uninstall(dry_run: bool, yes: bool, scope: Scope | None, purge: bool) -> None:
    """Take hookspan out of Claude Code's settings.

    A file that nobody else has changed gets its very bytes back; from any other only our entries are removed.
    """
    from hookspan.cli.install import purge as everything

    if purge and scope:
        raise click.UsageError("--purge is for all of hookspan, not for a scope")
    paths, folder = Paths.from_environment(), working_folder()
    found = look(paths, folder=folder)
    planned = removal.plan(found, scope, os.environ, folder)
    doomed = everything.kept(planned.places) if purge else []
    if not planned.changes and not doomed:
        click.echo("\n".join(filter(None, ["Nothing to change: hookspan is not installed here.", _where_else(found)])))
        return
    for change in planned.changes:
        _show_change(change.file, change.old, change.new or b"", whole=dry_run or not yes)
    if doomed:
        click.echo(f"\nTo be deleted, with every session recorded: {', '.join(map(_short, doomed))}")
    if dry_run:
        click.echo("\nnothing was changed (--dry-run)")
        return
    write = f"Write this to {', '.join(_short(change.file) for change in planned.changes)}?"
    _ask(f"\n{'Go ahead? Sessions of Claude Code should be closed.' if purge else write}", yes=yes)
    for change in planned.changes:
        planned.carry_out(change)
        click.echo(f"Removed from {_short(change.file)}.")
    if purge:
        everything.purge(planned.places)
    _say_what_is_left(look(paths, folder=folder), planned.places, purged=purge)


def _say_what_is_left(found: Installation, owners: Sequence[Paths], *, purged: bool) -> None:
    """After an uninstall: what stays, and how to be rid of it."""
    if others := _where_else(found):
        click.echo(others)
    if not purged:
        for place in owners:
            if place.state.exists():
                click.echo(
                    f"\nThe relay stays in {_short(place.bin)}, since a session that is open now would show errors "
                    f"without it,\nand what was recorded in {_short(place.state)}. "
                    f"When no session is open: {places.call(place, os.environ, 'uninstall --purge')}"
                )
        return
    left = [folder for place in owners for folder in (place.state, place.data) if folder.exists()]
    if left:
        click.echo(f"{', '.join(map(_short, left))} was there before hookspan, and stays.")
    elif not others:
        click.echo("Nothing of hookspan is left but the command itself.")


def _where_else(found: Installation) -> str:
    """Hooks that `uninstall` leaves: the plugin's, the administrator's, and those of another hookspan."""
    said = []
    for source in found.sources:
        if source.handlers and source.kind == "plugin":
            said.append(f"{source.name} brings hooks: `claude plugin uninstall {source.plugin}` takes them out.")
        elif source.handlers and source.kind in {"managed", "project"}:
            said.append(f"{source.name} has hooks of ours, and is not for `hookspan uninstall` to change.")
    for state, sources in found.elsewhere.items():
        if any(source.of_install for source in sources):
            place = found.place(state)
            how = f": `{places.call(place, found.env, 'uninstall')}`" if place is not None else "."
            said.append(f"The hooks in {', '.join(one.name for one in sources)} record to `{state}`{how}")
    return "\n".join(said)


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


def _check(found: Installation, file: Path, variables: Mapping[str, str]) -> None:
    paths = found.paths
    wrong = [one for one in found.problems if one.broken or one.area is Area.STARTER]
    problems = [one.what for one in wrong]
    if not problems and not found.here:
        problems.append(f"no hook of ours runs in this folder; there are some in {found.where}")
    text = SettingsText.of(str(file), settings_file.read(file) or b"")
    known = record.read(paths).get(str(file))
    wanted = {**(known.env if known is not None else {}), **variables}
    if lacking := [key for key, value in wanted.items() if text.env.get(key) != value]:
        problems.append(f"Claude Code's own telemetry is not sent: `env` in `{file}` lacks {', '.join(lacking)}")
    if problems:
        hint = next((one.todo for one in wrong), "`hookspan install`")
        raise UserError(f"hookspan is not fully installed: {'; '.join(problems)}", hint=hint)
    click.echo(f"hookspan is installed in {found.where}: {counted(len(EVENTS), 'events')}.")


def _warn(file: Path, found: SettingsText) -> None:
    """Say what keeps hooks from running, though they are installed."""
    for entry in found.broken():
        click.echo(f"warning: `{entry}` is broken, which can make Claude Code ignore every hook in this file", err=True)
    if found.value.get("disableAllHooks") is True:
        click.echo(f"warning: `disableAllHooks` in {_short(file)} keeps every hook from running", err=True)


@dataclass(frozen=True, slots=True)
class Change:
    """What `install` is going to do to a settings file."""

    file: Path
    old: bytes | None
    before: SettingsText
    after: SettingsText
    known: Record | None  # what an earlier `install` did to it
    env: Mapping[str, str]  # the variables that are ours then
    brought: str  # what brings the hooks, if that is not these settings

    @classmethod
    def of(cls, found: Installation, file: Path, made: Relay, variables: Mapping[str, str] | None) -> Self:
        """The change; UserError for a file that nothing can be put into."""
        old = settings_file.read(file)
        before = SettingsText.of(str(file), old or b"")
        known = record.read(found.paths).get(str(file)) or _of_another(found, file)
        brought = " and ".join(source.name for source in found.brought)
        after = before if brought else before.with_ours(made.command, found.paths)
        env = _env_of(known, before, variables)
        return cls(file, old, before, _with_native(after, known, variables), known, env, brought)

    @property
    def needed(self) -> bool:
        """Whether the file isn't already as it should be."""
        return self.after.data() != self.before.data()

    def show(self, *, whole: bool) -> None:
        """Print it, as a diff if `whole`, and what stands in its way."""
        if self.needed:
            _show_change(self.file, self.old or b"", self.after.data(), whole=whole)
        _warn(self.file, self.before)
        if self.brought:
            click.echo(f"The hooks come from {self.brought}: a second set would start two relays at each event.")

    def make(self, paths: Paths) -> None:
        """Back up, record, write: in this order, so that whatever is written can be taken back."""
        if not self.needed:
            return
        clean, empty = self._without_ours(paths)
        backup = None
        if clean is not None:
            backup = paths.backups / f"{self.file.name}.{settings_file.digest(clean)[:16]}"
            atomic.write(backup, clean, mode=0o600)
        made = Record(
            at=int(time.time()),
            before=None if clean is None else settings_file.digest(clean),
            after=settings_file.digest(self.after.data()),
            backup=None if backup is None else str(backup),
            empty=empty,
            env=dict(self.env),
        )
        records = record.read(paths)
        record.write(paths, records | {str(self.file): made})
        try:
            settings_file.put(paths, self.file, self.after.data(), self.old)
        except UserError:
            record.write(paths, records)
            raise

    def _without_ours(self, paths: Paths) -> tuple[bytes | None, list[str]]:
        """The file as `uninstall` gives it back (None: without it), and the containers that were empty in it."""
        known = self.known
        if known is not None and self.old is not None and known.after == settings_file.digest(self.old):
            saved = None if known.backup is None else settings_file.read(Path(known.backup))
            if known.backup is None or saved is not None:
                return saved, known.empty
        # Nothing of ours in it, nor an older form, must come back with uninstall.
        text = self.before.without_ours(paths).without_env(known.env if known is not None else {})
        if known is not None and known.before is None and text.value == {}:
            return None, []  # we made it, and nobody else has put anything in
        return self.old if text is self.before else text.data(), self.before.empty()

    def done(self, made: Relay) -> str:
        """What was done, in words."""
        if self.brought:
            return f"{f'Changed {_short(self.file)}: `env`. ' if self.needed else ''}Relay {made.how}."
        if self.needed:
            return f"Installed in {_short(self.file)}: {counted(len(EVENTS), 'events')}, relay {made.how}."
        return f"Nothing to change: hookspan is installed in {_short(self.file)}."


def _of_another(found: Installation, file: Path) -> Record | None:
    """What another hookspan, whose hooks are there now, did to the file."""
    return next((known for other in found.others if (known := record.read(other).get(str(file))) is not None), None)


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
    from hookspan.cli.verbs.config import change

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
    try:
        top = str(home_folder(os.environ))
    except UserError:  # there is none
        return str(path)
    text = str(path)
    return "~" + text[len(top) :] if text.startswith(top.rstrip("/") + "/") else text


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
