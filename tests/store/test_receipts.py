"""Receipts of real git histories: what went into each commit, whatever has become of it, and that nothing is lost."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hookspan.cli.verbs import forget
from hookspan.model.fold import fold
from hookspan.model.state import KEPT_TREES, State
from hookspan.store import Receipts
from hookspan.store.commits import Move
from hookspan.store.receipts import _in_order, together
from hookspan.wire.facts import HeadMoved

from .other_agents import Codex, Copilot
from .worked import DAY, SECOND, Machine

EXAMPLES = settings.default.max_examples  # a hundred, or what `--hypothesis-profile` says


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def by_commit(receipts: Receipts) -> dict[str, int]:
    return {receipt.sha: receipt.work.cost.nano for receipt in receipts.receipts if receipt.work.cost.nano}


def lawful(machine: Machine, receipts: Receipts) -> None:
    """Receipts and what is in no commit are what the clients have counted, all together and of each session."""
    of_sessions: dict[str, int] = {}
    for work in (*receipts.none.values(), *(receipt.work for receipt in receipts.receipts)):
        assert sum(work.sessions.values()) == work.cost.nano
        for session, nano in work.sessions.items():
            of_sessions[session] = of_sessions.get(session, 0) + nano
    assert of_sessions == {session.id: session.total for session in machine.sessions.values() if session.total}


def test_work_goes_into_the_next_commit_and_the_rest_into_none(machine: Machine):
    machine.call(1, machine.shop, 1_000_000_001)
    machine.call(1, machine.shop, 7)
    machine.use(1, "Bash", lambda: machine.commit_a_file(machine.shop))
    first = machine.head(machine.shop)
    machine.call(1, machine.shop, 30)
    machine.end(hidden=500)
    receipts = machine.receipts()
    (receipt,) = receipts.receipts
    assert (receipt.sha, receipt.branch, receipt.project) == (first, "main", "shop")
    assert (receipt.work.cost.nano, receipt.work.cost.calls) == (1_000_000_008, 2)
    none = together(receipts.none.values())
    assert (none.cost.nano, none.cost.unseen_nano) == (530, 500)
    lawful(machine, receipts)


def resumed_from_before(machine: Machine) -> int:
    machine.enter(1, "resume")
    machine.tell_total(1, 50_000, ago=3600)
    machine.call(1, machine.shop, 2)
    machine.tell_total(1, 50_002)
    return 2


def forked_and_resumed(machine: Machine) -> int:
    machine.enter(1, "fork")
    machine.call(1, machine.shop, 1)
    machine.tell_total(1, 50_001)
    machine.leave(1)
    machine.enter(1, "resume")
    machine.call(1, machine.shop, 2)
    machine.tell_total(1, 50_003)
    return 3


def killed_and_resumed(machine: Machine) -> int:
    machine.call(1, machine.shop, 5)
    machine.pass_time(60)
    machine.enter(1, "resume")
    machine.call(1, machine.shop, 2)
    machine.tell_total(1, 2)
    machine.leave(1)
    machine.enter(1, "resume")
    machine.call(1, machine.shop, 30)
    machine.pass_time(60)
    machine.enter(1, "resume")
    machine.call(1, machine.shop, 400)
    machine.tell_total(1, 402)
    return 437


def read_late(machine: Machine) -> int:
    machine.session(1)
    machine.tell_total(1, 7)
    machine.leave(1)
    machine.now -= 5 * SECOND
    machine.call(1, machine.shop, 7)
    machine.enter(1, "resume")
    machine.tell_total(1, 7)
    return 7


@pytest.mark.parametrize("lived", [resumed_from_before, forked_and_resumed, killed_and_resumed, read_late])
def test_what_a_client_counted_is_of_the_runs_that_were_seen(machine: Machine, lived):
    spent = lived(machine)
    machine.leave(1)
    cost = machine.receipts().total().cost
    assert (cost.nano, cost.unseen_nano) == (spent, 0)


def test_a_person_s_commit_takes_no_work_of_who_has_a_command_open(machine: Machine):
    acme = machine.repository("acme")
    machine.call(2, machine.shop, 70)
    machine.use(2, "Edit")
    machine.call(1, acme, 5)

    def commit() -> None:
        machine.commit_a_file(machine.shop)

    machine.use(1, "Bash", lambda: commit() or "")
    first = machine.head(machine.shop)
    machine.call(2, machine.shop, 60)
    machine.use(2, "Edit")
    machine.call(3, machine.shop, 900)
    machine.use(3, "Bash", dialog=commit)
    machine.observe()
    assert by_commit(machine.receipts()) == {first: 70, machine.head(machine.shop): 60}


def test_a_quiet_commit_elsewhere_is_of_the_command_where_nobody_has_worked(machine: Machine):
    side = machine.root / "side"
    machine.git(machine.shop, "worktree", "add", "-q", "-b", "side", str(side))
    machine.pass_time()
    machine.call(1, machine.shop, 5)
    machine.use(1, "Bash", lambda: machine.commit_a_file(side) and "")
    machine.observe()
    assert by_commit(machine.receipts()) == {machine.head(side): 5}


def test_what_an_older_session_committed_takes_no_work_of_those_that_are_shown(machine: Machine):
    machine.call(1, machine.shop, 5)
    machine.use(1, "Edit", tree=machine.shop)
    machine.call(2, machine.shop, 70)
    machine.use(2, "Bash", lambda: machine.commit_a_file(machine.shop))
    machine.observe()
    machine.pass_time(3 * DAY)
    machine.use(1, "Read")
    assert by_commit(machine.receipts()) == {machine.head(machine.shop): 70}
    recent = machine.known(since=machine.now - DAY * SECOND)
    assert (by_commit(recent), recent.total().sessions) == ({}, {machine.sessions[1].id: 5})


def test_a_commit_with_a_date_in_the_future_takes_no_later_work(machine: Machine):
    machine.call(1, machine.shop, 1)
    now = machine.now
    machine.pass_time(365 * DAY)
    machine.commit_a_file(machine.shop)
    machine.now = now
    machine.pass_time()
    machine.observe()
    costs = {}
    for nano in (20, 300):
        machine.call(1, machine.shop, nano)
        machine.use(1, "Edit", tree=machine.shop)
        machine.pass_time()
        costs[machine.commit_a_file(machine.shop)] = nano
        machine.pass_time()
        machine.observe()
    machine.end()
    receipts = machine.receipts()
    found = by_commit(receipts)
    assert {sha: found[sha] // 10 * 10 for sha in costs} == costs
    lawful(machine, receipts)


def test_moves_are_told_in_the_order_in_which_they_came_whatever_their_dates(machine: Machine):
    machine.call(1, machine.shop, 1)
    now = machine.now
    machine.pass_time(365 * DAY)
    ahead = machine.commit_a_file(machine.shop)
    machine.now = now
    made = [ahead]
    for _ in range(2):
        machine.pass_time()
        made.append(machine.commit_a_file(machine.shop))
    machine.pass_time()
    trees = machine.state.world.trees
    told = machine.heads.step(machine.now, trees)
    assert [fact.new for fact in told] == made


def test_what_a_session_alone_committed_is_forgotten_with_it(machine: Machine):
    acme = machine.repository("acme")
    for number, tree in ((1, machine.shop), (2, acme)):
        machine.call(number, tree, 7)
        machine.use(number, "Bash", lambda tree=tree: machine.commit_a_file(tree))
    gone, kept = machine.head(acme), machine.head(machine.shop)
    machine.end()
    assert machine.receipts().receipts
    assert all(receipt.lines for receipt in machine.count_lines(days=1).receipts)
    forget.run(machine.paths, [machine.sessions[2].id])
    left = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in machine.paths.state.rglob("*")
        if path.is_file()
    )
    assert (gone.encode() in left, b"acme" in left, kept.encode() in left) == (False, False, True)


@pytest.mark.parametrize("kind", [Codex, Copilot])
def test_another_agent_s_work_goes_into_its_commits(machine: Machine, kind):
    acme = machine.repository("acme")
    agent = kind(machine, acme)
    agent.use(agent.shell, lambda: machine.commit_a_file(acme))
    made = [machine.head(acme)]
    agent.use(agent.editor, lambda: None)
    made.append(machine.commit_a_file(acme))
    machine.pass_time()
    machine.observe()
    receipts = machine.receipts()
    found = {receipt.sha: (receipts.agents_of(receipt.work), receipt.work.cost.calls) for receipt in receipts.receipts}
    assert found == dict.fromkeys(made, ([kind.__name__.lower()], 1))


def test_what_another_agent_commits_takes_no_work_of_a_session_beside_it(machine: Machine):
    machine.call(1, machine.shop, 5)
    machine.use(1, "Edit")
    agent = Copilot(machine, machine.shop)
    agent.use(agent.shell, lambda: machine.commit_a_file(machine.shop))
    machine.call(1, machine.shop, 70)
    machine.observe()
    receipts = machine.receipts()
    assert by_commit(receipts).keys() <= {machine.head(machine.shop)}
    assert together(receipts.none.values()).sessions[machine.sessions[1].id] == 75


class Histories:
    """Everything that sessions and people do, each a method that expects what follows."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.trees = [machine.shop]
        self.branches = {machine.shop: "main"}
        self.hidden = 0

    def tree(self, which: int) -> Path:
        return self.trees[which % len(self.trees)]

    def call(self, who: int, where: int) -> None:
        self.machine.call(who, self.tree(where), 1_000_003 * (who + 1) + where)

    def edit(self, who: int, where: int) -> None:
        """Of the work tree where the session's newest model call was."""
        self.call(who, where)
        self.machine.use(who, "Edit", tree=self.tree(where))

    def commit(self, who: int, where: int) -> None:
        tree = self.tree(where)
        self.call(who, where)
        self.machine.use(who, "Bash", lambda: self.machine.commit_a_file(tree))
        self.machine.take(self.machine.session(who), self.machine.head(tree), tree)

    def commit_quietly(self, who: int, where: int) -> None:
        tree = self.tree(where)
        self.call(who, where)
        self.machine.use(who, "Bash", lambda: self.machine.commit_a_file(tree) and "")
        self.machine.take(self.machine.session(who), self.machine.head(tree), tree)

    def commit_elsewhere(self, who: int, where: int) -> None:
        """`cd ../other && git commit`."""
        here, there = self.tree(where), self.tree(where + 1)
        self.call(who, where)
        self.machine.use(who, "Bash", lambda: self.machine.commit_a_file(there))
        self.machine.take(self.machine.session(who), self.machine.head(there), here, there)

    def commit_by_hand(self, _who: int, where: int) -> None:
        tree = self.tree(where)
        self.machine.take_of_all(self.machine.commit_a_file(tree), tree)

    def amend(self, who: int, where: int) -> None:
        tree = self.tree(where)
        if self.machine.head(tree) == self.machine.first:
            return
        self.call(who, where)
        self.machine.use(who, "Bash", lambda: self.machine.commit_a_file(tree, "--amend"))
        self.machine.rewritten()
        self.machine.take(self.machine.session(who), self.machine.head(tree), tree)

    def squash_by_reset(self, _who: int, where: int) -> None:
        """The last commits of a branch become one."""
        tree = self.tree(where)
        count = int(self.machine.git(tree, "rev-list", "--first-parent", "--count", "HEAD"))
        merges = int(self.machine.git(tree, "rev-list", "--count", "--merges", "HEAD"))
        if count < 4 or merges:
            return
        old = self.machine.git(tree, "rev-list", "-2", "HEAD").split()
        self.machine.git(tree, "reset", "-q", "--soft", "HEAD~2")
        self.machine.git(tree, "commit", "-q", "-m", "Both")
        new = self.machine.head(tree)
        for each in old:
            self.machine.became(each, new)
        self.machine.take_of_all(new, tree)

    def add_tree(self, _who: int, where: int) -> None:
        if len(self.trees) < 3:
            number = len(self.trees)
            tree = self.machine.root / f"tree{number}"
            self.machine.git(self.tree(where), "worktree", "add", "-q", "-b", f"topic{number}", str(tree))
            self.trees.append(tree)
            self.branches[tree] = f"topic{number}"

    def rebase(self, _who: int, where: int) -> None:
        tree = self.tree(where)
        if tree != self.machine.shop:
            known = self.machine.git(tree, "rev-list", "--all", "--reflog").split()
            self.machine.git(tree, "rebase", "-q", "--empty=drop", "main")
            self.machine.rewritten(known)

    def rebase_and_squash(self, _who: int, where: int) -> None:
        tree = self.tree(where)
        if tree != self.machine.shop:
            editor = "sequence.editor=sed -i '2,$s/^pick/fixup/'"
            self.machine.git(tree, "-c", editor, "rebase", "-q", "--empty=drop", "-i", "main")
            self.machine.rewritten()

    def merge(self, _who: int, where: int) -> None:
        tree = self.tree(where)
        if tree != self.machine.shop:
            before = self.machine.head(self.machine.shop)
            self.machine.git(self.machine.shop, "merge", "-q", "--no-edit", self.branches[tree])
            after = self.machine.head(self.machine.shop)
            if after not in {before, self.machine.head(tree)}:  # not fast-forward
                self.machine.take_of_all(after, self.machine.shop)

    def merge_and_squash(self, _who: int, where: int) -> None:
        tree = self.tree(where)
        new = self.machine.git(tree, "rev-list", "main..HEAD").split()
        if tree != self.machine.shop and new:
            self.machine.git(self.machine.shop, "merge", "-q", "--squash", self.branches[tree])
            self.machine.git(self.machine.shop, "commit", "-q", "--no-edit", "--allow-empty")
            after = self.machine.head(self.machine.shop)
            for sha in new:
                self.machine.became(sha, after)
            self.machine.take_of_all(after, self.machine.shop)
            self.machine.git(tree, "reset", "-q", "--hard", "main")

    def pick(self, who: int, where: int) -> None:
        """Into `main`: what went into the origin stays there."""
        tree = self.tree(where)
        if tree != self.machine.shop and self.machine.git(tree, "rev-list", "main..HEAD", "--no-merges"):
            origin = self.machine.git(tree, "rev-list", "-1", "main..HEAD", "--no-merges")
            self.call(who, 0)

            def command() -> str:
                self.machine.git(self.machine.shop, "cherry-pick", "--keep-redundant-commits", origin)
                return self.machine.head(self.machine.shop)

            self.machine.use(who, "Bash", command)
            self.machine.take(self.machine.session(who), self.machine.head(self.machine.shop), self.machine.shop)

    def observe(self, _who: int, _where: int) -> None:
        self.machine.observe()

    def count_more(self, who: int, _where: int) -> None:
        self.hidden += who


