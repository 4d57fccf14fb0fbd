"""Grafana's dashboards: made by code, and every question in them has an answer after a day of work.

Grafana itself can't be run here. What it would ask, with its variables filled in, is asked of the real programs.
"""

import itertools
import json
import math
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml

from hookspan.catalogue.attributes import SERVICE_NAME as SERVICE
from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.catalogue.clients import CLIENTS
from hookspan.catalogue.metrics import REPEATED, SUMS, Instrument, Kind
from hookspan.catalogue.scopes import SERVICE_NAME
from tests.ports import Ports
from tests.stack import day, programs
from tests.stack.day import NATIVE_HOOKS, Day
from tests.stack.stack import Backends, Stack, get, text

GRAFANA = programs.ROOT / "dashboards" / "grafana"
DAY = 86_400
STEP = 600  # s
VARIABLES = {
    "$__rate_interval": f"{4 * STEP}s",  # as Grafana computes it, of points that are ten minutes apart
    "$__range": f"{DAY}s",
    "$project": ".*",
    "$tool": ".*",
    "$model": ".*",
    "$host": ".*",
    "$team": ".*",
    "$agent": ".*",
    "${client}": CLAUDE_CODE.name,
    "$traces": "",
    **{f"${{{name}:regex}}": ".*" for name in ("project", "host", "team", "agent")},
}
FILTERS = {"project": "hookspan.project", "tool": "gen_ai.tool.name", "model": "gen_ai.response.model"}
CLASSIC = re.compile(r"(\w+)_(?:bucket|sum|count)")
LOGS = "victoriametrics-logs-datasource"
OF_ALL = {"team", "host_name"}  # of everything that a board with these variables counts


