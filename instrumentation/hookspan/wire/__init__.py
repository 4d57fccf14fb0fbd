"""What Claude Code sends: hook events and transcripts, read tolerantly, and their reduction."""
