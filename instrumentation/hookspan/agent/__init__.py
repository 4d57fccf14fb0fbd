"""The resident process: loops, lifecycle, health, notifications."""
