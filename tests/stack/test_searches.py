"""docs/jaeger-searches.md: every search in it finds, in the real Jaeger, the traces that it says, and no other."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.scopes import HOOK_SCOPE, SCOPE, SERVICE_NAME
from hookspan.model import rows
from tests import otlp_decode
from tests.stack import programs
from tests.stack.day import Day
from tests.stack.stack import Stack, text
from tests.stack.test_dashboards import filled, targets

PAGE = programs.ROOT / "docs" / "jaeger-searches.md"
UI = programs.ROOT / "collector" / "jaeger-ui.json"
BOARDS = programs.ROOT / "dashboards" / "grafana" / "dashboards"
UNITS = {"ms": 1_000_000, "s": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Search:
    """One row of the table."""

    finds: str
    operation: str
    tags: dict[str, str]
    slower: str

    def matches(self, span: rows.Span | otlp_decode.Span) -> bool:
        """Whether a span, as it was sent or as it came back, is what the row looks for."""
        if isinstance(span, rows.Span):
            scope = HOOK_SCOPE if span.hook else SCOPE
            has = dict(span.attributes) | {"error": span.status == rows.STATUS_ERROR, "otel.scope.name": scope}
        else:
            has = span.attributes | {"error": span.status == "error", "otel.scope.name": span.scope}
        least = 0
        if self.slower:
            number, unit = re.fullmatch(r"(\d+)(ms|s)", self.slower).groups()  # type: ignore[union-attr]
            least = int(number) * UNITS[unit]
        return (
            self.operation in {"", span.name}
            and span.end - span.start >= least
            and all(str(has.get(key)).lower() == value.lower() for key, value in self.tags.items())
        )

    def conditions(self) -> Iterator["Search"]:
        """Each of its conditions alone."""
        if self.operation:
            yield replace(self, tags={}, slower="")
        for key, value in self.tags.items():
            yield replace(self, operation="", tags={key: value}, slower="")
        if self.slower:
            yield replace(self, operation="", tags={})


def searches() -> Iterator[Search]:
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "Find":
            finds, operation, tags, slower = cells
            yield Search(finds, operation, dict(tag.split("=", 1) for tag in tags.split()), slower)


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], list[otlp_decode.Span]]:
    """What the newer API has answered: half of the searches ask it for everything."""
    return {}


@pytest.mark.parametrize("search", [*searches()], ids=lambda search: search.finds.replace(" ", "-"))
def test_a_search_finds_the_traces_that_it_should_and_no_other(
    search: Search, stack: Stack, played_day: Day, answers: dict[tuple[str, str], list[otlp_decode.Span]]
):
    (one, *_) = (span for span in played_day.spans if span.name == "invoke_agent claude-code")
    example = {"SESSION": dict(one.attributes)[sc.SESSION_ID], "PROMPT": dict(one.attributes)[sc.PROMPT_ID]}
    search = replace(search, tags={key: str(example.get(value, value)) for key, value in search.tags.items()})
    spans = [span for span in played_day.spans if sc.SERVICE_NAME not in span.attributes]  # else of another service
    of_the_day = {span.trace_id for span in spans}  # others sent something under the same name

    def traces(search: Search) -> set[str]:
        return {span.trace_id for span in spans if search.matches(span)}

    wanted = traces(search)
    assert wanted
    assert wanted != of_the_day
    # Badger's indexes are of traces: each condition may be met by another span.
    by_trace = set.intersection(*(traces(condition) for condition in search.conditions()))
    assert len(by_trace - wanted) <= len(wanted) / 2, "what Jaeger shows is noise, for the most part"

    def older() -> bool:
        fields = {"operation": search.operation, "minDuration": search.slower}
        given = {key: value for key, value in fields.items() if value}
        found = stack.search(SERVICE_NAME, search.tags, lookback="2d", **given)
        assert of_the_day.intersection(found) == by_trace
        return True

    def newer() -> bool:
        asked = (search.operation, search.slower)
        found = answers.pop(asked, None) or stack.find(SERVICE_NAME, *asked)
        assert of_the_day.intersection(span.trace_id for span in found if search.matches(span)) == wanted
        answers[asked] = found
        return True

    stack.wait(older)
    stack.wait(newer)


def test_the_set_is_the_one_that_people_ask_for():
    tags = {key for search in searches() for key in search.tags}
    assert tags >= {"session.id", "prompt.id", "hookspan.project", "vcs.ref.head.name", "error", "hookspan.mcp.server"}
    assert tags >= {"hookspan.command.program"}
    operations = {search.operation.split()[0] for search in searches() if search.operation}
    assert operations >= {"execute_tool", "permission", "invoke_agent"}


def test_tables_of_traces_are_not_noise_for_the_most_part(played_day: Day):
    for where, board, target in targets("jaeger"):
        tags = dict(word.split("=", 1) for word in filled(target["tags"], board).split())
        search = Search(where, target["operation"], tags, filled(target["minDuration"], board))
        wanted = {span.trace_id for span in played_day.spans if search.matches(span)}
        listed = [{span.trace_id for span in played_day.spans if one.matches(span)} for one in search.conditions()]
        assert len(set.intersection(*listed) - wanted) <= len(wanted) / 2, where


def test_jaegers_page_leads_to_grafana_and_to_our_own(stack: Stack):
    configuration = json.loads(UI.read_text())
    boards = {board["uid"]: board for board in (json.loads(path.read_text()) for path in BOARDS.iterdir())}
    links: list[dict[str, Any]] = [item for menu in configuration["menu"] for item in menu["items"]]
    patterns = configuration["linkPatterns"]
    for link in [*links, *patterns]:
        parts = urlsplit(link["url"].replace("#", ""))
        if parts.port == 3000:
            board = boards[parts.path.removeprefix("/d/")]
            variables = {f"var-{variable['name']}" for variable in board["templating"]["list"]}
            assert set(parse_qs(parts.query)) <= variables | {"from", "to"}, link
        elif parts.port == 9428:
            assert parts.path == "/select/vmui/", link  # what it asks there, test_log_store.py asks, too
        else:
            assert parts.port == 8420, link
            assert parts.path == "/" or re.fullmatch(r"/sessions/\{session\.id\}", parts.path), link
    assert {pattern.get("key") for pattern in patterns if pattern["type"] == "tags"} <= {
        sc.SESSION_ID,
        sc.PROMPT_ID,
        sc.PROJECT,
        sc.GEN_AI_TOOL_NAME,
        sc.TOOL_NAME,
        sc.GEN_AI_RESPONSE_MODEL,
    }
    assert text(stack.jaeger.url)  # it reads the file at its start, and ends if it can't
