"""Failed HTTP attempts of model calls: events of the call's span; until it is there, what the session waits for.

Nothing but a call's end tells that it goes on no more. Where it has none (Esc, a client that died) they are events of
its turn's or subagent's span.
"""

from __future__ import annotations

from typing import Final

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import ErrorType
from hookspan.catalogue.spans import REQUEST_FAILED
from hookspan.wire.facts import AttemptFailed

from .rows import Attributes, SpanEvent
from .state import KEPT_ATTEMPTS, KEPT_PLACES, Attempt, SessionState, bound
from .step import NANO, Step

_ERROR_TYPES: Final = {
    400: "invalid_request",
    401: "authentication_failed",
    403: "authentication_failed",
    404: "model_not_found",
    429: "rate_limit",
    529: "overloaded",
}


def error_type(status: int) -> str:
    """`error.type` of an HTTP status, empty for none."""
    if not status:
        return ""
    return _ERROR_TYPES.get(status) or ("server_error" if status >= 500 else ErrorType.OTHER.value)  # noqa: PLR2004


def failed(step: Step, fact: AttemptFailed) -> None:
    """An attempt failed, and the client waits before the next."""
    attempts = step.session.attempts.setdefault(fact.agent_id, [])
    error = error_type(fact.status) or ErrorType.OTHER.value
    delay = round(fact.delay_ms * 1e6)
    attempts.append(Attempt(fact.at, error, fact.status, fact.network_down, fact.attempt, fact.most, delay))
    del attempts[:-KEPT_ATTEMPTS]
    bound(step.session.attempts, KEPT_PLACES)


def take(session: SessionState, agent_id: str, up_to: int) -> list[Attempt]:
    """The failed attempts of a subagent's or the main agent's call that ended then; they are waited for no more."""
    attempts = session.attempts.pop(agent_id, [])
    if later := [attempt for attempt in attempts if attempt.at > up_to]:
        session.attempts[agent_id] = later
    return [attempt for attempt in attempts if attempt.at <= up_to]


def events(attempts: list[Attempt]) -> tuple[SpanEvent, ...]:
    """They as events of a span."""
    return tuple(SpanEvent(REQUEST_FAILED.name, attempt.at, _attributes(attempt)) for attempt in attempts)


def waited(attempts: list[Attempt]) -> float:
    """Seconds that the client waited after them."""
    return sum(attempt.delay for attempt in attempts) / NANO


def _attributes(attempt: Attempt) -> Attributes:
    attributes: Attributes = {
        sc.ERROR_TYPE: attempt.error,
        sc.HTTP_REQUEST_RESEND_COUNT: attempt.number,
        sc.RETRY_DELAY: attempt.delay / NANO,
    }
    if attempt.status:
        attributes[sc.HTTP_RESPONSE_STATUS_CODE] = attempt.status
    if attempt.most:
        attributes[sc.RETRIES_MAX] = attempt.most
    if attempt.network_down:
        attributes[sc.NETWORK_DOWN] = True
    return attributes
