"""Putting hooks into Claude Code's settings and taking them out, and deleting all that hookspan keeps."""
