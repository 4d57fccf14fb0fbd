"""A running agent with its page, and ways to ask it: as a script, as a browser, as a listener to the stream."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from hookspan.agent.client import Client
from hookspan.journal import Journal, Writer
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.agent.machine import Machine, event
from tests.ports import as_before
from tests.waiting import PATIENCE, until

STEP = 0.2  # seconds that one look at the journal's end may take


class Site:
    """A machine of its own whose agent is up. `dashboard` are settings of that section; `prepare` comes before it.

    `settings` are those of other sections, as TOML; `env` are variables of all that is called there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        prepare: Callable[[Paths], None] | None = None,
        settings: str = "",
        env: Mapping[str, str] | None = None,
        **dashboard: Any,
    ) -> None:
        lines = [f"{name} = {json.dumps(value)}" for name, value in {"port": 0, **dashboard}.items()]
        self.machine = Machine(folder, settings="\n".join(["[dashboard]", *lines, settings])).install()
        self.machine.env |= env or {}
        self._ports = as_before(self.machine.paths)
        self._agent = Client(self.machine.paths)  # as the command line has it, without a process for each question
        self._clients: list[httpx2.Client] = []
        with contextlib.ExitStack() as undo:
            undo.callback(self.machine.close)
            if prepare is not None:
                prepare(self.machine.paths)
            self.up()
            undo.pop_all()

    def up(self) -> None:
        """Start the agent (again), whose page may have another port then."""
        self._meet(self.machine.up())

    def restart(self) -> None:
        """Another agent, with the settings that are in its file now."""
        self._meet(self.machine.restart())

    def _meet(self, pid: int) -> None:
        self.pid = pid
        self._asks: httpx2.Client | None = None
        self.url: str = self._agent.request("ping", timeout=PATIENCE)["url"] or ""  # of a page that is off
        self.port = urlsplit(self.url).port

    @property
    def where(self) -> str:
        """Where the page is now."""
        url: str = self._agent.request("ping", timeout=PATIENCE)["url"]
        return url

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.machine.close()

    @property
    def token(self) -> str:
        return self.machine.paths.token.read_text().strip()

    def client(self, **headers: str) -> httpx2.Client:
        """Somebody without a login."""
        self._clients.append(httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE))
        return self._clients[-1]

    def script(self, **headers: str) -> httpx2.Client:
        """Somebody with the token."""
        return self.client(authorization=f"Bearer {self.token}", **headers)

    def ticket_url(self) -> str:
        login: str = self._agent.request("open", timeout=PATIENCE)["login"]
        return login

    def browser(self) -> httpx2.Client:
        """Somebody who came by a one-time address."""
        client = self.client()
        assert client.get(self.ticket_url()).status_code == 200
        return client

    def get(self, path: str, **parameters: Any) -> Any:
        """By one connection, however often: one for each would soon be more than the agent takes."""
        self._asks = self._asks or self.script()
        answer = self._asks.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def records(self, after: int = 0) -> list[int]:
        """The numbers of all events in the store; facts of the observers have numbers between them."""
        reader = Reader(self.machine.paths)
        try:
            return [one.record for one in reader.events(after=after, limit=100_000)]
        finally:
            reader.close()

    def append(self, *events: Mapping[str, Any] | bytes, wait: bool = True) -> None:
        """Events go to the journal, each with the time of its writing; returns when they are in the store."""
        append(self.machine, *events)
        if wait:
            until(
                lambda: self._agent.request("flush", timeout=PATIENCE, wait=STEP)["drained"],
                "the journal is not read to its end",
                timeout=PATIENCE * 5,  # of some tests it has 20,000 lines
            )

    def compact(self) -> None:
        """Let `journal.raw_hours` be over for all that the journal has."""
        journal = Journal(self.machine.paths)
        until(journal.rotate, "the journal's lock")
        for segment in journal.raw_older_than(-1):
            journal.compact(segment, lambda line: line)

    def settle(self) -> None:
        """Wait for the spans of what may be over, too: a turn is when nothing has come for some seconds after it."""
        until(self._is_settled, "what is over is not written")

    def _is_settled(self) -> bool:
        answer = self._agent.request("flush", timeout=PATIENCE * 2, wait=PATIENCE)
        return bool(answer["drained"] and not answer["unwritten"])


def append(machine: Machine, *events: Mapping[str, Any] | bytes, at: int = 0) -> None:
    around = {"v": 1, "agent": "claude-code", "took": 100_000, "pid": 1, "ppid": 1, "host": "h", "pidns": 1, "env": {}}
    now = at or time.time_ns()
    lines = [
        one if isinstance(one, bytes) else json.dumps({**around, "at": now + number * 1000, "event": one}).encode()
        for number, one in enumerate(events)
    ]
    Writer(machine.paths).append(lines)


