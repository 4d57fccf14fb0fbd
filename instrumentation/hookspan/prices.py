"""List prices of model calls, from the table that genai-prices ships. The table is loaded at the first call."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

_MANY: Final = 1_000
"""Tokens whose price is looked up for that of one: below where a long context costs more."""
_NANO: Final = 1_000_000_000


class Used(NamedTuple):
    """Tokens of a call. `whole` are those that were sent, cached ones included; `write_1h` is a part of `write`."""

    whole: int
    output: int
    read: int = 0
    write: int = 0
    write_1h: int = 0


class Price(NamedTuple):
    """What a call costs in nano-USD, the table's version, and what one token costs, by its kind."""

    nano: int
    version: str
    read: float
    write: float
    input: float
    output: float


@lru_cache(maxsize=1)
def _library() -> Any:
    import genai_prices  # noqa: PLC0415 (it costs 150 ms and 10 MB, and an agent that reads no model call needs none)

    return genai_prices


def price(names: Iterable[tuple[str, str]], used: Used, *, hour: bool = False) -> Price | None:
    """By the first of these tables and names that is listed, None where none is. `hour`: the cache is kept so long.

    None, too, for tokens that contradict each other, as more that were cached than were sent.
    """
    library = _library()
    usage = library.Usage(
        input_tokens=used.whole,
        output_tokens=used.output,
        cache_read_tokens=used.read,
        cache_write_tokens=used.write,
        cache_write_1h_tokens=used.write_1h,
    )
    for table, model in names:
        try:
            found = library.calc_price(usage, model_ref=model, provider_id=table)
        except LookupError:
            continue
        except ValueError:
            return None
        written = ("cache_write_tokens", "cache_write_1h_tokens")[: 1 + hour]
        return Price(
            round(found.total_price * _NANO),
            f"genai-prices {library.__version__}",
            read=_of_one(table, model, "input_tokens", "cache_read_tokens"),
            write=_of_one(table, model, "input_tokens", *written),
            input=_of_one(table, model, "input_tokens"),
            output=_of_one(table, model, "output_tokens"),
        )
    return None


@lru_cache(maxsize=256)
def _of_one(table: str, model: str, *kinds: str) -> float:
    """Nano-USD of one token that is of all these kinds."""
    library = _library()
    usage = library.Usage(**dict.fromkeys(kinds, _MANY))
    return float(library.calc_price(usage, model_ref=model, provider_id=table).total_price) * _NANO / _MANY
