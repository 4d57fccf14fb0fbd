"""Adds hooks to Claude Code's settings, removes them, and deletes everything that hookspan keeps."""
