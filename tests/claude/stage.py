"""What a scenario plays on: a model, a home with hooks in it, what was heard; and what is left when it is over."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.claude.drivers import Home, InteractiveSession, PrintSession
from tests.claude.model import HIDDEN, Model, Tool
from tests.conformance.build import compile_relay
from tests.recorded import records
from tests.waiting import PATIENCE, until

ALLOW = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Edit Write Agent")

Installer = Callable[[Home], None]


def install_relay(home: Home) -> None:
    """Register the relay for every event; its journal is the recording."""
    (home.state / "journal").mkdir(mode=0o700, parents=True)
    home.hook([str(compile_relay()), str(home.state)])


@dataclass(frozen=True)
class Turn:
    """A turn that must be found, in the order of their starts within the recording.

    `outcome` and `end_reason` are hookspan's values. `made_by` is user, queue, command, notification or
    teammate: then it has the prompt id of the turn before.
    """

    prompt: str
    outcome: str = "success"
    end_reason: str = "stop"
    made_by: str = "user"


@dataclass(frozen=True)
class Session:
    """A session that must be found: how it started, and SessionEnd's reason (None: it never came)."""

    source: str = "startup"
    end: str | None = "other"


@dataclass(frozen=True)
class Story:
    """What a scenario's author knows of it: its turns, its sessions, and what else only the author can know."""

    turns: Sequence[Turn]
    sessions: Sequence[Session] = (Session(),)
    compactions: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Recording:
    """Everything that one run left behind.

    Paths are relative to ~/.claude; transcripts and metas are keyed by theirs.
    """

    name: str
    home: Path
    journal: list[dict[str, Any]]
    transcripts: dict[str, list[dict[str, Any]]]
    metas: dict[str, dict[str, Any]]
    calls: list[dict[str, Any]]
    expected: dict[str, Any]


