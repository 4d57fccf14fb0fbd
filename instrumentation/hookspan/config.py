"""The settings: one table, which gives the file, the environment names, the flags, the help and the reference page.

Each section is a dataclass, each field of it an option made by `_option`. Later layers win: first the
administrator's file, then the user's, `HOOKSPAN_*`, flags; but what the administrator lists under `locked` stays.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self

from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.values import URL, Choice, Flag, Kind, Number, Pairs, Size, Text, Texts, without_secrets

DAYS_MAX: Final = 3650


def _option(default: object, kind: Kind, text: str, *, secret: bool = False) -> Any:
    metadata = {"kind": kind, "help": text, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Export:
    """Where spans and metrics are sent."""

    enabled: bool = _option(True, Flag(), "false: nothing is exported, even if an administrator sets an endpoint.")
    endpoint: str | None = _option(None, URL, "OTLP endpoint without /v1/traces; none: nothing is exported.")
    protocol: Literal["http/protobuf", "grpc"] = _option(
        "http/protobuf", Choice(("http/protobuf", "grpc")), "OTLP protocol."
    )
    headers: Mapping[str, str] = _option(
        {},
        Pairs("names with texts, in the environment `name=value,...`"),
        "Headers sent with every request.",
        secret=True,
    )
    token_file: str | None = _option(
        None,
        Text("a path"),
        "File with a token, sent as `Authorization: Bearer`; read for every request, so it may change.",
    )
    compression: Literal["none", "gzip"] = _option("none", Choice(("none", "gzip")), "Compression of requests.")
    timeout: float = _option(10.0, Number(0.1, 300, "seconds", fraction=True), "How long one request may take.")
    certificate: str | None = _option(
        None, Text("a path"), "File with the certificates to trust instead of the well-known ones."
    )
    client_certificate: str | None = _option(
        None, Text("a path"), "File with the certificate that the agent shows to an endpoint that asks for one."
    )
    client_key: str | None = _option(None, Text("a path"), "File with the key of `export.client_certificate`.")
    traces: bool = _option(True, Flag(), "Send spans. Spans from a time when this was false are not sent later.")
    metrics: bool = _option(True, Flag(), "Send metrics. false for a backend that takes traces only.")
    hook_spans: bool = _option(True, Flag(), "Export a span for every hook event (scope `hookspan.hooks`).")
    metric_interval: float = _option(
        10.0, Number(1, 3600, "seconds", fraction=True), "Time between exports of metrics."
    )
    max_days: int = _option(7, Number(1, DAYS_MAX, "days"), "How long spans wait for an endpoint that is unreachable.")

    @property
    def on(self) -> bool:
        """Whether anything is exported."""
        return self.enabled and self.endpoint is not None and (self.traces or self.metrics)

    @property
    def off(self) -> str:
        """Why nothing is exported; empty if something is."""
        if self.on:
            return ""
        if self.endpoint is None:
            return "no endpoint is set"
        return "`export.enabled` is false" if not self.enabled else "`export.traces` and `export.metrics` are false"


@dataclass(frozen=True, slots=True)
class Journal:
    """How long raw and compacted events are kept."""

    raw_hours: int = _option(24, Number(1, 8760, "hours"), "How long events keep everything that Claude Code sent.")
    days: int = _option(30, Number(1, DAYS_MAX, "days"), "How long compacted events are kept.")
    bytes: int = _option(2 << 30, Size(1 << 20), "Disk space that the journal may use.")


@dataclass(frozen=True, slots=True)
class Store:
    """How long the page can look back."""

    days: int = _option(90, Number(1, DAYS_MAX, "days"), "How long sessions and spans are kept.")
    bytes: int = _option(4 << 30, Size(1 << 20), "Disk space that the store may use.")


@dataclass(frozen=True, slots=True)
class Session:
    """Sessions."""

    idle_hours: float = _option(
        24.0,
        Number(0.1, 8760, "hours", fraction=True),
        "A session without events for this long counts as ended, if nothing else ended it.",
    )


@dataclass(frozen=True, slots=True)
class Agent:
    """The resident process."""

    autostart: bool = _option(True, Flag(), "Let a hook start the agent when it isn't running.")
    idle_minutes: float = _option(
        30.0, Number(0.1, 100_000, "minutes", fraction=True), "An agent with nothing to do exits after this time."
    )


@dataclass(frozen=True, slots=True)
class Content:
    """Prompts, commands, results, file names and error texts."""

    local: bool = _option(True, Flag(), "Show them on your own page and command line, and keep short labels.")
    export: bool = _option(
        False,
        Flag(),
        "Export the short labels (`hookspan.label`), with secrets removed. No other content is ever exported.",
    )


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The page."""

    enabled: bool = _option(True, Flag(), "Serve the page.")
    host: str = _option("127.0.0.1", Text("an address or host name", optional=False), "Address to listen on.")
    port: int = _option(8420, Number(0, 65535), "Port to listen on. If it is taken, or 0: any free port.")
    cache_ttl: float = _option(
        5.0, Number(0, 3600, "seconds", fraction=True), "How long the answer to a query is reused."
    )
    max_connections: int = _option(50, Number(1, 10_000), "Maximum number of live connections.")
    allowed_hosts: tuple[str, ...] = _option(
        (), Texts("a list of host names, in the environment with commas"), "Host names to accept besides loopback."
    )


