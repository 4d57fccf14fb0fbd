"""Each signal goes where its settings say, with its own headers, pressed and paced as the way there deserves."""

from typing import Any

import pytest

from hookspan.config import Export
from hookspan.export import ExportSettings
from tests.export.exporting import SpanExport
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE


def test_two_backends_get_a_signal_and_a_key_each(span_export: SpanExport) -> None:
    with Sink() as one, Sink() as other:
        key, own = {"x-key": "of one"}, {"x-key": "of other"}
        exporter = span_export.start(one.url, headers=key, metrics_endpoint=f"{other.url}/v1/metrics")
        wanted = span_export.commit(3)
        assert exporter.drain(PATIENCE)
        assert [span.span_id for span in one.spans] == wanted
        assert {request.signal for request in one.requests} == {"traces"}
        assert {request.signal for request in other.requests} == {"metrics"}
        assert one.requests[-1].headers["x-key"] == "of one"
        assert not any("x-key" in request.headers for request in other.requests), "a key is for its own host"
        assert exporter.stats()["endpoint"] == f"{one.url} (metrics: {other.url}/v1/metrics)"

        exporter = span_export.start(
            None, headers=key, traces_endpoint=one.url, metrics_endpoint=other.url, metrics_headers=own
        )
        span_export.commit()
        assert exporter.drain(PATIENCE)
        assert (one.requests[-1].headers["x-key"], other.requests[-1].headers["x-key"]) == ("of one", "of other")

        exporter = span_export.start(None, traces_endpoint=one.url)
        one.clear()
        other.clear()
        span_export.commit()
        assert exporter.drain(PATIENCE)
        assert (len(one.requests), other.requests, exporter.stats()["metrics"]["state"]) == (1, [], "off")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"endpoint": "http://h:1"}, "http://h:1/v1/metrics"),
        ({"endpoint": "http://h:1/otlp/"}, "http://h:1/otlp/v1/metrics"),
        ({"endpoint": "http://h:1/v1/traces"}, "http://h:1/v1/metrics"),
        ({"endpoint": "http://h:1/otlp/?key=x"}, "http://h:1/otlp/v1/metrics?key=x"),
        ({"metrics_endpoint": "http://p:2?key=x"}, "http://p:2/v1/metrics?key=x"),
        ({"metrics_endpoint": "http://p:2"}, "http://p:2/v1/metrics"),
        ({"metrics_endpoint": "http://p:2/api/v1/otlp/v1/metrics"}, "http://p:2/api/v1/otlp/v1/metrics"),
        ({"metrics_endpoint": "http://p:2/in?db=x"}, "http://p:2/in?db=x"),
        ({"endpoint": "http://h:1", "traces_endpoint": "http://p:2/x"}, "http://h:1/v1/metrics"),
    ],
    ids=str,
)
def test_where_metrics_are_posted_to(settings: dict[str, str], url: str) -> None:
    assert ExportSettings(**settings).of("metrics").url("metrics") == url  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:4318", True),
        ("http://localhost:4318", True),
        ("http://[::1]:4318", True),
        ("http://127.9.9.9", True),
        ("http://otel.localhost:4318", True),
        ("http://host.docker.internal:4318", True),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.7:4318", False),
        ("https://otlp.example.com", False),
    ],
)
def test_what_goes_over_a_network_is_pressed_and_metrics_go_once_a_minute(url: str, near: bool) -> None:
    settings = ExportSettings(endpoint=url)
    assert (settings.of("metrics").compression, settings.interval) == (("none", 10) if near else ("gzip", 60))
    own = ExportSettings(endpoint="http://127.0.0.1:4318", metrics_endpoint=url)
    assert (own.of("traces").compression, own.interval) == ("none", 10 if near else 60)
    said = ExportSettings(endpoint=url, compression="gzip", metric_interval=5)
    assert (said.of("traces").compression, said.interval) == ("gzip", 5)


@pytest.mark.parametrize(
    ("settings", "off"),
    [
        ({}, "no endpoint is set"),
        ({"endpoint": "http://h", "enabled": False}, "`export.enabled` is false"),
        ({"endpoint": "http://h", "traces": False, "metrics": False}, "`export.traces` and `export.metrics` are false"),
        ({"traces_endpoint": "http://h", "traces": False}, "no endpoint of metrics is set"),
        ({"metrics_endpoint": "http://h", "metrics": False}, "no endpoint of spans is set"),
        ({"metrics_endpoint": "http://h"}, ""),
    ],
)
def test_why_nothing_is_exported(settings: dict[str, Any], off: str) -> None:
    assert (Export(**settings).off, Export(**settings).on) == (off, not off)
