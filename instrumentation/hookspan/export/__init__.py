"""OTLP spans and metrics, from the store."""
