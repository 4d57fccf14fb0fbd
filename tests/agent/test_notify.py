"""Notifications as they arrive, through the real apprise."""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .stage import Machine, event, until


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
    class OneInbox(Inbox):
        received: list[str] = []  # noqa: RUF012 - one list for each inbox is what is wanted

    server = ThreadingHTTPServer(("127.0.0.1", 0), OneInbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/", OneInbox.received
    server.shutdown()
    server.server_close()


def told(messages: list[str]) -> int:
    """How many failed turns; anything else is an error."""
    found = 0
    for line in "\n".join(messages).splitlines():
        more = re.fullmatch(r"and (\d+) more", line)
        assert more or line == "shop: a turn failed"
        found += int(more[1]) if more else 1
    return found


def test_a_long_wait_and_failed_turns_are_told_without_content(
    make_machine: Callable[..., Machine], inbox: tuple[str, list[str]]
):
    url, received = inbox
    machine = make_machine(
        settings=f'[[notify]]\nurl = "{url}"\nevents = ["waiting", "turn_failed"]\nwaiting_seconds = 1\ninterval = 1\n'
    )
    machine.up()
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    secret = "rm -rf hunter2"
    call = {"tool_name": "Bash", "tool_input": {"command": secret}, "prompt_id": prompt}
    machine.hooks(
        event("SessionStart", session, source="startup"),
        event("UserPromptSubmit", session, prompt=secret, prompt_id=prompt),
        event("PreToolUse", session, tool_use_id="toolu_1", **call),
        event("PermissionRequest", session, **call),
    )
    until(lambda: received == ["shop waits for you (Bash)"], f"received {received}")
    machine.hooks(*(event("StopFailure", session, error="rate_limit", prompt_id=prompt, number=n) for n in range(8)))
    until(lambda: told(received[1:]) == 8, f"received {received}")
    assert len(received) < 9, "a burst becomes one message"
    assert machine.status()["notify"]["sent"] == len(received)
