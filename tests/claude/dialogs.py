"""Every kind of dialog with every answer, in the real client: `make dialogs` prints the table.

What hookspan's page shows is read from its stream, against the key that was pressed and the client's own telemetry.
A dialog is known to be open from the client's registry itself, read here by its own means.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from hookspan.agent.client import Client
from hookspan.catalogue import attributes as sc
from hookspan.store import Reader
from tests.claude import native
from tests.claude.drivers import InteractiveSession
from tests.claude.installed import InstalledHome, flush
from tests.claude.model import Model, Tool, says
from tests.claude.scenarios.interactive import choose
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

MS = 1_000_000
DRAWN = 1.2  # seconds: the client takes no key while it draws a dialog
SHOWN = 0.15  # seconds after the key within which the page is to be right
AFTER = 0.4  # seconds after the key for which it is looked on
SANDBOX = ("--allowedTools", "Bash", "--settings", json.dumps({"sandbox": {"enabled": True}}))
MCP = Path(__file__).with_name("mcp_server.py")
SLOW = "sleep 1"
QUESTION = {
    "question": "How to round?",
    "header": "Rounding",
    "multiSelect": False,
    "options": [{"label": "Up", "description": "Round up"}, {"label": "Down", "description": "Round down"}],
}


@dataclass(frozen=True)
class Case:
    """A dialog and its answer: `label` is the line to choose before Enter, empty for the first; `key` what is pressed.

    `before` is called that has to run before the tool's own. `moves` are keys that lead to the answer.
    """

    kind: str
    answer: str
    tool: Tool
    label: str = ""
    key: str = "Enter"
    before: tuple[Tool, ...] = ()
    moves: tuple[str, ...] = ()


@dataclass
class Seen:
    """What came of a case. Times are milliseconds; None where nothing says.

    Attributes:
        open_state: What the page shows while the dialog is open.
        after_state: What it shows 0.15 s after the key.
        metric: What the gauge says then.
        opened: From the client's own start of the wait (of a wait that it doesn't tell, ours) until the page shows it.
        told: From the key until the client has written its registry.
        left: From the key until the page shows no dialog any more.
        start: How far the span's start is from the client's own; of one that it doesn't tell None.
        end: The same of its end; else how far it is from the key.
    """

    case: Case
    open_state: str = ""
    after_state: str = ""
    states: list[str] = field(default_factory=list)
    metric: dict[str, int] = field(default_factory=dict)
    opened: float | None = None
    left: float | None = None
    told: float | None = None
    key: int = 0
    start: float | None = None
    end: float | None = None
    decision: str = ""
    basis: str = ""

    @property
    def ours(self) -> float | None:
        """What of `left` passed after the client had written."""
        return None if self.told is None or self.left is None else self.left - self.told

    @property
    def maybe(self) -> bool:
        """Whether the page said that a dialog may have been answered."""
        return "waiting_or_running" in self.states


class Page:
    """What a page that is open hears: the state of each session, and when."""

    def __init__(self, port: int, token: str) -> None:
        self.heard: list[tuple[int, str, dict[str, Any]]] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {token}"})
        self._answer = self._connection.getresponse()
        assert self._answer.status == http.client.OK, self._answer.read()
        self._thread = threading.Thread(target=self._read, name="page", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event = b""
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            for line in self._answer:
                now = time.time_ns()
                if line.startswith(b"event: "):
                    event = line[7:].strip()
                elif line.startswith(b"data: ") and event == b"update":
                    for session in json.loads(line[6:])["sessions"]:
                        self.heard.append((now, session["id"], session))

    def states(self, session: str, since: int, until: int | None = None) -> list[tuple[int, str]]:
        """Changes of a session's state, with the one that it was in at `since` first."""
        known = [(at, row["state"]) for at, id_, row in list(self.heard) if id_ == session]
        before = [state for at, state in known if at <= since][-1:]
        found = [(since, state) for state in before]
        for at, state in known:
            if at > since and (until is None or at < until) and (not found or found[-1][1] != state):
                found.append((at, state))
        return found

    def row(self, session: str) -> dict[str, Any]:
        """The newest of a session."""
        return next((row for _, id_, row in reversed(self.heard) if id_ == session), {})

    def close(self) -> None:
        self._connection.close()


