"""Play scenarios and write what they leave behind into tests/sessions: `python -m tests.copilot.record [NAME ...]`.

What is in a recording comes from the scripted model and the scripted prompts. Paths of the machine are renamed, and of
a session's events only those stay that are read, without the client's own prose and measurements.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from hookspan.clients.copilot.events import EventsParser
from tests.codex.record import SESSIONS, lines, plain
from tests.conformance.build import compile_relay
from tests.copilot.model import Model
from tests.copilot.scenarios import Played, play
from tests.recorded import records, whole_lines

PREFIX = "copilot_"
RECORDED = "parallel failures subagent failed_turn interrupted killed resumed dialogs compaction".split()
PROSE = {"transformedContent", "toolTelemetry", "detailedContent", "accountingSnapshot", "providerModelMetrics"}


def write(played: Played, target: Path) -> None:
    """As a folder of that name, in the layout that tests/sessions/README.md describes."""
    for old in (".copilot", "sessions"):
        shutil.rmtree(target / old, ignore_errors=True)
    target.mkdir(exist_ok=True)
    root = str(played.home.root)
    journal = records(played.journal)
    lines(target / "journal.jsonl", [{**line, "host": "host"} for line in journal], root)
    for path in played.home.sessions():
        read = [json.loads(line) for line in whole_lines(path)]
        kept = [plain(line, PROSE) for line in read if line["type"] in EventsParser.READ]
        lines(target / path.relative_to(played.home.root), kept, root)
        if kept[-1]["type"] != "session.shutdown":  # it was killed
            left = {"sessionId": journal[0]["event"]["sessionId"], "pid": journal[0]["ppid"]}
            lines(target / "sessions" / f"{left['pid']}.json", [left], root)


def main(names: list[str]) -> None:
    """Record the named scenarios, or those that are kept."""
    model = Model()
    relay = compile_relay()
    try:
        for name in names or RECORDED:
            with tempfile.TemporaryDirectory(prefix="hookspan-copilot-") as folder:
                write(play(name, model, relay, Path(folder)), SESSIONS / f"{PREFIX}{name}")
            sys.stdout.write(f"{name}\n")
    finally:
        model.close()


if __name__ == "__main__":
    main(sys.argv[1:])
