"""Which work went into which commit."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from hookspan.store import Receipt, Receipts, Work
from hookspan.store.receipts import by_age, together
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.days import midnight
from hookspan.web.parameters import Arguments

BRANCHES: Final = 100
"""Branches that are shown."""
NAMED: Final = 500
"""Sessions whose titles are looked up."""


def receipts(context: Context, arguments: Arguments) -> schemas.Receipts:
    """GET /receipts."""
    days, project = arguments["days"], arguments["project"] or ""
    session, agent = arguments["session"] or "", arguments["agent"] or ""
    first = dt.datetime.now().astimezone().date() - dt.timedelta(days=days - 1)
    with context.reader.moment() as moment:
        position, projects = moment.position(), moment.projects()
    found = context.reader.receipts(midnight(first))
    branches = by_branch(found, project, session, agent)
    shown = {session: None for branch in branches[:BRANCHES] for session in branch.total.sessions}
    return schemas.Receipts(
        now=serializers.now_ms(),
        position=position,
        days=days,
        projects=projects,
        branches=branches[:BRANCHES],
        titles=_titles(context, list(shown)[:NAMED]) if context.content else {},
        count=len(branches),
        total=spent(found.total()),
    )


def _titles(context: Context, sessions: Iterable[str]) -> dict[str, str]:
    with context.reader.moment() as moment:
        rows = [moment.session(session) for session in sessions]
    return {row.id: row.title for row in rows if row is not None and row.title}


def by_branch(found: Receipts, project: str, session: str, agent: str) -> list[schemas.BranchReceipts]:
    """The branches of a project into which a session's or an agent's work went, of any if empty."""

    def is_asked(work: Work) -> bool:
        return (not session or session in work.sessions) and (not agent or agent in found.agents_of(work))

    commits: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in found.receipts:
        if receipt.work.cost.calls and is_asked(receipt.work):
            commits[receipt.project, receipt.branch].append(receipt)
    none = {key: work for key, work in found.none.items() if is_asked(work)}
    keys = [key for key in commits.keys() | none.keys() if project in {"", key[0]}]
    keys.sort(key=lambda key: (-max((receipt.at for receipt in commits.get(key, ())), default=0), key))
    return [_branch(key, commits.get(key, []), none.get(key, Work()), found) for key in keys]


def _branch(key: tuple[str, str], commits: list[Receipt], none: Work, found: Receipts) -> schemas.BranchReceipts:
    project, branch = key
    total = together((*(receipt.work for receipt in commits), none))
    own = {
        (pull.number, pull.place) for pull in found.pulls if pull.branch == branch and pull.session in total.sessions
    }
    return schemas.BranchReceipts(
        project=project,
        branch=branch,
        pulls=[schemas.PullRequest(number=number, place=place) for number, place in sorted(own)],
        commits=[
            schemas.Commit(
                sha=receipt.sha,
                at=serializers.ms(receipt.at),
                replaces=receipt.replaces,
                origin=receipt.origin,
                lines=[
                    schemas.LinesStayed(days=each.days, branch=each.branch, written=each.written, stayed=each.stayed)
                    for each in receipt.lines
                ],
                spent=spent(receipt.work),
            )
            for receipt in commits
        ],
        lines=[
            schemas.LinesByAge(days=days, commits=count, written=written, stayed=stayed, cost=nano / serializers.NANO)
            for days, count, written, stayed, nano in by_age(commits)
        ],
        no_commit=spent(none),
        total=spent(total),
        agents=found.agents_of(total),
    )


def spent(work: Work) -> schemas.Spent:
    """As the page shows it."""
    cost = work.cost
    return schemas.Spent(
        cost=cost.nano / serializers.NANO,
        unseen=cost.unseen_nano / serializers.NANO,
        unpriced=cost.unpriced,
        calls=cost.calls,
        turns=len(work.prompts),
        input=cost.input_tokens,
        cache_read=cost.cache_read_tokens,
        output=cost.output_tokens,
        model_time=serializers.ms(work.model_time),
        tool_time=serializers.ms(work.tool_time),
        waited=serializers.ms(work.waited),
        sessions={session: nano / serializers.NANO for session, nano in work.sessions.items()},
    )
