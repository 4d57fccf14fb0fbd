"""The clock is set back within a session: hooks and lines of a transcript in, rows out."""

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.enums import SessionPhase
from tests.model.test_cache import HOUR
from tests.model.test_waste import Agent


def test_what_comes_after_the_clock_was_set_back_is_neither_late_nor_from_before_the_session():
    agent = Agent()
    agent.at += 10
    agent.hook("PreToolUse", "first")
    agent.hook("PostToolUse", "first", tool_response={})
    agent.hook("PostToolBatch", "first", tool_calls=[])
    agent.at -= HOUR
    agent.hook("PreToolUse", "held up")
    assert agent.state.sessions["s"].batches, "one line that is older is late"
    for id_ in ("a", "b"):
        agent.hook("PreToolUse", id_, tool_input={"file_path": id_})
    agent.hook("PreToolUse", "second", tool_input={"file_path": "b"})
    agent.hook("PermissionRequest", "second", tool_input={"file_path": "b"})
    assert agent.state.sessions["s"].phase is SessionPhase.WAITING
    agent.hook("PostToolUse", "second", tool_input={"file_path": "b"}, tool_response={})
    agent.call(read=7)
    spans = [span for rows in agent.rows for span in rows.spans]
    assert [span.name for span in spans if span.name.startswith(("permission", "chat"))] == [
        "permission Bash",
        "chat claude-opus-5-5",
    ]
    counted = [one for rows in agent.rows for one in rows.increments if one.instrument == "hookspan.tokens"]
    assert {dict(one.attributes)[sc.TOKEN_TYPE]: one.value for one in counted} == {"input": 3, "cache_read": 7}
