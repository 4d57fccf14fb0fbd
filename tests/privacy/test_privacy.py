"""No content leaves the machine, and no secret stays on it once its event is compacted."""

from __future__ import annotations

import gzip
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource

from hookspan import wire
from hookspan.catalogue import attributes as sc
from hookspan.catalogue.logs import DECISION
from hookspan.clients.decode import decode
from hookspan.export.convert import readable
from hookspan.export.logs import labelled as with_label
from hookspan.export.logs import readable_log
from hookspan.journal import Journal
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.wire.facts import Policy
from tests.agent.machine import Machine, append, event
from tests.model.replay import HOME, KEY, names, play
from tests.otlp_sink import Sink
from tests.samples import payloads
from tests.waiting import until

from .marked import FOLDER, SECRET, copy, mark

PLAYED = (
    "permission_words",
    "print_tools_agent",
    "print_mcp",
    "queued_next",
    "compact_auto",
    "print_api_400",
    "esc_tool",
)


CONVERSATION = {
    sc.GEN_AI_INPUT_MESSAGES,
    sc.GEN_AI_OUTPUT_MESSAGES,
    sc.GEN_AI_TOOL_CALL_ARGUMENTS,
    sc.GEN_AI_TOOL_CALL_RESULT,
}


def shape(spans):
    """What marks must not change: if pairing broke, the marked fields would not have been where they matter."""
    keys = (sc.OUTCOME, sc.DECISION, sc.END_REASON, sc.GEN_AI_TOOL_CALL_ID)
    return sorted(
        (span.trace_id, span.span_id, span.name, span.start, span.end, *(str(span.attributes.get(key)) for key in keys))
        for span in spans
    )


@pytest.mark.parametrize("name", names())
def test_no_mark_reaches_a_span_or_a_metric(name, tmp_path):
    plain = play(name, tmp_path / "plain")
    root = tmp_path / FOLDER
    played = play(str(copy(name, tmp_path / "marked")), root, policy=Policy(at=0, key="", logs=True))
    assert shape(played.spans) == shape(plain.spans), "a field that is an id, or a word of a list: NAMES in marked.py"
    assert any(SECRET.encode() in line for line in played.records)
    sent = [readable(span, Resource({})) for span in played.spans]
    text = repr([(span.name, dict(span.attributes), [link.attributes for link in span.links]) for span in sent])
    text += repr(played.increments)
    text += repr([readable_log(log, Resource({})).log_record.__dict__ for log in played.logs])
    assert len(played.logs) > 2
    assert SECRET not in text
    assert FOLDER not in text
    labelled = [readable(span, Resource({}), content=True).attributes for span in played.spans]
    assert SECRET not in repr(labelled)
    assert any(sc.LABEL in attributes for attributes in labelled)
    assert SECRET not in repr(
        [readable_log(with_label(log), Resource({})).log_record.attributes for log in played.logs]
    )
    for line in played.records:
        assert SECRET.encode() not in wire.encode(decode(line, KEY)), "the reduced form keeps a label, scrubbed"


def test_every_field_of_every_known_event():
    """The published payloads, marked, one by one: what stays of them has no mark."""
    known = payloads()
    for payload in (payload for some in known.values() for payload in some):
        line = json.dumps({"v": 1, "at": 1, "event": mark(payload) | {"session_id": "s"}}).encode()
        assert SECRET.encode() in line
        assert SECRET.encode() not in wire.encode(decode(line, KEY))
    assert len(known) > 20


class Inbox(BaseHTTPRequestHandler):
    received: list[bytes]

    def do_POST(self) -> None:
        type(self).received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@pytest.fixture
def inbox():
    class OneInbox(Inbox):
        received: list[bytes] = []  # noqa: RUF012 - one list for each inbox is what is wanted

    server = ThreadingHTTPServer(("127.0.0.1", 0), OneInbox)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"json://127.0.0.1:{server.server_address[1]}/", OneInbox.received
    server.shutdown()
    server.server_close()


def take_in(machine: Machine, folder: Path) -> int:
    """Recordings, marked, through the journal and the transcripts; how many events."""
    events = 0
    for name in PLAYED:
        marked = copy(name, folder / name)
        for path in (marked / "projects").rglob("*.json*"):
            target = machine.home / ".claude" / "projects" / path.relative_to(marked / "projects")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        moved = f"{HOME}/.claude".encode(), f"{machine.home}/.claude".encode()
        lines = (marked / "journal.jsonl").read_bytes().replace(*moved).splitlines()
        append(machine, *lines)
        events += len(lines)
    return events


