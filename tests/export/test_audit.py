"""Sealed log records: whatever is done to them later is named, and no fault on the way makes one that is none."""

import functools
import gzip
import sqlite3
import time
from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import AuditGap, AuditStart
from hookspan.evidence import Key, is_signed, verify
from hookspan.export.db import ExportDb
from tests.command import call
from tests.export.audited import attribute, each, line, named, place, put, requests, signed_again, single, verified
from tests.export.exporting import SpanExport
from tests.export.test_logs import of
from tests.otlp_sink import Sink
from tests.store import made
from tests.waiting import PATIENCE

DAY = 86_400 * 10**9
ON: dict[str, Any] = {"logs": True, "audit": True}
STRANGE: dict[str, Any] = {
    sc.WAITED: 2.0,
    sc.INPUT_SIZE: 2**53 + 1,
    sc.NEVER_RAN: False,
    sc.HOOKS_TROUBLES: ["é", "\U0001f600"],
    sc.TOOL_NAME: '"\\\n\u2028 ü',
}


@pytest.fixture
def sink():
    with Sink() as listening:
        yield listening


@pytest.fixture
def chain(span_export: SpanExport, sink: Sink) -> list[dict[str, Any]]:
    """Six records, the first of which begins the chain, a request each."""
    exporter = span_export.start(sink.url, **ON, content="labels")
    span_export.log(3, label="the label")
    span_export.log(attributes={"log.record.uid": "strange", **STRANGE})
    span_export.log(session="", trace_id="", span_id="")
    assert exporter.drain(PATIENCE)
    return single(requests(sink))


def seen(span_export: SpanExport, sink: Sink, missing: Counter[str] | None = None):
    """What is found when all that was sent is verified: no fault."""
    report = verified(requests(sink), keys=[Key.of(span_export.paths.audit_key).public])
    assert report.faults == []
    gaps = sum((chain.gaps for chain in report.chains), Counter())
    assert +gaps == (missing or Counter())
    return report


def uids(sink: Sink) -> list[str]:
    return [
        uid
        for record in each(requests(sink))
        if "audit" not in record["eventName"] and (uid := attribute(record, sc.LOG_RECORD_UID))
    ]


def test_a_chain_is_verified_and_its_key_is_the_users_alone(chain, span_export: SpanExport):
    report = verified(chain)
    (found,) = report.chains
    assert (report.faults, report.unsealed, found.records, found.first, found.last) == ([], 0, 6, 1, 6)
    assert (found.began, found.key) == (AuditStart.FIRST, Key.of(span_export.paths.audit_key).public)
    assert span_export.paths.audit_key.stat().st_mode & 0o777 == 0o600
    assert attribute(next(each(chain[1:])), sc.LABEL) == "the label", "it is signed as all else"


@pytest.mark.slow
def test_each_byte_that_is_changed_is_named(chain, monkeypatch: pytest.MonkeyPatch):
    """In the chain's first record, one of the machine, and one with all kinds of values."""
    # A signature that is as it was is looked at once.
    monkeypatch.setitem(verify.__globals__, "is_signed", functools.cache(is_signed))
    for at, request in [(at, chain[at]) for at in (0, 4, 5)]:
        text, record = line(request), line(*each([request]))
        start = text.index(record)
        for byte in range(start, start + len(record)):
            broken = text[:byte] + bytes([text[byte] ^ (1 << byte % 7)]) + text[byte + 1 :]
            report = verified([*chain[:at], broken, *chain[at + 1 :]])
            assert any(f"file:{at + 1}" == fault.where for fault in report.faults) or named(report) == (
                "dropped",
                at + 1,
            ), (broken[byte - 20 : byte + 20], report)


def test_each_record_that_is_dropped_is_named(chain):
    head = verified(chain).chains[0].head
    for at in range(len(chain) - 1):
        assert named(verified(chain[:at] + chain[at + 1 :], keys=[verified(chain).chains[0].key])) == (
            "dropped",
            at + 1,
        )
    assert named(verified(chain[:-1], heads=[head]))[0] == "dropped", "the last one is missed by who noted the head"
    assert verified(chain[2:], keys=[verified(chain).chains[0].key], since=1).faults == [], (
        "`--since` misses none before"
    )


