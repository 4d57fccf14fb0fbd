"""What is sent goes out and arrives: the endpoint, the Collector behind it, the clock, and what `stack` needs."""

from __future__ import annotations

import dataclasses
import http.client
import os
import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from hookspan.agent import fetch, health
from hookspan.agent.backlog import Backlog
from hookspan.agent.health import Status
from hookspan.cli.doctor.result import Found, Place
from hookspan.units import counted
from hookspan.values import without_secrets

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

    from hookspan.export.answer import Answer

ARRIVAL: Final = 10.0  # seconds that the test span is looked for; a Collector's batches wait a second or two
POLL: Final = 0.25
ASK_TIMEOUT: Final = 5.0
DATE_TIMEOUT: Final = 3.0
SKEW_WARNING: Final = 5.0  # seconds; a Date header has whole ones
SKEW_CRITICAL: Final = 300.0
SPAN: Final = "hookspan doctor"
CORRECT: Final = "start the collector, or correct `export.endpoint` and its token or certificates"


def export(place: Place) -> Iterator[Found]:
    """A span of our own goes to the endpoint, and is asked for where Jaeger can be asked. Then: are metrics taken?"""
    export = place.settings.export
    if export.endpoint is None or not export.on:
        yield Found(Status.HEALTHY, f"off: {export.off}")
        return
    endpoint = without_secrets(export.endpoint)
    if export.traces:
        yield from _traces(place, endpoint)
    else:
        yield _metrics(place, endpoint)


def _traces(place: Place, endpoint: str) -> Iterator[Found]:
    trace, began = secrets.randbits(128) or 1, time.monotonic()
    said = _send(place, "traces", [_span(place, trace)])
    took = time.monotonic() - began
    metrics = _send_no_metrics(place) if place.settings.export.metrics and (said.accepted or said.not_taken) else None
    if said.error or said.rejected:
        problem = said.error or "it took the request and rejected the span"
        why = "spans wait meanwhile, nothing is lost for `export.max_days`"
        todo = health.NO_TRACES if metrics is not None and metrics.accepted else CORRECT
        yield Found(Status.CRITICAL, f"{endpoint}: {problem}", why, todo, took, "s")
        return
    yield Found(Status.HEALTHY, f"{endpoint} took a test span in {took * 1000:.0f} ms", value=took, unit="s")
    if metrics is not None and metrics.not_taken:
        why = "counts, times and costs are in no dashboard; spans are not concerned"
        yield Found(Status.WARNING, f"{endpoint} takes no metrics: {metrics.error}", why, health.NO_METRICS)
    jaeger = place.jaeger or place.settings.links.jaeger
    if jaeger is not None:
        yield _arrived(jaeger, f"{trace:032x}")


def _metrics(place: Place, endpoint: str) -> Found:
    said = _send_no_metrics(place)
    if said.error:
        return Found(Status.CRITICAL, f"{endpoint}: {said.error}", "sums go on, no count is lost", CORRECT)
    return Found(Status.HEALTHY, f"{endpoint} takes metrics; `export.traces` is false")


def _send_no_metrics(place: Place) -> Answer:
    """An empty request: who takes no metrics says so to that, too."""
    from opentelemetry.sdk.metrics.export import MetricsData

    return _send(place, "metrics", MetricsData([]))


def _span(place: Place, trace: int) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, TraceFlags

    from hookspan import __version__
    from hookspan.catalogue import attributes as sc
    from hookspan.catalogue.scopes import SCHEMA_URL, SCOPE
    from hookspan.export.resource import resources

    now = time.time_ns()
    return ReadableSpan(
        name=SPAN,
        context=SpanContext(trace, secrets.randbits(64) or 1, is_remote=False, trace_flags=TraceFlags(1)),
        resource=resources(place.paths, place.settings.resource)[1],
        attributes={sc.SYNTHETIC: True},
        start_time=now,
        end_time=now,
        instrumentation_scope=InstrumentationScope(SCOPE, __version__, SCHEMA_URL),
    )


def _send(place: Place, signal: Literal["traces", "metrics"], data: Sequence[ReadableSpan] | MetricsData) -> Answer:
    """What the endpoint says to one request."""
    from hookspan.export import ExportSettings
    from hookspan.export.answer import Answer
    from hookspan.export.sender import forget_ambient, make

    forget_ambient()
    try:
        sender = make(ExportSettings(**dataclasses.asdict(place.settings.export)), signal)
    except (OSError, ValueError) as error:  # a certificate that can't be read
        return Answer(error=f"can't be asked ({error})")
    try:
        return sender.send(data)
    finally:
        sender.close()


