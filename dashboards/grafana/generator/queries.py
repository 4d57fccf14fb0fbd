"""What the dashboards share: PromQL in words, variables, and links from one to the other.

Names of metrics are those that Prometheus' OTLP receiver gives: dots become underscores, units and `_total` are added.
"""

from __future__ import annotations

from typing import Final

from panels import Link, Query, choice, single, text

from hookspan.catalogue.claude_code import CLAUDE_CODE

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"
PROJECT: Final = 'hookspan_project=~"$project", team=~"$team", host_name=~"$host", service_name=~"$agent"'
"""Of whom a dashboard tells: what `whose` lets people choose."""
AGENT: Final = 'service_name=~"$agent"'
WHO: Final = 'team=~"$team", host_name=~"$host"'
"""For what no project is known of: sessions now."""
TEAM: Final = 'hookspan_project=~"$project", team=~"$team"'
"""For what is recorded by project and team, whatever the machine."""
TOOL: Final = 'gen_ai_tool_name=~"$tool"'
MODEL: Final = 'gen_ai_response_model=~"$model"'
HOST: Final = 'host_name=~"$host"'

OVERVIEW: Final = "hookspan-overview"
TURNS: Final = "hookspan-turns"
TOOLS: Final = "hookspan-tools"
WAITING: Final = "hookspan-waiting"
COST: Final = "hookspan-cost"
CLIENT: Final = "hookspan-client"
PIPELINE: Final = "hookspan-pipeline"
FLEET: Final = "hookspan-fleet"
AUDIT: Final = "hookspan-audit"
SECURITY: Final = "hookspan-security"
HOST_BOARD: Final = "hookspan-host"

TO_OVERVIEW: Final = Link.board("Overview", OVERVIEW)
TO_TURNS: Final = Link.board("Turns", TURNS)
TO_TOOLS: Final = Link.board("Tools", TOOLS)
TO_WAITING: Final = Link.board("Waiting and permissions", WAITING)
TO_COST: Final = Link.board("Tokens and cost", COST)
TO_PIPELINE: Final = Link.board("Hooks and pipeline", PIPELINE)
TO_FLEET: Final = Link.board("Fleet", FLEET)
TO_AUDIT: Final = Link.board("Audit", AUDIT)
TO_SECURITY: Final = Link.board("Security", SECURITY)
TO_HOST: Final = Link.board("Host", HOST_BOARD)


def increase(metric: str, *matchers: str, by: str = "", over: str = RANGE) -> str:
    """How much a counter rose, summed."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({metric}{{{', '.join(matchers)}}}[{over}]))"


def rate(metric: str, *matchers: str, by: str = "", over: str = RATE) -> str:
    """How fast a counter rises, summed."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{', '.join(matchers)}}}[{over}]))"


def hourly(metric: str, *matchers: str, by: str = "") -> str:
    """How much a counter rises in an hour, over time: the same at every zoom, where an increase grows with the step."""
    return f"3600 * {rate(metric, *matchers, by=by)}"


# A histogram is one native series where the backend has those, as this stack's Prometheus does, or classic buckets.
# Each question takes what is there, in words that MetricsQL has too: without `histogram_sum` and `histogram_count`.


def quantile(q: float, metric: str, *matchers: str, by: str = "", over: str = RATE) -> str:
    """A quantile of a histogram, whose name is given without `_bucket`."""
    native = rate(metric, *matchers, by=by, over=over)
    classic = rate(f"{metric}_bucket", *matchers, by=f"le, {by}" if by else "le", over=over)
    return f"histogram_quantile({q}, {native}) or histogram_quantile({q}, {classic})"


def buckets(metric: str, *matchers: str) -> str:
    """A histogram over time."""
    return f"{rate(metric, *matchers)} or on () {rate(f'{metric}_bucket', *matchers, by='le')}"


def spent(metric: str, counted: str, *matchers: str, also: str = "", by: str = "") -> str:
    """The sum of a histogram's values. `counted`: the counter of what it has; `also`: what is to be true of that."""
    mean = f"histogram_avg({increase(metric, *matchers, by=by)})"
    native = f"{mean} * {increase(counted, *matchers, *([also] if also else []), by=by)}"
    return f"{native} or {increase(f'{metric}_sum', *matchers, by=by)}"


def share(part: str, whole: str) -> str:
    """A ratio; where nothing happened there is none."""
    return f"({part}) / ({whole} > 0)"


def or_zero(expr: str) -> str:
    """0 instead of nothing: of what has never happened there is no series yet."""
    return f"{expr} or vector(0)"


def both(metric: str, *matchers: str, than: str = "faster") -> list[Query]:
    """The middle and the far end; `than` says what the others are."""
    return [
        Query(quantile(0.5, metric, *matchers), f"half are {than} than"),
        Query(quantile(0.95, metric, *matchers), f"95 % are {than} than", exemplars=True),
    ]


def whose() -> tuple[object, ...]:
    """The variables of `PROJECT`. A team is what `[resource]` or a project's labels say; whoever has none is in All."""
    counted = "hookspan_turn_finished_total"
    return (
        choice("project", "Project", counted, "hookspan_project"),
        choice("agent", "Agent", counted, "service_name"),
        choice("team", "Team", counted, "team"),
        host_choice(counted),
    )


def traced() -> object:
    """The variable `client`: which of the agents that `whose` lets people choose, by its name in spans."""
    services = f"label_values(hookspan_turn_finished_total{{{AGENT}}}, service_name)"
    return single("client", "Traces of", services, "/^(.+)-hooks$/", CLAUDE_CODE.name)


def tool_choice() -> object:
    """The variable `tool`."""
    return choice("tool", "Tool", "hookspan_tool_calls_total", "gen_ai_tool_name")


def host_choice(metric: str) -> object:
    """The variable `host`."""
    return choice("host", "Machine", metric, "host_name")


def slower_text(value: str) -> object:
    """The variable `slower`, for searches in Jaeger."""
    return text("slower", "Slower than", value, "For the table of slow turns: 300ms, 5s, 2m")


def tags_text() -> object:
    """The variable `traces`, for searches in Jaeger."""
    words = "For the tables of traces, further tags: hookspan.project=shop vcs.ref.head.name=main"
    return text("traces", "Tags of traces", "", words)