class Stage:
    """One scenario's model, home and hooks, from enter to exit."""

    def __init__(
        self, name: str, install: Installer = install_relay, env: Mapping[str, str] | None = None, project: str = "shop"
    ) -> None:
        self.name = name
        self.model = Model(name)
        self.home = Home(self.model.url, project=project, env=env)
        self._install = install
        self._has_teams = "CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS" in (env or {})
        self._sessions: list[InteractiveSession] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.home.close)
            undo.enter_context(self.model)
            self._install(self.home)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self._undo:
            for session in self._sessions:
                self._undo.callback(session.close)
            if error is not None:
                with contextlib.suppress(RuntimeError, OSError):  # its terminal may be gone as well
                    self._explain()

    def _explain(self) -> None:
        """Say what was on the screens and heard when a scenario fails."""
        screens = [session.screen() for session in self._sessions]
        heard = [line["event"]["hook_event_name"] for line in self.journal()]
        calls = [(call.conversation, call.step, call.status) for call in self.model.calls]
        sys.stderr.write("\n".join([f"--- {self.name}", f"heard: {heard}", f"calls: {calls}", *screens, ""]))

    def print(self, prompt: str, *args: str, **options: Any) -> PrintSession:
        """Start `claude -p`."""
        return PrintSession(self.home, prompt, *args, **options)

    def run(self, prompt: str, *args: str, **options: Any) -> None:
        """Run `claude -p` to its end."""
        self.print(prompt, *args, **options).wait()

    def interactive(self, *args: str, mode: str = "default", **options: Any) -> InteractiveSession:
        """Start `claude` in a terminal and wait until it takes input. Closed with the stage."""
        starts = self.count("SessionStart")
        session = InteractiveSession(self.home, "--permission-mode", mode, *args, **options)
        self._sessions.append(session)
        session.wait_for("mode on")
        self.heard("SessionStart", starts + 1)
        return session

    def journal(self) -> list[dict[str, Any]]:
        """The hooks' lines in the journal so far."""
        return [record for record in records(self.home.state / "journal") if "event" in record]

    def count(self, event: str, **fields: Any) -> int:
        """How many events of this name (with these fields) were heard."""
        events = (line["event"] for line in self.journal())
        return sum(
            e["hook_event_name"] == event and all(e.get(key) == value for key, value in fields.items()) for e in events
        )

    def heard(self, event: str, times: int = 1, timeout: float = PATIENCE, **fields: Any) -> None:
        """Wait until an event was heard this often."""
        until(lambda: self.count(event, **fields) >= times, f"{times} x {event} {fields or ''}", timeout)

    def runs(self, command: str) -> None:
        """Wait until the client runs a command. Between its PreToolUse and its start it is cut off in other words."""
        until(lambda: self.home.runs(command), f"{command!r} to run")

    def registered(self, status: str) -> None:
        """Wait until a client's entry in the registry of running sessions has a status."""
        entries = self.home.claude / "sessions"
        until(lambda: any(json.loads(path.read_text()).get("status") == status for path in entries.iterdir()), status)

    def asked(self, marker: str, times: int = 1) -> None:
        """Wait until a conversation has asked the model this often."""
        until(lambda: self.model.asked(marker) >= times, f"{times} requests of {marker!r}")

    def in_transcripts(self, text: str) -> int:
        """How often the transcripts hold a text."""
        files = (self.home.claude / "projects").glob("*/*.jsonl")
        return sum(path.read_text().count(text) for path in files)

    def transcript_says(self, text: str, times: int = 1) -> None:
        """Wait until the transcripts hold a text this often."""
        until(lambda: self.in_transcripts(text) >= times, f"{text!r} in a transcript")

    def recording(self, story: Story) -> Recording:
        """Collect what the run left behind and compute what is true of it."""
        until(self.model.is_done, "the answers' ends")
        lines, metas = until(self._files, "files that stay as they are")
        calls = [call.record() for call in self.model.calls]
        return Recording(self.name, self.home.home, self.journal(), lines, metas, calls, self._expected(story))

    def _files(self) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]]]:
        """Transcripts and small files of the client. Raises OSError if one goes meanwhile."""
        root = self.home.claude
        lines = {
            str(path.relative_to(root)): [
                json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line
            ]
            for path in sorted(root.glob("projects/**/*.jsonl"))
        }
        metas = {
            str(path.relative_to(root)): json.loads(path.read_text())
            for path in sorted(root.glob("projects/**/*.meta.json"))
        }
        metas |= {
            str(path.relative_to(root)): json.loads(path.read_text()) for path in sorted(root.glob("sessions/*.json"))
        }
        return lines, metas

    def _expected(self, story: Story) -> dict[str, Any]:
        """What must be found, from the script and from what the server delivered; never from what the client said."""
        done = [call for call in self.model.calls if call.complete]
        tools = {tool_id: (tool, call.conversation) for call in done for tool_id, tool in call.tools.items()}
        spoken = {call.conversation for call in self.model.calls}
        agent_of = {
            marker: tool_id for tool_id, (tool, _) in tools.items() for marker in spoken if _starts(tool, marker)
        }
        tokens: dict[str, Counter[str]] = {}
        for call in done:
            tokens.setdefault(call.model, Counter()).update(vars(call.usage))
        return {
            "turns": [vars(turn) for turn in story.turns],
            "sessions": [vars(session) for session in story.sessions],
            "compactions": story.compactions,
            "tools": {
                tool_id: {
                    "name": tool.name,
                    "outcome": tool.outcome,
                    "heard": tool.heard,
                    "decision": tool.decision,
                    "in_agent_of": agent_of.get(conversation),
                }
                for tool_id, (tool, conversation) in tools.items()
            },
            "subagents": {
                tool_id: {
                    "agent_type": _kind(tools[tool_id][0]),
                    "in_agent_of": agent_of.get(tools[tool_id][1]),
                    **({"agents": agents} if tools[tool_id][0].name == "Workflow" else {}),
                    **({"teammate": tools[tool_id][0].input["name"]} if self._has_teams else {}),
                    **({"resumed": True} if tools[tool_id][0].name == "SendMessage" else {}),
                }
                for tool_id, agents in Counter(agent_of.values()).items()
            },
            "model_calls": [
                {
                    "message_id": call.message_id,
                    "request_id": call.request_id,
                    "model": call.model,
                    "at": call.at,
                    "done_at": call.done_at,
                    "usage": vars(call.usage),
                    "in_agent_of": agent_of.get(call.conversation),
                    "in_transcript": call.conversation not in HIDDEN,
                }
                for call in done
            ],
            "failed_calls": [
                {"status": call.status, "at": call.at} for call in self.model.calls if call.status != HTTPStatus.OK
            ],
            "tokens": {model: dict(counter) for model, counter in tokens.items()},
            "notes": dict(story.notes),
        }


def _starts(tool: Tool, marker: str) -> bool:
    """Whether this call starts the agent that talks under this marker, or has it go on under that."""
    field = {"Agent": "prompt", "Workflow": "script", "SendMessage": "message"}.get(tool.name, "")
    return marker in tool.input.get(field, "")


def _kind(tool: Tool) -> str:
    """What kind of agent a call starts."""
    other = "workflow-subagent" if tool.name == "Workflow" else "general-purpose"
    return tool.input.get("subagent_type", other)
