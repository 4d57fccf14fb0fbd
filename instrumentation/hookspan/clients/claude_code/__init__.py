"""Claude Code: its hook events, transcripts and settings files."""
