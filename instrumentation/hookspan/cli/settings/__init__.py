"""What the verbs of `hookspan config` do beside printing a value."""
