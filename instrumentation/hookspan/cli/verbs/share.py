"""`hookspan share`: a session or a turn as one file to give to somebody."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, Literal

import click

from hookspan.cli.terminal import completers
from hookspan.cli.terminal.options import YES
from hookspan.cli.terminal.text import printable
from hookspan.errors import UserError

SUFFIXES: Final = {"html": "html", "markdown": "md"}
KEPT: Final = ("paths", "names")


@click.command()
@click.argument("id_", metavar="[ID]", default="last", shell_complete=completers.traces)
@click.option(
    "--format", "form", type=click.Choice(list(SUFFIXES)), default="html", help="Of the file; html is the default."
)
@click.option("--keep", multiple=True, type=click.Choice(KEPT), help="Leave these in; may be given for each.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Where to write; `-` prints it. By default named after the session, here.",
)
@YES
def share(id_: str, form: Literal["html", "markdown"], keep: tuple[str, ...], output: str | None, yes: bool) -> None:
    """Write what was said in a session or a turn to one file, without secrets, paths and names.

    ID is that of a session, a prompt or a trace, or its first digits; `last`, or none, is your newest turn. What is
    left out is shown first, with how often it was found. Nothing is sent anywhere. The source is the agent's own
    transcript; without it the archive's copy, or the hook events that the journal still has. Works without an agent.
    """
    from hookspan.cli.terminal.lookup import find
    from hookspan.config import load
    from hookspan.content import Copies, HookEvents, Search
    from hookspan.observe.messages import SessionMessages
    from hookspan.opted_out import OptedOut
    from hookspan.paths import Paths
    from hookspan.setup import receipts
    from hookspan.sharing import document, rules
    from hookspan.sharing.as_html import html
    from hookspan.sharing.as_markdown import markdown
    from hookspan.store import Reader

    paths = Paths.from_environment()
    settings = load(paths)
    if not settings.content.local:
        raise UserError("prompts and answers are not shown, since `content.local` is off")
    reader = Reader(paths)
    search = Search(paths, reader)
    row, spans = find(reader, id_)
    row = row or search.session(next(iter(reader.find_sessions(id_)), id_))
    if row is None:
        raise UserError("nothing is known of this session any more")
    if row.project in OptedOut(settings.projects).names:
        raise UserError("this session's project is not recorded")
    traces = {span.trace_id for span in spans}
    whole = len(traces) > 1 or row.id.replace("-", "") in traces or row.id.startswith(id_.strip().lower())
    trace = "" if whole else traces.pop()
    copies = Copies(search, HookEvents(paths, reader))
    messages = SessionMessages(reader, receipts.transcript_folders(paths), copies.open, copies.sources)
    found = document.collect(messages, row, trace=trace, keep=keep)
    if not found.parts:
        raise UserError(
            "no transcript of it is there (any more)",
            hint="Claude Code deletes them after `cleanupPeriodDays`, 30 days unless set",
        )
    click.echo("Left out:", err=True)
    for name, count in found.removed.items():
        click.echo(f"  {name:8} {count:>6,}  {rules.RULES[name]}", err=True)
    for name in keep:
        click.echo(f"  {name:8}   kept", err=True)
    text = html(found) if form == "html" else markdown(found)
    if output == "-":
        sys.stdout.write(text)
        return
    target = Path(output or f"hookspan-{(trace or row.id)[:8]}.{SUFFIXES[form]}")
    if not yes:
        _ask(target)
    _write(target, text)
    click.echo(f"{printable(target)}  {sum(len(part.messages) for part in found.parts):,} messages", err=True)


def _write(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"`{printable(target)}` is there already", hint="`--output` names another file") from None
    except OSError as error:
        raise UserError(f"`{printable(target)}` can't be written: {error.strerror}") from None


def _ask(target: Path) -> None:
    if not sys.stdin.isatty():
        raise UserError("there is no terminal to ask on; nothing was written", hint="`--yes` writes it")
    if not click.confirm(f"Write {printable(target)}?", err=True):
        raise UserError("nothing was written")
