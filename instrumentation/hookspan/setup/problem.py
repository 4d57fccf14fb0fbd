"""Something that is wrong with an installation: what, why that matters, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """What a problem is about; `doctor` has a check for each."""

    HOOKS = "hooks"
    POLICIES = "policies"
    STALE = "stale"
    TWICE = "twice"
    STARTER = "starter"
    STATUS_LINE = "status_line"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is so, why that matters, what to do.

    `broken`: something is not recorded. `mends`: `hookspan install` mends it.
    """

    area: Area
    what: str
    why: str
    todo: str
    broken: bool = True
    mends: bool = False
