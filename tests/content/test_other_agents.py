"""What is said with Codex and Copilot CLI is shown, found, shared and archived, as with Claude Code."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hookspan.content import Search, archived_files, archived_lines
from hookspan.store import Reader
from tests.agent.machine import Machine
from tests.cli.test_import import STAMP, move
from tests.model.replay import SESSIONS
from tests.waiting import until
from tests.web.site import Site

ARCHIVE = "[archive]\nenabled = true\n"
RECORDED = ("codex_subagent", "copilot_subagent")
FOLDERS = {"codex": ".codex/sessions", "copilot": ".copilot/session-state"}


def put(machine: Machine, name: str) -> list[Path]:
    """The transcripts of a recording where its agent keeps them, as if an hour old."""
    where = FOLDERS[name.partition("_")[0]]
    folder = machine.home / where
    shutil.copytree(SESSIONS / name / where, folder, dirs_exist_ok=True)
    files = sorted(folder.rglob("*.jsonl"))
    newest = max(dt.datetime.fromisoformat(stamp) for path in files for stamp in STAMP.findall(path.read_text()))
    move(files, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1) - newest)
    return files


def archived(machine: Machine, session: str) -> set[bytes]:
    """The transcripts of a session that the archive has."""
    with (
        contextlib.closing(Reader(machine.paths)) as reader,
        contextlib.closing(Search(machine.paths, reader)) as searching,
        searching.reading() as db,
    ):
        assert db is not None
        return {b"".join(archived_lines(db, session, file.key)) for file in archived_files(db, session)}


def search(machine: Machine, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.json("search", *words)
    return found


@pytest.mark.parametrize("name", RECORDED)
def test_it_is_found_shared_and_archived(make_machine: Callable[..., Machine], name: str):
    machine = make_machine(settings=f"[dashboard]\nenabled = false\n{ARCHIVE}")
    files = put(machine, name)
    bytes_of = {path.read_bytes() for path in files}
    machine.up()
    assert machine.json("import")["sessions"] == 1
    (session,) = until(lambda: [row.id for row in Reader(machine.paths).sessions() if row.end_reason])
    until(lambda: {hit["kind"] for hit in search(machine, "counted")} == {"call", "result", "answer"})
    (command,) = search(machine, "echo counted", "--kind", "call")
    assert command["agent"] == name.partition("_")[0]
    assert command["span"] in {span.span_id for span in Reader(machine.paths).spans_of_session(session)}
    until(lambda: archived(machine, session) == bytes_of)
    for gone in (False, True):
        shared = machine.cli("share", session, "--format", "markdown", "--output", "-", "--yes").stdout
        for text in ("do it", "echo counted", "Counted.", "Done."):
            assert text in shared, (gone, text)
        for path in files:
            path.unlink(missing_ok=True)
    machine.cli("forget", session, "--yes")
    assert search(machine, "counted") == []


def test_code_of_the_model_s_has_no_span_and_its_calls_have(tmp_path: Path):
    site = Site(tmp_path / "machine")
    try:
        put(site.machine, "codex_code_mode")
        site.machine.json("import")
        (session,) = until(lambda: [row.id for row in Reader(site.machine.paths).sessions() if row.end_reason])
        items = site.get(f"/sessions/{session}/messages")["items"]
        spans = {span["span_id"] for span in site.get(f"/sessions/{session}/spans")["items"]}
        linked = {item["span_id"] for item in items if item["tool"] in {"Bash", "apply_patch"}}
        assert len(linked) == 3
        assert linked < spans
        assert {item["span_id"] for item in items if item["tool"] == "exec"} == {""}
    finally:
        site.close()


@pytest.mark.parametrize("name", RECORDED)
def test_the_page_has_it_with_its_subagent(tmp_path: Path, name: str):
    site = Site(tmp_path / "machine")
    try:
        put(site.machine, name)
        assert site.machine.json("import")["sessions"] == 1
        (session,) = until(lambda: [row.id for row in Reader(site.machine.paths).sessions() if row.end_reason])
        whole = site.get(f"/sessions/{session}/messages")
        assert [item["kind"] for item in whole["items"] if item["kind"] in {"prompt", "answer"}] == ["prompt", "answer"]
        spans = {span["span_id"]: span for span in site.get(f"/sessions/{session}/spans")["items"]}
        (started, *_) = (item for item in whole["items"] if item["kind"] == "call")
        assert spans[started["span_id"]]["name"].startswith("execute_tool ")
        assert {item["trace_id"] for item in whole["items"]} == {spans[started["span_id"]]["trace_id"]}
        assert spans[whole["items"][-1]["span_id"]]["name"].startswith("chat ")
        names = site.get(f"/sessions/{session}/said")["said"]
        assert names[whole["items"][-1]["span_id"]] == "Done."
        assert set(names) < spans.keys()
        if name == "codex_subagent":
            assert len(names) == 5
        (subagent,) = whole["subagents"]
        assert subagent["tool_call"] == started["tool_call"]
        inside = site.get(f"/sessions/{session}/messages", subagent=subagent["subagent"])
        assert [item["text"].strip().partition("\n")[0] for item in inside["items"]] == [
            "please count [[sub]]",
            "sleep 0.3; echo counted",
            "counted",
            "Counted.",
        ]
        assert site.get(f"/sessions/{session}/found", q="COUNTED", subagent=subagent["subagent"])["starts"] == [1, 2, 3]
        assert "echo counted" in site.get(f"/sessions/{session}/shared", format="html")["text"]
    finally:
        site.close()