def _arrived(url: str, trace: str) -> Found:
    shown, began = without_secrets(url), time.monotonic()
    problem = ""
    while True:
        try:
            _, answer = fetch.get(f"{url.rstrip('/')}/api/v3/traces/{trace}", ASK_TIMEOUT)
        except (OSError, ValueError) as error:
            answer, problem = b"", f" ({getattr(error, 'reason', error)})"
        took = time.monotonic() - began
        if trace.encode() in answer:
            return Found(Status.HEALTHY, f"and it was in {shown} after {took:.1f} s", value=took, unit="s")
        if took > ARRIVAL:
            break
        time.sleep(POLL)
    why = "the endpoint took it, so what is behind the endpoint does not deliver, or delivers elsewhere"
    todo = "does the Collector export traces to this Jaeger? its own log says what it refuses"
    return Found(Status.CRITICAL, f"the test span is not in {shown} after {took:.0f} s{problem}", why, todo, took, "s")


def collector(place: Place) -> Iterator[Found]:
    """The Collector's own word on itself and on what it delivers."""
    finding = Backlog().check(place.settings.collector, health.collector)
    yield Found.of(finding, "" if finding.status is Status.HEALTHY else "it keeps what it can't deliver")


def clock(place: Place) -> Iterator[Found]:
    """Our clock agrees with that of the backends, and has not gone back behind what is recorded."""
    well = True
    ahead = max((_modified(path) for path in (place.paths.current, place.paths.heartbeat)), default=0.0) - time.time()
    if ahead > SKEW_WARNING:
        well = False
        yield Found(
            Status.WARNING,
            f"the newest record is {ahead:.0f} s in the future",
            "the clock was set back: what is recorded now seems older than what was before",
            "if the clock is right now, nothing; it sorts itself out when that time has come",
            ahead,
            "s",
        )
    settings = place.settings
    http_endpoint = settings.export.endpoint if settings.export.protocol != "grpc" else None
    for url in (http_endpoint, settings.collector.health, settings.links.jaeger):
        if url is None or (skew := _skew(url)) is None:
            continue
        status = health.graded(abs(skew), SKEW_WARNING, SKEW_CRITICAL)
        direction = "behind" if skew > 0 else "ahead of"
        if status is not Status.HEALTHY:
            well = False
            yield Found(
                status,
                f"this machine's clock is {abs(skew):.0f} s {direction} that of {without_secrets(url)}",
                "spans lie beside those of other machines, and what is too old or too new may be refused",
                "set the clock by NTP here or there: `timedatectl`",
                skew,
                "s",
            )
        break
    if well:
        yield Found(Status.HEALTHY, "no skew is seen")


def _skew(url: str) -> float | None:
    """Seconds that a server's Date is ahead of our clock, halfway through the question; None without a Date."""
    parts = urlsplit(url)
    host, number = parts.hostname or "", parts.port
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is told; the export checks it
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(host, number, timeout=DATE_TIMEOUT, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, number, timeout=DATE_TIMEOUT)
    )
    try:
        began = time.time()
        connection.request("GET", "/")
        said = connection.getresponse().getheader("Date") or ""
        return parsedate_to_datetime(said).timestamp() + 0.5 - (began + time.time()) / 2  # the header cuts fractions
    except (OSError, http.client.HTTPException, ValueError, TypeError, OverflowError):
        return None
    finally:
        connection.close()


def _modified(path: Any) -> float:
    try:
        return float(os.stat(path).st_mtime)  # noqa: PTH116
    except FileNotFoundError:
        return 0.0


def docker(place: Place) -> Iterator[Found]:
    """What `hookspan stack` needs; nothing else does."""
    from hookspan.cli.stack.compose import Compose, environment
    from hookspan.errors import UserError

    folder = place.paths.data / "stack"
    made = (folder / "docker-compose.yml").exists()
    why = "the stack that `hookspan stack up` made can't be started or asked"
    try:
        compose = Compose.find(folder, {**environment(None), **place.env})
        if not made:
            yield Found(Status.HEALTHY, f"`{' '.join(compose.command)}` is there, for `hookspan stack`")
            return
        states = compose.states()
    except UserError as error:
        if not made:
            yield Found(Status.HEALTHY, f"{error.message}; only `hookspan stack` would need it")
            return
        yield Found(Status.WARNING, error.message, why, error.hint or "", quotes=True)
        return
    gone = [name for name, state in states.items() if state != "running"]
    if gone:
        why = "what they would take waits in the Collector's queue, or here"
        yield Found(Status.WARNING, f"of the stack {', '.join(gone)} does not run", why, "`hookspan stack up`")
    else:
        up = f"{counted(len(states), 'services')} of the stack running"
        yield Found(Status.HEALTHY, up if states else "the stack is down")
