"""A chain in the real Collector's files and in the real VictoriaLogs: whoever rewrites one is found by the other."""

import base64
import copy
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hookspan.catalogue import attributes as sc
from hookspan.evidence import Key, canonical, digest
from tests.command import call
from tests.export.audited import attribute, each, line, place, put, signed_again, single
from tests.export.conftest import span_export
from tests.export.exporting import SpanExport
from tests.stack import programs
from tests.stack.stack import Program, Stack, victoria_logs
from tests.waiting import PATIENCE

__all__ = ["span_export"]
ON: dict[str, Any] = {"logs": True, "audit": True}
RECORDS = 8
Json = dict[str, Any]


def documented(folder: Path) -> Path:
    """What docs/audit.md says is merged over the Collector's configuration, with a folder of ours."""
    page = (programs.ROOT / "docs" / "audit.md").read_text()
    block = "    exporters:\n" + page.partition("    exporters:\n")[2].partition("\n\n")[0]
    merged = yaml.safe_load(block.replace("/var/lib/otel", str(folder)))
    file = folder / "files.yaml"
    file.write_text(yaml.safe_dump(merged))
    return file


class Evidence:
    """A chain that was sent to a Collector, which keeps it in files and in the log store."""

    def __init__(self, stack: Stack, folder: Path, exports: SpanExport) -> None:
        self.stack, self.exports = stack, exports
        self.file = folder / "hookspan.jsonl"
        self.env = {"HOME": str(folder), "XDG_STATE_HOME": str(exports.paths.state.parent), "PATH": "/usr/bin:/bin"}
        self.key = Key.of(exports.paths.audit_key)

    def lines(self) -> list[Json]:
        """The requests of the file, a record each."""
        return single(json.loads(text) for text in self.file.read_text().splitlines())

    def verify(self, lines: list[Json] | None = None, *words: str) -> Json:
        """What `audit verify` says of these lines, or of the file as it is."""
        file = self.file
        if lines is not None:
            file = self.file.with_name("copy.jsonl")
            file.write_bytes(b"\n".join(map(line, lines)))
        done = call("audit", "verify", str(file), "--key", self.key.public, "--json", *words, env=self.env)
        assert done.stderr == "", done
        report: Json = json.loads(done.stdout)
        assert (done.returncode == 1) == bool(report["faults"] or not report["chains"])
        return report

    def against(self, lines: list[Json] | None = None) -> Json:
        """The same, compared with the store."""
        return self.verify(lines, "--against", self.stack.logs_url)


def first(report: Json) -> tuple[str, int]:
    """Kind and place of the first fault."""
    return (report["faults"][0]["kind"], report["faults"][0]["sequence"]) if report["faults"] else ("", 0)


@pytest.fixture
def evidence(stack: Stack, tmp_path: Path, span_export: SpanExport) -> Iterator[Evidence]:
    collector = stack.another_collector(documented(tmp_path))
    collector.start()
    try:
        exporter = span_export.start(collector.url, **ON)
        span_export.log(RECORDS - 1, at=time.time_ns())
        assert exporter.drain(PATIENCE)
        made = Evidence(stack, tmp_path, span_export)
        stack.wait(lambda: len(made.lines()) == RECORDS)
        stack.wait(lambda: made.against()["chains"][0]["witnessed"] == RECORDS)
        yield made
    finally:
        collector.kill()


def renumbered(lines: list[Json], key: Key) -> list[Json]:
    """What is left of a chain, as a whole one again: places, links and signatures anew."""
    made = sorted(copy.deepcopy(lines), key=lambda one: place(next(each([one]))))
    for number, record in enumerate(each(made), 1):
        put(record, sc.AUDIT_SEQUENCE, {"intValue": str(number)})
    return signed_again(made, key, lambda _: None)


def test_what_the_collector_keeps_is_the_same_in_both(evidence: Evidence):
    """Its file is OTLP JSON as the command wants it, and nothing on the way has added to a record."""
    report = evidence.against()
    (chain,) = report["chains"]
    assert (report["faults"], chain["records"], chain["witnessed"], chain["unwitnessed"]) == ([], RECORDS, RECORDS, 0)
    done = call(
        "audit", "verify", str(evidence.file), "--against", evidence.stack.logs_url, "--since", "24h", env=evidence.env
    )
    assert (done.returncode, f"store {RECORDS} are as they were sent, of 0 it knows nothing" in done.stdout) == (
        0,
        True,
    ), done


def test_root_who_rewrites_a_record_with_the_key_in_hand_is_found_by_the_store(evidence: Evidence):
    """Each record in turn: changed, the rest sealed anew; taken out, the rest closed up; the end cut off."""
    lines = evidence.lines()
    for at in range(2, RECORDS + 1):

        def other(record: Json, at: int = at) -> None:
            if place(record) == at:
                put(record, sc.LOG_RECORD_UID, {"stringValue": "another"})

        forged = signed_again(lines, evidence.key, other)
        assert evidence.verify(forged)["faults"] == [], "nothing in the file itself tells"
        assert first(evidence.against(forged)) == ("rewritten", at)
        left = [one for one in lines if place(next(each([one]))) != at]
        closed = renumbered(left, evidence.key)
        assert evidence.verify(closed)["faults"] == []
        assert first(evidence.against(closed)) == (("rewritten" if at < RECORDS else "dropped"), at)
        cut = [one for one in lines if place(next(each([one]))) < at]
        assert evidence.verify(cut)["faults"] == []
        assert first(evidence.against(cut)) == ("dropped", at)


