"""The real Copilot CLI in every scenario: what hookspan says is what Copilot's own telemetry and the model say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.copilot.model import Model
from tests.copilot.scenarios import SCENARIOS
from tests.copilot.verdict import faults, run

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.xdist_group("copilot")]
IN_A_TERMINAL = {"dialogs", "compaction"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.need_tmux if name in IN_A_TERMINAL else ()) for name in SCENARIOS],
)
def test_what_is_said_of_a_run_is_so(name: str, model: Model, tmp_path: Path) -> None:
    assert list(faults(run(name, model, tmp_path))) == []
