"""What hooks cannot tell, appended to the journal as facts: transcripts, processes, timers, git."""
