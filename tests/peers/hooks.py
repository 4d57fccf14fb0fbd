"""What a hook costs, and what is there of events that came while nobody received them."""

import contextlib
import http.client
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hookspan.bench.events import events
from hookspan.bench.hooks import payload
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.bench import turns
from tests.bench.turns import Program, Took
from tests.otlp_sink import Sink
from tests.peers import packages

EVENTS = 42  # a session's start, and a turn to its end
SESSION = "0a1b2c3d-0000-4000-8000-{:012}"
PATIENCE = 60.0  # seconds for a receiver to be there, and for what was sent to be in it
SETTLED = 3.0  # seconds without one more
POLL = 0.2  # seconds
RARELY = 20  # rounds of which an interpreted hook has one
TRUE = "/bin/true"

Event = dict[str, Any]


def turn(number: int) -> list[Event]:
    """The events of a session until its first turn has ended."""
    return [{**event, "session_id": SESSION.format(number)} for event in events(EVENTS, sessions=1)]


class Peer:
    """A tool with hooks and, if it has one, what receives from them."""

    name: ClassVar[str]
    receiver: ClassVar[str]

    def __init__(self, home: Path) -> None:
        self.home = home
        self.project = home / "shop"
        self.port = packages.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (home / ".claude").mkdir(parents=True)
        self.project.mkdir()
        self.settings = home / ".claude" / "settings.json"
        self.env = self.install()

    def install(self) -> dict[str, str]:
        """Has it write its hooks; the environment of the client."""
        raise NotImplementedError

    def held(self) -> int:
        """Events that its receiver has."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts what receives, and waits until it answers."""

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def serve(self, command: Sequence[str], env: dict[str, str]) -> None:
        """Starts it, and waits until its port is open."""
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(POLL)
        raise RuntimeError(f"{command[0]} does not answer")

    def program(self, event: Event) -> Program | None:
        """The hook of an event; None if it has none for it."""
        env = self.env | {"CLAUDE_PROJECT_DIR": str(self.project)}
        command = packages.hook(self.settings, event, env, self.project)
        given = payload(event, event["session_id"])
        return command and Program(self.name, command, env, given, RARELY)

    def send(self, event: Event) -> bool:
        """Runs the hook of an event; whether there is one."""
        program = self.program(event)
        if program is not None:
            turns.run(program, Took())
        return program is not None

    def settled(self, wanted: int) -> int:
        """What is held when nothing more comes."""
        end, latest, since = time.monotonic() + PATIENCE, self.held(), time.monotonic()
        while latest < wanted and time.monotonic() < min(end, since + SETTLED * 5):
            time.sleep(POLL)
            if (now := self.held()) != latest:
                latest, since = now, time.monotonic()
        return latest


class Hookspan(Peer):
    name, receiver = "hookspan", "its agent"

    def install(self) -> dict[str, str]:
        env = packages.environment(self.home, HOOKSPAN_HOME=str(self.home / "hookspan"))
        self.paths = Paths.from_environment(env)
        self.command = [str(Path(sys.executable).with_name("hookspan"))]
        for words in (("config", "set", "dashboard.port", str(self.port)), ("install", "--yes"), ("down",)):
            subprocess.run([*self.command, *words], env=env, check=True, capture_output=True)
        return env

    def program(self, event: Event) -> Program | None:
        found = super().program(event)
        return found and found._replace(every=1)

    def start(self) -> None:
        subprocess.run([*self.command, "up"], env=self.env, check=True, capture_output=True)

    def stop(self) -> None:
        subprocess.run([*self.command, "down"], env=self.env, check=True, capture_output=True)

    def held(self) -> int:
        with contextlib.closing(Reader(self.paths)) as reader:
            return reader.counts().events


class Sneakoscope(Peer):
    name, receiver = "sneakoscope", "none: a file"

    def install(self) -> dict[str, str]:
        program = packages.SNEAKOSCOPE.installed()
        env = packages.environment(self.home, program)
        subprocess.run([program, "install"], env=env, check=True, capture_output=True)
        config = self.home / ".agentguard" / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "allowed_roots": ["/"]}))
        return env

    def held(self) -> int:
        logs = (self.home / ".agentguard").glob("*.jsonl")
        return sum(len(path.read_text().splitlines()) for path in logs)