@cache
def boards() -> dict[str, dict[str, Any]]:
    """By uid."""
    found = [json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))]
    return {board["uid"]: board for board in found}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets(kind: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for uid, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                if target["datasource"]["type"] == kind:
                    yield f"{uid}: {panel['title']}", board, target


def filled(text: str, board: dict[str, Any], **chosen: str) -> str:
    """`chosen`: values of variables that are not as in the beginning."""
    values = VARIABLES | {form: value for name, value in chosen.items() for form in (f"${name}", f"${{{name}}}")}
    for variable in board.get("templating", {}).get("list", []):
        if variable["type"] == "textbox":
            text = text.replace(f"${variable['name']}", variable["query"])
    for name, value in values.items():
        text = text.replace(name, value)
    assert "$" not in text.replace(")$`", ""), f"a variable that the dashboard doesn't have: {text}"
    return text


def prometheus_names(instrument: Instrument) -> set[str]:
    unit = {"s": "_seconds", "USD": "_USD", "By": "_bytes"}.get(instrument.unit, "")
    name = instrument.name.replace(".", "_") + unit
    return {f"{name}_total"} if instrument.kind is Kind.COUNTER else {name}


def reference() -> set[str]:
    """Every metric of ours that docs/reference has, by the names that Prometheus gives, and the native one."""
    units = {"s": "_seconds", "USD": "_USD", "By": "_bytes", "1": "_ratio"}
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("",)}
    page = (programs.ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| `([^`]+)` \|", page, re.MULTILINE)
    names = {
        f"{name.replace('.', '_')}{units.get(unit, '')}{suffix}"
        for name, kind, unit in rows
        for suffix in suffixes[kind]
    }
    native = set(re.findall(r"`(claude_code_\w+)`", (programs.ROOT / "docs/native-telemetry.md").read_text()))
    return names | native


def selectors(stack: Stack, expr: str) -> list[dict[str, Any]]:
    """Every vector selector of an expression, as Prometheus itself reads it."""
    found: list[dict[str, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") in {"vectorSelector", "matrixSelector"}:
                found.append(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(stack.prometheus_api("parse_query", query=expr))
    return found


def test_the_generator_makes_what_is_committed():
    done = subprocess.run(
        [sys.executable, str(GRAFANA / "generator"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(boards()) == 11


@pytest.mark.filterwarnings("ignore:Prefer using dashboardv2")  # which Grafana reads from version 13 on
def test_grafanas_own_schema_reads_every_dashboard():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415
    from grafana_foundation_sdk.cog.plugins import register_default_plugins  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415

    register_default_plugins()
    for uid, board in boards().items():
        again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
        for mine, theirs in zip(panels(board), panels(again), strict=True):
            assert theirs == mine | {"targets": theirs["targets"]}, (uid, mine["title"])
        assert {key: value for key, value in again.items() if key != "panels"} == {
            key: value for key, value in board.items() if key != "panels"
        }


@pytest.mark.parametrize("uid", boards())
def test_a_panel_asks_a_question_and_has_a_unit_an_empty_state_and_a_way_on(uid: str):
    board = boards()[uid]
    assert board["editable"] is False
    everything = board["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len({panel["title"] for panel in panels(board)}) == len(panels(board))
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert "?" in panel["title"] + panel["description"], panel["title"]
        assert defaults["noValue"], panel["title"]
        assert panel["links"], panel["title"]
        units = [defaults.get("unit")] + [
            prop["value"] for override in panel["fieldConfig"]["overrides"] for prop in override["properties"]
        ]
        without = panel["type"] in {"logs", "state-timeline"} or panel["datasource"]["type"] == "jaeger"
        assert without or any(units), panel["title"]


@pytest.mark.parametrize("uid", boards())
def test_panels_neither_overlap_nor_leave_holes(uid: str):
    cells: dict[tuple[int, int], str] = {}
    for panel in boards()[uid]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies over {cells[x, y]}"
                cells[x, y] = panel["title"]
    height = max(y for _, y in cells) + 1
    assert len(cells) == 24 * height


def link_urls() -> list[str]:
    return [
        link["url"]
        for board in boards().values()
        for panel in panels(board)
        for link in [
            *panel["links"],
            *(
                link
                for override in panel["fieldConfig"]["overrides"]
                for prop in override["properties"]
                if prop["id"] == "links"
                for link in prop["value"]
            ),
        ]
    ]


def test_every_link_leads_somewhere():
    urls = link_urls()
    assert len(urls) > 100
    pages = {"/", "/friction"}  # of hookspan's own
    for url in set(urls):
        parts = urlsplit(url.replace("${__data.fields.Alert}", "HumanAwaited"))
        if parts.path.startswith("/d/"):
            assert parts.path.removeprefix("/d/") in boards(), url
        elif parts.netloc == "127.0.0.1:16686":
            assert parts.path == "/search", url  # and what it finds is looked at below
        elif parts.netloc == "127.0.0.1:9090":
            assert (programs.ROOT / "docs/runbooks" / parts.path.removeprefix("/user/")).is_file(), url
        else:
            assert (parts.netloc, parts.path in pages) == ("127.0.0.1:8420", True), url
    for board in boards().values():
        variables = {variable["name"] for variable in board.get("templating", {}).get("list", [])}
        assert ("client" in variables) == ("${client}" in json.dumps(board["panels"]))
        for url in urls:
            for name in re.findall(r"\$\{(\w+):queryparam\}", url):
                assert name in {variable["name"] for variable in board["templating"]["list"]}


def test_provisioning_names_what_the_dashboards_ask_and_lets_nobody_change_it():
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/hookspan.yaml").read_text())["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    used = {target["datasource"]["uid"] for kind in ("prometheus", "jaeger", LOGS) for _, _, target in targets(kind)}
    assert used == {"prometheus", "jaeger", "logs"} <= by_uid.keys()
    preinstalled = yaml.safe_load((programs.ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    assert preinstalled["environment"]["GF_PLUGINS_PREINSTALL"].partition("@")[0] == by_uid["logs"]["type"] == LOGS
    assert not any(source["editable"] for source in sources)
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/hookspan.yaml").read_text())["providers"]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    compose = yaml.safe_load((programs.ROOT / "docker-compose.yml").read_text())["services"]
    mounts = compose["grafana"]["volumes"]
    assert f"./dashboards/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    ports = {"prometheus": 9090, "jaeger": 16686, "victoria-logs": 9428, "alertmanager": 9093}
    for source in sources:
        url = compose["grafana"]["environment"][source["url"].removeprefix("${").removesuffix("}")]
        host, _, port = url.removeprefix("http://").partition(":")
        assert host in compose
        assert int(port) == ports[host]
    exemplars = by_uid["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert [destination["datasourceUid"] for destination in exemplars] == ["jaeger"]
    for query in by_uid["jaeger"]["jsonData"]["tracesToMetrics"]["queries"]:
        for name in re.findall(r"(\w+)_bucket\{", query["query"]):
            assert f"{name}{{" in query["query"], "a native histogram has no buckets of its own"


def test_every_metric_is_one_that_somebody_sends_and_each_of_ours_is_shown(stack: Stack, played_day: Day):
    known = {name: instrument for instrument in SUMS for name in prometheus_names(instrument)}
    asked = [
        (where, board, selector)
        for where, board, target in targets("prometheus")
        for selector in selectors(stack, filled(target["expr"], board))
    ]

    def is_classic(name: str, there: set[str]) -> bool:
        """What a backend without native histograms has."""
        return bool((classic := CLASSIC.fullmatch(name)) and classic[1] in there)

    def all_of_them() -> set[str]:
        there = set(stack.prometheus_api("label/__name__/values"))
        names = ((where, selector["name"]) for where, _, selector in asked)
        unsent = [f"{where}: {name}" for where, name in names if name not in there and not is_classic(name, there)]
        assert unsent == [], "nobody sends them"
        return there

    there = stack.wait(all_of_them)
    documented = reference()
    shown: set[str] = set()
    for where, board, selector in asked:
        variables = {variable["name"] for variable in board["templating"]["list"]}
        name = selector["name"]
        if is_classic(name, there):
            continue
        ours = name.startswith(("hookspan_", "gen_ai_", "claude_code_"))
        assert name in documented or not ours, f"{where}: {name} is not in the reference"
        instrument = known.get(name)
        if instrument is None:
            continue
        shown.add(instrument.name)
        labels = {matcher["name"] for matcher in selector["matchers"]}
        for variable, attribute in FILTERS.items():
            if variable in variables and attribute in instrument.attributes:
                assert attribute.replace(".", "_") in labels, f"{where}: {name} isn't filtered by ${variable}"
        if "team" in variables:
            assert labels >= OF_ALL, f"{where}: {name} isn't filtered by $team and $host"
    assert shown == {instrument.name for instrument in SUMS} - REPEATED
    for variable in [v for board in boards().values() for v in board["templating"]["list"] if v["type"] == "query"]:
        metric, label = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
        stack.wait(lambda of=f'{metric}{{{label}!=""}}': stack.query(f"last_over_time({of}[1d])"))


def test_every_query_has_an_answer_after_a_day_of_work(stack: Stack, played_day: Day):
    questions = {}
    for where, board, target in targets("prometheus"):
        # A zero that stands in for nothing must not hide that nothing is found.
        bare = filled(target["expr"], board).replace(" or vector(0)", "")
        questions[f"{where}: {bare}"] = partial(answers, stack, bare, target)
    all_answered(stack, questions)


def test_every_question_about_log_records_has_an_answer_and_goes_by_its_variables(stack: Stack, played_day: Day):
    """As the data source asks them: figures by the APIs that answer as Prometheus does, records by the query itself."""
    apis = {"stats": "stats_query", "statsRange": "stats_query_range"}

    def found(target: dict[str, Any], expr: str) -> list[float]:
        end = time.time()
        if target["queryType"] == "instant":
            return [1.0 for _ in stack.logs(f"_time:[{end - DAY}, {end + 60}] {expr}")]
        query = {"query": expr, "start": end - DAY, "end": end + 60, "time": end + 60, "step": f"{STEP}s"}
        answer = get(f"{stack.logs_url}/select/logsql/{apis[target['queryType']]}?{urlencode(query)}")
        series = answer["data"]["result"]
        return [float(value) for one in series for _, value in one.get("values", [one.get("value")])]

    asked = list(targets(LOGS))
    assert len(asked) > 25
    questions = {
        f"{where}: {target['expr']}": lambda target=target, board=board: any(
            found(target, filled(target["expr"], board))
        )
        for where, board, target in asked
    }
    all_answered(stack, questions)
    for where, board, target in asked:
        nobody = target["expr"].replace("${host:regex}", "nobody")
        assert nobody != target["expr"], where
        assert not any(found(target, filled(nobody, board))), where


def all_answered(backend: Backends, questions: Mapping[str, Callable[[], bool]]) -> None:
    """Wait until each has an answer; one that has is not asked again."""
    left = dict(questions)

    def asked() -> bool:
        for where in [where for where, question in left.items() if question()]:
            del left[where]
        assert not left, f"unanswered: {list(left)}"
        return True

    backend.wait(asked)


def answers(backend: Backends, expr: str, target: dict[str, Any]) -> bool:
    """Whether a query finds a figure, or a native histogram.

    Gauges are gone five minutes after they were sent. What asks for those of the moment may do so in the last hour.
    """
    now, samples = time.time(), []
    if instant := target.get("instant"):
        samples = [item["value"] for item in backend.prometheus_api("query", query=expr, time=now)["result"]]
    if not samples:
        since, step = (3600, 60) if instant else (DAY, STEP)
        found = backend.prometheus_api("query_range", query=expr, start=now - since, end=now, step=step)["result"]
        samples = [one for item in found for one in item.get("values", [])]
        if any(float(histogram["count"]) for item in found for _, histogram in item.get("histograms", [])):
            return True
    return any(math.isfinite(float(value)) for _, value in samples)


def test_a_turn_is_one_of_every_agent_and_no_subagent(stack: Stack, played_day: Day):
    board = boards()["hookspan-turns"]
    subagents, questions = "Subagents (slowest 5 %)", {}
    asked = {panel["title"]: panel["targets"] for panel in panels(board)}
    for title in ("Median turn", "Slowest 5 %", "How long does a turn take?", "Are there two kinds of turns?"):
        for target, name in itertools.product(asked[title], CLIENTS):
            expr = filled(target["expr"], board, agent=f"{name}-hooks")
            questions[f"{title}: {expr}"] = partial(answers, stack, expr, target)
    all_answered(stack, questions)
    found = stack.wait(lambda: stack.query(filled(asked[subagents][0]["expr"], board)))
    assert {one.labels["gen_ai_agent_name"] for one in found}.isdisjoint(CLIENTS)


def test_one_developers_day_is_few_series(stack: Stack, played_day: Day):
    """All that was recorded of Claude Code, in three projects with three models, and what an agent says of itself."""

    def series(of: str) -> list[dict[str, str]]:
        now = time.time()
        return stack.prometheus_api("series", **{"match[]": f"{{{of}}}", "start": now - 2 * DAY, "end": now})

    stack.wait(lambda: len({one["__name__"] for one in series('instance="played-day"')}) > 20)
    stack.wait(lambda: max(Counter(one["instance"] for one in series('job="hookspan"')).values()) > 20)
    counted = Counter(one["__name__"] for one in series(f'instance="played-day", job="{SERVICE_NAME}"'))
    agents = Counter(one["instance"] for one in series('job="hookspan"'))
    assert max(agents.values()) < 35
    assert sum(counted.values()) + max(agents.values()) <= 250, counted


@pytest.fixture
def classic(tmp_path: Path, stack: Stack, played_day: Day) -> Iterator[Backends]:
    """The gateway's store, which knows classic buckets only, with what a day's last reports say."""
    ports = Ports()
    url = f"127.0.0.1:{ports['victoria-metrics']}"
    command = [str(programs.binary("victoria-metrics")), f"--storageDataPath={tmp_path / 'data'}"]
    options = [f"--httpListenAddr={url}", "--search.latencyOffset=0s", "--opentelemetry.usePrometheusNaming"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen([*command, *options], stderr=log) as process:
        backend = Backends("", f"http://{url}/prometheus")
        try:
            backend.wait(lambda: text(f"http://{url}/health"))
            now = time.time_ns()
            late = [now - seconds * day.SECOND for seconds in (4800, 3600, 2400, 1200, 600, 0)]
            day.send_metrics(played_day, f"http://{url}/opentelemetry", now, lambda _: late)
            yield backend
        finally:
            process.kill()


def test_classic_buckets_answer_too(classic: Backends):
    """Every question about a histogram, asked of a backend that has no native ones, in its own dialect."""
    questions = {}
    for where, board, target in targets("prometheus"):
        expr = filled(target["expr"], board)
        if "claude_code_" not in expr and re.search(r"_(bucket|sum)\b", expr):
            bare = expr.replace(" or vector(0)", "")
            questions[f"{where}: {bare}"] = partial(answers, classic, bare, target)
    assert len(questions) > 15
    all_answered(classic, questions)


def test_a_line_is_as_high_at_every_zoom():
    """A range that grows with the step is a rate's: an increase over it would be another figure at each zoom."""
    for where, _, target in targets("prometheus"):
        expr = target["expr"]
        assert len(re.findall(r"\[\$__rate_interval\]", expr)) == len(re.findall(r"rate\([^()]*interval\]", expr)), (
            where
        )


def test_what_an_hour_costs_is_the_same_at_every_zoom(stack: Stack, played_day: Day):
    (panel,) = (panel for panel in panels(boards()["hookspan-cost"]) if panel["title"] == "Which model costs?")
    expr = filled(panel["targets"][0]["expr"].replace("{", '{instance="played-day", ', 1), boards()["hookspan-cost"])
    now = time.time() - 7200

    def cost(step: int) -> float:
        zoomed = expr.replace(f"{4 * STEP}s", f"{4 * step}s")
        query = {"query": f"sum({zoomed})", "start": now - DAY / 2, "end": now, "step": step}
        values = [float(value) for _, value in stack.prometheus_api("query_range", **query)["result"][0]["values"]]
        return sum(values) / len(values)

    stack.wait(lambda: cost(STEP) == pytest.approx(cost(3 * STEP), rel=0.25))


@pytest.mark.parametrize("uid", boards())
def test_only_times_are_fast_or_slow(uid: str):
    for panel in panels(boards()[uid]):
        words = " ".join(target.get("legendFormat", "") for target in panel["targets"])
        if re.search(r"fast|slow|quick", words):
            assert panel["fieldConfig"]["defaults"].get("unit") == "s", panel["title"]


def test_a_session_whose_version_is_not_known_yet_is_no_version(stack: Stack):
    board = boards()["hookspan-fleet"]
    (panel,) = (panel for panel in panels(board) if panel["title"] == "Versions of the client")
    (only,) = selectors(stack, filled(panel["targets"][0]["expr"], board))
    assert {"name": "hookspan_client_version", "type": "!=", "value": "unknown"} in only["matchers"]


def test_sums_on_dashboards_are_the_days_sums(stack: Stack, played_day: Day):
    """What a figure says is what was recorded: through export, Collector, Prometheus and `increase`."""
    figures = {panel["title"]: panel["targets"][0]["expr"] for panel in panels(boards()["hookspan-overview"])[:6]}
    of_the_day = '{instance="played-day", '
    for title, instrument in (("Turns", "hookspan.turn.finished"), ("Cost", "hookspan.cost")):
        expr = (
            filled(figures[title], boards()["hookspan-overview"]).replace("{", of_the_day, 1).replace("86400s", "25h")
        )
        of_all = pytest.approx(played_day.total(instrument), rel=0.01)
        stack.wait(lambda expr=expr, of_all=of_all: [one.value for one in stack.query(expr)] == [of_all])


def test_what_is_compared_with_claude_codes_own_cost_is_of_claude_code(stack: Stack, played_day: Day):
    board = boards()["hookspan-client"]
    (panel,) = (panel for panel in panels(board) if panel["title"] == "Told by hookspan, too")
    told, _, _ = filled(panel["targets"][0]["expr"], board).partition(" / ")
    costs = [one for one in played_day.increments if one.instrument == "hookspan.cost"]
    its = sum(one.value for one in costs if SERVICE not in dict(one.attributes))
    assert its < 0.99 * played_day.total("hookspan.cost")
    expr = told.replace("{", '{instance="played-day", ', 1).replace("86400s", "25h")
    stack.wait(lambda: [one.value for one in stack.query(expr)] == [pytest.approx(its, rel=0.005)])


def test_every_hook_altogether_has_its_first_batch(stack: Stack, played_day: Day):
    board = boards()["hookspan-pipeline"]
    (panel,) = (panel for panel in panels(board) if panel["title"] == "All hooks, in total")
    expr = filled(panel["targets"][0]["expr"], board)
    of_the_day = expr.replace("{", '{host_name="test-host"', 1)
    told = sum(NATIVE_HOOKS.values()) / 1000
    # Prometheus extrapolates two samples by half of what lies between them.
    stack.wait(lambda: [0.99 < one.value / told < 1.51 for one in stack.query(of_the_day)] == [True])


def test_annotations_ask_for_what_is_there(stack: Stack, played_day: Day):
    for board in boards().values():
        expressions = [one["expr"] for one in board["annotations"]["list"] if "expr" in one]
        assert len(expressions) == 3
        for expr in expressions:
            for selector in selectors(stack, expr):
                stack.wait(lambda name=selector["name"]: stack.query(f"last_over_time({name}[1h])"))


def test_every_search_for_traces_finds_some(stack: Stack, played_day: Day):
    found: dict[str, int] = {}

    def search(target: dict[str, Any], board: dict[str, Any], client: str = CLAUDE_CODE.name) -> list[str]:
        words = filled(target["tags"], board).split()
        parameters = {"limit": target["limit"], "lookback": "2d"}
        if target["operation"]:
            parameters["operation"] = filled(target["operation"], board, client=client)
        if target["minDuration"]:
            parameters["minDuration"] = filled(target["minDuration"], board)
        service = filled(target["service"], board, client=client)
        return stack.search(service, dict(word.split("=", 1) for word in words), **parameters)

    for where, board, target in targets("jaeger"):
        found[where] = len(stack.wait(lambda target=target, board=board: search(target, board)))
    assert len(found) >= 6
    (newest,) = ((target, board) for where, board, target in targets("jaeger") if where.endswith(": Newest turns"))
    turns = [{*stack.wait(lambda name=name: search(*newest, name))} for name in CLIENTS]
    assert len(set().union(*turns)) == sum(map(len, turns))


def test_a_row_leads_to_its_spans(stack: Stack, played_day: Day):
    of_a_row = {"Tool": "Bash", "Event": "PreToolUse", "Model": "claude-opus-5-5"}
    links = {url for url in link_urls() if urlsplit(url).netloc == "127.0.0.1:16686"}
    assert len(links) >= 4
    for url in links:
        for name, value in of_a_row.items():
            url = url.replace(f"${{__data.fields.{name}}}", value)  # noqa: PLW2901
        url = url.replace("${client}", CLAUDE_CODE.name)  # noqa: PLW2901
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        assert (query.pop("start"), query.pop("end")) == ("${__from}000", "${__to}000")  # milliseconds, made longer
        assert query.pop("lookback") == "custom"
        tags = json.loads(query.pop("tags", "{}"))
        assert "$" not in str([query, tags])
        service, given = query.pop("service"), query | {"lookback": "2d"}
        stack.wait(lambda service=service, tags=tags, given=given: stack.search(service, tags, **given))
