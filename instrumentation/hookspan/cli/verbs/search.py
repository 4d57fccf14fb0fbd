"""`hookspan search`: finds messages of all sessions by their words, and spans by what they are."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, get_args

import click
import msgspec

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.child_attributes import without_content
from hookspan.catalogue.clients import of_service
from hookspan.catalogue.enums import Outcome
from hookspan.cli.terminal import completers, unread
from hookspan.cli.terminal.moments import Duration, Moment
from hookspan.cli.terminal.options import AGENT, JSON
from hookspan.cli.terminal.text import fit, printable, short, width
from hookspan.clients.message import Kind
from hookspan.config import load
from hookspan.content import Hit, Query, Search
from hookspan.errors import UserError
from hookspan.model.rows import Span
from hookspan.opted_out import OptedOut
from hookspan.paths import Paths
from hookspan.store import Reader, SpanQuery, schema
from hookspan.units import duration

KINDS: Final = (*get_args(Kind), "session")
PLAIN_WIDTH: Final = 120
SECOND: Final = 1_000_000_000


@click.command()
@click.argument("words", nargs=-1)
@click.option("--spans", is_flag=True, help="Find spans by what they are, instead of messages by what they say.")
@click.option("--project", default="", help="Only of this project.", shell_complete=completers.projects)
@click.option("--branch", default="", help="Only on this branch.", shell_complete=completers.branches)
@AGENT
@click.option("--session", default="", help="Only of this session: its whole id.", shell_complete=completers.sessions)
@click.option("--model", default="", help="Only of this model.")
@click.option("--tool", default="", help="Only calls of this tool, such as `Bash`, and their results.")
@click.option("--kind", type=click.Choice(KINDS), help="Only messages of this kind.")
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]), help="Only what ended so.")
@click.option("--exit", "exit_code", type=int, help="With --spans: only shell commands that exited with this status.")
@click.option(
    "--collisions", is_flag=True, help="With --spans: only calls that wrote what another wrote at the same time."
)
@click.option("--longer", type=Duration(), default="0", help="Only what took this long: `30s`, `2m`.")
@click.option("--costlier", type=click.FloatRange(0), default=0.0, help="Only what cost so many US dollars.")
@click.option("--since", type=Moment(), default="all", show_default=True, help="Only since: `24h`, `7d`, a date.")
@click.option("--until", type=Moment(), default=schema.INTEGER_MAX, help="Only before: `24h`, `7d`, a date.")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of hits."
)
@JSON
def search(
    words: tuple[str, ...],
    spans: bool,
    agent: str | None,
    kind: str | None,
    outcome: str | None,
    exit_code: int | None,
    collisions: bool,
    longer: float,
    count: int,
    as_json: bool,
    **filters: Any,
) -> None:
    """Find what was said and done in all sessions, the newest first. Works without an agent.

    All WORDS must be there; the last one may be the beginning of a word, and `beginning*` is. Several words in one
    argument stand in a row. After `--`, `-word` must not be there. Searched are prompts, answers, commands, paths,
    results, errors and titles, as long as they are kept: for `journal.raw_hours`, or for `archive.days` if
    `archive.enabled` is true. With --spans, WORDS are parts of labels, names and attributes.
    """
    if spans and kind:
        raise click.UsageError("--kind is of messages: it goes without --spans")
    if not spans and (collisions or exit_code is not None):
        raise click.UsageError("--exit and --collisions are of tool calls: they go with --spans")
    paths = Paths.from_environment()
    asked = {**filters, "agent": agent or "", "outcome": outcome or "", "longer": int(longer * SECOND), "limit": count}
    is_asked = words or agent or kind or outcome or longer or collisions or exit_code is not None
    if not is_asked and not any(filters[name] for name in filters.keys() - {"until"}):
        raise UserError("nothing to look for", hint="give words, or an option such as `--tool`")
    settings = load(paths)
    hidden = OptedOut(settings.projects).names
    with contextlib.closing(Reader(paths)) as reader:
        if spans:
            found = reader.find_spans(SpanQuery(words=words, exit_code=exit_code, collisions=collisions, **asked))
            several = len(reader.agents()) > 1
            labels = settings.content.local
            shown = [span for span in found if span.attributes.get(sc.PROJECT) not in hidden]
            _print([_of_span(span, labels=labels) for span in shown], several, as_json=as_json)
            return
        if not settings.content.local:
            raise UserError("content is neither kept nor shown: `content.local` is false", hint="`--spans` finds spans")
        text = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
        several = len(reader.agents()) > 1
        with contextlib.closing(Search(paths, reader)) as content:
            hits = _all(content, Query(text=text, kind=kind or "", **asked))
    _print([msgspec.to_builtins(hit) for hit in hits if hit.project not in hidden], several, as_json=as_json)


def _all(content: Search, query: Query) -> list[Hit]:
    """As many as are asked for, if there are so many: a page may have looked at its share and found fewer."""
    found: list[Hit] = []
    while True:
        hits = content.messages(query)
        found += hits.hits
        if len(found) >= query.limit or not hits.next:
            return found[: query.limit]
        query = msgspec.structs.replace(query, before=hits.next)


def _of_span(span: Span, *, labels: bool) -> dict[str, Any]:
    return {
        "session": span.session,
        "agent": of_service(span.attributes.get(sc.SERVICE_NAME)),
        "trace": span.trace_id,
        "span": span.span_id,
        "name": span.name,
        "at": span.start,
        "seconds": (span.end - span.start) / SECOND,
        "label": span.label if labels else "",
        "attributes": span.attributes if labels else without_content(span.attributes),
    }


def _print(found: list[dict[str, Any]], several: bool, *, as_json: bool) -> None:
    """`several`: there are several coding agents, so that it is said whose each is."""
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo(unread.explained("Nothing found.", Paths.from_environment()))
        return
    columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    for one in found:
        for line in _lines(one, one["agent"] if several else "", columns):
            click.echo(line)
    click.echo("\nA turn in full: hookspan trace TRACE")


def _lines(one: dict[str, Any], agent: str, columns: int) -> Iterator[str]:
    """A hit: when, where, and what there is to open; below it the words."""
    when = f"{datetime.fromtimestamp(one['at'] / SECOND).astimezone():%Y-%m-%d %H:%M}"
    if "snippet" not in one:
        outcome = one["attributes"].get(sc.OUTCOME, "")
        ids = (short(one["session"]), short(one["trace"]))
        about = (when, *ids, one["name"], duration(one["seconds"]), outcome, agent)
        yield fit(printable("  ".join(filter(None, about))), columns)
        if one["label"]:
            yield fit(f"    {printable(one['label'])}", columns)
        return
    kind = " ".join(filter(None, (one["kind"], one["tool"], "failed" if one["failed"] else "")))
    about = (when, short(one["session"]), short(one["trace"]) or "-", kind, one["project"], one["branch"], agent)
    yield fit(printable("  ".join(filter(None, about))), columns)
    room, parts = columns - 4, []
    for text, is_hit in one["snippet"]:
        shown = fit(printable(text), room)
        room -= width(shown)
        parts.append(click.style(shown, bold=True) if is_hit else shown)
        if room <= 0:
            break
    yield f"    {''.join(parts)}"
