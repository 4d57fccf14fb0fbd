"""What Claude Code is about to delete, as `doctor` tells it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hookspan.setup import cleanup
from tests.agent.machine import Machine

DAY = 86_400


def aged(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        ([], 30),
        (['{"cleanupPeriodDays": 7}'], 7),
        (["{}", '{"cleanupPeriodDays": 90}'], 90),
        (['{"cleanupPeriodDays": "soon"}', "not JSON"], 30),
        (['{"cleanupPeriodDays": 5}', '{"cleanupPeriodDays": 90}'], 5),
    ],
)
def test_the_first_settings_that_have_it_count(tmp_path: Path, texts: list[str], days: int):
    files = [tmp_path / f"settings{number}.json" for number in range(len(texts) + 1)]
    for file, text in zip(files, texts, strict=False):
        file.write_text(text)
    assert cleanup.period(files) == days


def test_what_the_client_deletes_at_the_same_time_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept, gone = (aged(tmp_path / "shop" / f"{name}.jsonl", 9) for name in ("kept", "gone"))
    listed = cleanup._entries

    def entries(folder: str) -> list[os.DirEntry[str]]:
        found = listed(folder)
        if folder == str(gone.parent):
            gone.unlink()
        return found

    monkeypatch.setattr(cleanup, "_entries", entries)
    assert list(cleanup._transcripts(str(tmp_path))) == [(kept.stat().st_mtime, kept.stat().st_size)]


def test_doctor_tells_what_goes_soon_and_what_is_kept(make_machine: Callable[..., Machine]):
    machine = make_machine(settings="[dashboard]\nenabled = false\n")
    projects = machine.home / ".claude" / "projects" / "-home-u-shop"
    for name, days in {"new": 1, "soon": 5, "next": 9}.items():
        aged(projects / f"{name}.jsonl", days)
    (machine.home / ".claude" / "settings.json").write_text(json.dumps({"cleanupPeriodDays": 10}))

    def told() -> str:
        checks = machine.json("doctor")["checks"]
        (found,) = [one["message"] for one in checks if one["check"] == "transcripts"]
        return str(found)

    assert "after 10 days" in told()
    assert "2 transcripts, 6 B, go within 7 days" in told()
    machine.cli("config", "set", "archive.enabled", "true")
    assert "0 sessions are in the archive, which keeps them for 365 days" in told()
