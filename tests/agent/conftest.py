import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.agent.stage import Machine


class Inbox(BaseHTTPRequestHandler):
    received: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).received.append(body["message"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[str]]]:
    """Somebody to be told: the URL for `notify`, and the messages."""

    class OneInbox(Inbox):
        received: list[str] = []  # noqa: RUF012 - one list for each inbox is what is wanted

    server = ThreadingHTTPServer(("127.0.0.1", 0), OneInbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/", OneInbox.received
    server.shutdown()
    server.server_close()


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
