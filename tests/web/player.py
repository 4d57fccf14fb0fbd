"""Plays recorded sessions of the real client into an agent, several at once, for tests and for looking at the page.

Two ways in. `live` sends each event through the installed relay at the recording's own pace, as the client does.
`past` writes a whole session into the journal as if it had happened before now: stretched, so that the second that a
recording takes becomes minutes. Transcripts are written beside it, so model calls, titles and costs are real.

By hand: `python -m tests.web.player HOOKSPAN_HOME HOME` fills a home and keeps its sessions alive until Enter.
"""

import contextlib
import datetime as dt
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hookspan.config import load
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.setup import relay
from tests.waiting import PATIENCE

SESSIONS = Path(__file__).parents[1] / "sessions"
STAMP = re.compile(r'("timestamp":")(\d{4}-\d\d-\d\dT[\d:.]+Z)(")')
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TOOL_USE = re.compile(r"toolu_[0-9a-zA-Z_]+")
MESSAGE = re.compile(r"msg_[0-9a-zA-Z_]+")
TOOK_MAX = 400_000  # ns of a hook: the load of the machine that recorded is no part of a session


@dataclass
class Moment:
    """A recorded line and when it came (unix seconds); `file` empty: a hook event."""

    at: float
    file: str
    line: str


@dataclass
class Recording:
    """One folder of `tests/sessions`, in the order of its times."""

    moments: list[Moment]
    session: str

    @classmethod
    def load(cls, name: str) -> Self:
        folder = SESSIONS / name
        lines = (folder / "journal.jsonl").read_text().splitlines()
        moments = [Moment(json.loads(line)["at"] / 1e9, "", line) for line in lines]
        first = moments[0].at
        started = [moment.at for moment in moments if '"SubagentStart"' in moment.line]
        for path in sorted((folder / "projects").rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(folder / "projects").as_posix()
            at = started[0] if "/subagents/" in name and started else first
            for line in path.read_text().splitlines():
                if found := STAMP.search(line):
                    at = dt.datetime.fromisoformat(found[2]).timestamp()
                moments.append(Moment(at, name, line))
        moments.sort(key=lambda moment: moment.at)
        return cls(moments, json.loads(lines[0])["event"]["session_id"])


@dataclass
class Played:
    """A session that was played: its new id, and the process that stands for its client."""

    session: str
    client: subprocess.Popen[bytes]


@dataclass
class Player:
    """Plays into the agent of one home. `close` ends the processes that stand for clients."""

    paths: Paths
    home: Path
    env: Mapping[str, str]
    clients: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def past(
        self,
        recording: str,
        *,
        end: float = 0.0,
        stretch: float = 1.0,
        project: str = "shop",
        words: Mapping[str, str] | None = None,
        until: Callable[[dict[str, Any]], bool] | None = None,
        title: str = "",
    ) -> Played:
        """Write a session that came to its present point `end` seconds ago.

        `until`: the first event for which it is true is the last one. `words`: texts to put in place of recorded ones.
        `title`: as the client gives one in a transcript.
        """
        moments = self._cut(Recording.load(recording), until)
        first, last = moments[0].at, moments[-1].at
        begin = time.time() - end - (last - first) * stretch
        played, rename = self._fresh(recording, project, words)
        events: list[bytes] = []
        for moment in moments:
            line = self._at(rename(moment.line), begin + (moment.at - first) * stretch)
            if moment.file:
                self._write(rename(moment.file), line)
            else:
                events.append(self._around(json.loads(line), played, stretch))
        if title and (transcript := next((moment.file for moment in moments if "/" in moment.file), "")):
            line = json.dumps({"type": "ai-title", "sessionId": played.session, "aiTitle": title})
            self._write(rename(transcript), line)
        Writer(self.paths).append(events)
        return played

    def live(
        self,
        recording: str,
        *,
        slow: float = 1.0,
        project: str = "shop",
        words: Mapping[str, str] | None = None,
        until: Callable[[dict[str, Any]], bool] | None = None,
    ) -> Played:
        """Send a session through the relay, now; comes back when it has been sent."""
        moments = self._cut(Recording.load(recording), until)
        played, rename = self._fresh(recording, project, words)
        command = relay.prepare(self.paths).command
        began, first = time.monotonic(), moments[0].at
        for moment in moments:
            time.sleep(max(0.0, began + (moment.at - first) * slow - time.monotonic()))
            line = self._at(rename(moment.line), time.time())
            if moment.file:
                self._write(rename(moment.file), line)
                continue
            whole = json.loads(line)
            env = {**self.env, **whole["env"], "CLAUDE_PID": str(played.client.pid)}
            relay.run(command, json.dumps(whole["event"]).encode(), env=env, timeout=PATIENCE).check_returncode()
        return played

    def calls(self, count: int, *, seconds: float = 600.0, project: str = "monorepo") -> str:
        """A session with one long turn of `count` tool calls, ending now; every tenth fails. Its id."""
        session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
        begin = time.time() - seconds - 1
        lines: list[bytes] = []

        def add(at: float, name: str, **fields: Any) -> None:
            event = {
                "session_id": session,
                "transcript_path": f"{self.home}/.claude/projects/-home-u-{project}/{session}.jsonl",
                "cwd": f"/home/u/{project}",
                "hook_event_name": name,
                **fields,
            }
            lines.append(
                json.dumps(
                    {
                        "v": 1, "agent": "claude-code", "at": int(at * 1e9), "took": 150_000, "pid": 1, "ppid": 1,
                        "host": "host", "pidns": 1, "env": {"CLAUDE_PROJECT_DIR": f"/home/u/{project}"}, "event": event,
                    }
                ).encode()
            )  # fmt: skip

        add(begin, "SessionStart", source="startup", model="claude-opus-5-5")
        add(begin + 0.1, "UserPromptSubmit", prompt_id=prompt, prompt="Rename the module everywhere")
        step = (seconds - 1) / max(count, 1)
        tools = ("Read", "Edit", "Grep", "Bash")
        for number in range(count):
            at, tool = begin + 0.5 + number * step, tools[number % 4]
            given = {"command": f"make part-{number}"} if tool == "Bash" else {"file_path": f"/home/u/src/f{number}.py"}
            call = {"tool_name": tool, "tool_input": given, "tool_use_id": f"toolu_{session[:8]}_{number}"}
            add(at, "PreToolUse", prompt_id=prompt, **call)
            length = {"duration_ms": max(1, int(step * 600))}
            if number % 10 == 9:
                add(at + step * 0.7, "PostToolUseFailure", prompt_id=prompt, **call, error="Exit code 1", **length)
            else:
                add(at + step * 0.7, "PostToolUse", prompt_id=prompt, **call, tool_response={"stdout": ""}, **length)
        add(time.time(), "Stop", prompt_id=prompt)
        add(time.time(), "SessionEnd", reason="other")
        Writer(self.paths).append(lines)
        return session

    def hostile(self, text: str) -> str:
        """A session whose tool, prompt, path and title are all `text`, waiting. Its id."""
        session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
        around = {
            "v": 1, "agent": "claude-code", "took": 150_000, "pid": 1, "ppid": 1, "host": text, "pidns": 1,
            "env": {"CLAUDE_PROJECT_DIR": f"/home/u/{text}"},
        }  # fmt: skip
        base = {"session_id": session, "transcript_path": "", "cwd": f"/home/u/{text}", "prompt_id": prompt}
        call = {"tool_name": text, "tool_input": {"command": text, "file_path": text}, "tool_use_id": "toolu_" + text}
        asked = {"tool_name": "Bash", "tool_input": {"command": text}, "tool_use_id": "toolu_2" + text}
        events: list[dict[str, Any]] = [
            {"hook_event_name": "SessionStart", "source": text, "model": text},
            {"hook_event_name": "UserPromptSubmit", "prompt": text, "permission_mode": text},
            {"hook_event_name": text},
            {"hook_event_name": "PreToolUse", **call},
            {"hook_event_name": "PostToolUse", **call, "tool_response": {text: text}, "duration_ms": 5},
            {"hook_event_name": "SubagentStart", "agent_id": text, "agent_type": text},
            {"hook_event_name": "PreToolUse", **asked},
            {"hook_event_name": "PermissionRequest", **asked},
        ]
        now = time.time_ns()
        lines = [
            json.dumps({**around, "at": now - (len(events) - number) * 10**9, "event": {**base, **event}}).encode()
            for number, event in enumerate(events)
        ]
        Writer(self.paths).append(lines)
        return session

    def close(self) -> None:
        for client in self.clients:
            client.kill()
            client.wait()
        self.clients.clear()

    # --- Parts

    def _fresh(
        self, recording: str, project: str, words: Mapping[str, str] | None
    ) -> tuple[Played, Callable[[str], str]]:
        """A client, and a function that gives a recorded line new ids, another project and other words."""
        client = subprocess.Popen(["sleep", "86400"])
        self.clients.append(client)
        ids: dict[str, str] = {}

        def uuid_of(found: re.Match[str]) -> str:
            return ids.setdefault(found[0], str(uuid.uuid4()))

        mark = uuid.uuid4().hex[:6]

        def rename(line: str) -> str:
            line = UUID.sub(uuid_of, line)
            line = TOOL_USE.sub(lambda found: f"{found[0]}_{mark}", line)
            line = MESSAGE.sub(lambda found: f"{found[0]}_{mark}", line)
            line = line.replace("/home/u/.claude", f"{self.home}/.claude")
            line = line.replace("/home/u/shop", f"/home/u/{project}").replace("-home-u-shop", f"-home-u-{project}")
            for old, new in (words or {}).items():
                line = line.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
            return line

        session = Recording.load(recording).session
        ids[session] = str(uuid.uuid4())
        return Played(ids[session], client), rename

    @staticmethod
    def _cut(recording: Recording, until: Callable[[dict[str, Any]], bool] | None) -> list[Moment]:
        if until is None:
            return recording.moments
        end = next(
            moment.at for moment in recording.moments if not moment.file and until(json.loads(moment.line)["event"])
        )
        return [moment for moment in recording.moments if moment.at <= end]

    @staticmethod
    def _at(line: str, at: float) -> str:
        """The line with its own time set."""
        if '"at":' in line[:60]:
            whole = json.loads(line)
            whole["at"] = int(at * 1e9)
            return json.dumps(whole)
        stamp = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return STAMP.sub(lambda found: found[1] + stamp + found[3], line)

    @staticmethod
    def _around(whole: dict[str, Any], played: Played, stretch: float) -> bytes:
        whole["env"]["CLAUDE_PID"] = str(played.client.pid)
        whole["took"] = min(whole["took"], TOOK_MAX)
        if "duration_ms" in whole["event"]:
            whole["event"]["duration_ms"] = int(whole["event"]["duration_ms"] * stretch)
        return json.dumps(whole).encode()

    def _write(self, name: str, line: str) -> None:
        target = self.home / ".claude" / "projects" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as file:
            file.write(line + "\n")


def event_is(name: str, number: int = 1, **fields: str) -> Callable[[dict[str, Any]], bool]:
    """True for the `number`th event of this name with these fields."""
    left = [number]

    def test(event: dict[str, Any]) -> bool:
        if event["hook_event_name"] != name or any(event.get(key) != value for key, value in fields.items()):
            return False
        left[0] -= 1
        return left[0] == 0

    return test


def busy(player: Player) -> dict[str, str]:
    """A morning: one session waits, one fans out, one works, one is idle, some ended. Their ids by what they show."""
    shown: dict[str, str] = {}
    test = {"fix the cart": "Show the shipping date", "touch built.txt; sleep 0.5": "npm test -- --coverage"}
    push = {"fix the cart": "Tidy the history", "touch built.txt; sleep 0.5": "git push --force"}  # is refused
    review = {
        "fix the cart": "Add refunds to the API",
        "echo tested": "pytest -q payments",
        "echo reviewed": "rg TODO",
    }
    for number, name in enumerate(("print_tools_agent", "print_fork", "print_mcp", "print_api_529", "compact")):
        project = ("shop", "api", "docs")[number % 3]
        titles = (
            "Count the open orders",
            "Try another cache",
            "Greet by MCP",
            "Cope with overload",
            "Explain the build",
        )
        player.past(name, end=2400 + number * 5000, stretch=45, project=project, title=titles[number])
    for number in range(6):
        recording = ("permission_approved", "permission_words", "permission_approved")[number % 3]
        words = push if recording == "permission_words" else test
        title, project = words["fix the cart"], ("shop", "api")[number % 2]
        player.past(recording, end=1500 + number * 4000, stretch=8, words=words, project=project, title=title)
    shown["ended"] = player.past(
        "print_nested_agents", end=900, stretch=150, project="api", words=review, title="Add refunds"
    ).session
    shown["idle"] = player.past(
        "compact",
        end=200,
        stretch=30,
        project="docs",
        until=event_is("Stop"),
        words={"fix the cart": "Explain hooks"},
        title="Explain hooks",
    ).session
    shown["working"] = player.past(
        "permission_approved",
        end=4,
        stretch=20,
        project="api",
        until=event_is("PreToolUse", 2),
        words={**test, "rm built.txt": "cargo build --release", "Show the shipping date": "Speed up the build"},
        title="Speed up the build",
    ).session
    shown["fans_out"] = player.past(
        "print_parallel_agents",
        end=3,
        stretch=110,
        project="payments",
        words=review,
        until=event_is("PostToolUse"),
        title="Add refunds to the API",
    ).session
    shown["waits"] = player.past(
        "permission_approved",
        end=192,
        stretch=60,
        words=test,
        until=event_is("PermissionRequest"),
        title="Show the shipping date",
    ).session
    return shown


def install(paths: Paths) -> None:
    """What `hookspan install` puts in place, without Claude Code's settings."""
    made = relay.prepare(paths)
    relay.create_state(paths, load(paths))
    made.install(paths)


def main(arguments: Iterable[str]) -> None:
    hookspan_home, home = arguments
    paths = Paths.from_environment({"HOOKSPAN_HOME": hookspan_home})
    install(paths)
    player = Player(paths, Path(home), {"PATH": "/usr/bin:/bin", "HOME": home})
    try:
        print(json.dumps(busy(player)), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
    finally:
        player.close()


if __name__ == "__main__":
    main(sys.argv[1:])
