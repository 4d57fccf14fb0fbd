import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.agent.machine import Machine
from tests.otlp_sink import Sink
from tests.web.site import Site


class Inbox(BaseHTTPRequestHandler):
    received: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).received.append(body["message"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@contextlib.contextmanager
def listening(port: int) -> Iterator[tuple[str, list[str]]]:
    class OneInbox(Inbox):
        received: list[str] = []  # noqa: RUF012 - one list for each inbox is what is wanted

    server = ThreadingHTTPServer(("127.0.0.1", port), OneInbox)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/", OneInbox.received
    server.shutdown()
    server.server_close()


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[str]]]:
    """Somebody to be told: the URL for `notify`, and the messages."""
    with listening(0) as found:
        yield found


@pytest.fixture
def make_machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def make(**options: str) -> Machine:
        made.append(Machine(tmp_path / f"machine{len(made)}", **options).install())
        return made[-1]

    yield make
    for machine in made:
        machine.close()


@pytest.fixture
def machine(make_machine: Callable[..., Machine]) -> Machine:
    return make_machine()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An endpoint."""
    with Sink() as listening:
        yield listening


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(settings: str = "", **dashboard: Any) -> Site:
        made.append(Site(tmp_path / f"site{len(made)}", settings=settings, **dashboard))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def answering() -> Iterator[tuple[str, list[int]]]:
    """A server: its URL, and the statuses of which it answers the last."""
    codes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(codes[-1])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", codes
    server.shutdown()
    server.server_close()
