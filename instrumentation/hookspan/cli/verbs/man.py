"""`hookspan man`: the manual page, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

from hookspan import __version__
from hookspan.cli import verbs

_QUOTED: Final = re.compile(r"`([^`]*)`")
FILES = {
    "$XDG_CONFIG_HOME/hookspan/config.toml": "Your settings.",
    "/etc/hookspan/config.toml": "The administrator's, which can lock keys.",
    "$XDG_STATE_HOME/hookspan": "What is recorded: journal, store, log.",
    "$XDG_DATA_HOME/hookspan": "What is installed: the relay that coding agents run, and the stack.",
}
STATUS = {
    "0": "Everything is healthy.",
    "1": "A check failed, or something is wrong that you can fix.",
    "2": "The command line is wrong.",
    "3": "A bug in hookspan; the report's path is printed.",
    "130": "Interrupted.",
}


@click.command()
@click.pass_context
def man(ctx: click.Context) -> None:
    """Print the manual page, for `hookspan man | man -l -`."""
    click.echo("\n".join(page(ctx.find_root().command)))


def page(hookspan: click.Command) -> Iterator[str]:
    """The lines of hookspan(1), in roff with the macros of man(7)."""
    yield f'.TH HOOKSPAN 1 "" "hookspan {__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"hookspan \- OpenTelemetry for coding agents"
    yield ".SH SYNOPSIS"
    yield r"\fBhookspan\fR [\fIcommand\fR] [\fIoption\fR ...]"
    yield ".SH DESCRIPTION"
    yield "Without a command it shows the current state and what to do next."
    context = click.Context(hookspan, info_name="hookspan")
    for title in verbs.SECTIONS:
        yield f".SH {title.upper()}"
        for name in verbs.in_section(title):
            command = verbs.load(name)
            yield from _command(command, click.Context(command, info_name=name, parent=context))
    yield ".SH ENVIRONMENT"
    yield from _list({"HOOKSPAN_HOME": "One folder for everything that hookspan keeps."})
    yield from _list({"HOOKSPAN_SECTION_KEY": "A setting, for the command line and for an agent started by `up`."})
    yield from _list({"NO_COLOR": "With any value: no colours and no progress bars. TERM=dumb does the same."})
    yield ".SH FILES"
    yield from _list(FILES)
    yield ".SH EXIT STATUS"
    yield from _list(STATUS)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_text(f'{context.command_path} {usage}')}"
    paragraphs = (command.help or "").replace("\b", "").strip().split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and "--help" not in parameter.opts:
            yield from _list({record[0]: record[1]})
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None  # noqa: S101 - it was listed
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))


def _list(entries: dict[str, str]) -> Iterator[str]:
    for name, words in entries.items():
        yield ".TP"
        yield rf"\fB{_text(name)}\fR"
        yield _text(words)


def _text(text: str) -> str:
    """Roff's own signs escaped; what the help has in backquotes is bold."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    escaped = _QUOTED.sub(r"\\fB\1\\fR", escaped)
    return rf"\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped
