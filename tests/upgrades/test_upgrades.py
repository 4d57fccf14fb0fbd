"""What older versions left is taken over, with a copy of it; what newer ones left is refused and not touched."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hookspan.catalogue.metrics import OPERATION_BOUNDS, PATIENCE_BOUNDS
from hookspan.export.db import MIGRATIONS as EXPORT_MIGRATIONS
from hookspan.export.db import ExportDb
from hookspan.paths import Paths
from hookspan.store import Reader, Store, schema
from tests.agent.ingest import drain, take_in
from tests.upgrades.make import HERE, RECORD_VERSION, SETTINGS, dump, halves

USAGE = {"gen_ai.usage.output_tokens": 12, "gen_ai.usage.cache_read.input_tokens": 3, "hookspan.cost.usd": 0.5}
TOTALS = {
    "hookspan.total.output_tokens": 12,
    "hookspan.total.cache_read.input_tokens": 3,
    "hookspan.total.cost.usd": 0.5,
}
STORES = range(1, len(schema.MIGRATIONS) + 1)


def restored(script: Path, path: Path) -> None:
    database = sqlite3.connect(path)
    database.executescript(script.read_text())
    database.close()


def test_every_format_has_its_fixture():
    missing = [f"store-{n}" for n in STORES] + [f"export-{n + 1}.sql" for n in range(len(EXPORT_MIGRATIONS))]
    missing += [f"install-{n + 1}" for n in range(RECORD_VERSION)]
    assert [name for name in missing if not (HERE / name).exists()] == [], "python -m tests.upgrades.make"


LATER_LABELS = {"hookspan.project"}
"""What series have got since, which those of an older store go on without."""
LATER_METRICS = {
    7: ("gen_ai.execute_tool.duration", "gen_ai.client.inference.usage."),
    8: (
        "gen_ai.invoke_agent.duration",
        "hookspan.hook.duration",
        "hookspan.tool.duration",
        "hookspan.permission.",
        "hookspan.user.idle",
        "hookspan.context.tokens",
    ),
}
"""By the first format whose stores have them, as they are now: what was counted before them is not in them."""


def shown(paths: Paths, version: int) -> list[object]:
    """What a user sees of the store, if one of `version` had it all: spans, sessions, sums. It may make other ids."""
    later = tuple(name for since, names in LATER_METRICS.items() if version < since for name in names)
    reader = Reader(paths)
    try:
        sessions = reader.sessions()
        spans = [span for session in sessions for span in reader.spans_of_session(session.id)]
        names = {span.span_id: span.name for span in spans} | {"": "(root)"}
        tree = Counter((names.get(span.parent_id, "(open)"), span.name, span.status, span.end) for span in spans)
        sums: Counter[object] = Counter()
        for one in reader.series().series:
            if later and one.instrument.startswith(later):
                continue
            labels = tuple(label for label in one.attributes if label[0] not in LATER_LABELS)
            sums[one.instrument, labels] += one.count if one.buckets else round(one.value, 6)
        return [tree, sessions, sums]
    finally:
        reader.close()


@pytest.mark.parametrize("version", STORES)
def test_a_session_that_began_under_an_older_version_goes_on_under_this_one(version: int, tmp_path: Path):
    old, new = (Paths.from_environment({"HOME": str(tmp_path), "HOOKSPAN_HOME": str(tmp_path / n)}) for n in "ab")
    for paths in (old, new):
        paths.create()
        paths.key.write_bytes(bytes.fromhex((HERE / f"store-{version}" / "key").read_text()))
    shutil.copy(HERE / f"store-{version}" / "journal.jsonl", old.current)
    restored(HERE / f"store-{version}" / "store.sql", old.store)
    before = dump(old.store)
    take_in(old, halves()[1])
    take_in(new, [*halves()[0], *halves()[1]])
    assert shown(old, version) == shown(new, version)
    copy = old.store.with_name(f"store.db.v{version}")
    assert copy.exists() == (version < len(schema.MIGRATIONS))
    if copy.exists():
        assert dump(copy) == before
    drain(old)
    assert Counter(path.name for path in old.state.glob("*.v*")) == Counter([copy.name] if copy.exists() else [])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("hook PreToolUse", {"gen_ai.tool.name": "Bash"}, {"hookspan.tool.name": "Bash"}),
        ("permission Bash", {"gen_ai.tool.call.id": "toolu_1"}, {"hookspan.tool.call.id": "toolu_1"}),
        ("execute_tool Bash", {"gen_ai.tool.name": "Bash"}, {"gen_ai.tool.name": "Bash"}),
        ("invoke_agent claude-code", USAGE, TOTALS),
        ("session", USAGE, TOTALS),
        ("chat claude-opus-4-5", USAGE, USAGE),
        (
            "chat claude-opus-4-5",
            {"gen_ai.usage.cache_creation.input_tokens": 7, "hookspan.effort": "low", "error.type": "other"},
            {
                "gen_ai.usage.cache_write.input_tokens": 7,
                "gen_ai.request.reasoning.level": "low",
                "error.type": "_OTHER",
            },
        ),
        ("session", {"gen_ai.usage.cache_creation.input_tokens": 7}, {"hookspan.total.cache_write.input_tokens": 7}),
        ("invoke_agent Explore", {"gen_ai.agent.id": "a1"}, {"hookspan.agent.id": "a1"}),
        ("invoke_agent claude-code", {"hookspan.effort": "low"}, {"hookspan.effort": "low"}),
    ],
)
def test_spans_of_an_older_version_have_the_names_of_this_one(name, old, new, paths: Paths):
    paths.create()
    restored(HERE / "store-5" / "store.sql", paths.store)
    database = sqlite3.connect(paths.store)
    database.execute(
        'INSERT INTO span (key, trace_id, span_id, name, start, "end", kind, status, hook, local, session, attributes) '
        "VALUES (99, x'ab', x'cd', ?, 1, 2, 1, 0, ?, 0, 1, ?)",
        (name, name.startswith("hook "), json.dumps(old, separators=(",", ":"))),
    )
    database.commit()
    database.close()
    Store.open(paths).close()
    (span,) = Reader(paths).spans_of_trace("ab")
    assert span.attributes == new


def test_series_that_were_announced_under_a_former_name_go_on(paths: Paths):
    """The store's series and what `export.db` knows of it have the same new name, so that nothing is sent as new."""
    paths.create()
    restored(HERE / "store-6" / "store.sql", paths.store)
    restored(HERE / "export-2.sql", paths.export_db)
    usage = "gen_ai.client.token.usage", '{"gen_ai.operation.name":"chat","gen_ai.token.type":"input"}'
    length = "gen_ai.client.operation.duration", '{"error.type":"other","gen_ai.operation.name":"chat"}'
    gone = "hookspan.turn.duration", "{}"
    store, export = sqlite3.connect(paths.store), sqlite3.connect(paths.export_db)
    for key, (name, attributes) in enumerate((usage, length, gone), 900):
        buckets = json.dumps([1, *[0] * (len(PATIENCE_BOUNDS) if name == gone[0] else len(OPERATION_BOUNDS))])
        store.execute(
            "INSERT INTO metric VALUES (?, ?, ?, 5, 1.0, 1, 1.0, 1.0, ?, NULL)", (key, name, attributes, buckets)
        )
        export.execute("INSERT INTO announced (instrument, attributes, start) VALUES (?, ?, 5)", (name, attributes))
    for database in (store, export):
        database.commit()
        database.close()
    Store.open(paths).close()
    database = ExportDb.open(paths)
    series = {(one.instrument, one.attributes) for one in Reader(paths).series().series}
    chat = "gen_ai.operation.name", "chat"
    renamed = {
        ("gen_ai.client.inference.operation.input_tokens", (chat,)),
        ("gen_ai.client.inference.duration", (("error.type", "_OTHER"), chat)),
    }
    assert renamed <= series
    assert renamed <= database.announced.keys()
    database.close()
    left = sqlite3.connect(paths.store).execute("SELECT count(*) FROM metric WHERE instrument = ?", gone[:1])
    assert left.fetchone() == (0,)


@pytest.mark.parametrize("version", range(1, len(EXPORT_MIGRATIONS) + 1))
def test_the_export_cursor_of_an_older_version_is_where_it_was(version: int, paths: Paths):
    paths.create()
    restored(HERE / f"export-{version}.sql", paths.export_db)
    database = ExportDb.open(paths)
    assert database.enabled
    assert database.cursor == (1, 0)
    assert not database.replaced
    database.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with hookspan installed by the version whose fixture it is."""
    source = HERE / "install-1"
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    settings = tmp_path / ".claude" / "settings.json"
    record = tmp_path / ".local" / "state" / "hookspan" / "installed.json"
    for file in (settings, record):
        file.write_bytes(file.read_bytes().replace(b"@HOME@", str(tmp_path).encode()))
    digest = hashlib.sha256(settings.read_bytes()).hexdigest()
    record.write_bytes(record.read_bytes().replace(b"@AFTER@", digest.encode()))
    return tmp_path


def hookspan(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hookspan", *words]
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "HOOKSPAN_DASHBOARD_ENABLED": "false"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_an_older_versions_installation_is_brought_up_and_taken_out(home: Path):
    assert hookspan(home, "install", "--yes").returncode == 0
    assert hookspan(home, "install", "--check").returncode == 0
    assert hookspan(home, "uninstall", "--yes").returncode == 0
    assert (home / ".claude" / "settings.json").read_bytes() == SETTINGS


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_a_newer_versions_record_is_refused_and_left(verb: str, home: Path):
    record = home / ".local" / "state" / "hookspan" / "installed.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"version": RECORD_VERSION + 1}))
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    done = hookspan(home, verb, "--yes")
    assert done.returncode == 1
    assert "was written by a newer hookspan (format 2, this one knows 1)" in done.stderr
    assert "hint: update hookspan" in done.stderr
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_newer_versions_store_keeps_the_agent_from_starting_and_says_so(home: Path):
    state = home / ".local" / "state" / "hookspan"
    database = sqlite3.connect(state / "store.db")
    database.executescript(
        f"CREATE TABLE later (x); PRAGMA application_id = {schema.APPLICATION}; "
        f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1};"
    )
    database.close()
    before = (state / "store.db").read_bytes()
    done = hookspan(home, "up")
    assert done.returncode == 1
    assert "was written by a newer hookspan" in done.stderr
    assert "update hookspan" in done.stderr
    assert (state / "store.db").read_bytes() == before