def told_now(machine: Machine) -> int:
    """A session of this moment that waits, and one whose turn failed: both are notified."""
    for ending in ("PermissionRequest", "StopFailure"):
        session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
        about = {"prompt_id": prompt, "cwd": f"/home/u/{FOLDER}/shop"}
        call = {"tool_name": "Bash", "tool_input": {"command": SECRET}}
        events = [
            event("SessionStart", session, source="startup", session_title=SECRET),
            event("UserPromptSubmit", session, prompt=SECRET, **about),
            event("PreToolUse", session, tool_use_id="toolu_1", **about, **call),
            event(ending, session, error="rate_limit", error_details=SECRET, **about, **call),
        ]
        machine.hooks(*events)
    return 8


def in_files(paths: Paths, text: str) -> list[str]:
    """The files below the state folder whose bytes, unpacked, hold a text."""
    found = []
    for path in sorted(paths.state.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if text.encode() in (gzip.decompress(data) if path.suffix == ".gz" else data):
                found.append(path.name)
    return found


def is_sent(machine: Machine) -> bool:
    told = machine.json("flush")
    assert told["exported"], told
    assert not told["unwritten"], told
    return True


@pytest.mark.parametrize("export", ["false", '"labels"', '"conversation"'])
def test_what_leaves_the_machine_and_what_stays(make_machine, tmp_path, inbox, export):
    url, received = inbox
    with Sink() as sink:
        machine = make_machine(
            settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\nlogs = true\naudit = true\n'
            "max_days = 3650\n[store]\ndays = 3650\n"
            f"[content]\nexport = {export}\n"
            f'[[notify]]\nurl = "{url}"\nwaiting_seconds = 1\ninterval = 1\n'
        )
        machine.up()
        sink.wait(lambda: bool(sink.logs))  # of the policy: from now on there are records
        events = take_in(machine, tmp_path) + told_now(machine)
        append(machine, b'{"v":1,"at":1,"event":{"torn":"' + SECRET.encode())
        until(lambda: all(told in b"".join(received) for told in (b"waits for you", b"a turn failed")))  # maybe in one
        until(lambda: Reader(machine.paths).counts().events == events)
        until(lambda: all(row.ended for row in Reader(machine.paths).sessions() if row.last < time.time_ns() - 10**12))
        until(lambda: is_sent(machine), "all of it is sent")
        sink.wait(lambda: any(point.name == "hookspan.tool.calls" for point in sink.points))
        said = [machine.cli(*words) for words in (("status",), ("status", "--json"), ("doctor",), ("doctor", "--json"))]
        reports = "".join(one.stdout + one.stderr for one in said)
        log = machine.paths.log.read_text()
        sent = repr((sink.spans, sink.points, sink.logs))
        assert "execute_tool Bash" in sent
        assert {"session.start", "session.end", "hookspan.prompt", DECISION.name} <= {
            log.event_name for log in sink.logs
        }
        for name, text in {"otlp": sent, "notified": repr(received), "reports": reports, "log": log}.items():
            assert SECRET not in text, name
            if name != "reports":  # they tell its user where a file of theirs is
                assert FOLDER not in text or (export != "false" and name == "otlp"), name
        for records in (sink.spans, sink.logs):
            labels = {record.attributes.get(sc.LABEL) for record in records} - {None}
            assert any("fix the cart" in label for label in labels) is (export != "false")
        said = {key for span in sink.spans for key in span.attributes if key in CONVERSATION}
        assert said == (CONVERSATION if "conversation" in export else set())
        assert ("Looking." in sent) is ("conversation" in export), "an answer of the model, which no label has"
        machine.down()
    assert in_files(machine.paths, SECRET)
    compact_all(machine.paths)
    assert in_files(machine.paths, SECRET) == []


def compact_all(paths: Paths) -> None:
    """What a day does to the journal."""
    journal = Journal(paths)
    journal.rotate()
    key = paths.key.read_bytes()

    def reduced(line: bytes) -> bytes:
        try:
            return wire.encode(decode(line, key))
        except wire.Unreadable:
            return b""

    for segment in journal.raw_older_than(-1):
        journal.compact(segment, reduced)
    assert journal.delete_quarantined(-1)
