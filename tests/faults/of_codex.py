"""What Codex sends: its recorded sessions over and over, each time with ids of their own."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from tests.web.player import SESSIONS, UUID

CALL = re.compile(r"call_\w+")
RELAY: dict[str, Any] = {"v": 1, "agent": "codex", "ppid": 4712, "host": "bench", "pidns": 1, "env": {}}


def recorded() -> list[str]:
    """The events of each whole session, as JSON, one a line.

    But for those with two equal events, which two clients told: here all have one parent, so that they would be one.
    """
    found = []
    for journal in sorted(SESSIONS.glob("codex_*/journal.jsonl")):
        events = [json.dumps(json.loads(line)["event"]) for line in journal.read_text().splitlines()]
        if json.loads(events[-1])["hook_event_name"] == "SessionEnd" and len(events) == len(set(events)):
            found.append("\n".join(events))
    return found


def events(count: int) -> Iterator[dict[str, Any]]:
    """So many events, one session after the other; the last one may stay open."""
    sessions = recorded()
    while True:
        for session in sessions:
            fresh: dict[str, str] = {}
            text = UUID.sub(lambda found: fresh.setdefault(found[0], str(uuid.uuid4())), session)  # noqa: B023
            text = CALL.sub(lambda found: f"{found[0]}{next(iter(fresh.values()))[:8]}", text)  # noqa: B023
            for line in text.split("\n"):
                if not count:
                    return
                count -= 1
                yield json.loads(line)


def lines(count: int, at: int, step: int) -> Iterator[bytes]:
    """Journal lines as the relay writes them, from `at` on (Unix nanoseconds), one every `step` nanoseconds."""
    for number, event in enumerate(events(count)):
        when = {"at": at + number * step, "took": 200_000, "pid": 10_000 + number % 20_000}
        yield json.dumps({**RELAY, **when, "event": event}, separators=(",", ":")).encode()
