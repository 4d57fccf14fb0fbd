"""Copilot CLI: its hook event, its file of hooks, and the events that it keeps of each session."""
