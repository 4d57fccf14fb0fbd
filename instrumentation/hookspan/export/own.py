"""The agent's own metrics, as the SDK has collected them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)


class Differences:
    """Sums as what they gained since the last export that arrived: what the SDK's deltas had lost with a failure."""

    def __init__(self) -> None:
        self._arrived: dict[Any, NumberDataPoint] = {}
        self._sent: dict[Any, NumberDataPoint] = {}

    def of(self, metrics: ResourceMetrics) -> ResourceMetrics:
        """The same with its sums replaced."""
        self._sent = {}
        return replace(metrics, scope_metrics=[self._scope(one) for one in metrics.scope_metrics])

    def arrived(self) -> None:
        """The endpoint has what was made last."""
        self._arrived |= self._sent

    def _scope(self, scope: ScopeMetrics) -> ScopeMetrics:
        return replace(scope, metrics=[self._metric(one) for one in scope.metrics])

    def _metric(self, metric: Metric) -> Metric:
        if not isinstance(metric.data, Sum) or not metric.data.is_monotonic:
            return metric
        points = [self._point(metric.name, point) for point in metric.data.data_points]
        return replace(metric, data=Sum(points, AggregationTemporality.DELTA, is_monotonic=True))

    def _point(self, name: str, point: NumberDataPoint) -> NumberDataPoint:
        key = name, frozenset((point.attributes or {}).items())
        self._sent[key] = point
        before = self._arrived.get(key)
        if before is None:
            return point
        return replace(
            point, value=point.value - before.value, start_time_unix_nano=before.time_unix_nano, exemplars=[]
        )