def test_what_is_swapped_moved_added_or_twice_is_told(chain):
    swapped = [*chain[:2], chain[3], chain[2], *chain[4:]]
    report = verified(swapped)
    assert (report.faults, report.chains[0].moved, report.chains[0].moved_first) == ([], 1, 3), "as delivery may do"
    report = verified([*chain, chain[2], chain[2]])
    assert (report.faults, report.chains[0].repeats, report.chains[0].records) == ([], 2, 6)
    for at in range(len(chain) - 1):
        moved = single(chain)
        one, other = each(moved[at : at + 2])
        put(one, sc.AUDIT_SEQUENCE, {"intValue": str(at + 2)})
        put(other, sc.AUDIT_SEQUENCE, {"intValue": str(at + 1)})
        assert named(verified(moved)) == ("changed", at + 1), "their places were exchanged"
    added = single(chain[-1:])
    (record,) = each(added)
    record["attributes"] = [one for one in record["attributes"] if not one["key"].startswith(sc.AUDIT_PREFIX)]
    record["timeUnixNano"] = str(2**62)
    assert verified([*chain, *added]).faults[0][2:] == ("added", "it has no seal", "file:7")


def test_who_rewrites_all_of_it_is_found_by_the_key_and_by_what_was_sent(chain, span_export: SpanExport, tmp_path):
    ours, roots = Key.of(span_export.paths.audit_key), Key.of(tmp_path / "root")

    def denied(record: dict[str, Any]) -> None:
        if attribute(record, sc.AUDIT_KEY):
            put(record, sc.AUDIT_KEY, {"stringValue": roots.public})
        if place(record) == 5:
            put(record, sc.TOOL_NAME, {"stringValue": "Read"})

    forged = signed_again(chain, roots, denied)
    assert verified(forged).chains[0].key == roots.public, "his own word: to be compared"
    assert named(verified(forged, keys=[ours.public])) == ("changed", 1)

    def hidden(record: dict[str, Any]) -> None:
        if place(record) == 5:
            put(record, sc.TOOL_NAME, {"stringValue": "Read"})

    copy = signed_again(chain, ours, hidden)  # the machine's owner has its key
    assert verified(copy, keys=[ours.public]).faults == [], "nothing but what was sent before tells"
    assert named(verified([*chain, *copy], keys=[ours.public])) == ("rewritten", 5)
    spliced = [*chain[:4], copy[4], *chain[5:]]
    assert named(verified(spliced, keys=[ours.public])) == ("rewritten", 6), "the next one names another"
    assert named(verified(copy, heads=[verified(chain).chains[0].head]))[0] == "dropped"


@pytest.mark.slow
def test_outage_restart_and_lost_answers_make_no_gap_and_no_other_record(span_export: SpanExport, sink: Sink):
    sink.fault(status=503, signal="logs")
    span_export.start(sink.url, **ON)
    wanted = span_export.log(600)
    span_export.until(lambda stats: stats["logs"]["state"] == "holding")
    exporter = span_export.start(sink.url, **ON)
    sink.heal()
    sink.fault(signal="logs", drop=True, store=True, times=1)  # it has them, and nobody says so
    assert exporter.drain(PATIENCE)
    wanted += span_export.log(600)
    exporter = span_export.start(sink.url, **ON)
    assert exporter.drain(PATIENCE)
    report = seen(span_export, sink)
    assert (report.chains[0].records, len(report.chains)) == (1_201, 1)
    assert list(dict.fromkeys(uids(sink))) == wanted