@dataclass(frozen=True, slots=True)
class Monitor:
    """Health checks."""

    interval: float = _option(30.0, Number(1, 3600, "seconds", fraction=True), "Time between health checks.")


@dataclass(frozen=True, slots=True)
class Traces:
    """How a turn joins a trace that began before the prompt."""

    parent: Literal["link", "adopt"] = _option(
        "link",
        Choice(("link", "adopt")),
        "link: the turn links to the span in TRACEPARENT. adopt: the turn becomes part of that trace.",
    )


@dataclass(frozen=True, slots=True)
class Collector:
    """The OpenTelemetry Collector that the endpoint belongs to."""

    health: str | None = _option(
        None, URL, "Address of its health_check, such as http://127.0.0.1:13133; none: not checked."
    )
    metrics: str | None = _option(
        None,
        URL,
        "Address of its own metrics, such as http://127.0.0.1:8888/metrics: they show whether backends accept data.",
    )


@dataclass(frozen=True, slots=True)
class Links:
    """Where the page links to."""

    jaeger: str | None = _option(None, URL, "Address of Jaeger.")
    grafana: str | None = _option(None, URL, "Address of Grafana.")


@dataclass(frozen=True, slots=True)
class Project:
    """`[projects."name"]`: settings of one project."""

    record: bool = _option(
        True,
        Flag(),
        "false: its sessions are not recorded, work trees included; raw lines are deleted after `journal.raw_hours`.",
    )
    labels: Mapping[str, str] = _option(
        {}, Pairs("names with texts"), "Attributes of its spans and counters, such as team or cost centre."
    )


NOTIFY_EVENTS: Final = ("waiting", "turn_failed", "health_critical")


