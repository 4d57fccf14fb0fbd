"""OpenTelemetry for Claude Code hooks."""

__version__ = "0.1.0"
