"""What Claude Code's own telemetry told of a session."""

from __future__ import annotations

from hookspan.web import schemas, serializers
from hookspan.web.context import Context
from hookspan.web.handlers.sessions import row_of
from hookspan.web.parameters import Arguments
from hookspan.web.serializers import ms

EXECUTION = "execution"


def told(context: Context, arguments: Arguments) -> schemas.Told:
    """GET /sessions/{id}/told."""
    id_ = arguments["id"]
    with context.reader.moment() as moment:
        row_of(context, moment, id_)
        position = moment.position()
    found = context.reader.told(id_)
    calls: dict[str, schemas.ToldCall] = {}
    for decided in found.decisions:
        calls[decided.tool_use_id] = schemas.ToldCall(
            id=decided.tool_use_id,
            decision=decided.decision,
            source=decided.source,
            tool_source=decided.tool_source,
            mode=decided.mode,
        )
    for timed in found.calls:
        call = calls.setdefault(timed.tool_use_id, schemas.ToldCall(id=timed.tool_use_id))
        if timed.part == EXECUTION:
            call.start, call.end = ms(timed.start), ms(timed.end)
        else:
            call.asked, call.answered = ms(timed.start), ms(timed.end)
            call.decision, call.source = call.decision or timed.decision, call.source or timed.source
    return schemas.Told(
        now=serializers.now_ms(),
        position=position,
        hooks=[
            schemas.HookCost(
                name=hook.name,
                runs=hook.runs,
                hooks=hook.hooks,
                failed=hook.failed,
                time=ms(hook.took),
                longest=ms(hook.longest),
            )
            for hook in found.hooks
        ],
        sources=[
            schemas.HookSource(event=hook.event, source=hook.source, plugin=hook.plugin, count=hook.count)
            for hook in found.registered
        ],
        calls=list(calls.values()),
        requests=[
            schemas.ToldRequest(
                id=one.request_id,
                start=ms(one.start),
                end=ms(one.end),
                attempts=one.attempts,
                first_token=ms(one.first_token),
                query_source=one.query_source,
                success=one.success,
            )
            for one in found.requests
        ],
    )