DEEDS = [name for name in vars(Histories) if not name.startswith("_") and name != "tree"]
STEPS = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 1), st.integers(0, 2)), min_size=4, max_size=24)


@pytest.mark.slow
@settings(
    max_examples=max(5, EXAMPLES // 10),
    deadline=None,
    derandomize=EXAMPLES <= 100,  # new histories are `make fuzz`'s
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=STEPS)
@example(steps=[("commit", 0, 0), ("rebase", 0, 1), ("amend", 0, 0), ("amend", 0, 1)])  # one commit, amended twice
@example(steps=[("commit", 0, 1), ("pick", 0, 1), ("amend", 0, 0), ("rebase", 0, 1)])  # one is dropped
def test_any_history_of_git_keeps_the_law_and_each_receipt(steps):
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        histories = Histories(machine)
        for deed, who, where in [("add_tree", 0, 0), *steps]:
            machine.pass_time(3)
            getattr(histories, deed)(who, where)
        machine.pass_time(3)
        machine.end(histories.hidden)
        receipts = machine.receipts()
        lawful(machine, receipts)
        assert by_commit(receipts) == {sha: nano for sha, nano in machine.expected.items() if nano}


def test_of_many_work_trees_those_are_known_in_which_something_is_done():
    state = State()
    for number in range(3 * KEPT_TREES):
        for tree in ("/main", f"/tree{number}"):
            told = HeadMoved(at=number, key=f"{tree}:{number}", tree=tree)
            assert len(fold(state, number, told).moves) == 1
    assert state.world.trees["/main"].newest == f"/main:{number}"
    assert len(state.world.trees) == KEPT_TREES


def test_a_move_that_is_told_again_stays_where_it_was():
    first = Move(1, 10 * SECOND + 5, 1, "shop", "commit", "", "a", "main", "x", "", "")
    second = first._replace(record=2, at=20 * SECOND, old="a", new="b")
    again = first._replace(record=3, at=10 * SECOND, likeness="")  # git has packed the commit, and has whole seconds
    assert _in_order([first, second, again, second._replace(record=4)])[:2] == [first, second]
    assert again.record not in {move.record for move in _in_order([first, second, again])}


def test_of_moves_in_one_second_each_counts():
    start = Move(1, 10 * SECOND, 1, "shop", "rebase_start", "t", "o", "", "", "", "")
    abort = start._replace(record=2, moved="rebase_abort", old="o", new="t")
    moves = [start, abort, start._replace(record=3)]
    assert _in_order(moves) == moves
