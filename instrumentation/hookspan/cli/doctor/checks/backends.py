"""Checks whether exported data arrives: the endpoint, the Collector behind it, and what `stack` needs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from hookspan.agent import fetch
from hookspan.agent.health import Status
from hookspan.agent.health.checks import NO_METRICS, NO_TRACES
from hookspan.agent.health.collector import Backlog
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.config import Signal
from hookspan.errors import UserError
from hookspan.record import plain
from hookspan.units import counted
from hookspan.values import without_secrets

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

    from hookspan.export.answer import Answer

ARRIVAL: Final = 10.0  # seconds that the test span is looked for; a Collector's batches wait a second or two
POLL: Final = 0.25
ASK_TIMEOUT: Final = 5.0
SPAN: Final = "hookspan doctor"
CORRECT: Final = "start the collector, or correct `export.endpoint` and its token or certificates"


def export(context: Context) -> Iterator[Result]:
    """A span of our own goes to the endpoint, and is asked for where Jaeger can be asked. Then: are metrics taken?"""
    export = context.settings.export
    if not export.on:
        yield Result(Status.HEALTHY, f"off: {export.off}")
        return
    if export.sends("traces"):
        yield from _traces(context)
    else:
        yield _metrics(context)


def _traces(context: Context) -> Iterator[Result]:
    endpoint, export = _shown(context, "traces"), context.settings.export
    trace, began = secrets.randbits(128) or 1, time.monotonic()
    answer = _send(context, "traces", [_span(context, trace)])
    took = time.monotonic() - began
    ask = export.sends("metrics") and (answer.accepted or answer.not_taken or export.metrics_endpoint)
    metrics = _send_no_metrics(context) if ask else None
    if answer.error or answer.rejected:
        problem = answer.error or "it accepted the request but rejected the span"
        why = "spans wait in the meantime; nothing is lost for `export.max_days`"
        todo = NO_TRACES if metrics is not None and metrics.accepted else CORRECT
        yield Result(Status.CRITICAL, f"{endpoint}: {problem}", why, todo, took, "s")
        return
    yield Result(Status.HEALTHY, f"{endpoint} took a test span in {took * 1000:.0f} ms", value=took, unit="s")
    if metrics is not None and metrics.error and (metrics.not_taken or export.metrics_endpoint):
        why = "counts, times and costs are in no dashboard; spans are not affected"
        taken, todo = " takes no metrics", NO_METRICS
        if not metrics.not_taken:
            taken, todo = "", CORRECT.replace("export.endpoint", "export.metrics_endpoint")
        yield Result(Status.WARNING, f"{_shown(context, 'metrics')}{taken}: {metrics.error}", why, todo)
    jaeger = context.jaeger or context.settings.links.jaeger
    if jaeger is not None:
        yield _arrived(jaeger, f"{trace:032x}")


def _metrics(context: Context) -> Result:
    endpoint = _shown(context, "metrics")
    answer = _send_no_metrics(context)
    if answer.error:
        return Result(Status.CRITICAL, f"{endpoint}: {answer.error}", "sums continue, no count is lost", CORRECT)
    why = "spans have no endpoint" if context.settings.export.traces else "`export.traces` is false"
    return Result(Status.HEALTHY, f"{endpoint} takes metrics; {why}")


def _shown(context: Context, signal: Signal) -> str:
    return without_secrets(context.settings.export.endpoint_of(signal) or "")


def _send_no_metrics(context: Context) -> Answer:
    """An empty request: who takes no metrics says so to that, too."""
    from opentelemetry.sdk.metrics.export import MetricsData

    return _send(context, "metrics", MetricsData([]))


def _span(context: Context, trace: int) -> ReadableSpan:
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
        resource=resources(context.paths, context.settings.resource)[1],
        attributes={sc.SYNTHETIC: True},
        start_time=now,
        end_time=now,
        instrumentation_scope=InstrumentationScope(SCOPE, __version__, SCHEMA_URL),
    )


def _send(context: Context, signal: Signal, data: Sequence[ReadableSpan] | MetricsData) -> Answer:
    """What the endpoint says to one request."""
    from hookspan.export import ExportSettings
    from hookspan.export.answer import Answer
    from hookspan.export.sender import forget_ambient, make

    forget_ambient()
    try:
        sender = make(ExportSettings(**plain(context.settings.export)), signal)
    except (OSError, ValueError) as error:  # a certificate that can't be read
        return Answer(error=f"can't be queried ({error})")
    try:
        return sender.send(data)
    finally:
        sender.close()


def _arrived(url: str, trace: str) -> Result:
    shown, began = without_secrets(url), time.monotonic()
    problem = ""
    while True:
        try:
            _, body = fetch.get(f"{url.rstrip('/')}/api/v3/traces/{trace}", ASK_TIMEOUT)
        except (OSError, ValueError) as error:
            body, problem = b"", f" ({getattr(error, 'reason', error)})"
        took = time.monotonic() - began
        if trace.encode() in body:
            return Result(Status.HEALTHY, f"and it was in {shown} after {took:.1f} s", value=took, unit="s")
        if took > ARRIVAL:
            break
        time.sleep(POLL)
    why = "the endpoint accepted it, so a program behind the endpoint doesn't deliver it, or delivers it elsewhere"
    todo = "does the Collector export traces to this Jaeger? Its log says what it refuses"
    return Result(Status.CRITICAL, f"the test span is not in {shown} after {took:.0f} s{problem}", why, todo, took, "s")


def collector(context: Context) -> Iterator[Result]:
    """The Collector's own word on itself and on what it delivers."""
    finding = Backlog().check(context.settings.collector)
    yield Result.of(finding, "" if finding.status is Status.HEALTHY else "it keeps what it can't deliver")


def docker(context: Context) -> Iterator[Result]:
    """What `hookspan stack` needs; nothing else does."""
    from hookspan.cli.stack.compose import Compose, environment

    folder = context.paths.data / "stack"
    installed = (folder / "docker-compose.yml").exists()
    why = "the stack of `hookspan stack up` can't be started or queried"
    try:
        compose = Compose.find(folder, {**environment(None), **context.env})
        if not installed:
            yield Result(Status.HEALTHY, f"`{' '.join(compose.command)}` is there, for `hookspan stack`")
            return
        states = compose.states()
    except UserError as error:
        if not installed:
            yield Result(Status.HEALTHY, f"{error.message}; only `hookspan stack` needs it")
            return
        yield Result(Status.WARNING, error.message, why, error.hint or "", quotes=True)
        return
    stopped = [name for name, state in states.items() if state != "running"]
    if stopped:
        why = "what they should receive waits in the Collector's queue, or here"
        yield Result(Status.WARNING, f"of the stack {', '.join(stopped)} does not run", why, "`hookspan stack up`")
    else:
        up = f"{counted(len(states), 'services')} of the stack running"
        yield Result(Status.HEALTHY, up if states else "the stack is down")
