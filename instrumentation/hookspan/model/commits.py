"""Commits and pull requests: what git's log of a work tree tells, and what sessions had to do with.

Which work went into which commit is not decided here but where it is asked for (`store/receipts.py`): a commit may be
made long after the work, by somebody else, or anew.
"""

from __future__ import annotations

from hookspan.catalogue import attributes as sc
from hookspan.wire.facts import HeadMoved, LinesStayed, PullRequest
from hookspan.wire.reduced import Reduced

from .rows import Attributes, MoveRow, PullRow, Rows, StayedRow
from .state import KEPT_PULLS, KEPT_TREES, SessionState, State, WorkTree, bound
from .step import Step, branch_at


def work_in(step: Step, tree: str) -> None:
    """A model call worked in a work tree: from now on its commits are looked for."""
    trees = step.state.world.trees
    if not tree or step.session.local:
        return
    known = trees.pop(tree, None)
    trees[tree] = known or WorkTree(since=step.now)  # the last that is let go
    if known is None:
        bound(trees, KEPT_TREES)
        step.rows.world = True


def moved(state: State, number: int, fact: HeadMoved) -> Rows:
    """A work tree's HEAD was moved."""
    world = state.world
    known = world.trees.get(fact.tree)
    if (known and known.newest == fact.key) or (world.policy and fact.project in world.policy.opted_out):
        return Rows()
    world.trees.pop(fact.tree, None)
    world.trees[fact.tree] = WorkTree(since=known.since if known else fact.at, newest=fact.key)
    bound(world.trees, KEPT_TREES)
    return Rows(moves=[MoveRow(number, fact)], world=True)


def stayed(state: State, number: int, fact: LinesStayed) -> Rows:
    """Lines of a commit were counted."""
    policy = state.world.policy
    return Rows() if policy and fact.project in policy.opted_out else Rows(stayed=[StayedRow(number, fact)])


def told(step: Step, event: Reduced) -> Attributes:
    """What the result of a shell command tells of git, for its span."""
    commit: Attributes = {sc.VCS_REF_HEAD_REVISION: event.commit}
    if not event.pull_request:
        return commit
    pull_request(step.rows, step.session, event.pull_request, event.at)
    return commit | {sc.VCS_CHANGE_ID: str(event.pull_request)}


def linked(step: Step, fact: PullRequest) -> None:
    """The transcript connects the session with a pull request."""
    pull_request(step.rows, step.session, fact.number, fact.at, fact.where)


def pull_request(rows: Rows, session: SessionState, number: int, at: int, where: str = "") -> None:
    """A session has to do with a pull request, of the branch that it is on; told once."""
    branch = branch_at(session, at)
    if not number or not branch or session.local or (number, branch) in session.pulls:
        return
    session.pulls.append((number, branch))
    del session.pulls[:-KEPT_PULLS]
    rows.pulls.append(PullRow(session=session.id, number=number, branch=branch, where=where, at=at))
    rows.touched.add(session.id)
