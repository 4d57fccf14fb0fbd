"""The real Codex in every scenario: what hookspan says is what Codex's own telemetry and the model say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codex.model import Model
from tests.codex.scenarios import SCENARIOS
from tests.codex.verdict import faults, run

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.xdist_group("codex")]
IN_A_TERMINAL = {
    "background_server",
    "background_server_interrupted",
    "compacted_by_hand",
    "dialogs",
    "dialogs_in_a_row",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.need_tmux if name in IN_A_TERMINAL else ()) for name in SCENARIOS],
)
def test_what_is_said_of_a_run_is_so(name: str, model: Model, tmp_path: Path) -> None:
    assert list(faults(run(name, model, tmp_path))) == []
