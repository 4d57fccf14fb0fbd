"""What a run of the client left behind, put so that one can ask whether a statement about the client holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.claude.native import Native
from tests.claude.stage import Recording

Event = Mapping[str, Any]
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """A run: hook events in the order of their stamps, transcripts, small files, what the script says.

    `native` is only there if the run was live and its telemetry received.
    """

    events: Sequence[Event]
    transcripts: Mapping[str, Sequence[Line]]
    files: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Any]
    parents: frozenset[int]
    native: Native | None = None

    @classmethod
    def of(cls, recording: Recording, native: Native | None = None) -> Self:
        """From a run that has just ended."""
        return cls._from(recording.journal, recording.transcripts, recording.metas, recording.expected, native)

    @classmethod
    def recorded(cls, folder: Path) -> Self:
        """From a folder in tests/sessions."""

        def read(pattern: str) -> dict[str, list[dict[str, Any]]]:
            paths = sorted(folder.glob(pattern))
            return {str(path.relative_to(folder)): [json.loads(line) for line in _lines(path)] for path in paths}

        metas = {**read("projects/**/*.meta.json"), **read("sessions/*.json")}
        return cls._from(
            [json.loads(line) for line in _lines(folder / "journal.jsonl")],
            read("projects/**/*.jsonl"),
            {path: lines[0] for path, lines in metas.items()},
            json.loads((folder / "expected.json").read_text()),
        )

    @classmethod
    def _from(
        cls,
        journal: Sequence[Mapping[str, Any]],
        transcripts: Mapping[str, Sequence[Line]],
        files: Mapping[str, Mapping[str, Any]],
        expected: Mapping[str, Any],
        native: Native | None = None,
    ) -> Self:
        ordered = sorted(journal, key=lambda line: line["at"])
        parents = frozenset(line["ppid"] for line in ordered)
        return cls([line["event"] for line in ordered], transcripts, files, expected, parents, native)

    def named(self, *names: str) -> list[Event]:
        """Events of these names."""
        return [event for event in self.events if event["hook_event_name"] in names]

    def one(self, name: str) -> Event:
        """The first event of a name."""
        return self.named(name)[0]

    def order(self, *, of: Sequence[str] = (), main: bool = True) -> list[str]:
        """Names of events, of the main thread alone or of subagents alone, limited to some names if any are given."""
        thread = [event for event in self.events if main != bool(event.get("agent_id"))]
        names = [str(event["hook_event_name"]) for event in thread]
        return [name for name in names if not of or name in of]

    def after(self, name: str, until: Sequence[str]) -> list[str]:
        """What was heard after the first event of a name and before the next of the others."""
        names = [str(event["hook_event_name"]) for event in self.events]
        rest = names[names.index(name) + 1 :]
        end = next((index for index, found in enumerate(rest) if found in until), len(rest))
        return rest[:end]

    def lines(self, kind: str = "") -> Iterator[Line]:
        """Lines of all transcripts, of one type if given."""
        for lines in self.transcripts.values():
            yield from (line for line in lines if not kind or line.get("type") == kind)

    def main_transcripts(self) -> list[str]:
        """The session's own transcripts, without those of subagents."""
        return [path for path in self.transcripts if "/subagents/" not in path]

    def rejections(self) -> list[Line]:
        """Lines with a tool result that was refused, interrupted or cut off."""
        return [line for line in self.lines("user") if "toolDenialKind" in line]

    def says(self, text: str) -> bool:
        """Whether a transcript holds a text."""
        return any(text in json.dumps(line, ensure_ascii=False) for line in self.lines())


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]
