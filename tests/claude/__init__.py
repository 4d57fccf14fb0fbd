"""Driving the real Claude Code client against a scripted model server, and recording what it does."""