def test_what_the_endpoint_refuses_or_rejects_is_told_in_the_chain(span_export: SpanExport, sink: Sink):
    exporter = span_export.start(sink.url, **ON)
    wanted = span_export.log(300)
    bad = {wanted[0], wanted[137], wanted[138]}
    sink.fault(status=400, signal="logs", when=lambda got: bool(bad & of(got)))
    assert exporter.drain(PATIENCE)
    assert len(verified(requests(sink)).faults) == 2, "holes, until they are told with the next record"
    sink.heal()
    span_export.log()
    assert exporter.drain(PATIENCE)
    seen(span_export, sink, Counter({AuditGap.REFUSED: 3}))
    kept = requests(sink)
    sink.fault(signal="logs", partial=3, times=1)
    span_export.log(10)
    assert exporter.drain(PATIENCE)
    span_export.log()
    assert exporter.drain(PATIENCE)
    partial = [*kept, *single(requests(sink)[len(kept) :])]
    at = len(kept)
    report = verified(partial[:at] + partial[at + 3 :])
    assert (report.faults, report.chains[0].gaps) == ([], {AuditGap.REFUSED: 3, AuditGap.REJECTED: 3})
    assert named(verified(partial[:at] + partial[at + 4 :]))[0] == "dropped", "one more than was told"
    apart = [one for place, one in enumerate(partial) if place not in {at, at + 2, at + 4, at + 6}]
    assert len(verified(apart).faults) == 1, "also one apart from the others"
    assert named(verified(apart))[0] == "dropped"


@pytest.mark.parametrize("known", [True, False], ids=["now", "by a former version"])
def test_what_waited_too_long_is_told_when_that_is_found(span_export: SpanExport, sink: Sink, known: bool):
    began, next_at = time.time_ns(), made.START - DAY // 2
    sink.fault(status=503, signal="logs")
    exporter = span_export.start(sink.url, **ON, max_days=1)
    span_export.log(700, at=made.START - 2 * DAY)
    span_export.until(lambda stats: stats["logs"]["expired"] >= 700)
    if not known:
        span_export.stop()
        with closing(sqlite3.connect(span_export.paths.export_db, isolation_level=None)) as db:
            noted = "json_set(value, '$.gaps', json_remove(value -> '$.gaps', '$[0].at'))"
            changed = db.execute(f"UPDATE meta SET value = {noted} WHERE value LIKE '%\"gaps\"%'").rowcount
        assert changed == 1
        exporter = span_export.start(sink.url, **ON, max_days=1)
    sink.heal()
    span_export.log(5, at=next_at)
    assert exporter.drain(PATIENCE)
    key = Key.of(span_export.paths.audit_key).public
    report = verified(requests(sink), keys=[key])
    assert (report.faults, report.chains[0].gaps) == ([], {AuditGap.EXPIRED: 702}), "with two of the chain's own"
    (gap,) = (int(one["timeUnixNano"]) for one in each(requests(sink)) if one["eventName"] == "hookspan.audit.gap")
    assert (began < gap) if known else (gap == next_at), "not before it was found, if that is known"


def test_other_settings_withdraw_what_may_have_arrived(span_export: SpanExport, sink: Sink):
    sink.fault(signal="logs", drop=True, store=True)
    span_export.start(sink.url, **ON)
    wanted = span_export.log(5, label="a label")
    span_export.until(lambda stats: stats["logs"]["failures"] >= 1)
    exporter = span_export.start(sink.url, **ON, content="labels")
    sink.heal()
    assert exporter.drain(PATIENCE)
    report = verified(requests(sink))
    assert (report.faults, len(report.chains), report.chains[0].records) == ([], 1, 12)
    assert list(dict.fromkeys(uids(sink))) == wanted
    lost = [
        one for one in single(requests(sink)) if attribute(next(each([one])), sc.LABEL) or place(next(each([one]))) > 6
    ]
    assert verified(lost, keys=[report.chains[0].key]).chains[0].gaps == {AuditGap.WITHDRAWN: 6}


