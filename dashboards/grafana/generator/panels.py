"""The words that dashboards are made of: one function a kind of panel, each with its question, unit, empty state, link.

Everything that has to be the same everywhere is here: data sources, legends, ids, the look of a stat.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from hookspan.catalogue.enums import Decision, Outcome, SessionPhase, TimeKind

PROMETHEUS: Final = c.DataSourceRef(type_val="prometheus", uid="prometheus")
JAEGER: Final = c.DataSourceRef(type_val="jaeger", uid="jaeger")
TRACED: Final = "${client}"
"""The agent whose traces Jaeger is asked for: a search has one service, and Grafana asks one search a panel."""
SERVICE: Final = f"{TRACED}-hooks"

SECONDS: Final = "s"
DOLLARS: Final = "currencyUSD"
SHARE: Final = "percentunit"
COUNT: Final = "short"
BYTES: Final = "bytes"

COLOURS: Final[dict[str, dict[StrEnum, str]]] = {
    "{{hookspan_outcome}}": {
        Outcome.SUCCESS: "green",
        Outcome.ERROR: "red",
        Outcome.DENIED: "orange",
        Outcome.INTERRUPTED: "purple",
        Outcome.UNKNOWN: "text",
    },
    "{{hookspan_decision}}": {
        Decision.APPROVED: "green",
        Decision.REFUSED: "red",
        Decision.ABORTED: "purple",
        Decision.AUTO_DENIED: "orange",
        Decision.UNKNOWN: "text",
    },
    "{{hookspan_state}}": {
        SessionPhase.WORKING: "green",
        SessionPhase.WAITING: "orange",
        SessionPhase.WAITING_OR_RUNNING: "yellow",
        SessionPhase.IDLE: "blue",
    },
    "{{hookspan_time_kind}}": {
        TimeKind.USER: "blue",
        TimeKind.MODEL: "purple",
        TimeKind.TOOL: "green",
        TimeKind.WAIT: "orange",
        TimeKind.OTHER: "text",
    },
}
"""By legend: the same thing has the same colour on every dashboard."""

CHECKS: Final = ("healthy", "unknown", "warning", "critical")
CHECK_COLOURS: Final = ("green", "text", "orange", "red")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a panel leads on to: a dashboard by uid, a page of Jaeger, a runbook."""

    title: str
    url: str

    @classmethod
    def board(cls, title: str, uid: str, *variables: str) -> Link:
        """Another dashboard, with the time range and the values of some variables."""
        rest = "".join(f"&${{{name}:queryparam}}" for name in variables)
        return cls(title, f"/d/{uid}?${{__url_time_range}}{rest}")

    @classmethod
    def runbook(cls, alert: str) -> Link:
        """The page of an alert, which Prometheus serves."""
        return cls(f"Runbook: {alert}", f"http://127.0.0.1:9090/user/{alert}.md")

    @classmethod
    def jaeger(cls, title: str, *, operation: str = "", tags: str = "", service: str = SERVICE) -> Link:
        """A search in Jaeger for the time range; `${__data.fields.NAME}` is what stands in that column of the row."""
        found = f"operation={operation}" if operation else f"tags={tags}"
        when = "lookback=custom&start=${__from}000&end=${__to}000"  # microseconds
        return cls(title, f"http://127.0.0.1:16686/search?service={service}&{found}&{when}&limit=50")


PAGE: Final = Link("hookspan's own page", "http://127.0.0.1:8420/")


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and what its series are called (`{{label}}`)."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a PromQL expression, its heading and unit."""

    name: str
    expr: str
    unit: str = COUNT


class JaegerSearch(Builder[Dataquery]):
    """A search in Jaeger, for which the SDK has no builder. `tags` in logfmt, as Grafana's own form writes them."""

    def __init__(self, operation: str = "", tags: str = "", *, slower: str = "", limit: int = 50) -> None:
        self.fields: dict[str, Any] = {
            "datasource": {"type": "jaeger", "uid": "jaeger"},
            "refId": "A",
            "queryType": "search",
            "service": SERVICE,
            "operation": operation,
            "tags": tags,
            "minDuration": slower,
            "maxDuration": "",
            "limit": limit,
        }

    @property
    def conditions(self) -> int:
        """How many there are, those that a variable adds left aside."""
        tags = [word for word in self.fields["tags"].split() if not word.startswith("$")]
        return len(tags) + bool(self.fields["operation"]) + bool(self.fields["minDuration"])

    def build(self) -> Dataquery:
        """Itself: it knows its JSON."""
        return Json(self.fields)


class Json(Dataquery):
    """A question that is JSON already."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def to_json(self) -> dict[str, object]:
        """Itself."""
        return self._fields


def identity(board: str, title: str) -> int:
    """A panel's id: it stays when others come and go, so that links to it hold."""
    return zlib.crc32(f"{board}/{title}".encode()) % 1_000_000 + 1


def _links(links: Sequence[Link]) -> list[Builder[d.DashboardLink]]:
    return [
        dashboard.DashboardLink(link.title)
        .type(d.DashboardLinkType.LINK)
        .icon("external link")
        .tooltip(link.title)
        .url(link.url)
        .target_blank(link.url.startswith("http"))
        for link in links
    ]


