"""Codex: its hook events, rollouts and settings files."""
