"""The words for panels about log records: LogsQL instead of PromQL, asked of VictoriaLogs.

Names in LogsQL are those of the catalogue, as they were sent. What was delivered twice counts once, by its uid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, logs, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d
from panels import COUNT, Json, Link, Size, look, steps

LOGS: Final = c.DataSourceRef(type_val="victoriametrics-logs-datasource", uid="logs")

MACHINE: Final = '"host.name":~`^(${host:regex})$` "team":~`^(${team:regex})$`'
"""Of whom a dashboard tells, by what `whose` of queries.py lets people choose: of records of a machine."""
WORK: Final = f'"hookspan.project":~`^(${{project:regex}})$` "service.name":~`^(${{agent:regex}})$` {MACHINE}'
"""And of records of a session. Within backquotes nothing is escaped."""

PLACE: Final = "in <hookspan.project> on <host.name>"
"""Where it was, for the line of a record."""


class LogQuery(Builder[Dataquery]):
    """A question in LogsQL, for which the SDK has no builder.

    `kind`: `stats` for figures of the whole range, `statsRange` over time, `instant` for the records.
    """

    def __init__(self, expr: str, kind: str, legend: str = "", ref: str = "A") -> None:
        self._fields: dict[str, Any] = {
            "datasource": {"type": LOGS.type_val, "uid": LOGS.uid},
            "refId": ref,
            "editorMode": "code",
            "expr": expr,
            "queryType": kind,
        }
        if legend:
            self._fields["legendFormat"] = legend

    def build(self) -> Dataquery:
        """Itself: it knows its JSON."""
        return Json(self._fields)


def event(name: str, *filters: str, of: str = WORK) -> str:
    """The records of one kind."""
    return " ".join([f'event_name:="{name}"', of, *filters])


def events(*names: str, of: str = WORK) -> str:
    """The records of several kinds."""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"event_name:in({quoted}) {of}"


def counted(found: str, by: Mapping[str, str] | None = None, unique: str = "log.record.uid") -> str:
    """How many there are, by attributes (name: what it is called from here on)."""
    renamed = "".join(f' | rename "{name}" as {short}' for name, short in (by or {}).items())
    groups = f"by ({', '.join(by.values())}) " if by else ""
    return f'{found}{renamed} | stats {groups}count_uniq("{unique}") as records'


def number(
    title: str, question: str, expr: str, *, links: Sequence[Link], limit: float | None = None, size: Size = (4, 4)
) -> Any:
    """One number of the whole range; from `limit` on it is orange."""
    panel = look(stat.Panel(), title, question, COUNT, "none", links, size).datasource(LOGS)
    panel = panel.with_target(LogQuery(expr, "stats")).reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.graph_mode(c.BigValueGraphMode.NONE).decimals(0)
    panel = panel.color_mode(c.BigValueColorMode.NONE if limit is None else c.BigValueColorMode.VALUE)
    return panel.thresholds(steps((None, "green"), *([] if limit is None else [(limit, "orange")])))


def trend(
    title: str,
    question: str,
    expr: str,
    legend: str,
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    size: Size = (12, 8),
) -> Any:
    """How many there are over time, stacked."""
    panel = look(timeseries.Panel(), title, question, COUNT, empty, links, size).datasource(LOGS)
    panel = panel.with_target(LogQuery(expr, "statsRange", legend)).min(0).fill_opacity(80).line_width(0)
    panel = panel.draw_style(c.GraphDrawStyle.BARS)
    return panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))


def ranks(
    title: str,
    question: str,
    expr: str,
    legend: str,
    *,
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    size: Size = (8, 8),
) -> Any:
    """A bar for each value."""
    panel = look(bargauge.Panel(), title, question, COUNT, empty, links, size).datasource(LOGS)
    panel = panel.with_target(LogQuery(expr, "stats", legend)).min(0).orientation(c.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(c.BarGaugeDisplayMode.BASIC).thresholds(steps((None, "blue")))
    return panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))


def rows(
    title: str,
    question: str,
    expr: str,
    headings: Mapping[str, str],
    *,
    value: str = "Records",
    links: Sequence[Link],
    empty: str = "Nothing in this time range",
    size: Size = (12, 9),
) -> Any:
    """A table: a row for each set of labels (name: heading), with the one figure of `expr`."""
    panel = look(table.Panel(), title, question, "", empty, links, size).datasource(LOGS)
    panel = panel.with_target(LogQuery(expr, "stats"))
    panel = panel.with_transformation(d.DataTransformerConfig(id_val="labelsToFields", options={"mode": "columns"}))
    panel = panel.with_transformation(d.DataTransformerConfig(id_val="merge", options={}))
    names = [*headings, "Value"]
    panel = panel.with_transformation(
        d.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True, "__name__": True},
                "indexByName": {name: place for place, name in enumerate(names)},
                "renameByName": {**headings, "Value": value},
            },
        )
    )
    panel = panel.override_by_name(value, [d.DynamicConfigValue(id_val="unit", value=COUNT)])
    return panel.sort_by([common.TableSortByFieldState().display_name(value).desc(True)])


def entries(
    title: str,
    question: str,
    found: str,
    line: str,
    *,
    links: Sequence[Link],
    empty: str = "No such record in this time range",
    size: Size = (24, 9),
) -> Any:
    """The records themselves. `line`: what of them is read first; all else, the trace among it, is a click away."""
    panel = look(logs.Panel(), title, question, "", empty, links, size).datasource(LOGS)
    panel = panel.with_target(
        LogQuery(f'{found} | sort by (_time desc) limit 500 | format "{line}" as _msg', "instant")
    )
    panel = panel.show_time(True).wrap_log_message(True).enable_log_details(True)
    return panel.sort_order(c.LogsSortOrder.DESCENDING).dedup_strategy(c.LogsDedupStrategy.NONE)