def _targets(queries: Iterable[Query], *, instant: bool = False, form: PromQueryFormat | None = None) -> list[Any]:
    made = []
    for number, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id("ABCDEFGHIJKL"[number]).datasource(PROMETHEUS)
        target = target.legend_format(query.legend or "__auto")
        target = target.instant() if instant else target.range()
        if form is not None:
            target = target.format(form)
        if query.exemplars:
            target = target.exemplar(True)
        made.append(target)
    return made


def steps(*limits: tuple[float | None, str]) -> Builder[d.ThresholdsConfig]:
    """From which value on it has which colour."""
    return (
        dashboard.ThresholdsConfig()
        .mode(d.ThresholdsMode.ABSOLUTE)
        .steps([d.Threshold(value=value, color=colour) for value, colour in limits])
    )


def look(panel: Any, title: str, question: str, unit: str, empty: str, links: Sequence[Link], size: Size) -> Any:
    """What every panel has."""
    panel = panel.title(title).description(question).span(size[0]).height(size[1]).links(_links(links))
    return panel.unit(unit).no_value(empty) if unit else panel.no_value(empty)


Size = tuple[int, int]
"""Columns (there are 24) and rows."""


def figure(
    title: str,
    question: str,
    expr: str,
    unit: str,
    *,
    links: Sequence[Link],
    empty: str = "none",
    limits: Sequence[tuple[float, str]] = (),
    decimals: int | None = None,
    size: Size = (4, 4),
) -> Any:
    """One number. `limits`: from which value on it has which colour."""
    panel = look(stat.Panel(), title, question, unit, empty, links, size).datasource(PROMETHEUS)
    panel = panel.targets(_targets([Query(expr)], instant=True)).reduce_options(
        common.ReduceDataOptions().calcs(["lastNotNull"])
    )
    panel = panel.graph_mode(c.BigValueGraphMode.NONE).color_mode(
        c.BigValueColorMode.VALUE if limits else c.BigValueColorMode.NONE
    )
    panel = panel.thresholds(steps((None, "green"), *limits))
    return panel if decimals is None else panel.decimals(decimals)


def lines(
    title: str,
    question: str,
    queries: Sequence[Query],
    unit: str,
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    stacked: bool = False,
    limit: float | None = None,
    size: Size = (12, 8),
) -> Any:
    """Values over time. `limit` draws a line that should not be crossed."""
    panel = look(timeseries.Panel(), title, question, unit, empty, links, size).datasource(PROMETHEUS)
    panel = panel.targets(_targets(queries)).min(0).line_width(1).fill_opacity(30 if stacked else 5)
    panel = panel.show_points(c.VisibilityMode.AUTO).span_nulls(300_000)  # ms; an agent that left makes a real gap
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))
    if limit is not None:
        panel = panel.thresholds(steps((None, "green"), (limit, "red"))).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED)
        )
    panel = panel.legend(
        common.VizLegendOptions()
        .display_mode(c.LegendDisplayMode.LIST)
        .placement(c.LegendPlacement.BOTTOM)
        .show_legend(True)
    ).tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
    return _coloured(panel, queries)


def bars(
    title: str,
    question: str,
    query: Query,
    unit: str,
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    size: Size = (8, 8),
) -> Any:
    """One bar for each value of a label, over the whole range."""
    panel = look(bargauge.Panel(), title, question, unit, empty, links, size).datasource(PROMETHEUS)
    panel = panel.targets(_targets([query], instant=True)).min(0).orientation(c.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(c.BarGaugeDisplayMode.BASIC).reduce_options(
        common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    )
    return _coloured(panel.thresholds(steps((None, "blue"))), [query])


def _coloured(panel: Any, queries: Iterable[Query]) -> Any:
    for query in queries:
        for name, colour in COLOURS.get(query.legend, {}).items():
            fixed = d.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
            panel = panel.override_by_name(name, [fixed])
    return panel


def distribution(
    title: str,
    question: str,
    expr: str,
    unit: str,
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    size: Size = (12, 8),
) -> Any:
    """A histogram over time: `expr` gives buckets by `le`."""
    panel = look(heatmap.Panel(), title, question, unit, empty, links, size).datasource(PROMETHEUS)
    panel = panel.targets(_targets([Query(expr, "{{le}}")], form=PromQueryFormat.HEATMAP)).calculate(False)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(c.AxisPlacement.LEFT))
    return panel.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmap_model.HeatmapColorMode.SCHEME)
        .scheme("Blues")
        .steps(32)
        .exponent(0.5)
        .reverse(False)
    )


