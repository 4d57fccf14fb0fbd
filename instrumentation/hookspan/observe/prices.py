"""List prices of model calls, from the table that genai-prices ships. The table is loaded at the first call."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from hookspan.catalogue.enums import Provider
from hookspan.model.calls import provider
from hookspan.wire.facts import ModelCall

_TABLES: Final = {Provider.ANTHROPIC: "anthropic", Provider.BEDROCK: "aws", Provider.VERTEX: "google"}
HOUR: Final = 3_600
_MANY: Final = 1_000
"""Tokens whose price is looked up for that of one: below where a long context costs more."""
_CLOUD_NAME: Final = re.compile(r"\A(?:.*anthropic\.)?(.+?)(?:-v\d+(?::\d+)?|@\d+)?(?:\[1m\])?\Z")
"""A model's name in a cloud: `us.anthropic.NAME-v1:0`, `NAME@20250929`."""


@lru_cache(maxsize=1)
def _library() -> Any:
    import genai_prices  # noqa: PLC0415 (it costs 150 ms and 10 MB, and an agent that reads no transcript needs none)

    return genai_prices


def put_price(call: ModelCall) -> None:
    """Fills `cost_nano` (nano-USD) and `prices` (the table's version); -1 stays where the table has no such model."""
    if not call.response_model or call.error_status:
        return
    library = _library()
    usage = library.Usage(
        input_tokens=call.input_tokens + call.cache_read_tokens + call.cache_write_tokens,
        output_tokens=call.output_tokens,
        cache_read_tokens=call.cache_read_tokens,
        cache_write_tokens=call.cache_write_tokens,
        cache_write_1h_tokens=call.cache_write_1h_tokens,
    )
    for table, model in _names(call):
        try:
            price = library.calc_price(usage, model_ref=model, provider_id=table)
        except LookupError:
            continue
        call.cost_nano = round(price.total_price * 1_000_000_000)
        call.prices = f"genai-prices {library.__version__}"
        hour = call.cache_ttl == HOUR
        call.cache_read_price = _of_one(table, model, "input_tokens", "cache_read_tokens")
        kinds = ("cache_write_tokens", "cache_write_1h_tokens")[: 1 + hour]
        call.cache_write_price = _of_one(table, model, "input_tokens", *kinds)
        call.input_price = _of_one(table, model, "input_tokens")
        call.output_price = _of_one(table, model, "output_tokens")
        return


@lru_cache(maxsize=256)
def _of_one(table: str, model: str, *kinds: str) -> float:
    """Nano-USD of one token that is of all these kinds."""
    library = _library()
    usage = library.Usage(**dict.fromkeys(kinds, _MANY))
    return float(library.calc_price(usage, model_ref=model, provider_id=table).total_price) * 1_000_000_000 / _MANY


def _names(call: ModelCall) -> list[tuple[str, str]]:
    """Tables and names to look a price up by: the cloud's own first, which may depend on the region, then the list's.

    On Bedrock the region stands in what was asked for; the answer may name the model only.
    """
    whose = provider(call)
    model = call.response_model
    if whose is Provider.BEDROCK and "anthropic." in call.request_model and "anthropic." not in model:
        model = call.request_model
    bare = _CLOUD_NAME.sub(r"\1", call.response_model)
    return list(dict.fromkeys([(_TABLES[whose], model), (_TABLES[Provider.ANTHROPIC], bare)]))
