"""`hookspan receipt`: what went into a commit, a branch or a pull request."""

from __future__ import annotations

import json
import shutil
from typing import Final

import click

from hookspan.cli.receipt import printed
from hookspan.cli.receipt.git import NOTES, Repository
from hookspan.cli.receipt.meant import all_of, find, of_agent
from hookspan.cli.terminal import completers, unread
from hookspan.cli.terminal.moments import Moment
from hookspan.cli.terminal.options import AGENT, JSON
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.units import counted

COLUMNS: Final = 100  # where there is no terminal


@click.command()
@click.argument("name", metavar="[SHA|BRANCH|PR]", default="", shell_complete=completers.branches)
@click.option("--all", "everything", is_flag=True, help="Of the whole repository; outside of any, of all.")
@click.option(
    "--since",
    type=Moment(),
    default="all",
    show_default=True,
    help="Sessions that were active since: `7d`, a date.",
)
@AGENT
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--notes", is_flag=True, help=f"Also write it to the commits' notes (`git log --notes={NOTES}`).")
@JSON
def receipt(
    name: str, everything: bool, since: int, agent: str | None, as_markdown: bool, notes: bool, as_json: bool
) -> None:
    """What went into a commit, a branch or a pull request (`#42`) of this repository; without one, into this branch.

    Every model call is booked to the first commit that its work went into, or to none; if that was amended, rebased or
    squashed, to what it became. Receipts and `no commit` are together what the client has counted, where it counts. All
    at list price: no bill, which a subscription doesn't have. Works without an agent.
    """
    if as_markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    if everything and name:
        raise click.UsageError("--all and a name exclude each other")
    repository = Repository(working_folder())
    found = Reader(Paths.from_environment()).receipts(since)
    everything = everything or (not name and not repository.git)
    meant = of_agent(found, all_of(found, repository) if everything else find(found, repository, name), agent)
    subjects = repository.subjects([receipt.sha for receipt in meant.receipts])
    if as_json:
        click.echo(json.dumps(printed.as_plain(meant, subjects, found)))
    elif as_markdown:
        click.echo("\n".join(printed.markdown(meant, subjects)))
    elif not meant.one and not any(receipt.work.cost.calls for receipt in meant.receipts) and not meant.none.cost.calls:
        click.echo(unread.explained("No model calls went into it.", Paths.from_environment()))
    else:
        for line in printed.text(meant, subjects, found, shutil.get_terminal_size((COLUMNS, 24)).columns):
            click.echo(line)
    if meant.one and not as_json and repository.git and not repository.has_branch_with(meant.receipts[0].sha):
        click.echo("No branch has this commit any more.", err=True)
    if notes:
        written = [each for each in meant.receipts if each.work.cost.calls and each.sha in subjects]
        for each in written:
            repository.note(each.sha, printed.note(each))
        click.echo(f"{counted(len(written), 'notes')} written (refs/notes/{NOTES})", err=True)
