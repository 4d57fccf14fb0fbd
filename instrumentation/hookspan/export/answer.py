"""An endpoint's answer to one request, and how long to wait after a failure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from hookspan.wire.scrub import GONE, scrub

FIRST_DELAY: Final = 1.0  # seconds after a first failure, doubled with each further one
LAST_DELAY: Final = 30.0
RETRY_AFTER_MAX: Final = 300.0  # seconds; an endpoint that asks for more is asked again all the same

ANSWER_MAX: Final = 64 << 10  # bytes of an answer that are read; an OTLP one has fewer than a hundred
REASON_MAX: Final = 200  # characters of what it says that are kept
SECRET_LENGTH: Final = 6  # characters of a header's value, or of a word of it, from which on it may be a secret

TOLD_MAX: Final = 2000  # characters looked at of what it says: ten times what is shown, so that a key is seen whole

REFUSALS: Final = frozenset({HTTPStatus.BAD_REQUEST.value, HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value})
"""What can be the fault of one span. Everything else (a wrong key, an overload) concerns all of them.

gRPC's INVALID_ARGUMENT counts as the first, and a message that is too large as the second.
"""

NOT_TAKEN: Final = frozenset(
    {HTTPStatus.NOT_FOUND.value, HTTPStatus.METHOD_NOT_ALLOWED.value, HTTPStatus.NOT_IMPLEMENTED.value}
)
"""What a backend for one signal answers to the other. gRPC's UNIMPLEMENTED counts as the last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one request.

    Attributes:
        status: HTTP status, or what it would be for gRPC's; 0 if there was no answer, or one that HTTP has no word for.
        error: Why it failed, in words; empty if it didn't.
        retry_after: Seconds that the endpoint asked for, 0 if it didn't.
        rejected: Spans or data points that were refused within a success.
        unsendable: It was never sent: it can't be encoded, or is larger than the exporter sends.
    """

    status: int = 0
    error: str = ""
    retry_after: float = 0.0
    rejected: int = 0
    unsendable: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the endpoint has the data now."""
        return not self.error

    @property
    def not_taken(self) -> bool:
        """Whether nobody takes this signal there: it is not this request, nor how often it is sent."""
        return bool(self.error) and self.status in NOT_TAKEN

    @property
    def refused(self) -> bool:
        """Whether it says that it will never take this request, though it may take a part of it."""
        return self.unsendable or self.status in REFUSALS


UNSUPPORTED: Final = HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value
NO_GZIP: Final = "if it takes no gzip: `hookspan config set export.compression none`"


def presentable(text: str, headers: Mapping[str, str]) -> str:
    """What an endpoint says, fit to be shown: it may quote the key it was sent, or try to steer a terminal."""
    text = text[:TOLD_MAX]
    for value in headers.values():
        for word in (value, *value.split()):
            if len(word) >= SECRET_LENGTH:
                text = text.replace(word, GONE)
    return scrub("".join(letter if letter.isprintable() else " " for letter in text))


def delay(failures: int, answer: Answer) -> float:
    """Seconds to wait after so many failures in a row, so that many agents don't come back at once."""
    longest = min(LAST_DELAY, FIRST_DELAY * float(1 << min(failures - 1, 10)))
    return max(longest * random.uniform(0.5, 1.0), min(answer.retry_after, RETRY_AFTER_MAX))  # noqa: S311 - jitter
