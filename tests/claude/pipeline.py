"""The whole of hookspan behind the real client: installed by its own command, agent running, spans sent to a sink."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests import late
from tests.claude import native
from tests.claude.drivers import Home
from tests.claude.installed import TOP, configure, down, flush, hookspan, install, paths_of
from tests.claude.native import Native
from tests.claude.scenarios import Scenario
from tests.claude.stage import Recording, Stage
from tests.claude.verdict import Spans, faults, wrong_lengths
from tests.otlp_sink import Sink

LATE = "late"  # what the second agent has, beside TOP
SETTLED = 90.0  # seconds after the client's end within which every span is out: a turn whose end is unclear waits 10


@dataclass
class Outcome:
    """What a run gave: hookspan's spans, what is wrong with them, and the client's own telemetry.

    `late` is what an agent tells otherwise that is given the events when the client has ended.
    """

    recording: Recording
    spans: Spans
    faults: list[str]
    native: Native
    late: list[str]


@dataclass
class Pipeline:
    """hookspan in one home, and the two sinks."""

    ours: Sink = field(default_factory=Sink)
    theirs: Sink = field(default_factory=Sink)

    def run(self, scenario: Scenario) -> Outcome:
        """Play a scenario with hookspan installed, until its spans are right or it is too late for that."""
        with (
            self.ours,
            self.theirs,
            Stage(scenario.name, self._install, self._env(scenario), scenario.project) as stage,
        ):
            recording = stage.recording(scenario.play(stage))
            wrong = self._settle(recording)
            flush(stage.home)
            down(stage.home)
            wrong += wrong_lengths(recording.journal, self._spans())
            return Outcome(recording, self._spans(), wrong, native.read(self.theirs), self._late(stage.home))

    def _late(self, home: Home) -> list[str]:
        """The same events, transcripts and folders for an agent that starts now. Only what it was told by hooks."""
        late.hand_over(home.state / "journal", home.root / LATE / "state" / "journal")
        configure(home, {}, top=LATE)
        hookspan(home, "up", top=LATE)
        early, deadline = self._told(home, TOP), time.monotonic() + SETTLED
        while (found := late.differences(early, self._told(home, LATE))) and time.monotonic() < deadline:
            time.sleep(0.5)
        down(home, top=LATE)
        return found

    @staticmethod
    def _told(home: Home, top: str) -> tuple[late.Told, late.Told]:
        return late.store(paths_of(home, top))

    def _env(self, scenario: Scenario) -> dict[str, str]:
        return {**scenario.env, **native.environment(self.theirs.url)}

    def _install(self, home: Home) -> None:
        install(home, {"export.endpoint": self.ours.url})
        home.state = home.root / TOP / "state"
        hookspan(home, "up")

    def _settle(self, recording: Recording) -> list[str]:
        deadline = time.monotonic() + SETTLED
        while (wrong := faults(recording.expected, self._spans())) and time.monotonic() < deadline:
            time.sleep(0.5)
        return wrong

    def _spans(self) -> Spans:
        return Spans([span for span in self.ours.spans if span.resource.get("service.name") == "claude-code-hooks"])
