"""Which work went into which commit."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from hookspan.store import Pull, Receipt, Receipts, Work
from hookspan.store.receipts import together
from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.days import midnight
from hookspan.web.parameters import Arguments

BRANCHES: Final = 100
"""Branches that are shown."""


def receipts(context: Context, arguments: Arguments) -> schemas.Receipts:
    """GET /receipts."""
    days, project, session = arguments["days"], arguments["project"] or "", arguments["session"] or ""
    first = dt.datetime.now().astimezone().date() - dt.timedelta(days=days - 1)
    with context.reader.moment() as moment:
        position, projects = moment.position(), moment.projects()
    found = context.reader.receipts(midnight(first))
    branches = by_branch(found, project, session)
    return schemas.Receipts(
        now=serializers.now_ms(),
        position=position,
        days=days,
        projects=projects,
        branches=branches[:BRANCHES],
        count=len(branches),
        total=spent(found.total()),
    )


def by_branch(found: Receipts, project: str, session: str) -> list[schemas.BranchReceipts]:
    """The branches of a project into which a session's work went, of any if empty."""
    commits: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in found.receipts:
        if receipt.work.cost.calls and _is_of(receipt.work, session):
            commits[receipt.project, receipt.branch].append(receipt)
    none = {key: work for key, work in found.none.items() if _is_of(work, session)}
    keys = [key for key in commits.keys() | none.keys() if project in {"", key[0]}]
    keys.sort(key=lambda key: (-max((receipt.at for receipt in commits.get(key, ())), default=0), key))
    return [_branch(key, commits.get(key, []), none.get(key, Work()), found.pulls) for key in keys]


def _is_of(work: Work, session: str) -> bool:
    return not session or session in work.sessions


def _branch(key: tuple[str, str], commits: list[Receipt], none: Work, pulls: Iterable[Pull]) -> schemas.BranchReceipts:
    project, branch = key
    total = together((*(receipt.work for receipt in commits), none))
    own = {(pull.number, pull.place) for pull in pulls if pull.branch == branch and pull.session in total.sessions}
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
                spent=spent(receipt.work),
            )
            for receipt in commits
        ],
        no_commit=spent(none),
        total=spent(total),
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
