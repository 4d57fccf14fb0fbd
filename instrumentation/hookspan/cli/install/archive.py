"""Offers the archive: people think that they have their conversations, and Claude Code deletes them."""

from __future__ import annotations

import os
import sys

import click

from hookspan.clients.claude_code.settings_files import config_folder, of_user
from hookspan.config import Settings
from hookspan.config.edit import change
from hookspan.paths import Paths
from hookspan.setup import cleanup
from hookspan.units import counted


def offer(paths: Paths, settings: Settings, *, wanted: bool | None, yes: bool) -> None:
    """Do as the option says (`wanted`); without it ask, once: an answer is a setting."""
    if wanted is not None:
        change(paths, "archive.enabled", str(wanted).lower())
        return
    if settings.origin("archive.enabled") != "default" or not settings.content.local:
        return
    days = counted(cleanup.period([of_user(config_folder(os.environ))]), "days")
    if yes or not sys.stdin.isatty():
        click.echo(f"Claude Code deletes transcripts after {days}. To keep copies: hookspan install --archive")
        return
    question = f"Claude Code deletes transcripts after {days}. Keep copies on this machine, to read and search?"
    change(paths, "archive.enabled", str(click.confirm(f"\n{question}")).lower())
