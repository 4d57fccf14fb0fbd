"""List prices of the model calls that transcripts tell of."""

from __future__ import annotations

import re
from typing import Final

from hookspan.catalogue.enums import Provider
from hookspan.model.calls import provider
from hookspan.prices import Used, price
from hookspan.wire.facts import ModelCall
from hookspan.wire.reduced import SERVED_BY_GITHUB

_TABLES: Final = {
    Provider.ANTHROPIC: "anthropic",
    Provider.BEDROCK: "aws",
    Provider.VERTEX: "google",
    Provider.OPENAI: "openai",
}
HOUR: Final = 3_600
_CLOUD_NAME: Final = re.compile(r"\A(?:.*anthropic\.)?(.+?)(?:-v\d+(?::\d+)?|@\d+)?(?:\[1m\])?\Z")
"""A model's name in a cloud: `us.anthropic.NAME-v1:0`, `NAME@20250929`."""


def put_price(call: ModelCall) -> None:
    """Fills `cost_nano` (nano-USD) and `prices` (the table's version); -1 stays where the table has no such model."""
    if not call.response_model or call.error_status:
        return
    used = Used(
        whole=call.input_tokens + call.cache_read_tokens + call.cache_write_tokens,
        output=call.output_tokens,
        read=call.cache_read_tokens,
        write=call.cache_write_tokens,
        write_1h=call.cache_write_1h_tokens,
    )
    if found := price(_names(call), used, hour=call.cache_ttl == HOUR):
        call.cost_nano, call.prices = found.nano, found.version
        call.cache_read_price, call.cache_write_price = found.read, found.write
        call.input_price, call.output_price = found.input, found.output


def _names(call: ModelCall) -> list[tuple[str, str]]:
    """Tables and names to look a price up by: the cloud's own first, which may depend on the region, then the list's.

    On Bedrock the region stands in what was asked for; the answer may name the model only.
    """
    whose = provider(call)
    if call.served_by == SERVED_BY_GITHUB:
        return []  # it bills requests, not tokens
    model = call.response_model
    if whose is Provider.BEDROCK and "anthropic." in call.request_model and "anthropic." not in model:
        model = call.request_model
    bare = _CLOUD_NAME.sub(r"\1", call.response_model)
    return list(dict.fromkeys([(_TABLES[whose], model), (_TABLES[Provider.ANTHROPIC], bare)]))
