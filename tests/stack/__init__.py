"""Tests against the real Collector, Jaeger and Prometheus."""
