"""Scenarios in a terminal."""
