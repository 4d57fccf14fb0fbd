"""Which receipts are meant by a commit, a branch or a pull request."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from hookspan.cli.receipt.git import Repository
from hookspan.cli.terminal.text import printable
from hookspan.errors import UserError
from hookspan.store import Receipt, Receipts, Work
from hookspan.store.receipts import together
from hookspan.store.schema import tree_number

_PULL: Final = re.compile(r"#(\d{1,9})|(\d{1,6})|https://[^\s/]+(?:/[^\s/]+)*/pull/(\d{1,9})\S*")
_SHA: Final = re.compile(r"[0-9a-f]{4,64}")


class Meant(NamedTuple):
    """What was asked for: what it is called, its receipts, the newest first, and work that is in no commit."""

    title: str
    receipts: list[Receipt]
    none: Work
    one: bool = False


def all_of(found: Receipts, repository: Repository) -> Meant:
    """Those of the repository; outside of any, of all."""
    if not repository.git:
        return Meant("all", found.receipts, together(found.none.values()))
    own = _of_repository(found, repository)
    projects = {receipt.project for receipt in own}
    none = together(work for (project, _), work in found.none.items() if project in projects)
    return Meant(", ".join(sorted(projects)) or "this repository", own, none)


def find(found: Receipts, repository: Repository, name: str) -> Meant:
    """Those of a commit, a branch or a pull request. Raises UserError where none has that name."""
    own = _of_repository(found, repository)
    if not name:
        name = repository.branch()
        if not name:
            raise UserError("no branch is checked out here", hint="`hookspan receipt SHA`, or `--all`")
        return _of_branch(found, own, repository, name)
    if repository.is_branch(name):
        return _of_branch(found, own, repository, name)
    if pull := _PULL.fullmatch(name):
        number = int(next(filter(None, pull.groups())))
        if meant := _of_pull(found, own, repository, number):
            return meant
    sha = repository.commit(name) or (name if _SHA.fullmatch(name) else "")
    if meant_one := [receipt for receipt in own if sha and _is(receipt, sha)]:
        if len(meant_one) > 1:
            shas = ", ".join(receipt.sha[:10] for receipt in meant_one[:5])
            raise UserError(f"`{printable(name)}` could be {shas}", hint="give more of the id")
        return Meant(meant_one[0].sha, meant_one, Work(), one=True)
    if any(receipt.branch == name for receipt in own):
        return _of_branch(found, own, repository, name)
    raise UserError(
        f"nothing is known of `{printable(name)}`",
        hint="a commit, a branch or a pull request (`#42`) that a session worked on while hookspan looked on",
    )


def of_agent(found: Receipts, meant: Meant, agent: str | None) -> Meant:
    """Of them those for which a coding agent worked; None: all."""
    if agent is None:
        return meant
    receipts = [receipt for receipt in meant.receipts if agent in found.agents_of(receipt.work)]
    return meant._replace(receipts=receipts, none=meant.none if agent in found.agents_of(meant.none) else Work())


def _is(receipt: Receipt, sha: str) -> bool:
    """Whether a receipt is that of a commit, or of one whose place it has taken."""
    return any(each.startswith(sha) for each in (receipt.sha, *receipt.replaces)) or (
        not receipt.repository and sha.startswith(receipt.sha)
    )


def _of_repository(found: Receipts, repository: Repository) -> list[Receipt]:
    if not repository.git:
        return found.receipts
    number = tree_number(repository.git)
    # Of a commit that only the agent told of nobody knows the repository but git.
    known = repository.has([receipt.sha for receipt in found.receipts if not receipt.repository])
    return [receipt for receipt in found.receipts if receipt.repository == number or receipt.sha in known]


def _of_branch(found: Receipts, own: list[Receipt], repository: Repository, *names: str) -> Meant:
    oldest = min((receipt.at for receipt in own), default=0) // 1_000_000_000
    shas = {sha for name in names for sha in repository.of_branch(name, oldest)}
    receipts = [receipt for receipt in own if receipt.sha in shas or receipt.branch in names]
    projects = {receipt.project for receipt in own}
    none = together(work for (project, branch), work in found.none.items() if branch in names and project in projects)
    return Meant(", ".join(names), receipts, none)


def _of_pull(found: Receipts, own: list[Receipt], repository: Repository, number: int) -> Meant | None:
    sessions = {session for receipt in own for session in receipt.work.sessions}
    branches = sorted({pull.branch for pull in found.pulls if pull.number == number and pull.session in sessions})
    if not branches:
        return None
    return _of_branch(found, own, repository, *branches)._replace(title=f"#{number} ({', '.join(branches)})")
