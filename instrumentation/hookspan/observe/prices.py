"""List prices of model calls, from the table that genai-prices ships. The table is loaded at the first call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hookspan.wire.facts import ModelCall


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
    try:
        price = library.calc_price(usage, model_ref=call.response_model, provider_id="anthropic")
    except LookupError:
        return
    call.cost_nano = round(price.total_price * 1_000_000_000)
    call.prices = f"genai-prices {library.__version__}"
