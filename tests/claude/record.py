"""Run scenarios and write what they leave behind into tests/sessions: `python -m tests.claude.record [NAME ...]`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.cache import cache
from tests.claude.scenarios import SCENARIOS
from tests.claude.scrub import Scrubber
from tests.claude.stage import Recording

SESSIONS = Path(__file__).parent.parent / "sessions"
HOME = "/home/u"


def write(recording: Recording, target: Path) -> None:
    """Write a recording as a folder, in the layout that tests/sessions/README.md describes. Other files in it stay."""
    root = str(cache())
    scrubber = Scrubber({str(recording.home): HOME, str(recording.home.parent): f"{HOME}/.tmp", root: f"{HOME}/.cache"})
    for old in ("projects", "sessions"):
        shutil.rmtree(target / old, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    _lines(target / "journal.jsonl", [scrubber.value({**line, "host": "host"}) for line in recording.journal])
    for path, lines in recording.transcripts.items():
        kept = [scrubbed for line in lines if (scrubbed := scrubber.transcript_line(line)) is not None]
        _lines(target / scrubber.text(path), kept)
    for path, meta in recording.metas.items():
        _lines(target / scrubber.text(path), [scrubber.value(meta)])
    (target / "expected.json").write_text(
        json.dumps(scrubber.value(recording.expected), ensure_ascii=False, indent=1) + "\n"
    )


def _lines(path: Path, values: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)
    path.write_text(text, encoding="utf-8")


def main(names: list[str]) -> None:
    """Record the named scenarios, or all."""
    for name in names or SCENARIOS:
        write(SCENARIOS[name].run(), SESSIONS / name)
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
