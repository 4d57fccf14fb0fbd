"""The real client with hookspan installed: every span as the script says, and beside the client's own telemetry.

Most of a scenario is waiting, for the client and for the turns' ends, so several are played at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.claude import facts
from tests.claude.compare import compare
from tests.claude.evidence import Evidence
from tests.claude.native import UNREPORTED_HOOKS
from tests.claude.pipeline import Outcome, Pipeline
from tests.claude.scenarios import SCENARIOS

AT_A_TIME = 3
NOT_IN_A_SPAN = 1000.0  # ms; a wait inside a tool's span would be longer, and no machine is as slow
LONGEST = "idle_prompt"  # a minute of silence: it begins first

pytestmark = [
    pytest.mark.need_npm,
    pytest.mark.need_tmux,
    pytest.mark.need_cc,
    pytest.mark.xdist_group("client"),
]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Outcome]]]:
    """All scenarios that tests of this module ask for, being played."""
    items = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    names = list(dict.fromkeys(item.callspec.params["name"] for item in items))
    names.sort(key=lambda name: name != LONGEST)
    pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="scenario")
    yield {name: pool.submit(play, name) for name in names}
    pool.shutdown(cancel_futures=True)


def play(name: str) -> Outcome:
    """Play it; once more if it came out wrong: several clients on two cores starve each other's processes.

    So too if the client's own telemetry is not whole, for whose end it takes two seconds, however busy the machine is.
    """
    try:
        outcome = Pipeline().run(SCENARIOS[name])
    except TimeoutError:  # a key that a terminal lost, or took twice
        return Pipeline().run(SCENARIOS[name])
    whole = is_killed(name) or outcome.native.hooks == heard(outcome)
    wrong = outcome.faults or outcome.late or compare(outcome).faults or unconfirmed(name, outcome)
    return outcome if whole and not wrong else Pipeline().run(SCENARIOS[name])


def unconfirmed(name: str, run: Outcome) -> list[str]:
    """The facts that a run does not confirm."""
    return list(facts.changed(name, Evidence.of(run.recording, run.native)))


def is_killed(name: str) -> bool:
    """Whether the client of a scenario is killed, so that what it had not exported yet is lost."""
    return "sigkill" in name or "resume_killed" in name


def heard(run: Outcome) -> Counter[str]:
    """The hook events that hookspan recorded and the client reports, each as often as the client ran."""
    times = run.recording.expected["notes"].get("registered", 1)
    names = Counter(line["event"]["hook_event_name"] for line in run.recording.journal)
    return Counter({event: count // times for event, count in names.items() if event not in UNREPORTED_HOOKS})


@pytest.mark.parametrize("name", [*(name for name in SCENARIOS if name != LONGEST), LONGEST])
def test_spans_are_right(runs, name):
    run = runs[name].result()
    assert run.faults == []
    beside = compare(run)
    assert beside.faults == []
    assert all(abs(ms) < NOT_IN_A_SPAN for ms in beside.times.get("tool length", ()))
    assert unconfirmed(name, run) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_agent_that_comes_when_all_is_over_tells_the_same(runs, name):
    """Every span and every sum, field by field."""
    assert runs[name].result().late == []


@pytest.mark.parametrize("name", [name for name in SCENARIOS if not is_killed(name)])
def test_every_hook_has_its_span_and_the_client_counts_as_many(runs, name):
    run = runs[name].result()
    times = run.recording.expected["notes"].get("registered", 1)
    assert len(run.spans.hooks) * times == len(run.recording.journal)
    assert run.native.hooks == heard(run)
