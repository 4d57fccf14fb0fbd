"""Sealed log records beside the client's own: each prompt, decision, denial, bypass, failure and gap, call by call."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from hookspan.agent.client import Client
from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from tests.claude import native
from tests.claude.drivers import PrintSession
from tests.claude.installed import TOP, InstalledHome, down, flush, hookspan, install
from tests.claude.model import Model, Tool, says
from tests.claude.native import EXPORT_INTERVAL
from tests.claude.pipeline import Pipeline
from tests.claude.scenarios import SCENARIOS
from tests.claude.scenarios.printed import agent, bash
from tests.export.audited import requests, verified
from tests.otlp_decode import Log
from tests.otlp_sink import Sink
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.need_npm, pytest.mark.xdist_group("client")]

AUDITED = {"export.logs": "true", "export.audit": "true"}
ALONE = {"export.traces": "false", "export.metrics": "false"}
VETO = "#!/bin/sh\nif grep -q forbidden; then echo no >&2; exit 2; fi\n"
MORNING, NOON, EVENING = "fix the cart", "do as you like", "tidy up"
WHO = {"hook": {"hook"}, "config": {"rule", "mode", "client", "bypass", "unknown"}}
"""Who decided, by the client's word for it; all of its other words are a person's."""

Decisions = dict[str, tuple[bool, str]]


def own_records(found: Iterable[Log], event: logs.LogEvent) -> list[dict[str, Any]]:
    """Those of hookspan, each once: who is killed before it noted what it sent sends that again."""
    named = [log.attributes for log in found if log.event_name == event.name]
    return list({one[sc.LOG_RECORD_UID]: dict(one) for one in named}.values())


def decisions(found: Iterable[Log]) -> Decisions:
    """Of hookspan: whether each call was let run, and who decided."""
    own = own_records(found, logs.DECISION)
    decided = {one[sc.TOOL_CALL_ID]: (one[sc.VERDICT] == "allowed", one[sc.DECIDED_BY]) for one in own}
    assert len(decided) == len(own), "a call has one"
    return decided


def ids(found: Iterable[Log], event: logs.LogEvent, key: str) -> Counter[str]:
    return Counter(str(one[key]) for one in own_records(found, event))


def theirs(found: Iterable[Log], event: str, **wanted: str) -> list[dict[str, Any]]:
    """The attributes of the client's records of an event."""
    named = [dict(log.attributes) for log in found if log.attributes.get("event.name") == event]
    return [one for one in named if wanted.items() <= one.items()]


def assert_equal(ours: Sink, native_logs: Sink) -> None:
    """What the client says of prompts, decisions and failures is what hookspan's records say, and nothing else."""
    told = theirs(native_logs.logs, "tool_decision")
    decided = decisions(ours.logs)
    assert {call: allowed for call, (allowed, _) in decided.items()} == {
        one["tool_use_id"]: one["decision"] == "accept" for one in told
    }
    for one in told:
        assert decided[one["tool_use_id"]][1] in WHO.get(one["source"], {"user"}), one
    failed = [one["tool_use_id"] for one in theirs(native_logs.logs, "tool_result", success="false")]
    assert ids(ours.logs, logs.FAILED, sc.TOOL_CALL_ID) == Counter(failed)
    typed = [one for one in theirs(native_logs.logs, "user_prompt") if one.get("command_source") != "builtin"]
    assert ids(ours.logs, logs.PROMPT, sc.PROMPT_ID) == Counter(one["prompt.id"] for one in typed)
    report = verified(requests(ours))
    assert not report.faults, report.faults


class Audited(Pipeline):
    """hookspan with sealed log records; the scenario is played once, without a second agent."""

    def _install(self, home: Any) -> None:
        install(home, {"export.endpoint": self.ours.url, **AUDITED})
        home.state = home.root / TOP / "state"
        hookspan(home, "up")

    def _late(self, _home: Any) -> list[str]:
        return []


def played(name: str) -> Audited:
    """A scenario, played once more if a terminal lost a key."""
    pipeline = Audited()
    try:
        pipeline.run(SCENARIOS[name])
    except TimeoutError:
        pipeline = Audited()
        pipeline.run(SCENARIOS[name])
    return pipeline


DIALOGS = ("permission_approved", "permission_words", "permission_esc")


@pytest.mark.need_tmux
@pytest.mark.parametrize("name", DIALOGS)
def test_what_a_person_answers_is_what_the_client_says(name: str) -> None:
    pipeline = played(name)
    assert_equal(pipeline.ours, pipeline.theirs)


@pytest.fixture
def ours() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def client_logs() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def home(ours: Sink, client_logs: Sink) -> Iterator[InstalledHome]:
    settings = {"export.endpoint": ours.url, **AUDITED, **ALONE}
    env = native.environment(client_logs.url)
    with Model("audit") as model, InstalledHome(model.url, settings=settings, env=env) as home:
        veto = home.root / "veto.sh"
        veto.write_text(VETO)
        veto.chmod(0o755)
        home.hook([str(veto)], ["PreToolUse"])
        read = Tool("Read", {"file_path": str(home.project / "cart.py")})
        model.play({
            MORNING: [
                says(bash("ls"), read),
                says(bash("touch there", "denied"), bash("ls forbidden", "denied")),
                says(bash("ls nowhere", "error")),
                says(agent("review the cart", run_in_background=False)),
                says("Done."),
            ],
            "review the cart": [says(bash("ls -a")), says("Reviewed.")],
            NOON: [says(bash("touch here")), says(bash("rm forbidden", "denied")), says("Done.")],
            EVENING: [says(bash("ls here"), bash("curl http://127.0.0.1:1", "denied")), says("Done.")],
        })  # fmt: skip
        home.hookspan("up")
        yield home


def test_a_day_is_told_call_by_call_though_the_agent_is_killed(
    home: InstalledHome, ours: Sink, client_logs: Sink
) -> None:
    allowed = ("--allowedTools", "Bash(ls:*) Agent")
    kills = 0
    for prompt, *words in (
        (MORNING, "--permission-mode", "default", *allowed),
        (NOON, "--permission-mode", "bypassPermissions"),
        (EVENING, "--permission-mode", "default", *allowed),
    ):
        assert PrintSession(home, prompt, *words).wait().code == 0
        if prompt != EVENING:
            os.kill(Client(home.paths).request("ping", timeout=PATIENCE)["pid"], signal.SIGKILL)
            kills += 1
            home.hookspan("up")
    flush(home)
    until(lambda: len(theirs(client_logs.logs, "user_prompt")) == kills + 1, f"records of {EXPORT_INTERVAL} ms")
    until(lambda: ids(ours.logs, logs.SESSION_END, sc.SESSION_ID).total() == kills + 1, "the sessions' ends")
    assert_equal(ours, client_logs)
    decided = decisions(ours.logs)
    assert Counter(who for _, who in decided.values())["hook"] == 2
    bypassed = {call for call, (_, who) in decided.items() if who == "bypass"}
    assert bypassed == {
        one["tool_use_id"]
        for one in theirs(client_logs.logs, "tool_decision", permission_mode="bypassPermissions", decision="accept")
    }
    assert len(bypassed) == 1
    assert sum(not allowed for allowed, _ in decided.values()) == 4
    assert ids(ours.logs, logs.GAP, sc.GAP_KIND) == Counter({"killed": kills})
    assert ids(ours.logs, logs.SESSION_START, sc.SESSION_ID).keys() == {
        one["session.id"] for one in theirs(client_logs.logs, "user_prompt")
    }
    down(home)
