"""The account's quota as it is shown: each window with its forecast, and the sessions that used it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from hookspan.catalogue.enums import QuotaWindow
from hookspan.model.quota import Quota, forecast

TOP_SESSIONS: Final = 5


class Share(msgspec.Struct, frozen=True):
    """A session's share of the cost of all calls in a window that hookspan saw, of 1."""

    session: str
    share: float


class QuotaUse(msgspec.Struct, frozen=True, kw_only=True):
    """A window of the account's quota at some moment; times are Unix nanoseconds.

    Attributes:
        used: Of 1.
        resets_at: When it begins anew.
        full_at: When it is full at the present pace, 0 if nothing is being used.
        too_soon: Whether that is before it begins anew.
        shares: The sessions that used most of it.
    """

    window: str
    used: float
    resets_at: int
    full_at: int
    too_soon: bool
    shares: tuple[Share, ...] = ()


def in_use(quotas: Mapping[str, Quota], now: int, is_known: Callable[[str], bool]) -> list[QuotaUse]:
    """The windows that go on at `now`, the shortest first; `is_known`: whether a session is there to be shown."""
    uses = []
    for window in QuotaWindow:
        quota = quotas.get(window.value)
        at = None if quota is None else forecast(window.value, quota, now)
        if quota is None or at is None:
            continue
        total = sum(quota.spent.values())
        dearest = sorted(quota.spent, key=lambda session: (-quota.spent[session], session))
        shown = [session for session in dearest[: 2 * TOP_SESSIONS] if is_known(session)][:TOP_SESSIONS]
        uses.append(
            QuotaUse(
                window=window.value,
                used=at.used / 100,
                resets_at=at.resets_at,
                full_at=at.full_at,
                too_soon=at.too_soon,
                shares=tuple(Share(session, quota.spent[session] / total) for session in shown),
            )
        )
    return uses
