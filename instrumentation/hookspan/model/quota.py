"""The account's quota: what status lines tell of its windows, which sessions used them, and when they will be full.

All sessions of a user share one account. A session that has been idle says again what it heard last, so within a window
only a higher figure is news, and a window that ends earlier than the one that is known is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from hookspan.catalogue.enums import QuotaWindow

if TYPE_CHECKING:  # readers of the store need none
    from hookspan.wire.facts import RateLimit

NANO: Final = 1_000_000_000
HOUR: Final = 3600 * NANO
LENGTH: Final = {QuotaWindow.FIVE_HOUR.value: 5 * HOUR, QuotaWindow.SEVEN_DAY.value: 7 * 24 * HOUR}
HORIZON: Final = {QuotaWindow.FIVE_HOUR.value: HOUR, QuotaWindow.SEVEN_DAY.value: 24 * HOUR}
"""How far back the pace is measured: long enough for a pause, short enough to follow what is being done."""
SAME: Final = 300 * NANO
"""Two ends that are so close are one window's."""
FULL: Final = 100.0  # percent
KEPT_SAMPLES: Final = 256
"""More than the whole percents that a window has."""
KEPT_SESSIONS: Final = 256
KEPT_LATER: Final = 256
TOGETHER: Final = HOUR // 6
"""Calls of a session within that time are kept as one."""


class Quota(msgspec.Struct, kw_only=True):
    """One window, as far as it was told.

    Attributes:
        resets_at: When it begins anew, Unix nanoseconds.
        samples: (when, percent used): one for each change.
        spent: List price, in nano-USD, of the calls in it that hookspan saw, by session.
        later: Calls after its end, which may be in the next one that is told of: (when, session, nano-USD), those of a
            session within ten minutes as one.
    """

    resets_at: int
    samples: list[tuple[int, float]] = []
    spent: dict[str, int] = {}
    later: list[tuple[int, str, int]] = []

    @property
    def used(self) -> float:
        """Percent."""
        return self.samples[-1][1]


class Forecast(msgspec.Struct, frozen=True):
    """A window at some moment. `full_at`: when it is full at the present pace, 0 if none can be told."""

    used: float
    resets_at: int
    full_at: int

    @property
    def too_soon(self) -> bool:
        """Whether that is before it begins anew."""
        return 0 < self.full_at < self.resets_at


def learn(quotas: dict[str, Quota], limits: Sequence[RateLimit], at: int) -> bool:
    """Takes in what a status line told at `at`; whether anything of it is news."""
    news = False
    for limit in limits:
        quota = quotas.get(limit.window)
        if limit.resets_at <= at or limit.window not in LENGTH:
            continue
        if quota is None or limit.resets_at > quota.resets_at + SAME:
            new = quotas[limit.window] = Quota(resets_at=limit.resets_at, samples=[(at, limit.used)])
            for when, session, nano in quota.later if quota else ():
                if when >= new.resets_at - LENGTH[limit.window]:  # none of a window between, which nobody told of
                    _add(new.spent, session, nano)
        elif limit.resets_at < quota.resets_at - SAME or limit.used <= quota.used:
            continue
        else:
            quota.samples.append((max(at, quota.samples[-1][0]), limit.used))
            del quota.samples[:-KEPT_SAMPLES]
        news = True
    return news


def spend(quotas: dict[str, Quota], session: str, at: int, nano: int) -> bool:
    """Counts a call that ended at `at` for its session; whether it is in a window that is known."""
    counted = False
    for window, quota in quotas.items():
        if at < quota.resets_at - LENGTH[window] or nano <= 0:
            continue
        if at < quota.resets_at:
            _add(quota.spent, session, nano)
        else:
            _add_later(quota.later, session, at, nano)
        counted = True
    return counted


def _add(spent: dict[str, int], session: str, nano: int) -> None:
    spent[session] = spent.get(session, 0) + nano
    while len(spent) > KEPT_SESSIONS:
        del spent[min(spent, key=spent.__getitem__)]


def _add_later(later: list[tuple[int, str, int]], session: str, at: int, nano: int) -> None:
    for place, (when, whose, known) in enumerate(later):
        if whose == session and when <= at < when + TOGETHER:
            later[place] = when, session, known + nano
            return
    later.append((at, session, nano))
    del later[:-KEPT_LATER]


def forget(quotas: Mapping[str, Quota], sessions: Iterable[str]) -> None:
    """Knows of these sessions no more."""
    for session in sessions:
        for quota in quotas.values():
            quota.spent.pop(session, None)
            quota.later = [call for call in quota.later if call[1] != session]


def forecast(window: str, quota: Quota, now: int) -> Forecast | None:
    """What is to be expected at `now`; None once the window is over."""
    if now >= quota.resets_at:
        return None
    if quota.used >= FULL:
        return Forecast(quota.used, quota.resets_at, quota.samples[-1][0])
    begin = quota.resets_at - LENGTH[window]
    since, before = begin, 0.0  # by then nothing of it was used
    if quota.samples[0][0] <= (horizon := now - HORIZON[window]):
        since, before = horizon, [used for at, used in quota.samples if at <= horizon][-1]
    used, length = quota.used - before, now - since
    is_pace = used > 0 and length >= HORIZON[window] // 4  # percentages are whole: one within a minute is none
    full_at = now + round((FULL - quota.used) * length / used) if is_pace else 0
    return Forecast(quota.used, quota.resets_at, full_at)
