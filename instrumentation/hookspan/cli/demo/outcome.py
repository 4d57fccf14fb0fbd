"""What came out of the session that was played: events, spans, metrics."""

from __future__ import annotations

import collections
import json
import time
from typing import Any, Final

from hookspan.catalogue.spans import MODEL, SESSION, TOOL, TURN, WAIT, is_turn
from hookspan.cli.demo.player import Played
from hookspan.model.rows import Span
from hookspan.sandbox import Sandbox
from hookspan.store import Reader

PATIENCE: Final = 20.0  # seconds for the last turn's span: it waits for the transcript to be read past its end
POLL: Final = 0.1

_WORDS: Final = {
    TOOL.operation: "tools",
    MODEL.operation: "model calls",
    SESSION.operation: "sessions",
    WAIT.operation: "waits",
}


def await_outcome(home: Sandbox, played: Played) -> dict[str, Any]:
    """Wait until the session is written, and count."""
    reader = Reader(home.paths)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            names = collections.Counter(span.name for span in reader.spans_of_session(played.session))
            if names["session"] and names[TURN.name] >= len(played.prompts):
                break
            time.sleep(POLL)
        home.cli("flush", "--wait", f"{PATIENCE:.0f}s")
        spans = reader.spans_of_session(played.session)
        counts = reader.counts()
    finally:
        reader.close()
    status = json.loads(home.cli("status", "--json", tells=True))
    return {
        "events": played.events,
        "stored": counts.events,
        "lost": played.events - counts.events,
        "spans": len(spans),
        "by_kind": dict(collections.Counter(kind(span) for span in spans)),
        "metrics": counts.series,
        "hooks": status["hooks"],
        "exported": (status["export"] or {}).get("exported"),
        "session": played.session,
        "traces": [prompt.replace("-", "") for prompt in played.prompts],
        "url": status["agent"].get("url"),
        "seconds": round(played.seconds, 3),
    }


def kind(span: Span) -> str:
    """What a span is about, in the words of the documentation."""
    if span.hook:
        return "hooks"
    first = span.name.partition(" ")[0]
    if first == TURN.operation:
        return "turns" if is_turn(span.name, span.attributes) else "subagents"
    return _WORDS.get(first, first)
