"""`hookspan audit key | verify`: whether log records are those that this or another machine sent."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import click

from hookspan.cli.terminal.moments import Moment
from hookspan.cli.terminal.options import JSON
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.screen import shown
from hookspan.units import counted

if TYPE_CHECKING:
    from hookspan.evidence import Ask, Chain, Report

SHOWN: Final = 20
"""Faults that are printed; `--json` has all."""
_DIGITS: Final = 64
_PATIENCE: Final = 60.0  # seconds for a store's next line
_RECORDS_MAX: Final = 10_000_000  # that are taken from a store


class _Hex(click.ParamType[str]):
    """64 hex digits: a public key, or the SHA-256 of a record."""

    name = "hex"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().lower()
        if len(text) != _DIGITS or not set(text) <= set("0123456789abcdef"):
            self.fail("it has to be 64 hex digits", param, ctx)
        return text


@click.group()
def audit() -> None:
    """Verify log records that were sent with `export.audit`."""


@audit.command()
def key() -> None:
    """Print this machine's public key, which its log records are verified with.

    Keep it where nobody of the machine can change it. The key is made with the first record that is sealed.
    """
    from hookspan.evidence import KeyTrouble, public_of

    try:
        public = public_of(Paths.from_environment().audit_key)
    except KeyTrouble as trouble:
        raise UserError(str(trouble)) from trouble
    if not public:
        raise UserError("this machine has no key yet", hint="it gets one with `export.logs` and `export.audit`")
    click.echo(public)


@audit.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--since", type=Moment(), default="all", show_default=True, help="What was before is not missed: `7d`.")
@click.option("--key", "keys", metavar="HEX", multiple=True, type=_Hex(), help="A key to trust (`hookspan audit key`).")
@click.option("--head", "heads", metavar="HEX", multiple=True, type=_Hex(), help="A head noted before, to be found.")
@click.option("--against", metavar="URL", help="A VictoriaLogs that has the records, too: compare them.")
@click.option(
    "--credentials",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with `user:password` for it, or a token.",
)
@JSON
def verify(
    files: tuple[Path, ...],
    since: int,
    keys: tuple[str, ...],
    heads: tuple[str, ...],
    against: str | None,
    credentials: Path | None,
    as_json: bool,
) -> None:
    """Name the first record of FILEs that was changed, dropped or added.

    FILEs are OTLP JSON, a request a line, as the Collector's file exporter writes them; gzip, too. Several are verified
    as one, such as those that the exporter rotated, or two copies. Exit status 1 with a fault. Without `--key` chains
    are held against the keys that they name themselves: compare these. With `--against` whoever rewrote the files, key
    in hand, is found by what the store was sent.
    """
    from hookspan.evidence import KeyTrouble, WitnessTrouble, read
    from hookspan.evidence import verify as verified

    store = None if against is None else _store(against, credentials)
    try:
        everything = (found for path in files for found in read(path))
        report = verified(everything, keys, since=since, heads=heads, against=store)
    except KeyTrouble as trouble:
        raise UserError(str(trouble)) from trouble
    except WitnessTrouble as trouble:
        raise UserError(
            f"the store can't be asked: {shown(str(trouble))}",
            hint="`--against` has to be the address of a VictoriaLogs, and `--credentials` to let you read there",
        ) from trouble
    except OSError as error:
        raise UserError(f"`{error.filename}` can't be read: {error.strerror}") from error
    if as_json:
        plain = {
            "chains": [dataclasses.asdict(chain) for chain in report.chains],
            "faults": [fault._asdict() for fault in report.faults],
            "unsealed": report.unsealed,
        }
        click.echo(json.dumps(plain))
    else:
        _print(report, trusted=bool(keys))
    if report.faults or not report.chains:
        click.get_current_context().exit(1)


def _store(url: str, credentials: Path | None) -> Ask:
    """A VictoriaLogs at this address, to be asked. UserError for what is no address."""
    from hookspan.agent.fetch import lines
    from hookspan.evidence import WitnessTrouble

    try:
        parts = urlsplit(url)
        well = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        well = False
    if not well:
        raise UserError(
            "`--against` has to be an http or https address without user and password",
            hint="such as `http://127.0.0.1:9428`; `--credentials FILE` has the latter",
        )
    headers = {} if credentials is None else {"Authorization": _authorization(credentials)}
    place = f"{url.rstrip('/')}/select/logsql/query"

    def ask(query: str, since: int) -> Iterable[bytes]:
        form = {"query": query} | ({"start": str(since)} if since else {})
        try:
            yield from lines(place, urlencode(form).encode(), headers, _PATIENCE, _RECORDS_MAX)
        except (OSError, ValueError) as error:
            raise WitnessTrouble(str(error)) from error

    return ask


def _authorization(file: Path) -> str:
    secret = file.read_text(encoding="utf-8").strip()
    if not secret or not secret.isprintable():
        raise UserError(f"`{file}` has to hold `user:password`, or a token, in one line")
    if ":" in secret:
        return f"Basic {base64.b64encode(secret.encode()).decode()}"
    return f"Bearer {secret}"


def _print(report: Report, *, trusted: bool) -> None:
    for chain in report.chains:
        click.echo("\n".join(_lines(chain, trusted=trusted)))
    if not report.chains:
        click.echo("No sealed record is there.")
    if report.unsealed:
        click.echo(f"{counted(report.unsealed, 'records')} of a time without a chain: nothing is proven of them.")
    for fault in report.faults[:SHOWN]:
        place = f"chain {fault.chain} record {fault.sequence}" if fault.chain else "record"
        where = f" ({fault.where})" if fault.where else ""
        click.echo(shown(f"{fault.kind}: {place}{where}: {fault.what}"))
    if (more := len(report.faults) - SHOWN) > 0:
        click.echo(f"and {more:,} more")
    if report.chains and not report.faults:
        click.echo("Nothing was changed, dropped or added.")


def _lines(chain: Chain, *, trusted: bool) -> list[str]:
    until = datetime.fromtimestamp(chain.at / 1e9).astimezone().isoformat(timespec="seconds")
    began = f", began: {chain.began}" if chain.began else ""
    lines = [
        f"chain {chain.id}: {counted(chain.records, 'records')}, {chain.first}..{chain.last}, to {until}{began}",
        f"  key   {chain.key}{'' if trusted else ' (its own word: compare it, or name it with --key)'}",
        f"  head  {chain.head}",
    ]
    lines += [f"  told  {count:,} are missing: {reason}" for reason, count in chain.gaps.items() if count]
    if chain.witnessed or chain.unwitnessed:
        lines.append(f"  store {chain.witnessed:,} are as they were sent, of {chain.unwitnessed:,} it knows nothing")
    if chain.repeats:
        lines.append(f"  {chain.repeats:,} stand there again, unchanged")
    if chain.moved:
        lines.append(f"  {chain.moved:,} stand behind a later one, first {chain.moved_first}")
    return [shown(line) for line in lines]
