"""Checks the clock: it agrees with that of the backends, and was not set back."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hookspan.agent import health
from hookspan.agent.health import Status
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.values import without_secrets

DATE_TIMEOUT: Final = 3.0
SKEW_WARNING: Final = 5.0  # seconds; a Date header has whole ones
SKEW_CRITICAL: Final = 300.0


def clock(context: Context) -> Iterator[Result]:
    """Our clock agrees with that of the backends, and has not gone back behind what is recorded."""
    well = True
    ahead = (
        max((_modified(path) for path in (context.paths.current, context.paths.heartbeat)), default=0.0) - time.time()
    )
    if ahead > SKEW_WARNING:
        well = False
        yield Result(
            Status.WARNING,
            f"the newest record is {ahead:.0f} s in the future",
            "the clock was set back: what is recorded now seems older than what came before",
            "nothing, if the clock is right now; it resolves itself once that time is reached",
            ahead,
            "s",
        )
    settings = context.settings
    endpoints = settings.export.endpoints if settings.export.protocol != "grpc" else ()
    for url in (*endpoints, settings.collector.health, settings.links.jaeger):
        if url is None or (skew := _skew(url)) is None:
            continue
        status = health.graded(abs(skew), SKEW_WARNING, SKEW_CRITICAL)
        direction = "behind" if skew > 0 else "ahead of"
        if status is not Status.HEALTHY:
            well = False
            yield Result(
                status,
                f"this machine's clock is {abs(skew):.0f} s {direction} that of {without_secrets(url)}",
                "spans don't line up with those of other machines, and what is too old or too new may be refused",
                "synchronise the clock by NTP here or there: `timedatectl`",
                skew,
                "s",
            )
        break
    if well:
        yield Result(Status.HEALTHY, "no skew was found")


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
        date = connection.getresponse().getheader("Date") or ""
        return parsedate_to_datetime(date).timestamp() + 0.5 - (began + time.time()) / 2  # the header cuts fractions
    except (OSError, http.client.HTTPException, ValueError, TypeError, OverflowError):
        return None
    finally:
        connection.close()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
