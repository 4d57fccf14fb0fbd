"""The status line: its command in the settings goes through the relay, and runs what was there before."""

from __future__ import annotations

from hookspan.clients.claude_code import status_line_command
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.paths import Paths
from hookspan.setup.receipts import Receipt
from hookspan.setup.relay import Relay


def replaced(
    text: SettingsText, record: Receipt | None, made: Relay, paths: Paths, *, on: bool | None
) -> tuple[SettingsText, str | None]:
    """The text with the status line as wanted, and what a receipt tells of it; None leaves it, but renews ours."""
    ours = status_line_command.read(text.status_line, paths)
    told = record.status_line if record is not None else None
    if on is False:
        return text.without_status_line(paths, told or ""), None
    if not on and ours is None:
        return text, None
    written = (told or "") if ours is not None else text.status_line_text
    return text.with_status_line(made.command, paths), written
