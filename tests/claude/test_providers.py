"""The real client asks each cloud for its models: hookspan names the one that the client itself names.

The clouds are the scripted model in their form, without authentication.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hookspan.catalogue import attributes as sc
from tests.claude.model import says
from tests.claude.pipeline import Pipeline
from tests.claude.scenarios.registry import Scenario
from tests.claude.stage import ALLOW, Stage, Story, Turn

PROMPT = "fix the cart"
CLOUDS = {
    "BEDROCK": ({"CLAUDE_CODE_SKIP_BEDROCK_AUTH": "1", "AWS_REGION": "eu-west-1"}, "ANTHROPIC_BEDROCK_BASE_URL"),
    "MANTLE": ({"CLAUDE_CODE_SKIP_MANTLE_AUTH": "1", "AWS_REGION": "eu-west-1"}, "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
    "VERTEX": (
        {"CLAUDE_CODE_SKIP_VERTEX_AUTH": "1", "CLOUD_ML_REGION": "europe-west1", "ANTHROPIC_VERTEX_PROJECT_ID": "p"},
        "ANTHROPIC_VERTEX_BASE_URL",
    ),
    "FOUNDRY": ({"ANTHROPIC_FOUNDRY_API_KEY": "k"}, "ANTHROPIC_FOUNDRY_BASE_URL"),
}

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.xdist_group("client")]


@pytest.mark.parametrize(
    ("values", "provider"),
    [
        ({"BEDROCK": "1"}, "aws.bedrock"),
        ({"MANTLE": "On"}, "aws.bedrock"),
        ({"VERTEX": " TRUE\n"}, "gcp.vertex_ai"),
        ({"FOUNDRY": "yes"}, "anthropic"),
        ({"VERTEX": "1", "MANTLE": "1"}, "aws.bedrock"),
        ({"MANTLE": "1", "FOUNDRY": "1"}, "anthropic"),
        ({"FOUNDRY": "1", "BEDROCK": "1"}, "aws.bedrock"),
        ({"VERTEX": "2", "BEDROCK": "0"}, "anthropic"),
    ],
    ids=lambda values: "-".join(values) if isinstance(values, dict) else values,
)
def test_the_client_s_provider_is_ours(values: Mapping[str, str], provider: str) -> None:
    env = {f"CLAUDE_CODE_USE_{cloud}": value for cloud, value in values.items()}

    def play(stage: Stage) -> Story:
        for cloud in values:
            variables, url = CLOUDS[cloud]
            stage.home.env |= {**variables, url: stage.model.url}
        stage.model.play({PROMPT: [says("Fixed.")]})
        stage.run(PROMPT, *ALLOW)
        return Story([Turn(PROMPT)])

    pipeline = Pipeline()
    run = pipeline.run(Scenario("provider_" + "_".join(values).lower(), play, env))
    native = [span for span in pipeline.theirs.spans if span.name == "claude_code.llm_request"]
    chats = [span for span in pipeline.ours.spans if span.name.startswith("chat ")]
    assert run.faults == run.late == []
    assert {span.attributes[sc.GEN_AI_PROVIDER_NAME] for span in native} == {provider}
    assert [span.attributes[sc.GEN_AI_PROVIDER_NAME] for span in chats] == [provider]
    assert all(span.attributes[sc.COST_USD] > 0 for span in chats)
