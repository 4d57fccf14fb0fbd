"""What was said to the real client is found, and its transcript is in the archive byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hookspan.content import Search, archived_files, archived_lines
from hookspan.store import Reader
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import Model, Tool, says
from tests.waiting import until

SCRIPT = {
    "mend the zebraCart": [
        says("I look at it.", Tool("Bash", {"command": "echo zebraOutput"})),
        says(Tool("Read", {"file_path": "/nowhere/zebra_file.py"})),
        says("注文を修正しました。"),
    ]
}
KINDS = {"zebraCart": "prompt", "zebraOutput": "call", "zebra_file": "call", "修正": "answer"}

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]


def test_it_is_found_and_archived() -> None:
    with Model("search") as model, InstalledHome(model.url, settings={"archive.enabled": "true"}) as home:
        model.play(SCRIPT)
        ended = PrintSession(home, "mend the zebraCart", "--allowedTools", "Bash Read").wait()
        assert ended.code == 0, ended

        def found(*words: str) -> list[dict[str, Any]]:
            hits: list[dict[str, Any]] = json.loads(home.hookspan("search", "--json", *words))
            return hits

        def all_found() -> bool:
            for word, kind in KINDS.items():
                assert kind in {hit["kind"] for hit in found(word)}, word
            return bool(found("--tool", "Read", "--outcome", "error"))

        until(all_found, "all of it in the index")
        (session,) = home.sessions()
        reader = Reader(home.paths)
        search = Search(home.paths, reader)
        (transcript,) = (home.claude / "projects").glob(f"*/{session.id}.jsonl")

        def archived() -> bytes:
            with search.reading() as db:
                assert db is not None
                (file,) = archived_files(db, session.id)
                return b"".join(archived_lines(db, session.id, file.key))

        until(lambda: archived() == transcript.read_bytes(), "the archive has the whole transcript")
        search.close()
        reader.close()
