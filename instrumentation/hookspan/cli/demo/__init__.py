"""The recorded session of `hookspan demo`."""
