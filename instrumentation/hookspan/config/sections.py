"""Every setting, declared once: a field of a section, with its type, default, what it may be, and what it means.

From here come the file's keys, the environment's names, `hookspan config`, its completion and the reference page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from hookspan.record import About, Record, plain
from hookspan.values import (
    URL,
    Choice,
    Flag,
    Kind,
    Level,
    Number,
    Pairs,
    Size,
    Text,
    Texts,
    is_loopback,
    is_on_this_machine,
    origin,
)

DAYS_MAX: Final = 3650
SECRET_MIN: Final = 16  # characters; whoever guesses it can try all names
INTERVAL: Final = 10.0  # seconds between exports of metrics to a program on this machine
INTERVAL_AWAY: Final = 60.0  # and to any other: its network, and often each sample, has a price
HEADERS: Final = Pairs("a table of names and texts; in the environment `name=value,...`")

ContentLevel = Literal[False, "labels", "conversation"]
LEVELS: Final[tuple[ContentLevel, ...]] = (False, "labels", "conversation")
"""How much content is exported, rising."""

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")


def _option(default: object, kind: Kind, text: str, *, secret: bool = False) -> Any:
    return About(default, kind=kind, help=text, secret=secret)


class Export(Record):
    """Where spans, metrics and log records are sent."""

    enabled: bool = _option(True, Flag(), "If false, nothing is exported, even if an administrator sets an endpoint.")
    endpoint: str | None = _option(None, URL, "OTLP endpoint, without /v1/traces. If none is set, nothing is exported.")
    protocol: Literal["http/protobuf", "grpc"] = _option(
        "http/protobuf", Choice(("http/protobuf", "grpc")), "OTLP protocol."
    )
    headers: Mapping[str, str] = _option(
        {}, HEADERS, "Headers sent with every request to the host of `export.endpoint`.", secret=True
    )
    token_file: str | None = _option(
        None,
        Text("a path"),
        "File with a token, sent as `Authorization: Bearer`; read for every request, so it may change.",
    )
    compression: Literal["auto", "none", "gzip"] = _option(
        "auto",
        Choice(("auto", "none", "gzip")),
        "Compression of requests. auto: gzip, unless the endpoint is on this machine.",
    )
    timeout: float = _option(10.0, Number(0.1, 300, "seconds", fraction=True), "How long one request may take.")
    certificate: str | None = _option(
        None, Text("a path"), "File with the certificates to trust instead of the system's."
    )
    client_certificate: str | None = _option(
        None, Text("a path"), "File with the certificate that the agent shows to an endpoint that asks for one."
    )
    client_key: str | None = _option(None, Text("a path"), "File with the key of `export.client_certificate`.")
    traces: bool = _option(True, Flag(), "Send spans. Spans recorded while this is false are not sent later.")
    metrics: bool = _option(True, Flag(), "Send metrics. Set it to false for a backend that accepts only traces.")
    logs: bool = _option(
        False,
        Flag(),
        "Write and send log records: sessions, prompts by their size, decisions on tool calls, changes of modes and "
        "settings, gaps. Of the time before it was true there are none.",
    )
    audit: bool = _option(
        False,
        Flag(),
        "Seal log records: each has the hash of the one before and a signature (`hookspan audit`). Needs "
        "the library `cryptography`; without it log records wait.",
    )
    traces_endpoint: str | None = _option(
        None, URL, "OTLP endpoint of spans, with its path, if they go elsewhere than to `export.endpoint`."
    )
    traces_headers: Mapping[str, str] = _option(
        {}, HEADERS, "Headers sent with spans instead of `export.headers`.", secret=True
    )
    metrics_endpoint: str | None = _option(
        None, URL, "OTLP endpoint of metrics, with its path, if they go elsewhere than to `export.endpoint`."
    )
    metrics_headers: Mapping[str, str] = _option(
        {}, HEADERS, "Headers sent with metrics instead of `export.headers`.", secret=True
    )
    logs_endpoint: str | None = _option(
        None, URL, "OTLP endpoint of log records, with its path, if they go elsewhere than to `export.endpoint`."
    )
    logs_headers: Mapping[str, str] = _option(
        {}, HEADERS, "Headers sent with log records instead of `export.headers`.", secret=True
    )
    hook_spans: bool = _option(True, Flag(), "Export a span for every hook event (scope `hookspan.hooks`).")
    metric_interval: float | None = _option(
        None,
        Number(1, 3600, "seconds", fraction=True, optional=True),
        f"Time between exports of metrics. If none is set, {INTERVAL:g} for an endpoint on this machine and "
        f"{INTERVAL_AWAY:g} for another.",
    )
    temporality: Literal["cumulative", "delta"] = _option(
        "cumulative",
        Choice(("cumulative", "delta")),
        "What a point of a counter or histogram says: all since its start, or what came since the point before it.",
    )
    cost_by_branch: bool = _option(
        False, Flag(), "Give the metric `hookspan.cost` the branch as a label: of 64 branches, the rest is `_OTHER`."
    )
    genai_metrics: bool = _option(
        False,
        Flag(),
        "Also send the GenAI conventions' metrics that repeat others: `gen_ai.client.inference.usage.*`, "
        "`gen_ai.execute_tool.duration`, `gen_ai.invoke_agent.inference_calls` and `.tool_calls`.",
    )
    max_days: int = _option(
        7, Number(1, DAYS_MAX, "days"), "How long spans and log records wait for an endpoint that is unreachable."
    )

    def endpoint_of(self, signal: Signal) -> str | None:
        """Where a signal would be sent."""
        own: str | None = getattr(self, f"{signal}_endpoint")
        return own or self.endpoint

    @property
    def endpoints(self) -> list[str]:
        """Where the signals would be sent, each address once."""
        return list(dict.fromkeys(url for signal in SIGNALS if (url := self.endpoint_of(signal))))

    @property
    def local_ports(self) -> set[int]:
        """Ports of loopback that the endpoints name: somebody listens there, or will."""
        return {origin(url)[2] for url in self.endpoints if is_loopback(url)}

    def sends(self, signal: Signal) -> bool:
        """Whether a signal is exported."""
        return bool(self.enabled and getattr(self, signal) and self.endpoint_of(signal))

    @property
    def interval(self) -> float:
        """Seconds between exports of metrics."""
        if self.metric_interval is not None:
            return self.metric_interval
        return INTERVAL if is_on_this_machine(self.endpoint_of("metrics") or "") else INTERVAL_AWAY

    @property
    def on(self) -> bool:
        """Whether anything is exported."""
        return any(map(self.sends, SIGNALS))

    @property
    def off(self) -> str:
        """Why nothing is exported; empty if something is."""
        if self.on:
            return ""
        if not self.endpoints:
            return "no endpoint is set"
        if not self.enabled:
            return "`export.enabled` is false"
        if not (self.traces or self.metrics or self.logs):
            return "`export.traces` and `export.metrics` are false"
        return f"no endpoint of {'spans' if self.traces else 'metrics' if self.metrics else 'log records'} is set"


class Journal(Record):
    """How long raw and compacted events are kept."""

    raw_hours: int = _option(
        24,
        Number(1, 8760, "hours"),
        "How long events keep everything that coding agents sent. What gets older while no agent runs is reduced once "
        "one has started.",
    )
    days: int = _option(30, Number(1, DAYS_MAX, "days"), "How long compacted events are kept.")
    bytes: int = _option(2 << 30, Size(1 << 20), "Disk space that the journal may use.")


class Store(Record):
    """How long the page can look back."""

    days: int = _option(90, Number(1, DAYS_MAX, "days"), "How long sessions and spans are kept.")
    bytes: int = _option(4 << 30, Size(1 << 20), "Disk space that the store may use.")


class Session(Record):
    """Sessions."""

    idle_hours: float = _option(
        24.0,
        Number(0.1, 8760, "hours", fraction=True),
        "A session without events for this long counts as ended, if nothing else ended it.",
    )


class Agent(Record):
    """The resident process."""

    autostart: bool = _option(True, Flag(), "Let a hook start the agent when it isn't running.")
    idle_minutes: float = _option(
        30.0, Number(0.1, 100_000, "minutes", fraction=True), "An agent with nothing to do exits after this time."
    )


class Content(Record):
    """Prompts, commands, results, file names and error texts."""

    local: bool = _option(True, Flag(), "Show them on your own page and command line, and keep short labels.")
    export: Literal[False, "labels", "conversation"] = _option(
        False,
        Level(("labels", "conversation")),
        "What of them is exported. labels: the short labels (`hookspan.label`). conversation: also prompts, answers, "
        "and what tools were given and gave (`gen_ai.input.messages`, ...). Secrets of the usual formats are removed.",
    )
    max_bytes: int = _option(
        16 << 10, Size(1 << 10), "Most bytes of one exported attribute of the conversation; longer ones are cut."
    )


class Archive(Record):
    """Copies of transcripts. Claude Code deletes its own after `cleanupPeriodDays`, 30 days if nothing is set."""

    enabled: bool = _option(
        False, Flag(), "Keep copies of transcripts, so that conversations can be read and searched when they are gone."
    )
    days: int = _option(365, Number(1, DAYS_MAX, "days"), "How long they are kept after a session's last event.")
    bytes: int = _option(
        10 << 30, Size(1 << 20), "Disk space that they and the index may use; above, the oldest sessions go."
    )


class Receipts(Record):
    """What went into commits, and what became of them."""

    lines: bool = _option(
        False,
        Flag(),
        "Count how many lines of a commit are there when it is 1, 7 and 30 days old: runs `git blame`, at a low "
        "priority, in repositories that sessions work in.",
    )


class Identity(Record):
    """Whether spans and metrics say who it was."""

    user: Literal["off", "pseudonym", "name"] = _option(
        "off",
        Choice(("off", "pseudonym", "name")),
        "pseudonym: `user.id`, made of your login name and `identity.secret`. name: `user.name`, that name, as well.",
    )
    secret: str | None = _option(
        None,
        Text("a text of at least 16 characters", lambda text: len(text) >= SECRET_MIN),
        "The team's secret, which gives a login name the same pseudonym on every machine. If none is set, a random one "
        "of this installation.",
        secret=True,
    )


class Dashboard(Record):
    """The page."""

    enabled: bool = _option(True, Flag(), "Serve the page.")
    host: str = _option("127.0.0.1", Text("an address or host name", optional=False), "Address to listen on.")
    port: int = _option(8420, Number(0, 65535), "Port to listen on. If it is 0 or taken, any free port.")
    cache_ttl: float = _option(
        5.0, Number(0, 3600, "seconds", fraction=True), "How long the answer to a query is reused."
    )
    max_connections: int = _option(50, Number(1, 10_000), "Maximum number of live connections.")
    allowed_hosts: tuple[str, ...] = _option(
        (),
        Texts("a list of host names; in the environment separated by commas"),
        "Host names to accept besides loopback.",
    )


class Monitor(Record):
    """Health checks."""

    interval: float = _option(30.0, Number(1, 3600, "seconds", fraction=True), "Time between health checks.")


class Traces(Record):
    """Which turns are exported, and how one joins a trace that began before the prompt."""

    sample: float = _option(
        1.0,
        Number(0, 1, fraction=True),
        "The share of turns that are exported, as whole traces. Turns with an error and slow ones always are; metrics "
        "count all.",
    )
    slow_seconds: float = _option(
        300.0,
        Number(0.1, 1_000_000, "seconds", fraction=True),
        "With `traces.sample`: a turn that takes this long is slow.",
    )

    parent: Literal["link", "adopt"] = _option(
        "link",
        Choice(("link", "adopt")),
        "link: the turn links to the span in TRACEPARENT. adopt: it becomes part of that trace, if that is sampled.",
    )


def _limit(default: float, text: str, *, fraction: bool = False) -> Any:
    return _option(default, Number(0, 100_000_000, fraction=fraction), f"{text} 0: never.")


class Watchdog(Record):
    """When an agent is said to get nowhere, or a turn to run away. Nothing is ever blocked.

    Every limit is so high that no honest work was found that reaches it; docs/watchdog.md says why each is what it is.
    """

    enabled: bool = _option(True, Flag(), "Watch all agents.")
    calls: int = _limit(10, "How often the same call has the same result, and nothing else brings news.")
    polls: int = _limit(20, "The same of a call that asks something outside: a background task, a service, the web.")
    reads: int = _limit(15, "How often the same part of a file is read in a turn, and has not changed.")
    edits: int = _limit(6, "How many edits of the same lines undo each other, one after the other.")
    errors: int = _limit(8, "How often a tool fails with the same error, and nothing was changed in between.")
    failed_checks: int = _limit(15, "How often it does, whatever was changed in between.")
    stale_calls: int = _limit(40, "How many calls in a row bring nothing new.")
    compactions: int = _limit(4, "How many compactions follow each other with less than ten calls in between.")
    turn_tokens: int = _limit(500_000, "By how many tokens the context of a turn grows.")
    turn_usd: float = _limit(50.0, "What a turn costs, with its subagents, in US dollars at list price.", fraction=True)

    def changed(self) -> dict[str, float]:
        """What is not the default."""
        return {name: float(value) for name, value in plain(self).items() if value != self.DEFAULTS[name]}


class Collector(Record):
    """The OpenTelemetry Collector that the endpoint belongs to."""

    health: str | None = _option(
        None, URL, "Address of its health_check, such as http://127.0.0.1:13133; if none is set, it is not checked."
    )
    metrics: str | None = _option(
        None,
        URL,
        "Address of its own metrics, such as http://127.0.0.1:8888/metrics: they show whether backends accept data.",
    )


class Receive(Record):
    """The receiver of Claude Code's own telemetry, on loopback."""

    enabled: bool = _option(
        False,
        Flag(),
        "Receive Claude Code's own telemetry (OTLP over HTTP), join it to sessions, and forward it to the endpoint.",
    )
    port: int = _option(0, Number(0, 65535), "Port to listen on. 0: any that is free, and from then on the same one.")
    traces: bool = _option(True, Flag(), "Forward its spans to the endpoint.")
    metrics: bool = _option(True, Flag(), "Forward its metrics to the endpoint.")
    logs: bool = _option(True, Flag(), "Forward its log records to the endpoint.")
    bytes: int = _option(
        256 << 20, Size(1 << 20), "Disk space that waiting requests may use, a signal; above, the oldest ones go."
    )
    children: bool = _option(
        False,
        Flag(),
        "Keep the spans of programs that tool calls run, below their call. Listens on the ports 4318 and 4317 as well, "
        "to which OpenTelemetry's SDKs send by default, unless an endpoint of `[export]` names one of them.",
    )

    @property
    def forwarded(self) -> frozenset[Signal]:
        """The signals that are forwarded."""
        return frozenset(signal for signal in SIGNALS if getattr(self, signal))