def columns(
    title: str,
    question: str,
    labels: dict[str, str],
    values: Sequence[Column],
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    data_links: dict[str, Link] | None = None,
    size: Size = (12, 9),
) -> Any:
    """A table: a row for each set of `labels` (name: heading), a column for each value."""
    panel = look(table.Panel(), title, question, "", empty, links, size).datasource(PROMETHEUS)
    queries = [Query(column.expr) for column in values]
    panel = panel.targets(_targets(queries, instant=True, form=PromQueryFormat.TABLE))
    panel = panel.with_transformation(d.DataTransformerConfig(id_val="merge", options={}))
    single = len(values) == 1
    headings = {"Value" if single else f"Value #{'ABCDEFGHIJKL'[n]}": column.name for n, column in enumerate(values)}
    order = [*labels, *headings]
    panel = panel.with_transformation(
        d.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "includeByName": dict.fromkeys(order, True),
                "indexByName": {name: place for place, name in enumerate(order)},
                "renameByName": labels | headings,
            },
        )
    )
    for column in values:
        panel = panel.override_by_name(column.name, [d.DynamicConfigValue(id_val="unit", value=column.unit)])
    for heading, link in (data_links or {}).items():
        target = [{"title": link.title, "url": link.url, "targetBlank": link.url.startswith("http")}]
        panel = panel.override_by_name(heading, [d.DynamicConfigValue(id_val="links", value=target)])
    first = values[0].name
    return panel.sort_by([common.TableSortByFieldState().display_name(first).desc(True)])


def traces(
    title: str,
    question: str,
    search: JaegerSearch,
    *,
    links: Sequence[Link],
    empty: str = "Jaeger has no such trace in this time range",
    size: Size = (12, 9),
) -> Any:
    """A table of what a search in Jaeger finds; the trace id of a row opens the trace."""
    question += " Of the agent that the variable Traces of names."
    if search.conditions > 1:
        question += " Jaeger matches whole traces: one is listed if each condition is true of some span in it."
    panel = look(table.Panel(), title, question, "", empty, links, size).datasource(JAEGER)
    return panel.with_target(search)


def states(title: str, question: str, query: Query, *, links: Sequence[Link], empty: str, size: Size = (24, 8)) -> Any:
    """Health checks over time: 0 healthy, 1 unknown, 2 warning, 3 critical."""
    panel = look(statetimeline.Panel(), title, question, "", empty, links, size).datasource(PROMETHEUS)
    words = {
        str(number): d.ValueMappingResult(text=word, color=colour, index=number)
        for number, (word, colour) in enumerate(zip(CHECKS, CHECK_COLOURS, strict=True))
    }
    return panel.targets(_targets([query])).mappings([d.ValueMap(options=words)])


# --- Variables


def choice(name: str, label: str, metric: str, key: str) -> Any:
    """A variable with the values of a label; all of them by default."""
    everything = d.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query({"query": f"label_values({metric}, {key})", "refId": name})
        .definition(f"label_values({metric}, {key})")
        .refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def single(name: str, label: str, values: str, pattern: str, value: str) -> Any:
    """A variable with one of the values that a query finds, which `pattern` takes out of them; at first `value`."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query({"query": values, "refId": name})
        .definition(values)
        .regex(pattern)
        .refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.ALPHABETICAL_ASC)
        .current(d.VariableOption(selected=True, text=value, value=value))
    )


def text(name: str, label: str, value: str, description: str) -> Any:
    """A variable to type."""
    return (
        dashboard.TextBoxVariable(name)
        .label(label)
        .description(description)
        .default_value(value)
        .current(d.VariableOption(selected=True, text=value, value=value))
    )


# --- Dashboards


def events() -> list[Any]:
    """Restarts and alerts, on every dashboard."""

    def one(name: str, colour: str, expr: str, title: str, words: str) -> Any:
        return (
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(PROMETHEUS)
            .enable(True)
            .hide(False)
            .icon_color(colour)
            .expr(expr)
            .title_format(title)
            .text_format(words)
            .step("60s")
        )

    return [
        one(
            "Restarts of agents",
            "blue",
            "resets(hookspan_agent_cpu_time_seconds_total[2m]) > 0",
            "Agent restarted",
            "{{host_name}}",
        ),
        one(
            "Restarts of the stack",
            "purple",
            'changes(process_start_time_seconds{job="prometheus"}[2m]) > 0'
            ' or resets(otelcol_process_uptime{job="otel-collector"}[2m]) > 0',
            "Restarted",
            "{{job}}",
        ),
        one("Alerts", "red", 'ALERTS{alertstate="firing"}', "{{alertname}}", "{{severity}}"),
    ]


def board(
    uid: str, title: str, description: str, variables: Sequence[Any], rows: Sequence[tuple[str, Sequence[Any]]]
) -> d.Dashboard:
    """A dashboard of rows with headings."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["hookspan"])
        .readonly()
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .annotations(events())
        .links(
            [
                dashboard.DashboardLink("hookspan")
                .type(d.DashboardLinkType.DASHBOARDS)
                .tags(["hookspan"])
                .as_dropdown(False)
                .include_vars(True)
                .keep_time(True),
                *_links([PAGE]),
            ]
        )
    )
    for variable in variables:
        made = made.with_variable(variable)
    for heading, panels in rows:
        made = made.with_row(dashboard.Row(heading).id(identity(uid, f"row {heading}")))
        for panel in panels:
            made = made.with_panel(panel.id(identity(uid, panel.build().title or "")))
    return made.build()
