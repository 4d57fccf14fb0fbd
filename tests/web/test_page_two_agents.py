"""The real Claude Code and the real Codex at work in one repository: both on one page, and their collision told."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from hookspan.agent.client import Client
from hookspan.catalogue import attributes as sc
from hookspan.model.rows import Span
from hookspan.store import Reader, SpanQuery
from tests.claude import drivers, model
from tests.claude.drivers import PrintSession
from tests.claude.installed import InstalledHome
from tests.claude.model import says
from tests.claude.stage import ALLOW
from tests.claude.test_collisions import TOTAL, edit, read
from tests.codex.home import Home
from tests.codex.model import Model
from tests.codex.scenarios import DONE, patch, shell
from tests.waiting import PATIENCE, until
from tests.web.browser import Visitor, resize, sideways, violations

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.need_chromium]

ROUNDED = "    return round(sum(i.price for i in items), 2)"
TAXED = "    return round(sum(i.price for i in items) * 1.2, 2)"
PAGE = {"dashboard.enabled": "true", "dashboard.port": "0"}


class CodexBeside(Home):
    """Codex in the home of somebody who has Claude Code, in the same project."""

    project: Path

    @property
    def work(self) -> Path:
        return self.project

    def make(self) -> None:
        self.codex.mkdir()
        (self.codex / "config.toml").write_text(self._config())


class Both(InstalledHome):
    """A home with both, hookspan installed for both, and the page."""

    def start(self, codex: Home) -> None:
        codex.make()
        self.hookspan("install", "--agent", "codex", "--yes")
        codex.trust()
        self.hookspan("up")
        self._agent = Client(self.paths)
        self.url = str(self._agent.request("ping", timeout=PATIENCE)["url"])

    def ticket_url(self) -> str:
        return str(self._agent.request("open", timeout=PATIENCE)["login"])


@pytest.fixture
def codex_model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()


def wait_for(path: Path) -> dict[str, Any]:
    """A command that ends once there is such a file, or after the half minute that Codex gives it."""
    return shell(f"until test -e {path}; do sleep 0.05; done", yield_time_ms=60_000)


def calls(home: Both, name: str) -> list[Span]:
    """The spans of this name."""
    with contextlib.closing(Reader(home.paths)) as reader:
        every = [span for row in reader.sessions() for span in reader.spans_of_session(row.id)]
    return [span for span in every if span.name == name]


def test_both_on_one_page_with_their_collision(codex_model: Model, visitor: Visitor) -> None:
    over = threading.Event()
    with model.Model("two agents") as anthropic, Both(anthropic.url, settings=PAGE) as home:
        cart, edited, end = home.project / "cart.py", home.root / "edited", home.root / "end"
        taxed = patch(f"*** Update File: cart.py\n@@\n-{ROUNDED}\n+{TAXED}")
        url = codex_model.add("both", {"main": [*[wait_for(edited)] * 4, taxed, *[wait_for(end)] * 4, DONE]})
        codex = CodexBeside(home.home, url)
        codex.project = home.project
        home.start(codex)
        script = {"round the total": [says(read(cart)), says(edit(cart, TOTAL, ROUNDED)), says("Rounded.", gate=over)]}
        anthropic.play(script)
        claude = PrintSession(home, "round the total", *ALLOW)
        other = codex.start("exec", "--skip-git-repo-check", "--json", "add the tax [[main]]")
        try:
            page = visitor.visit(home)
            rows = page.locator("sessions-list li")
            expect(rows).to_have_count(2, timeout=drivers.PATIENCE * 1000)
            of_claude, of_codex = (rows.filter(has_text=name) for name in ("claude-code", "codex"))
            expect(of_claude).to_have_count(1)
            expect(of_codex).to_have_count(1)
            until(lambda: ROUNDED in cart.read_text(), "Claude Code's edit")
            until(lambda: calls(home, "execute_tool Edit"), "its end, which a hook tells after it is in the file")
            edited.touch()
            until(lambda: TAXED in cart.read_text(), "Codex's edit")

            expect(of_codex.locator("collision-mark")).to_have_text(
                "writes the same lines of cart.py as round the total"
            )
            expect(of_claude.locator("collision-mark")).to_contain_text("writes the same lines of cart.py")
            assert violations(page) == []
            resize(page, 320, 740)
            assert sideways(page) == []
            resize(page, 1280, 900)
            page.get_by_label("Agent").select_option("codex")
            expect(rows).to_have_count(1)
            expect(of_codex).to_have_count(1)
        finally:
            visitor.close()  # before its agent ends: a page that is idle loads what it may need
            over.set()
            end.touch()
            ended = claude.wait()
            other.communicate(timeout=drivers.PATIENCE * 2)
        assert ended.code == 0, ended
        assert other.returncode == 0
        until(lambda: all(row.ended for row in home.sessions()), "the ends of both")

        reader = Reader(home.paths)
        (found,) = reader.find_spans(SpanQuery(collisions=True))
        (earlier,) = calls(home, "execute_tool Edit")
        agents = {row.id: row.agent for row in reader.sessions()}
        reader.close()
        assert agents[found.session] == "codex"
        assert found.attributes[sc.COLLISION] == "lines"
        assert [(link.trace_id, link.span_id) for link in found.links] == [(earlier.trace_id, earlier.span_id)]
