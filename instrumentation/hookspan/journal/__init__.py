"""The append-only files that are the only queue: append, tail, rotate, compact, quarantine."""
