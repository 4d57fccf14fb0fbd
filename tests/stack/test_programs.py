"""Building is slow and shared by all test runs of a machine: it must happen once, and whole or not at all."""

import threading
import time
from pathlib import Path

import pytest

from tests.stack import programs


def install(monkeypatch: pytest.MonkeyPatch, cache: Path, build) -> programs.Program:
    program = programs.Program("demo", "1.0", ("demo",), build)
    monkeypatch.setenv("HOOKSPAN_TEST_CACHE", str(cache))
    monkeypatch.setitem(programs.PROGRAMS, "demo", program)
    return program


def test_two_that_ask_at_once_build_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    both_asked = threading.Barrier(2)
    builds: list[Path] = []

    def build(out: Path, _work: Path) -> None:
        builds.append(out)
        time.sleep(0.3)  # as long as the other needs to find that nothing is built yet
        (out / "demo").touch(mode=0o755)

    def ask() -> None:
        both_asked.wait()
        answers.append(programs.binary("demo"))

    install(monkeypatch, tmp_path, build)
    answers: list[Path] = []
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [tmp_path / "demo-1.0" / "demo"] * 2
    assert len(builds) == 1


def test_a_failed_build_leaves_nothing_that_looks_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def build(out: Path, work: Path) -> None:
        (out / "demo").touch(mode=0o755)
        programs._run(work, "sh", "-c", "echo the reason; exit 3")

    program = install(monkeypatch, tmp_path, build)
    with pytest.raises(programs.BuildError, match=r"exited 3:\nthe reason"):
        programs.folder("demo")
    assert not program.folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["demo.lock"]


def test_without_go_the_answer_is_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    install(monkeypatch, tmp_path, lambda _out, work: programs._run(work, "go", "version"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not programs.cached()
    assert programs.main(["demo"]) == 1
    assert "https://go.dev/dl/" in capsys.readouterr().err
