"""What `hookspan` alone says: how things stand, and the next command."""

from __future__ import annotations


def show() -> None:
    """Print the state and the next command."""
    from hookspan.cli.status import show_bare

    show_bare()
