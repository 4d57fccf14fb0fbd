"""Collisions: raw events of several sessions in, spans, rows and news out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.clients.decode import decode
from hookspan.model.fold import fold
from hookspan.model.rows import Collided, Increment, Span
from hookspan.model.state import State
from hookspan.model.summary import session_row
from hookspan.wire import encode
from hookspan.wire.facts import Repository, ToolResult
from tests.model.replay import KEY

SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
SHOP = "/w/shop"


class Sessions:
    """Sessions in `/w/shop`, each step a second after the one before; what is told stands in `news`."""

    def __init__(self) -> None:
        self.state = State()
        self.spans: list[Span] = []
        self.news: list[Collided] = []
        self.increments: list[Increment] = []
        self.now = START
        self.number = 0
        self.touched: set[str] = set()  # by the newest event
        self.inputs: dict[str, dict[str, Any]] = {}

    def event(
        self, session: str, event: str, agent: str = "", *, cwd: str = SHOP, client: str = "claude-code", **fields: Any
    ) -> None:
        self.now += SECOND
        payload = {"hook_event_name": event, "session_id": session, "cwd": cwd, "prompt_id": f"p-{session}", **fields}
        if agent:
            payload |= {"agent_id": agent, "agent_type": "general-purpose"}
        line = {"v": 1, "kind": "event", "agent": client, "at": self.now, "ppid": 7, "event": payload}
        record = decode(json.dumps(line).encode(), KEY)
        self.take(decode(encode(record), KEY))  # what compaction keeps of it is enough

    def take(self, record: Any) -> None:
        self.number += 1
        rows = fold(self.state, self.number, record)
        self.touched = rows.touched
        self.spans += [span for span in rows.spans if not span.hook]
        self.news += rows.collided
        self.increments += rows.increments

    def begin(self, session: str, **fields: Any) -> None:
        self.event(session, "SessionStart", source="startup", **fields)
        self.event(session, "UserPromptSubmit", prompt="go", **fields)

    def edit(self, who: str, path: str, old: str = "", new: str = "", **fields: Any) -> None:
        """PreToolUse of an Edit, or of a Write without `old`; `who` is `session` or `session/agent`."""
        given = {"old_string": old, "new_string": new} if old else {"content": new}
        self.call(who, "Edit" if old else "Write", {"file_path": path, **given}, **fields)

    def shell(self, who: str, command: str, **fields: Any) -> None:
        self.call(who, "Bash", {"command": command}, **fields)

    def call(self, who: str, tool: str, given: dict[str, Any], **fields: Any) -> None:
        session, _, agent = who.partition("/")
        self.inputs[who] = {"tool_name": tool, "tool_use_id": f"{who}-{self.number}", "tool_input": given}
        self.event(session, "PreToolUse", agent, **self.inputs[who], **fields)

    def done(self, who: str, patch: tuple[str, ...] = (), *, failed: bool = False) -> None:
        """The end of its newest call."""
        session, _, agent = who.partition("/")
        end = {"error": "no"} if failed else {"tool_response": {"structuredPatch": [{"lines": list(patch)}], "x": 1}}
        self.event(session, "PostToolUseFailure" if failed else "PostToolUse", agent, **self.inputs[who], **end)

    def read(self, who: str, path: str) -> None:
        self.call(who, "Read", {"file_path": path})
        self.done(who)

    def mark(self, session: str) -> str:
        """What is shown of it: what it shares, with whom, and the file."""
        row = session_row(self.state, self.state.sessions[session])
        assert row is not None
        return " ".join(filter(None, (row.collision, row.collision_with, row.collision_file)))


@pytest.fixture
def two() -> Sessions:
    """Two sessions whose turns run; `a` has rewritten a line of `x.py`."""
    sessions = Sessions()
    sessions.begin("a")
    sessions.begin("b")
    sessions.edit("a", f"{SHOP}/x.py", "total = 1", "total = 2")
    sessions.done("a", (" before", "-    total = 1", "+    total = 2", " after"))
    return sessions


def stop(sessions: Sessions) -> None:
    sessions.event("a", "Stop")


@pytest.mark.parametrize(
    ("between", "then", "mark"),
    [
        pytest.param(None, ("edit", "x.py", "total = 2", "total = 3"), "lines a x.py", id="the same line"),
        pytest.param(None, ("edit", "x.py", "def other():", "def another():"), "file a x.py", id="another line"),
        pytest.param(None, ("edit", "x.py", "", "anew"), "lines a x.py", id="the whole file"),
        pytest.param(
            None, ("edit", "../shop/./x.py", "", "anew"), "lines a x.py", id="the same path, written otherwise"
        ),
        pytest.param(None, ("edit", "y.py", "total = 2", "total = 3"), "beside a", id="another file"),
        pytest.param(None, ("edit", "/tmp/y.py", "", "anew"), "", id="another file, elsewhere"),
        pytest.param(None, ("shell", "cd lib; echo 1 > ../x.py"), "lines a x.py", id="a redirection"),
        pytest.param(None, ("shell", "cat x.py && grep total x.py"), "", id="reading"),
        pytest.param(None, ("shell", "git stash"), "tree a", id="a stash in its tree"),
        pytest.param(None, ("shell", "git -C /w/shop-2 stash"), "", id="a stash in another tree"),
        pytest.param(None, ("edit", "/w/shop-2/x.py", "total = 2", "total = 3"), "", id="the file of another tree"),
        pytest.param(stop, ("edit", "x.py", "total = 2", "total = 3"), "lines a x.py", id="done, and not seen"),
        pytest.param(stop, ("shell", "git stash"), "", id="a stash when it is done"),
        pytest.param(stop, ("edit", "y.py", "", "anew"), "", id="another file when it is done"),
        pytest.param(
            lambda sessions: (stop(sessions), sessions.read("b", f"{SHOP}/x.py")),
            ("edit", "x.py", "total = 2", "total = 3"),
            "",
            id="done and read since",
        ),
        pytest.param(
            lambda sessions: (
                sessions.edit("a", f"{SHOP}/x.py", "total = 2", "total = 4"),
                sessions.read("b", f"{SHOP}/x.py"),
                sessions.done("a"),
                stop(sessions),
            ),
            ("edit", "x.py", "total = 2", "total = 3"),
            "lines a x.py",
            id="done, and read before that",
        ),
        pytest.param(
            lambda sessions: sessions.read("b", f"{SHOP}/x.py"),
            ("edit", "x.py", "total = 2", "total = 3"),
            "lines a x.py",
            id="read since, and it goes on",
        ),
        pytest.param(
            lambda sessions: sessions.event("a", "SessionEnd", reason="other"),
            ("edit", "x.py", "total = 2", "total = 3"),
            "",
            id="it has ended",
        ),
        pytest.param(
            lambda sessions: setattr(sessions, "now", sessions.now + 31 * 60 * SECOND),
            ("edit", "x.py", "total = 2", "total = 3"),
            "",
            id="31 minutes ago",
        ),
    ],
)
def test_a_write_after_anothers(two, between, then, mark):
    for folder in (SHOP, "/w/shop-2"):
        two.take(Repository(at=START, key=folder, folder=folder, tree=folder, project="shop", name="shop"))
    if between:
        between(two)
    getattr(two, then[0])("b", *then[1:])
    assert two.mark("b") == mark
    assert two.mark("a") == mark.replace(" a", " b")
    assert [(news.session, news.other) for news in two.news] == [("b", "a")] * mark.startswith(("lines", "tree"))


def test_the_spans_of_both_are_found_and_linked(two):
    two.edit("b", f"{SHOP}/x.py", "total = 2", "total = 3")
    assert two.mark("b") == "lines a x.py", "told before it has run"
    two.edit("a", f"{SHOP}/x.py", "total = 2", "total = 4")
    two.done("b")
    two.done("a", failed=True)
    a, b, a_again = [span for span in two.spans if span.name == "execute_tool Edit"][:1] + two.spans[-2:]
    assert (sc.COLLISION in a.attributes, b.attributes[sc.COLLISION], a_again.attributes[sc.COLLISION]) == (
        False,
        "lines",
        "lines",
    )
    assert {link.span_id for link in b.links} == {a.span_id, a_again.span_id}
    assert [(link.trace_id, link.span_id, link.attributes) for link in a_again.links] == [
        (b.trace_id, b.span_id, {sc.LINK: "collision", sc.SESSION_ID: "b"})
    ]
    counted = [one for one in two.increments if one.instrument == "hookspan.collisions"]
    assert [(dict(one.attributes)[sc.COLLISION], one.value) for one in counted] == [("lines", 1)] * 2
    assert len(two.news) == 1, "once for two sessions and a file"


@pytest.mark.parametrize(
    ("patch", "mark"),
    [
        ("*** Update File: x.py\n@@\n-    total = 2\n+    total = 3\n", "lines a x.py"),
        ("*** Update File: x.py\n@@\n-def other():\n+def another():\n", "file a x.py"),
        ("*** Update File: y.py\n*** Move to: x.py\n@@\n-def other():\n+def another():\n", "lines a x.py"),
        ("*** Update File: y.py\n@@\n-    total = 2\n+    total = 3\n*** Delete File: x.py\n", "lines a x.py"),
    ],
)
def test_another_client_writes_the_same(two, patch, mark):
    given = {"command": f"*** Begin Patch\n{patch}*** End Patch\n"}
    two.call("c", "apply_patch", given, client="codex", turn_id="t")
    two.event("c", "Stop", client="codex", turn_id="t")
    assert (two.mark("c"), two.mark("a")) == (mark, mark.replace(" a", " c"))


def test_lines_are_known_for_certain_when_a_call_has_ended(two):
    two.edit("b", f"{SHOP}/x.py", "al = 2", "al = 3")
    assert (two.mark("b"), two.news) == ("file a x.py", [])
    two.done("b", (" before", "-    total = 2", "+    total = 3"))
    assert (two.mark("b"), len(two.news)) == ("lines a x.py", 1)
    assert two.spans[-1].attributes[sc.COLLISION] == "lines"


def test_a_patch_that_only_the_transcript_tells_has_failed_wrote_nothing(two):
    patch = f"*** Begin Patch\n*** Update File: {SHOP}/y.py\n@@\n-total = 2\n+total = 3\n*** End Patch\n"
    two.call("c", "apply_patch", {"command": patch}, client="codex", turn_id="t")
    call = two.inputs["c"]["tool_use_id"]
    two.take(ToolResult(at=two.now, key="result", session="c", tool_use_id=call, over=True))
    two.edit("b", f"{SHOP}/y.py", "total = 2", "total = 4")
    assert (two.mark("b"), two.news) == ("beside a", [])


def test_a_call_that_was_refused_wrote_nothing(two):
    two.edit("b", f"{SHOP}/x.py", "total = 2", "total = 3")
    two.edit("a", f"{SHOP}/x.py", "total = 2", "total = 4")
    two.event("b", "PermissionDenied", **two.inputs["b"])
    assert (two.mark("a"), two.mark("b")) == ("lines b x.py", "lines a x.py"), "of what goes on"
    two.event("a", "PermissionDenied", **two.inputs["a"])
    assert (two.mark("a"), two.mark("b")) == ("", "")
    assert [sc.COLLISION in span.attributes for span in two.spans[-2:]] == [False, False]


@pytest.mark.parametrize(
    ("steps", "mark"),
    [
        pytest.param("main:x start:1 1:x", "", id="what it was told to go on with"),
        pytest.param("start:1 1:x stop:1 main:x", "", id="the main agent after it"),
        pytest.param("start:1 1:x main:x", "lines s x", id="the main agent beside it"),
        pytest.param("start:1 start:2 1:x 2:x", "lines s x", id="two at once"),
        pytest.param("start:1 1:x stop:1 start:2 2:x", "", id="one after the other"),
        pytest.param("start:1 start:2 1:x 2:y", "", id="each in its file"),
        pytest.param("start:1 start:2 1:x 2:x stop:2", "", id="until one is done"),
    ],
)
def test_agents_of_one_session(steps, mark):
    sessions = Sessions()
    sessions.begin("s")
    for step in steps.split():
        verb, what = step.split(":")
        if verb in {"start", "stop"}:
            sessions.event("s", f"Subagent{verb.title()}", what)
        else:
            who = "s" if verb == "main" else f"s/{verb}"
            sessions.edit(who, f"{SHOP}/{what}", "", "anew")
            sessions.done(who)
    assert sessions.mark("s") == mark


def test_an_end_takes_the_marks_away(two):
    two.edit("b", f"{SHOP}/x.py", "total = 2", "total = 3")
    two.event("b", "SessionEnd", reason="other")
    assert (two.mark("a"), two.mark("b")) == ("", "")


def test_what_is_remembered_is_bounded(two):
    for number in range(500):
        two.edit("b", f"{SHOP}/{number % 100}.py", f"line {number}", f"line {number + 1}")
        two.done("b")
        two.edit("a", f"{SHOP}/{number % 100}.py", f"line {number}", f"line {number + 1}")
        two.done("a")
    for session in two.state.sessions.values():
        assert (len(session.writes), len(session.meetings)) == (64, 16)
        assert sum(len(writes) for writes in session.writes.values()) == 64


def test_a_write_changes_nobody_else_when_many_work_in_one_tree():
    sessions = Sessions()
    names = [f"s{number}" for number in range(40)]
    for name in names:
        sessions.begin(name)
    for name in [*names, "s0", "s0"]:
        sessions.edit(name, f"{SHOP}/{name}.py", "", "anew")
    assert sessions.touched == {"s0"}
    assert all(sessions.mark(name).startswith("beside") for name in names)


def test_to_read_what_others_wrote_changes_the_state_of_the_reader_alone(two):
    two.event("b", "Stop")
    two.read("b", f"{SHOP}/x.py")
    assert two.touched == {"b"}
    stop(two)
    two.edit("b", f"{SHOP}/x.py", "total = 2", "total = 3")
    assert two.mark("b") == ""
