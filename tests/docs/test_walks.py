"""The ways to have hookspan that the documentation describes, walked as it tells them, with the real client."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hookspan import __version__
from tests.claude.drivers import Home
from tests.claude.model import Model, Tool, says
from tests.docs.walk import DOCS, INSTALL, Walk, prepare, repository
from tests.otlp_sink import Sink
from tests.waiting import until

LINES = [says(Tool("Bash", {"command": "wc -l cart.py"})), says("Two.")]
SCRIPT = {"How many lines": LINES, "Fix the failing test": LINES}
DONE = [INSTALL]

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.xdist_group("walks")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("tree") / "repository")


@pytest.fixture(scope="module")
def program(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The program as most pages install it, once for all of them: pipx's variables for a home that is to have it."""
    place = tmp_path_factory.mktemp("program")
    where = {"PIPX_HOME": str(place / "pipx"), "PIPX_BIN_DIR": str(place / "bin")}
    with Home("http://127.0.0.1:9") as home:
        prepare(home, tree)
        home.env |= where
        with Walk(home) as walk:
            walk.run(INSTALL)
    yield where
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def home(tree: Path, program: dict[str, str]) -> Iterator[Home]:
    with Model("walks") as model, Home(model.url) as home:
        model.play(SCRIPT)
        prepare(home, tree)
        home.env["PATH"] = f"{program['PIPX_BIN_DIR']}:{home.env['PATH']}"
        yield home


def left_of_us(home: Home) -> list[Path]:
    return [path for path in home.home.rglob("*hookspan*") if home.claude / "plugins" / "cache" not in path.parents]


def test_getting_started_from_nothing_and_back() -> None:
    with Model("docs") as model, Home(model.url) as home, Walk(prepare(home)) as walk, Sink() as sink:
        model.play(SCRIPT)
        walk.page("getting-started.md", instead={"http://127.0.0.1:4318": sink.url})
        assert sink.spans
        assert [path for path in home.home.rglob("*hookspan*") if "pipx" not in path.parts] == []


def test_the_plugin(home: Home) -> None:
    with Walk(home) as walk:
        walk.page("guides/plugin.md", done=DONE)
        assert left_of_us(home) == []


@pytest.mark.need_root
def test_managed_settings(home: Home) -> None:
    with Walk(home, etc=True) as walk:
        walk.page("guides/managed.md", done=DONE)
        assert not (home.claude / "settings.json").exists()


def test_ci(home: Home) -> None:
    (job,) = re.findall(r"`(hookspan config set resource[^`]+)`", (DOCS / "guides" / "ci.md").read_text())
    with Walk(home) as walk, Sink() as sink:
        walk.env["GITHUB_RUN_ID"] = "77"
        walk.run(job)
        walk.page("guides/ci.md", instead={"https://otlp.example.com": sink.url}, done=DONE)
        assert_one_session(sink)
        assert sink.points
        assert {span.resource["cicd.pipeline.run.id"] for span in sink.spans} == {"77"}


def test_ci_with_a_variable_only(home: Home) -> None:
    """What the page says of `HOOKSPAN_EXPORT_ENDPOINT`, and of a job whose client never ran."""
    with Walk(home) as walk, Sink() as sink:
        walk.env["HOOKSPAN_EXPORT_ENDPOINT"] = sink.url
        walk.run("hookspan config set dashboard.enabled false && hookspan install --yes")
        walk.run("hookspan flush")
        walk.run("claude -p 'How many lines?'")
        assert "`hookspan up`" in walk.run("hookspan flush", status=1)
        assert not sink.spans
        walk.run("hookspan up")
        walk.run("claude -p 'Fix the failing test' && hookspan flush")
        assert_one_session(sink)


@pytest.mark.need_root
def test_a_team(home: Home, tls: tuple[Path, Path]) -> None:
    file, *_ = re.findall(r"^```toml\n(.*?)^```$", (DOCS / "guides" / "team.md").read_text(), re.MULTILINE | re.DOTALL)
    with Walk(home, etc=True) as walk, Sink(tls=tls) as sink:
        example = "https://telemetry.example.internal:4318"
        assert example in file
        walk.put("hookspan/config.toml", file.replace(example, sink.url))
        walk.put("hookspan/token", "of-the-team\n")
        walk.put("hookspan/ca.crt", tls[0].read_text())
        walk.page("guides/team.md")
        assert_one_session(sink)
        assert {request.headers.get("authorization") for request in sink.requests} == {"Bearer of-the-team"}
        assert {span.resource["team"] for span in sink.spans} == {"payments"}
        assert "is locked by" in walk.run("hookspan config set content.export true", status=1)


def test_upgrading(home: Home, program: dict[str, str]) -> None:
    (source,) = Path(program["PIPX_HOME"]).glob("venvs/hookspan/lib/*/site-packages/hookspan/__init__.py")
    source.write_text(source.read_text().replace(__version__, "0.0.1"))
    home.env |= program
    with Walk(home) as walk:
        walk.run("hookspan install --yes && claude -p 'How many lines?'")
        before = agent(walk)
        assert before["version"] == "0.0.1"
        walk.page("upgrading.md")
        after = agent(walk)
        assert after["version"] == __version__
        assert after["pid"] != before["pid"]
        walk.run("claude -p 'How many lines?' && hookspan flush")
        assert [row["turns"] for row in json.loads(walk.run("hookspan sessions --json"))] == [1, 1]


def agent(walk: Walk) -> dict[str, Any]:
    """What the agent says of itself, once it has come up."""

    def found() -> dict[str, Any] | None:
        told: dict[str, Any] = json.loads(walk.run("hookspan status --json"))["agent"]
        return None if told["state"] in {"starting", "not running"} else told

    return until(found, "the agent does not come up")


def assert_one_session(sink: Sink) -> None:
    names = Counter({(span.trace_id, span.span_id): span.name for span in sink.spans}.values())
    assert names["execute_tool Bash"] == names["invoke_agent claude-code"] == names["session"] == 1


def test_install_lines_are_the_same_everywhere() -> None:
    """So that it is enough to have walked one of them."""
    for page in ("plugin", "managed", "ci", "containers"):
        assert INSTALL in (DOCS / "guides" / f"{page}.md").read_text()
