"""Something that is wrong with an installation: what, why that matters, what to do."""

from __future__ import annotations

from enum import StrEnum

from hookspan.record import Record


class Area(StrEnum):
    """What a problem is about; `doctor` has a check for each."""

    HOOKS = "hooks"
    POLICIES = "policies"
    STALE = "stale"
    TWICE = "twice"
    STARTER = "starter"
    STATUS_LINE = "status_line"
    OTHERS = "others"


class Problem(Record):
    """What is so, why that matters, what to do.

    `broken`: something is not recorded. `mends`: `hookspan install` mends it.
    """

    area: Area
    what: str
    why: str
    todo: str
    broken: bool = True
    mends: bool = False
