"""What the comparison with peers is made of."""

import pytest

from tests.bench import turns
from tests.peers import costs


@pytest.mark.need_npm
def test_each_copy_of_a_transcript_counts(tmp_path):
    once, twice = ({}, {})
    for count, found in ((11, once), (22, twice)):
        home = tmp_path / str(count)
        costs.transcripts(home / ".claude" / "projects", count)
        program = costs.ccusage(home)
        found.update(vars(costs.tokens(program)))
        turns.run(program, turns.Took())
    assert all(once.values())
    assert twice == {name: 2 * value for name, value in once.items()}