class Claudehub(Peer):
    name, receiver = "claudehub-hooks", "claudehub-monitor"

    def install(self) -> dict[str, str]:
        program = packages.CLAUDEHUB_HOOKS.installed()
        env = packages.environment(self.home, program)
        url = f"http://127.0.0.1:{self.port}/event"
        command = [program, "install", "--repo", self.project, "--url", url]
        subprocess.run(command, env=env, check=True, capture_output=True)
        self.settings = self.project / ".claude" / "settings.json"
        config = {"monitor": {"http_host": "127.0.0.1", "http_port": self.port}, "sounds": {"enabled": False}}
        (self.home / ".claude" / "monitor_config.json").write_text(json.dumps(config))
        return env

    def start(self) -> None:
        env = {**self.env, "QT_QPA_PLATFORM": "offscreen"}
        self.serve([str(packages.CLAUDEHUB.installed())], env)

    def held(self) -> int:
        return rows(self.home / ".claude" / "claude_events.db", "events")


class OtelHooks(Peer):
    name, receiver = "opentelemetry-hooks", "an OTLP endpoint"

    def install(self) -> dict[str, str]:
        program = packages.OTEL_HOOKS.installed()
        endpoint = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}/v1/traces",  # it appends no path
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        env = packages.environment(self.home, program, **endpoint)
        subprocess.run([program, "setup", "--agent", "claude"], env=env, check=True, capture_output=True)
        self.sink = Sink(port=self.port)
        self.listens = False
        return env

    def start(self) -> None:
        self.sink.start()
        self.listens = True

    def stop(self) -> None:
        if self.listens:
            self.sink.stop()
            self.listens = False

    def held(self) -> int:
        return len({span.span_id for span in self.sink.spans if ".hook." in span.name})


class Observatory(Peer):
    name, receiver = "cc-observatory", "its service"

    def install(self) -> dict[str, str]:
        program = packages.OBSERVATORY.installed()
        env = packages.environment(self.home, program)
        command = [program, "setup", "--app-port", str(self.port)]
        subprocess.run(command, env=env, check=True, capture_output=True)
        return env

    def start(self) -> None:
        data = self.home / "data"
        data.mkdir(exist_ok=True)
        own = {
            "CCOBS_DATA_DIR": str(data),
            "CCOBS_PORT": str(self.port),
            "CCOBS_METRICS_PORT": str(packages.free_port()),
        }
        python = packages.OBSERVATORY.folder / "bin" / "python"
        self.serve([str(python), "-m", "ccobs.server"], self.env | own)

    def send(self, event: Event) -> bool:
        """As the client does for a hook of type `http`: it waits a second, and goes on."""
        entries = json.loads(self.settings.read_text())["hooks"].get(event["hook_event_name"], [])
        for entry in entries:
            (one,) = entry["hooks"]
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=one["timeout"])
                connection.request("POST", "/hooks", json.dumps(event), {"Content-Type": "application/json"})
                connection.getresponse().read()
        return bool(entries)

    def held(self) -> int:
        return sum(rows(path, "hook_events") for path in (self.home / "data").glob("*.db"))


PEERS: tuple[type[Peer], ...] = (Hookspan, Sneakoscope, Claudehub, OtelHooks, Observatory)
COMMANDS: tuple[type[Peer], ...] = (Hookspan, Sneakoscope, Claudehub, OtelHooks)


def rows(path: Path, table: str) -> int:
    """Of a table of a database, 0 if it is not there yet."""
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        with contextlib.suppress(sqlite3.OperationalError):
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        return 0


def losses(peer: Peer) -> tuple[int, int, int]:
    """How many events were sent; how many of them are held if nobody received at first; the same with a receiver."""
    before = peer.held()
    sent = sum(peer.send(event) for event in turn(1))
    peer.start()
    down = peer.settled(before + sent) - before
    again = sum(peer.send(event) for event in turn(2))
    up = peer.settled(before + down + again) - before - down
    peer.stop()
    return sent, down, up


@contextlib.contextmanager
def received(peers: Sequence[Peer]) -> Iterator[None]:
    """Meanwhile what receives from them is there."""
    with contextlib.ExitStack() as undo:
        for peer in peers:
            peer.start()
            undo.callback(peer.stop)
        yield


def cost(peers: Sequence[Peer], rounds: int) -> dict[str, Took]:
    """A hook before a tool call of each, in turns with /bin/true."""
    event = next(event for event in turn(3) if event["hook_event_name"] == "PreToolUse")
    programs = [Program(TRUE, [TRUE], packages.environment(Path("/nonexistent")))]
    programs += [program for peer in peers if (program := peer.program(event))]
    with received(peers):
        return turns.compare(programs, rounds)
