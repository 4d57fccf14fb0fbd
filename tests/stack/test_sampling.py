"""Sampling with the real agent, Collector and Jaeger: what failed or was slow is there, and a share of the rest."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from hookspan.store import Reader
from tests.agent.machine import Machine, append, event
from tests.waiting import until

TURNS = 40  # of each kind
SECOND = 10**9
KINDS = {  # how long a turn takes, and when a call of it fails, in seconds
    "early error": (250, 1),
    "late error": (250, 240),
    "slow": (400, None),
    "plain": (250, None),
}


def turn(prompt: str, began: int, lasts: int, fails: int | None) -> Iterator[bytes]:
    """A session of one turn with two calls, as the relay would have written it then."""
    session = str(uuid.uuid4())

    def line(after: float, name: str, **fields: object) -> bytes:
        around = {"v": 1, "agent": "claude-code", "took": 100_000, "pid": 1, "ppid": 1, "host": "h", "pidns": 1}
        at = began + int(after * SECOND)
        return json.dumps({**around, "env": {}, "at": at, "event": event(name, session, **fields)}).encode()

    yield line(0, "UserPromptSubmit", prompt_id=prompt, prompt="hi")
    for at in (1, 240):
        call = {
            "tool_name": "Bash",
            "tool_input": {"command": "true"},
            "tool_use_id": f"toolu_{at}",
            "prompt_id": prompt,
        }
        yield line(at, "PreToolUse", **call)
        if at == fails:
            yield line(at + 0.5, "PostToolUseFailure", **call, error="Exit code 1", duration_ms=400)
        else:
            yield line(at + 0.5, "PostToolUse", **call, tool_response={"stdout": ""}, duration_ms=400)
    yield line(lasts, "Stop", prompt_id=prompt)
    yield line(lasts + 1, "SessionEnd", reason="other")


def test_what_failed_or_was_slow_is_in_jaeger_however_late(stack, tmp_path: Path):
    machine = Machine(
        tmp_path, settings=f'[export]\nendpoint = "{stack.otlp_http}"\n[traces]\nsample = 0.1\n'
    ).install()
    prompts = {kind: [str(uuid.uuid4()) for _ in range(TURNS)] for kind in KINDS}
    began = time.time_ns() - 1800 * SECOND
    try:
        machine.up()
        for kind, (lasts, fails) in KINDS.items():
            for number, prompt in enumerate(prompts[kind]):
                append(machine, *turn(prompt, began + number * SECOND, lasts, fails))
        store = Reader(machine.paths)
        until(lambda: len(rows := store.sessions(limit=1000)) == 4 * TURNS and all(row.ended for row in rows))
        assert machine.json("flush", "--wait", "60s")["exported"]
        export = machine.status()["export"]
        whole = {prompt: store.spans_of_trace(prompt.replace("-", "")) for of in prompts.values() for prompt in of}
    finally:
        machine.close()
    assert (export["held"], export["queue"]) == (0, 0)
    selected = {prompt for prompt in prompts["plain"] if int(prompt.replace("-", "")[-14:], 16) / 2**56 >= 0.9}
    wanted = {prompt for kind in KINDS if kind != "plain" for prompt in prompts[kind]} | selected
    out = sum(len(spans) for prompt, spans in whole.items() if prompt not in wanted)
    assert (export["sampled_out"], export["exported"]) == (out, store.counts().spans - out)
    for prompt in wanted:
        spans = stack.wait(lambda of=prompt: len(got := stack.trace(of.replace("-", ""))) == len(whole[of]) and got)
        assert sum(not span.parent_id for span in spans) == 1
    assert not any(stack.trace(prompt.replace("-", "")) for prompt in whole.keys() - wanted)
