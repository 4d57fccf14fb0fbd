"""The recorded session of `hookspan demo`, its player, and what becomes of it."""
