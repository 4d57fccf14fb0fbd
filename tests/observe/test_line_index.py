"""Indexes of files: made once, and let go of so that they stay within their bounds."""

from __future__ import annotations

from pathlib import Path

from hookspan.observe.line_index import LineIndex, LineIndexes, Place


class Lines(LineIndex):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[bytes] = []

    def line(self, data: bytes, place: Place) -> None:  # noqa: ARG002 - as those of others have it
        self.found.append(data)


def test_those_asked_for_last_are_kept_within_so_many_bytes(tmp_path: Path) -> None:
    made: list[str] = []
    indexes: LineIndexes[Lines] = LineIndexes(9, most=250)

    def ask(name: str, size: int = 99) -> int:
        path = tmp_path / name
        if not path.exists():
            path.write_bytes(b"x" * size + b"\n")

        def make() -> Lines:
            made.append(name)
            return Lines()

        return len(indexes.of(str(path), make).found)

    assert [ask(name) for name in "abab"] == [1, 1, 1, 1]
    assert made == ["a", "b"]
    assert ask("c") == 1
    assert [ask("b"), ask("a")] == [1, 1]
    assert made == ["a", "b", "c", "a"], "the oldest had been let go of"
    assert [ask("d", 999), ask("d"), ask("a")] == [1, 1, 1]
    assert made[4:] == ["d", "a"], "one is kept, however long"
