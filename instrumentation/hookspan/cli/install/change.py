"""What `install` changes in a settings file, and the record from which `uninstall` restores it byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click

from hookspan.cli.install import native, status
from hookspan.cli.install.diff import show_change
from hookspan.cli.install.prompt import short_path
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.paths import Paths
from hookspan.record import replace
from hookspan.setup import receipts, recorded, settings_file
from hookspan.setup.installation import Installation
from hookspan.setup.receipts import Receipt
from hookspan.setup.relay import Relay
from hookspan.units import counted


@dataclass(frozen=True, slots=True)
class Change:
    """What `install` is going to do to a settings file."""

    file: Path
    old: bytes | None
    before: SettingsText
    after: SettingsText
    receipt: Receipt | None  # what an earlier `install` did to it
    env: Mapping[str, str]  # the variables that are ours then
    status_line: str | None  # as in the receipt
    events: tuple[str, ...]  # that are registered then
    brought: str  # what brings the hooks, if that is not these settings

    @classmethod
    def of(
        cls,
        installation: Installation,
        file: Path,
        made: Relay,
        variables: Mapping[str, str] | None,
        *,
        status_line: bool | None = None,
    ) -> Self:
        """The change; UserError for a file that nothing can be put into. `status_line`: None leaves it as it is."""
        old = settings_file.read(file)
        before = SettingsText.of(str(file), old or b"")
        receipt = receipts.read(installation.paths).get(str(file)) or _of_another(installation, file)
        brought = " and ".join(source.name for source in installation.brought)
        after = before if brought else before.with_ours(made.command, installation.paths, installation.events)
        env = native.own(receipt, before, variables)
        after = native.replaced(after, receipt, variables)
        after, told = status.replaced(after, receipt, made, installation.paths, on=status_line)
        return cls(file, old, before, after, receipt, env, told, installation.events, brought)

    @property
    def needed(self) -> bool:
        """Whether the file isn't already as it should be."""
        return self.after.data() != self.before.data()

    def show(self, *, whole: bool) -> None:
        """Print it, as a diff if `whole`, and what stands in its way."""
        if self.needed:
            show_change(self.file, self.old or b"", self.after.data(), whole=whole)
        _warn(self.file, self.before)
        if self.brought:
            click.echo(f"The hooks come from {self.brought}: a second set would start two relays at each event.")

    def make(self, paths: Paths) -> None:
        """Back up, record, write: in this order, so that whatever is written can be taken back."""
        if not self.needed:
            self._tell_of_status_line(paths)
            return
        clean, empty = self._without_ours(paths)
        told = Receipt.of(clean, self.after.data(), empty, env=dict(self.env), status_line=self.status_line)
        recorded.put(paths, self.file, self.old, self.after.data(), clean, told)

    def _tell_of_status_line(self, paths: Paths) -> None:
        """Where somebody else has taken ours out, and is to be left in peace."""
        if self.receipt is not None and self.receipt.status_line != self.status_line:
            told = replace(self.receipt, status_line=self.status_line)
            receipts.write(paths, receipts.read(paths) | {str(self.file): told})

    def _without_ours(self, paths: Paths) -> tuple[bytes | None, list[str]]:
        """The file as `uninstall` gives it back (None: without it), and the containers that were empty in it."""
        receipt = self.receipt
        if receipt is not None and self.old is not None and receipt.after == settings_file.digest(self.old):
            saved = None if receipt.backup is None else settings_file.read(Path(receipt.backup))
            if receipt.backup is None or saved is not None:
                return saved, receipt.empty
        # Nothing of ours in it, nor an older form, must come back with uninstall.
        text = self.before.without_ours(paths).without_env(receipt.env if receipt is not None else {})
        text = text.without_status_line(paths, (receipt and receipt.status_line) or "")
        if receipt is not None and receipt.before is None and text.value == {}:
            return None, []  # we made it, and nobody else has put anything in
        return self.old if text is self.before else text.data(), self.before.empty()

    def done(self, made: Relay) -> str:
        """What was done, in words."""
        if self.brought:
            return f"{f'Changed {short_path(self.file)}: `env`. ' if self.needed else ''}Relay {made.how}."
        if self.needed:
            line = "" if self.status_line is None else ", the status line"
            events = counted(len(self.events), "events")
            return f"Installed in {short_path(self.file)}: {events}{line}, relay {made.how}."
        return f"Nothing to change: hookspan is installed in {short_path(self.file)}."


def _warn(file: Path, text: SettingsText) -> None:
    """Say what keeps hooks from running, though they are installed."""
    for entry in text.broken():
        click.echo(f"warning: `{entry}` is broken, which can make Claude Code ignore every hook in this file", err=True)
    if text.value.get("disableAllHooks") is True:
        click.echo(f"warning: `disableAllHooks` in {short_path(file)} keeps every hook from running", err=True)


def _of_another(installation: Installation, file: Path) -> Receipt | None:
    """What another hookspan, whose hooks are there now, did to the file."""
    return next(
        (receipt for other in installation.others if (receipt := receipts.read(other).get(str(file))) is not None), None
    )