class Links(Record):
    """Where the page links to."""

    jaeger: str | None = _option(None, URL, "Address of Jaeger.")
    grafana: str | None = _option(None, URL, "Address of Grafana.")


class Project(Record):
    """`[projects."name"]`: settings of one project."""

    record: bool = _option(
        True,
        Flag(),
        "If false, its sessions and those in its work trees are not recorded; raw lines go after `journal.raw_hours`.",
    )
    labels: Mapping[str, str] = _option(
        {}, Pairs("names with texts"), "Attributes of its spans and metrics, such as team or cost centre."
    )
    content: Literal["inherit", False, "labels", "conversation"] = _option(
        "inherit",
        Level(("labels", "conversation"), ("inherit",)),
        "What content of it is exported, instead of `content.export`; no more than that where it is locked.",
    )


NOTIFY_EVENTS: Final = ("waiting", "alarm", "turn_failed", "collision", "health_critical")
DESKTOP: Final = "desktop"
"""The `url` of this machine's desktop: whatever shows notifications there."""


class Notify(Record):
    """`[[notify]]`: where to send notifications."""

    url: str = _option(
        "",
        Text(
            f"`{DESKTOP}`, or an apprise URL such as `ntfy://topic`",
            lambda text: text == DESKTOP or "://" in text,
            optional=False,
        ),
        f"Whom to notify. {DESKTOP}: this machine's desktop. Any other needs the library `apprise`.",
        secret=True,
    )
    events: tuple[str, ...] = _option(
        NOTIFY_EVENTS,
        Texts(f"a list of {', '.join(NOTIFY_EVENTS)}", words=frozenset(NOTIFY_EVENTS)),
        f"What to notify about: {', '.join(NOTIFY_EVENTS)}.",
    )
    waiting_seconds: float = _option(
        60.0,
        Number(1, 86_400, "seconds", fraction=True),
        "Notify about a session once it has waited for you this long.",
    )
    interval: float = _option(
        60.0, Number(1, 86_400, "seconds", fraction=True), "Shortest time between two notifications."
    )


