"""The recorded session of `hookspan demo`, its player, and the summary of what came out."""