@pytest.mark.slow
def test_a_full_disk_sends_nothing_that_is_not_noted(
    span_export: SpanExport, sink: Sink, monkeypatch: pytest.MonkeyPatch
):
    exporter = span_export.start(sink.url, **ON)
    span_export.log(3)
    assert exporter.drain(PATIENCE)
    writes: Counter[str] = Counter()

    def full(name: str):
        real = getattr(ExportDb, name)

        def fails(*arguments: Any, **options: Any) -> Any:
            writes[name] += 1
            if writes[name] % 3:
                raise sqlite3.OperationalError("database or disk is full")
            return real(*arguments, **options)

        monkeypatch.setattr(ExportDb, name, fails)

    full("note")
    full("settle")
    wanted = span_export.log(700)
    assert exporter.drain(PATIENCE)
    seen(span_export, sink)
    assert list(dict.fromkeys(uids(sink)))[3:] == wanted
    assert min(writes.values()) >= 3


def test_a_chain_that_can_not_go_on_is_followed_by_another_that_says_why(span_export: SpanExport, sink: Sink):
    span_export.start(sink.url, logs=True)
    span_export.log(2)
    assert span_export.exporter.drain(PATIENCE)  # type: ignore[union-attr]
    for settings in (ON, {"logs": True}, ON):
        exporter = span_export.start(sink.url, **settings)
        span_export.log(2)
        assert exporter.drain(PATIENCE)
    report = seen(span_export, sink)
    assert [chain.began for chain in report.chains] == [AuditStart.FIRST, AuditStart.SWITCHED_ON]
    assert report.unsealed == 4
    whole = single(requests(sink))
    first = [one for one in whole if attribute(next(each([one])), sc.AUDIT_CHAIN) == report.chains[0].id]
    assert named(verified([one for one in whole if one != first[-1]])) == ("dropped", 3), "the end is known by the next"
    span_export.paths.audit_key.unlink()
    exporter = span_export.start(sink.url, **ON)
    span_export.log(2)
    assert exporter.drain(PATIENCE)
    span_export.stop()
    span_export.paths.export_db.write_bytes(b"no database")
    exporter = span_export.start(sink.url, **ON)
    span_export.log(2, at=exporter._clock())
    assert exporter.drain(PATIENCE)
    report = verified(requests(sink))
    assert ([chain.began for chain in report.chains][2:], report.faults) == ([AuditStart.KEY, AuditStart.LOST], [])


def test_without_the_library_records_wait_and_status_says_why(
    span_export: SpanExport, sink: Sink, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    span_export.start(sink.url, **ON)
    span_export.log(3)
    stats = span_export.until(lambda stats: stats["logs"]["state"] == "holding")
    assert "pipx inject hookspan cryptography" in stats["logs"]["last_error"]
    assert (sink.logs, stats["logs"]["queue"], span_export.paths.audit_key.exists()) == ([], 3, False)


def test_the_command_names_the_first_and_fails(chain, span_export: SpanExport, tmp_path):
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(span_export.paths.state.parent), "PATH": "/usr/bin:/bin"}
    file, key = tmp_path / "logs.jsonl", Key.of(span_export.paths.audit_key).public
    file.write_bytes(b"\n".join(map(line, chain)))
    done = call("audit", "verify", str(file), "--key", key, env=env)
    assert (done.returncode, "Nothing was changed, dropped or added." in done.stdout) == (0, True), done
    file.write_bytes(b"\n".join(map(line, [*chain[:2], *chain[4:]])))
    done = call("audit", "verify", str(file), env=env)
    assert (done.returncode, "record 3: 3..4 is not there" in done.stdout) == (1, True), done
    file.write_bytes(b"")
    assert call("audit", "verify", str(file), env=env).returncode == 1, "nothing is no proof"
    packed = gzip.compress(b"\n".join(map(line, chain)))
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    for data in (bytes(damaged), packed[: len(packed) // 2], packed[:-8] + bytes(8)):
        file.write_bytes(data)
        done = call("audit", "verify", str(file), env=env)
        assert (done.returncode, done.stderr) == (1, ""), done
        assert "unreadable: record (logs.jsonl:" in done.stdout
    file.unlink()
    done = call("audit", "verify", str(file), env=env)
    assert (done.returncode, f"`{file}` can't be read: No such file" in done.stderr) == (1, True), done