@dataclass
class Play:
    """The events of one session, one after the other."""

    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    prompt: str = field(default_factory=lambda: str(uuid.uuid4()))

    def start(self) -> dict[str, Any]:
        return event("SessionStart", self.session, source="startup")

    def submit(self, text: str = "hi") -> dict[str, Any]:
        self.prompt = str(uuid.uuid4())
        return event("UserPromptSubmit", self.session, prompt_id=self.prompt, prompt=text)

    def tool(
        self, command: str = "true", *, name: str = "Bash", asked: bool = False, **post: Any
    ) -> list[dict[str, Any]]:
        call = {"tool_name": name, "tool_input": {"command": command}}
        own = {"tool_use_id": f"toolu_{uuid.uuid4().hex}"}
        made = [event("PreToolUse", self.session, prompt_id=self.prompt, **call, **own)]
        if asked:
            made.append(event("PermissionRequest", self.session, prompt_id=self.prompt, **call))
        end = {"tool_response": {"stdout": ""}, "duration_ms": 1, **post}
        made.append(event("PostToolUse", self.session, prompt_id=self.prompt, **call, **own, **end))
        return made

    def answer(self, command: str = "true", **post: Any) -> list[dict[str, Any]]:
        """A call, and the end of the answer of the model that it was in."""
        pre, done = self.tool(command, **post)
        kept = ("tool_name", "tool_input", "tool_use_id")
        listed = [{key: pre[key] for key in kept} | {"tool_response": "done"}]
        return [pre, done, event("PostToolBatch", self.session, prompt_id=self.prompt, tool_calls=listed)]

    def ask(self, tool: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        """A call whose dialog is open."""
        call = {"prompt_id": self.prompt, "tool_name": tool, "tool_input": given}
        own = {"tool_use_id": f"toolu_{uuid.uuid4().hex}"}
        return [event("PreToolUse", self.session, **call, **own), event("PermissionRequest", self.session, **call)]

    def stop(self) -> dict[str, Any]:
        return event("Stop", self.session, prompt_id=self.prompt)


@dataclass
class Message:
    """One server-sent event."""

    kind: str
    id: str
    data: Any


class Refused(Exception):
    """The stream was not opened."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


@contextlib.asynccontextmanager
async def stream(
    site: Site, *, after: int | None = None, last: str | None = None, token: str = ""
) -> AsyncIterator[AsyncIterator[Message]]:
    """The messages of one connection, as EventSource reads them; ends when the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        path = "/api/v1/stream" + ("" if after is None else f"?after={after}")
        head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{site.port}", f"Authorization: Bearer {token or site.token}"]
        if last is not None:
            head.append(f"Last-Event-ID: {last}")
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in answer[1:])}
        if " 200 " not in answer[0]:
            raise Refused(int(answer[0].split()[1]), headers)
        assert headers["content-type"].startswith("text/event-stream")
        yield _messages(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    buffer = b""
    while True:
        while b"\n\n" in buffer:
            block, _, buffer = buffer.partition(b"\n\n")
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
            if b"data" in fields:
                yield Message(
                    fields.get(b"event", b"message").decode(),
                    fields.get(b"id", b"").decode(),
                    json.loads(fields[b"data"]),
                )
        try:
            size = int(await reader.readline() or b"0", 16)
            if not size:
                return
            buffer += (await reader.readexactly(size + 2))[:-2]
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return


class Follower:
    """What a page does: applies whole messages, remembers the last id, comes back with it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.token = site.token
        self.last: str | None = None
        self.records: list[int] = []
        self.keys: list[str] = []
        self.kinds: list[str] = []
        self.sessions: dict[str, Any] = {}
        self.summary: Any = None
        self._applied = asyncio.Event()

    async def until(self, condition: Callable[["Follower"], object]) -> None:
        """Wait for what `follow` brings."""
        while not condition(self):
            self._applied.clear()
            await self._applied.wait()

    async def follow(self, done: Callable[["Follower"], object], *, after: int | None = None) -> None:
        """Listen until `done`, over any number of connections."""
        while not done(self):
            try:
                async with stream(self.site, after=after, last=self.last, token=self.token) as messages:
                    async for message in messages:
                        self.apply(message)
                        if done(self):
                            return
            except (OSError, asyncio.IncompleteReadError):
                pass
            except Refused as refused:
                if refused.status != 503:  # a store that is held is to be asked again
                    raise
            await asyncio.sleep(0.05)

    def apply(self, message: Message) -> None:
        self.kinds.append(message.kind)
        self.last = message.id or self.last
        if message.kind == "update":
            self.records += [one["record"] for one in message.data["events"]]
            self.keys += [one["key"] for one in message.data["spans"]]
            self.sessions |= {one["id"]: one for one in message.data["sessions"]}
        if message.kind == "summary":
            self.summary = message.data
        self._applied.set()
