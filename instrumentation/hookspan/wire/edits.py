"""What an edit changes of some lines."""

from __future__ import annotations


def staying(before: list[str], after: list[str]) -> tuple[int, int]:
    """How many lines an edit leaves as they are, at its beginning and at its end."""
    most = min(len(before), len(after))
    head = next((at for at in range(most) if before[at] != after[at]), most)
    tail = next((at for at in range(most - head) if before[-1 - at] != after[-1 - at]), most - head)
    return head, tail
