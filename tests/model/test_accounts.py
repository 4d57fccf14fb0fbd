"""What calls are for and what definitions take: lines of a transcript in, spans and sums out."""

from __future__ import annotations

from typing import Any

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.model.labels import LABELS_MAX, OTHER
from tests.model.test_cache import GREET, SING, Client

LISTED = "- shopkit:mend: Mends the cart\n- review: Reviews\n- shopkit:hello: Says hello\n  to all\n"


@pytest.fixture
def client() -> Client:
    return Client()


def gained(client: Client, instrument: str) -> list[tuple[dict[str, str], float]]:
    increments = [increment for rows in client.rows for increment in rows.increments]
    return [(dict(one.attributes), one.value) for one in increments if one.instrument == instrument]


def chats(client: Client) -> list[dict[str, Any]]:
    return [span.attributes for rows in client.rows for span in rows.spans if span.name.startswith("chat ")]


def listing(client: Client, kind: str, **told: Any) -> None:
    client.line(type="attachment", attachment={"type": kind, **told})


def test_names_are_whole_on_spans_and_bounded_as_labels(client):
    for number in range(LABELS_MAX + 2):
        client.call(told={"attributionSkill": f"skill-{number}", "attributionPlugin": "shopkit"})
    client.call(told={"attributionSkill": "skill-0"})
    wanted = [f"skill-{number}" for number in (*range(LABELS_MAX + 2), 0)]
    assert [attributes[sc.SKILL_NAME] for attributes in chats(client)] == wanted
    labels = [attributes[sc.SKILL_NAME] for attributes, _ in gained(client, "hookspan.cost")]
    assert labels == [*wanted[:LABELS_MAX], OTHER, OTHER, "skill-0"]
    assert {attributes[sc.PLUGIN_NAME] for attributes, _ in gained(client, "hookspan.cost")[:-1]} == {"shopkit"}


def test_what_is_no_name_is_other(client):
    client.call(told={"attributionSkill": "two\nlines", "attributionMcpServer": "x" * 129, "attributionMcpTool": None})
    (attributes,) = chats(client)
    assert (attributes[sc.SKILL_NAME], attributes[sc.MCP_SERVER]) == ("other", "other")
    assert sc.MCP_TOOL not in attributes


def test_tools_of_a_server_take_their_lengths_in_each_request(client):
    client.shape("one", {"name": "Bash", "description": "B" * 900}, GREET, SING)
    client.call()
    client.call(shape="unseen")
    (found,) = gained(client, "hookspan.definitions")
    assert found[0][sc.MCP_SERVER] == "tiny"
    assert found[1] == sum(len(str(tool).replace("'", '"')) for tool in (GREET, SING)) // 4


def test_a_plugin_takes_what_it_lists(client):
    listing(client, "skill_listing", content=LISTED, names=["shopkit:mend", "review", "shopkit:hello"], isInitial=True)
    listing(client, "agent_listing_delta", addedTypes=["shopkit:scout", "Explore"], addedLines=["1234", "12"])
    client.call()
    size = len("- shopkit:mend: Mends the cart\n") + len("- shopkit:hello: Says hello\n  to all\n") + 4
    assert [(one.get(sc.PLUGIN_NAME), value) for one, value in gained(client, "hookspan.definitions")] == [
        ("shopkit", size // 4)
    ]


def test_a_list_is_replaced_and_a_server_taken_out(client):
    listing(client, "skill_listing", content=LISTED, names=["shopkit:mend"], isInitial=True)
    listing(client, "skill_listing", content="- other:one: One\n", names=["other:one"], isInitial=True)
    listing(client, "deferred_tools_delta", addedNames=["mcp__tiny__greet"], addedLines=["mcp__tiny__greet"])
    client.call()
    listing(client, "deferred_tools_delta", removedNames=["mcp__tiny__greet"])
    client.call()
    found = [one.get(sc.PLUGIN_NAME) or one.get(sc.MCP_SERVER) for one, _ in gained(client, "hookspan.definitions")]
    assert found == ["other", "tiny", "other"]


def test_a_server_that_is_not_available_counts_once_in_a_session(client):
    for _ in range(2):
        listing(
            client, "deferred_tools_delta", failedMcpServers=[{"name": "a", "error": "E"}], needsAuthMcpServers=["b"]
        )
    found = [(one[sc.MCP_SERVER], one[sc.MCP_TROUBLE]) for one, _ in gained(client, "hookspan.mcp.unavailable")]
    assert found == [("a", "failed"), ("b", "needs_auth")]


@pytest.mark.parametrize(
    "line", [{"attachment": 7}, {"attachment": {"type": ["skill_listing"]}}, {"shape": {"tools": 1}}]
)
def test_another_form_is_passed_over(client, line):
    client.line(type="attachment", **line)
    client.line(type="api-request-shape", shapeHash="one", **line)
    listing(client, "skill_listing", content=7, names=[None], isInitial="yes")
    client.call()
    assert gained(client, "hookspan.definitions") == []
