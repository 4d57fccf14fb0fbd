"""What a client's own telemetry told of a session, in the fold."""

from hookspan.catalogue import attributes as sc
from hookspan.wire.facts import ClientTold
from hookspan.wire.told import HooksRan

from .test_moments import START, Told

MS = 1_000_000


def test_time_of_hooks_is_counted_once_and_what_is_felt_is_waste():
    told = Told()
    told.begin()
    fact = ClientTold(
        at=START,
        key="told:1",
        session="s",
        hooks=[
            HooksRan("PreToolUse:Bash", START, 20 * MS, 1),
            HooksRan("PreToolUse:Bash", START, 300 * MS, 2),
            HooksRan("Invented:Bash", START, 5 * MS, 1),
            HooksRan("Stop", START, 400 * MS, 1),  # the transcript tells of these
        ],
    )
    told.take(fact)
    told.take(fact)
    times = {
        dict(each.attributes)[sc.HOOK_EVENT]: each.value
        for each in told.increments
        if each.instrument == "hookspan.client_hook.time"
    }
    counted = [each for each in told.increments if each.instrument == "hookspan.client_hook.time"]
    assert len(counted) == 3
    assert times == {"PreToolUse": 0.3, "other": 0.005}
    assert [(one.kind, one.what, one.count, one.took) for one in told.waste] == [
        ("hooks", "PreToolUse:Bash", 1, 300 * MS)
    ]