def test_a_chain_in_the_place_of_another_and_a_record_that_was_never_sent(evidence: Evidence):
    lines = evidence.lines()

    def elsewhere(record: Json) -> None:
        put(record, sc.AUDIT_CHAIN, {"stringValue": "f" * 16})

    other = signed_again(lines, evidence.key, elsewhere)
    assert evidence.verify(other)["faults"] == []
    report = evidence.against(other)
    assert first(report) == ("dropped", 1)
    assert report["faults"][0]["what"] == f"the store has {RECORDS} records of this chain, and none is here"
    assert report["chains"][0]["unwitnessed"] == RECORDS

    more = copy.deepcopy(lines[-1:])
    (record,) = each(more)
    put(record, sc.AUDIT_SEQUENCE, {"intValue": str(RECORDS + 1)})
    put(record, sc.AUDIT_PREVIOUS, {"stringValue": digest(canonical(next(each(lines[-1:]))))})
    put(record, sc.AUDIT_SIGNATURE, {"stringValue": evidence.key.sign(canonical(record))})
    report = evidence.against([*lines, *more])
    assert (report["faults"], report["chains"][0]["unwitnessed"]) == ([], 1), "it may be on its way"


def test_who_sends_another_record_for_a_place_that_is_taken_shows_it_to_the_store(evidence: Evidence):
    """The store takes what it is sent, and takes nothing back: the machine can add, and has no way to replace."""

    def other(record: Json) -> None:
        if place(record) == 4:
            put(record, sc.LOG_RECORD_UID, {"stringValue": "another"})

    forged = signed_again(evidence.lines(), evidence.key, other)
    body = line(next(one for one in forged if place(next(each([one]))) == 4))
    request = urllib.request.Request(f"{evidence.stack.otlp_http}/v1/logs", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE).close()
    chain = attribute(next(each(forged)), sc.AUDIT_CHAIN)
    evidence.stack.wait(
        lambda: len(evidence.stack.logs(f'"{sc.AUDIT_CHAIN}":="{chain}" "{sc.AUDIT_SEQUENCE}":=4')) == 2
    )
    report = evidence.against()
    assert first(report) == ("rewritten", 4)
    assert report["faults"][0]["what"] == "the store has two different ones of this place"
    delete = f"{evidence.stack.logs_url}/delete/run_task?filter=*"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(delete, b"", timeout=PATIENCE)


def test_what_the_store_lost_in_a_crash_is_proven_by_what_came_after_it(evidence: Evidence):
    for more, crash in ((2, True), (1, False)):
        before = len(evidence.lines())
        evidence.exports.log(more, at=time.time_ns())
        assert evidence.exports.exporter
        assert evidence.exports.exporter.drain(PATIENCE)
        evidence.stack.wait(lambda wanted=before + more: len(evidence.lines()) == wanted)
        if crash:
            evidence.stack.log_store.kill()
            evidence.stack.log_store.start()
    evidence.stack.wait(lambda: evidence.against()["chains"][0]["witnessed"] == RECORDS + 3)
    report = evidence.against()
    assert (report["faults"], report["chains"][0]["unwitnessed"]) == ([], 0)


@pytest.fixture
def guarded(stack: Stack, tmp_path: Path) -> Iterator[Program]:
    """A VictoriaLogs that wants a user and a password."""
    flags = ("--httpAuth.username=auditor", "--httpAuth.password=hunter2")
    port = stack.ports["guarded_logs"]
    store = victoria_logs(tmp_path, port, *flags, env={"PATH": "/usr/bin:/bin"}, group=0)
    store.start()
    yield store
    store.kill()


def test_a_store_with_a_password_and_what_is_none(evidence: Evidence, guarded: Program, tmp_path: Path):
    def asked(url: str, *words: str) -> tuple[int, str]:
        done = call("audit", "verify", str(evidence.file), "--against", url, *words, env=evidence.env)
        return done.returncode, done.stdout + done.stderr

    secret = tmp_path / "secret"
    secret.write_text("auditor:hunter2\n")
    code, said = asked(guarded.url)
    assert (code, "it answers 401" in said, "`--credentials`" in said) == (1, True, True), said
    code, said = asked(guarded.url, "--credentials", str(secret))
    assert (code, f"0 are as they were sent, of {RECORDS} it knows nothing" in said) == (0, True), said
    sent = base64.b64encode(b"auditor:hunter2").decode()
    assert not any(word in said for word in ("hunter2", sent))
    for url, words in (
        (evidence.stack.prometheus.url, "the store can't be asked: it answers 404"),
        ("http://127.0.0.1:9", "the store can't be asked: <urlopen error [Errno 111] Connection refused>"),
        ("http://auditor:hunter2@127.0.0.1:9", "`--against` has to be an http or https address"),
        ("file:///etc/passwd", "`--against` has to be an http or https address"),
    ):
        code, said = asked(url)
        assert (code, words in said, "hunter2" in said) == (1, True, False), said
    secret.write_text("")
    assert "has to hold `user:password`, or a token" in asked(guarded.url, "--credentials", str(secret))[1]
