"""kill -9 at any moment loses no event and counts none twice: the promise that everything else rests on."""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable

from tests.agent.stage import Machine, event, until
from tests.otlp_sink import Sink

EVENTS = int(os.environ.get("KILL_EVENTS", "2000"))  # more for a soak
WRITERS = int(os.environ.get("KILL_WRITERS", "4"))
KILLS = int(os.environ.get("KILLS", "6"))


def hooks(sink: Sink) -> int:
    """How many different hook spans arrived."""
    return len({span.span_id for span in sink.spans if span.scope == "hookspan.hooks"})


def counted(sink: Sink) -> int:
    """What the counter says in its newest points."""
    newest = {tuple(point.attributes.items()): point for point in sink.points if point.name == "hookspan.hook.events"}
    return sum(int(point.value or 0) for point in newest.values())


def write(machine: Machine, count: int) -> None:
    """Events of sessions of 50 events each, by one relay process after the other."""
    session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
    for number in range(count):
        if number % 50 == 0:
            session, prompt = str(uuid.uuid4()), str(uuid.uuid4())
        call = {"tool_name": "Read", "tool_input": {"file_path": "/x"}, "tool_use_id": f"toolu_{uuid.uuid4().hex}"}
        machine.hooks(event("PreToolUse", session, prompt_id=prompt, **call))


def test_killed_at_random_while_hooks_run(make_machine: Callable[..., Machine]):
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    with Sink() as sink:
        machine = make_machine(settings=f'[export]\nendpoint = "{sink.url}"\nmetric_interval = 1\n')
        machine.up()
        writers = [threading.Thread(target=write, args=(machine, EVENTS // WRITERS)) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        for kill in range(KILLS):
            if kill == KILLS // 3:
                sink.stop()  # the collector goes, too, ..
            if kill == KILLS * 2 // 3:
                sink.start()  # .. and comes back
            time.sleep(moments.uniform(0.05, 1.5))
            if not machine.pid:
                machine.up()  # killed before it was ready: hooks wait half a minute before they try again
            machine.kill()
        for writer in writers:
            writer.join()
        machine.up()
        flushed = machine.json("flush", "--wait", "60s")
        assert flushed["drained"], (seed, flushed)
        assert flushed["exported"], (seed, flushed)
        until(lambda: counted(sink) >= EVENTS, f"seed {seed}: {counted(sink)} counted, {hooks(sink)} hook spans")

        assert hooks(sink) == EVENTS, seed
        assert counted(sink) == EVENTS, seed
        assert machine.counts().events == EVENTS, seed
        status = machine.status()
        assert status["drops"] == {}, seed
        assert status["ingest"]["quarantined"] == 0, seed