class Machine:
    """A home with hookspan, its page, the scripted model and a sink for the client's telemetry."""

    def __init__(self) -> None:
        self._undo = contextlib.ExitStack()
        self._cases = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self.theirs = undo.enter_context(Sink())
            self.model = undo.enter_context(Model("dialogs"))
            settings = {"dashboard.enabled": "true", "dashboard.port": "0"}
            env = native.environment(self.theirs.url)
            self.home = undo.enter_context(InstalledHome(self.model.url, env=env, settings=settings))
            config = {"mcpServers": {"tiny": {"command": "/usr/bin/python3", "args": [str(MCP)]}}}
            (self.home.home / "mcp.json").write_text(json.dumps(config))
            self.home.hookspan("up")
            self.page = Page(self._port(), self.home.paths.token.read_text().strip())
            undo.callback(self.page.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _port(self) -> int:
        """Of the page, which any free one may have."""
        url = until(lambda: Client(self.home.paths).request("ping", timeout=PATIENCE)["url"], "the page")
        return int(url.rpartition(":")[2])

    @contextlib.contextmanager
    def client(self, mode: str = "default", *args: str) -> Iterator[InteractiveSession]:
        """A client in a terminal."""
        mcp = ("--mcp-config", str(self.home.home / "mcp.json"))
        with InteractiveSession(self.home, "--permission-mode", mode, *mcp, *args) as session:
            session.wait_for("mode on")
            until(lambda: bool(self.entry(session).get("status")), "the client's entry")
            yield session

    def entry(self, session: InteractiveSession) -> dict[str, Any]:
        """What the client says of itself."""
        path = self.home.claude / "sessions" / f"{session.pid}.json"
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.JSONDecoder().raw_decode(path.read_text())[0]
            return found
        return {}

    def written(self, session: InteractiveSession) -> int:
        """When the client's entry was last written, Unix ns."""
        return (self.home.claude / "sessions" / f"{session.pid}.json").stat().st_mtime_ns

    def waits(self, session: InteractiveSession) -> bool:
        """Whether it says that it waits for an answer."""
        return self.entry(session).get("status") == "waiting"

    def is_answered(self, session: InteractiveSession) -> bool:
        """Whether it says that it does something else; not for a file that is just being written."""
        return self.entry(session).get("status") not in {None, "waiting"}

    def turns(self, session: InteractiveSession) -> int:
        """How many turns of its session have come to their ends."""
        id_ = self.entry(session).get("sessionId")
        events = self.home.events()
        return sum(event["hook_event_name"] == "Stop" and event["session_id"] == id_ for event in events)

    def next_written(self, session: InteractiveSession, before: int) -> int:
        """When it is next written."""
        deadline = time.monotonic() + PATIENCE
        while (now := self.written(session)) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        return now

    def phases(self) -> dict[str, int]:
        """What the gauge `hookspan.session.active` is read from."""
        return dict(Reader(self.home.paths).summary(time.time_ns(), local=False).phases)

    def play(self, session: InteractiveSession, case: Case) -> Seen:
        """One dialog from the prompt to the turn's end; what its spans tell is filled in by `compare`."""
        self._cases += 1
        prompt = f"case {self._cases:02d} of it"
        self.model.play({prompt: [*(says(tool) for tool in case.before), says(case.tool), says("Done.")]})
        began = time.time_ns()
        session.submit(prompt)
        dialog = f"the dialog of {case.kind} {case.answer}"
        until(lambda: self.waits(session), dialog)
        id_ = str(self.entry(session)["sessionId"])
        time.sleep(DRAWN)
        if case.label:
            choose(session, case.label)
        seen = Seen(case)
        for move in case.moves:
            session.keys(move)
            time.sleep(0.3)
        with contextlib.suppress(TimeoutError):  # which is what it then shows
            until(lambda: self.page.row(id_).get("state") == "waiting", "the page")
        seen.open_state = self.page.row(id_).get("state", "")
        written = self.written(session)
        key = seen.key = time.time_ns()
        with ThreadPoolExecutor(1) as watcher:
            told = watcher.submit(self.next_written, session, written)
            session.press(case.key, lambda: self.is_answered(session))
            time.sleep(max(0.0, SHOWN - (time.time_ns() - key) / 1e9))
            seen.metric = self.phases()
            seen.told = (told.result() - key) / MS
        time.sleep(AFTER - SHOWN)
        after = self.page.states(id_, key, key + round(SHOWN * 1e9))
        seen.after_state = after[-1][1] if after else ""
        left = [at for at, state in self.page.states(id_, key) if state != "waiting"]
        seen.left = (left[0] - key) / MS if left else None
        until(lambda: self.entry(session).get("status") == "idle", f"the turn's end after {case.kind} {case.answer}")
        if seen.left is None:
            until(lambda: self.page.row(id_).get("state") != "waiting", "the page")
            left = [at for at, state in self.page.states(id_, key) if state != "waiting"]
            seen.left = (left[0] - key) / MS
        seen.states = [state for _, state in self.page.states(id_, began)]
        seen.opened = next((at for at, state in self.page.states(id_, began)[1:] if state == "waiting"), None)
        return seen

    def compare(self, seen: Sequence[Seen]) -> None:
        """Fills in what spans say, against the client's own."""
        flush(self.home)
        calls = native.read(self.theirs).tools
        reader = Reader(self.home.paths)
        spans = [span for row in reader.sessions() for span in reader.spans_of_session(row.id, hooks=False)]
        for one in seen:
            waits = [span for span in spans if span.name.startswith("permission ") and span.start < one.key]
            wait = max((span for span in waits if span.end > one.key - 2_000 * MS), key=lambda s: s.start, default=None)
            if wait is None:
                one.opened = None
                continue
            one.decision = str(wait.attributes.get(sc.DECISION))
            one.basis = str(wait.attributes.get("hookspan.basis", ""))
            theirs = calls.get(str(wait.attributes.get(sc.TOOL_CALL_ID, "")))
            if theirs is not None and theirs.wait is not None and one.case.kind not in {"sandbox", "elicitation"}:
                one.opened = (one.opened - theirs.wait.start) / MS if one.opened else None
                one.start = (wait.start - theirs.wait.start) / MS
                one.end = (wait.end - theirs.wait.end) / MS
            else:
                one.opened = (one.opened - wait.start) / MS if one.opened else None
                one.end = (wait.end - one.key) / MS


def bash(name: str, seconds: str = SLOW) -> Tool:
    return Tool("Bash", {"command": f"touch {name}; {seconds}", "description": "Touch"})


def edit(name: str) -> Tool:
    return Tool(
        "Edit", {"file_path": "{project}/cart.py", "old_string": "def total", "new_string": f"# {name}\ndef total"}
    )


READ = Tool("Read", {"file_path": "{project}/cart.py"})
GREET = Tool("mcp__tiny__greet", {"name": "Ada"})
ASK = Tool("mcp__tiny__ask", {})
PLAN = Tool("ExitPlanMode", {"plan": "1. Fix the sum\n2. Test it"})


ASKS = Tool("AskUserQuestion", {"questions": [QUESTION]})


def curl(host: str) -> Tool:
    """A sandbox asks about each host once."""
    return Tool("Bash", {"command": f"curl -s -m 60 http://{host}.invalid/; sleep 1", "description": "Fetch"})


def write(name: str) -> Tool:
    return Tool("Write", {"file_path": f"{{project}}/{name}.txt", "content": "x"})


def fetch(host: str) -> Tool:
    return Tool("WebFetch", {"url": f"https://{host}.invalid/", "prompt": "What is it?"})


@dataclass(frozen=True)
class Group:
    """Cases that one client can play after each other, since none remembers what the next would be asked for."""

    cases: Sequence[Case]
    mode: str = "default"
    options: tuple[str, ...] = ()


def _permissions() -> Iterator[Case]:
    for answer, label, key in (("yes", "", "Enter"), ("no", ". No", "Enter"), ("esc", "", "Escape")):
        yield Case("Bash", answer, bash(f"a-{answer}"), label, key)
        yield Case("Edit", answer, edit(answer), label, key, before=(READ,))
        yield Case("Write", answer, write(answer), label, key)
        yield Case("MCP", answer, GREET, label, key)
        yield Case("WebFetch", answer, fetch(answer), label, key)


GROUPS = (
    Group([*_permissions(), Case("question", "yes", ASKS), Case("question", "esc", ASKS, key="Escape")]),
    Group(
        [
            Case("elicitation", "no", ASK, moves=("Down", "Right")),
            Case("elicitation", "esc", ASK, key="Escape"),
            Case("elicitation", "yes", ASK, moves=("Down",)),
        ],
        options=("--allowedTools", "mcp__tiny__ask"),
    ),
    Group([Case("plan", "esc", PLAN, key="Escape"), Case("plan", "yes", PLAN)], mode="plan"),
    Group(
        [
            Case("sandbox", "yes", curl("yes")),
            Case("sandbox", "esc", curl("esc"), key="Escape"),
            Case("sandbox", "no", curl("no"), ". No"),
            Case("sandbox", "always", curl("always"), "ask again"),
        ],
        options=SANDBOX,
    ),
    Group(
        [
            Case("Bash", "always", bash("b-always"), "2."),
            Case("MCP", "always", GREET, "2."),
            Case("Write", "always", write("always"), "2."),
        ]
    ),
    Group([Case("WebFetch", "always", fetch("always"), "2.")]),
    Group([Case("Edit", "always", edit("always"), "2.", before=(READ,))]),
)


FIGURES = {"shown": "opened", "told": "told", "ours": "ours", "left": "left", "start": "start", "end": "end"}


def table(seen: Iterable[Seen]) -> Iterator[str]:
    """A line a case, then the figures of all."""
    seen = list(seen)
    yield (
        f"{'dialog':12}{'answer':8}{'open':9}{'0.15 s after':19}{'maybe':7}{'metric':28}"
        f"{'shown':>8}{'told':>8}{'ours':>8}{'left':>8}{'start':>8}{'end':>8}  decision, basis"
    )
    for one in seen:
        metric = " ".join(f"{name}={count}" for name, count in sorted(one.metric.items()) if name != "ended")
        yield (
            f"{one.case.kind:12}{one.case.answer:8}{one.open_state:9}{one.after_state:19}"
            f"{'YES' if one.maybe else 'no':7}{metric:28}"
            f"{_ms(one.opened)}{_ms(one.told)}{_ms(one.ours)}{_ms(one.left)}{_ms(one.start)}{_ms(one.end)}"
            f"  {one.decision} {one.basis}"
        )
    yield ""
    for name, of in (
        ("shown", "opened"),
        ("told", "told"),
        ("ours", "ours"),
        ("left", "left"),
        ("start", "start"),
        ("end", "end"),
    ):
        for what, chosen in (
            ("all", seen),
            ("yes", [one for one in seen if one.case.answer in {"yes", "always"}]),
            ("no, esc", [one for one in seen if one.case.answer in {"no", "esc"}]),
        ):
            values = [value for one in chosen if (value := getattr(one, of)) is not None]
            if of in {"start", "end"}:
                values = [abs(getattr(one, of)) for one in chosen if one.start is not None]
            if values:
                figures = f"p50 {_of(values, 50)}  p95 {_of(values, 95)}  max {max(values):7.0f} ms"
                yield f"{name:6} {what:8} n {len(values):3}  {figures}"


def _of(values: Sequence[float], percent: int) -> str:
    if len(values) == 1:
        return f"{values[0]:7.0f}"
    return f"{statistics.quantiles(values, n=100, method='inclusive')[percent - 1]:7.0f}"


def _ms(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.0f'):>8}"


def run(machine: Machine, kinds: Collection[str] = ()) -> list[Seen]:
    """All cases, or those of some kinds."""
    seen: list[Seen] = []
    for group in GROUPS:
        wanted = [case for case in group.cases if not kinds or case.kind in kinds]
        if not wanted:
            continue
        with machine.client(group.mode, *group.options) as session:
            seen += (one for case in wanted if (one := _played(machine, session, case)) is not None)
    machine.compare(seen)
    return seen


def _played(machine: Machine, session: InteractiveSession, case: Case) -> Seen | None:
    """A case; None if it can't be played. A terminal on a busy machine may lose a key."""
    project = str(machine.home.project)
    tool, *before = (Tool(tool.name, _placed(tool.input, project)) for tool in (case.tool, *case.before))
    for _ in range(2):
        try:
            return machine.play(session, replace(case, tool=tool, before=tuple(before)))
        except TimeoutError as late:
            sys.stderr.write(f"{case.kind} {case.answer}: {late}\n{session.screen()}\n")
            session.keys("Escape", "C-u")
    return None


def _placed(given: Any, project: str) -> dict[str, Any]:
    return {
        key: value.replace("{project}", project) if isinstance(value, str) else value for key, value in given.items()
    }


def main() -> None:
    """Play all, or those whose kinds are given as arguments, and print the table."""
    kinds = set(sys.argv[1:])
    with Machine() as machine:
        for line in table(run(machine, kinds)):
            print(line)


if __name__ == "__main__":
    main()