class Settings(Record):
    """Every setting, checked. `origins` names the layer of each that isn't a default."""

    export: Export = Export()
    journal: Journal = Journal()
    store: Store = Store()
    session: Session = Session()
    agent: Agent = Agent()
    content: Content = Content()
    archive: Archive = Archive()
    receipts: Receipts = Receipts()
    identity: Identity = Identity()
    dashboard: Dashboard = Dashboard()
    monitor: Monitor = Monitor()
    traces: Traces = Traces()
    watchdog: Watchdog = Watchdog()
    collector: Collector = Collector()
    receive: Receive = Receive()
    links: Links = Links()
    resource: Mapping[str, str] = {}
    projects: Mapping[str, Project] = {}
    notify: tuple[Notify, ...] = ()
    origins: Mapping[str, str] = {}
    locked: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def content_of_projects(self) -> dict[str, ContentLevel]:
        """What content is exported of the projects that say so themselves."""
        is_held = bool({"content", "content.export"} & self.locked)
        most = LEVELS.index(self.content.export) if is_held else len(LEVELS)
        said = {name: one.content for name, one in self.projects.items() if one.content != "inherit"}
        return {name: LEVELS[min(LEVELS.index(level), most)] for name, level in said.items()}

    def value(self, key: str) -> Any:
        """The value of `section.name`, or of the tables `resource`, `projects` and `notify`."""
        section, _, name = key.partition(".")
        value = getattr(self, section)
        return getattr(value, name) if name else value

    def origin(self, key: str) -> str:
        """`default`, a file's path or a variable's name."""
        return self.origins.get(key, "default")

    def as_dict(self) -> dict[str, Any]:
        """A snapshot of JSON types for another process, read by `from_snapshot`. It holds secrets."""
        sections = {name: _plain(value) for name, value in plain(self).items()}
        about = {name: sections.pop(name) for name in ("origins", "locked", "warnings")}
        return {
            # Every setting that can be none is none by default, so settings that are none can be left out.
            "settings": {
                section: {name: value for name, value in values.items() if value is not None}
                if isinstance(values, dict)
                else values
                for section, values in sections.items()
            },
            **about,
            "locked": sorted(self.locked),
        }


def _plain(value: Any) -> Any:
    """A section, or a table of sections, as tables."""
    if isinstance(value, Record):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value