@dataclass(frozen=True, slots=True)
class Notify:
    """`[[notify]]`: where to send notifications."""

    url: str = _option(
        "",
        Text("an apprise URL such as `ntfy://topic`", lambda text: "://" in text, optional=False),
        "Address to notify.",
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
        60.0, Number(1, 86_400, "seconds", fraction=True), "At most one notification in this time."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked. `origins` names the layer of each that isn't a default."""

    export: Export = field(default_factory=Export)
    journal: Journal = field(default_factory=Journal)
    store: Store = field(default_factory=Store)
    session: Session = field(default_factory=Session)
    agent: Agent = field(default_factory=Agent)
    content: Content = field(default_factory=Content)
    dashboard: Dashboard = field(default_factory=Dashboard)
    monitor: Monitor = field(default_factory=Monitor)
    traces: Traces = field(default_factory=Traces)
    collector: Collector = field(default_factory=Collector)
    links: Links = field(default_factory=Links)
    resource: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, Project] = field(default_factory=dict)
    notify: tuple[Notify, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def value(self, key: str) -> Any:
        """The value of `section.name`, or of the tables `resource`, `projects` and `notify`."""
        section, _, name = key.partition(".")
        found = getattr(self, section)
        return getattr(found, name) if name else found

    def origin(self, key: str) -> str:
        """`default`, a file's path, a variable's name or `flag`."""
        return self.origins.get(key, "default")

    def as_dict(self) -> dict[str, Any]:
        """A snapshot of JSON types for another process, read by `from_dict`. It holds secrets."""
        plain = dataclasses.asdict(self)
        about = {name: plain.pop(name) for name in ("origins", "locked", "warnings")}
        return {
            # No setting has another default than none where none is allowed, so what is none can be left out.
            "settings": {
                section: {name: value for name, value in values.items() if value is not None}
                if isinstance(values, dict)
                else values
                for section, values in plain.items()
            },
            **about,
            "locked": sorted(self.locked),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The settings of a snapshot, checked again."""
        values, _ = _read(plain["settings"], "the snapshot")
        return cls(
            **_sections(values),
            origins=dict(plain["origins"]),
            locked=frozenset(plain["locked"]),
            warnings=tuple(plain["warnings"]),
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    section: str
    name: str
    kind: Kind
    default: Any
    help: str
    secret: bool

    @property
    def key(self) -> str:
        """Its name in `config set` and in messages."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"HOOKSPAN_{self.section}_{self.name}".upper()

    @property
    def flag(self) -> str:
        """Its name on a command line."""
        return f"--{self.section}-{self.name}".replace("_", "-")


def _options(section: str, owner: type) -> Iterator[Option]:
    instance = owner()
    for row in dataclasses.fields(owner):
        meta = row.metadata
        yield Option(section, row.name, meta["kind"], getattr(instance, row.name), meta["help"], meta["secret"])


SECTIONS: Final[Mapping[str, type]] = {
    section.name: type(getattr(Settings(), section.name))
    for section in dataclasses.fields(Settings)
    if dataclasses.is_dataclass(getattr(Settings(), section.name))
}
OPTIONS: Final[Mapping[str, Option]] = {
    option.key: option for section, owner in SECTIONS.items() for option in _options(section, owner)
}
HIDDEN: Final = "(hidden)"
TABLES: Final = ("resource", "projects", "notify")  # free names, so files only
JOINED: Final = ("resource", "projects")  # tables whose names in both files count, each by itself
_PROJECT: Final = {option.name: option for option in _options("projects", Project)}
_NOTIFY: Final = {option.name: option for option in _options("notify", Notify)}
_VARIABLES: Final = [option.variable for option in OPTIONS.values()]
_RESOURCE: Final = Pairs("a table of names with texts")


Layer = tuple[dict[str, Any], list[str]]
"""What a settings file says: checked values by key, and what is odd about it."""


def load(paths: Paths, env: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read, check and merge every layer; UserError names what is not allowed.

    Without `env` the files alone count, as for an agent that a hook started. `flags` has keys as `section.name`; a text
    is read as a variable is, None is a flag that was not given.
    """
    return merge(paths, read_file(paths.system_config), read_file(paths.config), env, flags)


def merge(
    paths: Paths,
    administrators: Layer,
    users: Layer,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """As `load`, of files that were read."""
    system = {key: value for key, value in administrators[0].items() if key != "locked"}
    locked, warnings = frozenset(administrators[0].get("locked", ())), administrators[1]
    user, more = users[0], list(users[1])
    layers = [(key, value, str(paths.system_config)) for key, value in system.items()]
    others = [(key, value, str(paths.config)) for key, value in user.items() if key != "locked"]
    for variable, text in (env or {}).items():
        if (option := _by_variable(variable)) is not None:
            # An empty variable is as good as none, but where none is allowed it says none.
            if text or (isinstance(option.kind, Text) and option.kind.optional):
                others.append((option.key, _value(option, text, variable, as_text=True), variable))
        elif variable.startswith("HOOKSPAN_") and (near := nearest(variable, _VARIABLES, alike=0.85)):
            more.append(f"`{variable}` is no setting{near}")
    for key, given in (flags or {}).items():
        if given is not None:
            option = OPTIONS[key]
            others.append((key, _value(option, given, option.flag, as_text=isinstance(given, str)), option.flag))
    for key, value, origin in others:
        names = [f"{key}.{name}" for name in value] if key in JOINED else [key]
        held = [name for name in names if is_locked(name, locked)]
        more += [f"`{name}` in {origin} is ignored: `{paths.system_config}` locks it" for name in held]
        if key in JOINED:
            layers.append((key, _joined(key, value, system.get(key, {}), held), origin))
        elif not held:
            layers.append((key, value, origin))
    return Settings(
        **_sections({key: value for key, value, _ in layers}),
        origins={key: origin for key, _, origin in layers},
        locked=locked,
        warnings=(*warnings, *more),
    )


def _joined(
    table: str, users: Mapping[str, Any], administrators: Mapping[str, Any], held: Collection[str]
) -> dict[str, Any]:
    """A table of free names: the administrator's, and over it what the user may set."""
    return {**administrators, **{name: value for name, value in users.items() if f"{table}.{name}" not in held}}


def values(settings: Settings, *, secrets: bool = False) -> dict[str, Any]:
    """Every setting by key, as JSON types; secret ones hidden."""
    found: dict[str, Any] = {}
    for option in OPTIONS.values():
        value = settings.value(option.key)
        hide = option.secret and value and not secrets
        found[option.key] = HIDDEN if hide else list(value) if isinstance(value, tuple) else value
    tables = settings.as_dict()["settings"]
    if not secrets:
        tables["notify"] = [row | {"url": HIDDEN} for row in tables["notify"]]
    return found | {table: tables[table] for table in TABLES if tables[table]}


def is_locked(key: str, locked: frozenset[str]) -> bool:
    """A lock names a key or a whole section."""
    return key in locked or key.partition(".")[0] in locked


def read_file(path: Path) -> Layer:
    """What a settings file says; nothing if there is none."""
    text = read_text(path)
    return ({}, []) if text is None else parse(text, str(path))


def read_text(path: Path) -> str | None:
    """The text of a settings file, None if there is none; UserError if it can't be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"can't read `{path}`: {error.strerror}", hint=f"its owner and mode: `ls -l {path}`") from error
    except UnicodeDecodeError as error:
        raise UserError(f"can't read `{path}`: it is not UTF-8 (byte {error.start + 1})") from error


def parse(text: str, origin: str) -> Layer:
    """What a settings file's text says."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"`{origin}` is not TOML: {error}") from error
    return _read(table, origin)


def _read(table: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for section, content in table.items():
        if section == "locked":
            values["locked"] = _checked(content, Texts("a list of keys"), "locked", origin)
        elif section == "resource":
            values["resource"] = _checked(content, _RESOURCE, "resource", origin)
        elif section == "projects":
            rows = _tables(content, section, origin).items()
            values["projects"] = {
                name: Project(**_row(row, _PROJECT, f'projects."{name}"', origin, warnings)) for name, row in rows
            }
        elif section == "notify":
            if not isinstance(content, list | tuple):
                raise UserError(f"`notify` in `{origin}` must be a list of tables: `[[notify]]`")
            rows = _tables({str(number): row for number, row in enumerate(content, 1)}, section, origin).items()
            values["notify"] = tuple(
                # Without `url` the empty one is checked, and says what is allowed.
                Notify(**_row({"url": "", **row}, _NOTIFY, f"notify {number}", origin, warnings))
                for number, row in rows
            )
        elif section in SECTIONS:
            known = {option.name: option for option in OPTIONS.values() if option.section == section}
            rows_of = _tables({section: content}, section, origin)[section]
            found = _row(rows_of, known, section, origin, warnings)
            values.update({f"{section}.{name}": value for name, value in found.items()})
        else:
            warnings.append(f"`{section}` in `{origin}` is no section{nearest(section, [*SECTIONS, *TABLES])}")
    return values, warnings


def _tables(content: object, section: str, origin: str) -> Mapping[str, Mapping[str, Any]]:
    """`content` as tables by name."""
    if not isinstance(content, Mapping) or not all(isinstance(row, Mapping) for row in content.values()):
        raise UserError(f"`{section}` in `{origin}` must be a table")
    return content


def _row(
    row: Mapping[str, Any], known: Mapping[str, Option], where: str, origin: str, warnings: list[str]
) -> dict[str, Any]:
    """The checked options of one table; a name that isn't known is a warning, since an older hookspan may read it."""
    found = {}
    for name, value in row.items():
        if (option := known.get(name)) is None:
            warnings.append(f"`{where}.{name}` in `{origin}` is no setting{nearest(name, list(known))}")
        else:
            found[name] = _checked(value, option.kind, f"{where}.{name}", origin, secret=option.secret)
    return found


def _checked(value: object, kind: Kind, key: str, origin: str, *, secret: bool = False, as_text: bool = False) -> Any:
    try:
        return kind.read_text(str(value)) if as_text else kind.read(value)
    except ValueError as error:
        shown = "its value" if secret else f"`{without_secrets(str(value))}`"
        raise UserError(f"`{key}` can't be {shown} ({origin})", hint=f"allowed: {kind.allowed}") from error


def _value(option: Option, value: object, origin: str, *, as_text: bool) -> Any:
    return _checked(value, option.kind, option.key, origin, secret=option.secret, as_text=as_text)


def _sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings' arguments from values by key."""
    made: dict[str, Any] = {}
    for section, owner in SECTIONS.items():
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(section + ".")}
        made[section] = owner(**own)
    return made | {name: values[name] for name in TABLES if name in values}


def _by_variable(variable: str) -> Option | None:
    return next((option for option in OPTIONS.values() if option.variable == variable), None)


def nearest(name: str, names: list[str], alike: float = 0.6) -> str:
    """Words that ask whether the most alike of `names` was meant; empty if none is."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=alike)
    return f"; did you mean `{found[0]}`?" if found else ""
