"""The real client's own clean-up deletes a conversation: the archive has the whole of it, until it is forgotten."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hookspan.agent.client import Client
from hookspan.content import Search, archived_files, archived_lines
from hookspan.store import Reader
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome, down
from tests.claude.model import Model, says
from tests.claude.scenarios.printed import agent, bash
from tests.claude.stage import ALLOW
from tests.cli.test_forget import files_with
from tests.waiting import PATIENCE, until

WORD = "zebra"
PROMPT, LATER = f"mend the {WORD}Cart", "look at something else"
SCRIPT = {
    PROMPT: [
        says(f"I look at the {WORD}Look.", bash(f"echo {WORD}Output")),
        says(agent(f"review the {WORD}Tax", run_in_background=False)),
        says(f"{WORD}Mended."),
    ],
    f"review the {WORD}Tax": [says(bash(f"echo {WORD}Reviewed")), says(f"{WORD}Verdict.")],
}
SAID = ("Cart", "Look", "Output", "Mended", "Tax", "Reviewed", "Verdict")
SETTINGS = {"archive.enabled": "true", "dashboard.enabled": "true", "dashboard.port": "0"}
PERIOD, AGE = 1, 40  # days: after which the client deletes, and what the files are made to be
MARKER = ".last-cleanup"
"""The client cleans up 5 s after it has started, unless this file in its folder is younger than a day."""

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc]


def ask(home: InstalledHome, path: str, **query: Any) -> Any:
    """What the page's API answers."""
    url = Client(home.paths).request("ping", timeout=PATIENCE)["url"]
    headers = {"authorization": f"Bearer {home.paths.token.read_text().strip()}"}

    def answered() -> httpx2.Response:
        answer = httpx2.get(f"{url}/api/v1{path}", params=query, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer

    return until(answered, path).json()  # a busy store is not there for now


def conversations(home: InstalledHome, session: str) -> dict[str, Any]:
    """Whose conversations there are, and all messages of each by whose it is."""
    found: dict[str, Any] = {"subagents": ask(home, f"/sessions/{session}/messages", limit=0)["subagents"]}
    for subagent in ("", *(one["subagent"] for one in found["subagents"])):
        whose = {"subagent": subagent} if subagent else {}
        found[subagent] = ask(home, f"/sessions/{session}/messages", **whose)["items"]
    return found


def place(home: InstalledHome, session: str) -> str:
    """What the page names as the source."""
    return str(ask(home, f"/sessions/{session}/messages", limit=0)["place"])


def is_found(home: InstalledHome, word: str) -> bool:
    return bool(json.loads(home.hookspan("search", "--json", f"{WORD}{word}")))


def age(files: list[Path]) -> None:
    """Let them be as old as if nothing had been said for long."""
    then = time.time() - AGE * 86_400
    for file in files:
        os.utime(file, (then, then))


def test_what_the_client_swept_is_read_from_the_archive_until_it_is_forgotten() -> None:
    with Model("sweep") as model, InstalledHome(model.url, settings=SETTINGS) as home:
        home.settings(cleanupPeriodDays=PERIOD)
        swept = threading.Event()
        model.play({**SCRIPT, LATER: [says("Seen.", gate=swept)]})
        ended = PrintSession(home, PROMPT, *ALLOW).wait()
        assert ended.code == 0, ended
        session = str(json.loads(ended.stdout)["session_id"])
        projects = home.claude / "projects"
        files = [*projects.rglob(f"{session}.jsonl"), *projects.rglob("agent-*")]
        transcripts = {str(file): file.read_bytes() for file in files if file.suffix == ".jsonl"}
        assert len(transcripts) == 2, "the session's and its subagent's"
        reader = Reader(home.paths)
        search = Search(home.paths, reader)

        def archived() -> dict[str, bytes]:
            with search.reading() as db:
                kept = archived_files(db, session) if db is not None else []
                return {file.path: b"".join(archived_lines(db, session, file.key)) for file in kept}

        until(lambda: archived() == transcripts, "the archive has both transcripts")
        until(lambda: all(is_found(home, word) for word in SAID), "all of it in the index")
        until(lambda: len(conversations(home, session)["subagents"]) == 1, "the subagent's conversation is known")
        before = conversations(home, session)
        assert "archive" not in place(home, session)

        age(files)
        (home.claude / MARKER).unlink(missing_ok=True)
        client = PrintSession(home, LATER)
        until(lambda: not any(file.exists() for file in files), "the client's own clean-up")
        until((home.claude / MARKER).exists, "the client's note that it has cleaned up")
        swept.set()
        assert client.wait().code == 0

        assert conversations(home, session) == before
        assert "the archive's copy" in place(home, session)
        assert all(is_found(home, word) for word in SAID)

        assert files_with(home.paths, WORD)
        home.hookspan("forget", session, "--yes")
        assert archived() == {}
        search.close()
        reader.close()
        down(home)
        assert files_with(home.paths, WORD) == []
