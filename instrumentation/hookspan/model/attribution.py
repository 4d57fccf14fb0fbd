"""On whose account a model call is: skill, plugin, MCP server, subagent, workflow.

The client says so on each answer. A skill stays on until its turn ends or another one is loaded, and what its turn
starts meanwhile inherits it; an MCP server is on the one answer that read its result. Of which workflow a subagent is
stands in the folder of its transcript.
"""

from __future__ import annotations

from hookspan.catalogue import attributes as sc
from hookspan.wire.facts import ModelCall

from .labels import bounded
from .rows import Attributes
from .state import Place, SessionState
from .step import Step, branch_at


def span_attributes(session: SessionState, fact: ModelCall, place: Place) -> Attributes:
    """As they stand on the call's span."""
    run = workflow_of(session, fact)
    return {
        sc.SKILL_NAME: fact.skill,
        sc.PLUGIN_NAME: fact.plugin,
        sc.MCP_SERVER: fact.mcp_server,
        sc.MCP_TOOL: fact.mcp_tool,
        sc.WORKFLOW_RUN: run,
        sc.WORKFLOW_NAME: _name_of(session, run),
        sc.GEN_AI_AGENT_NAME: _agent(session, fact, place),
    }


def labels(step: Step, fact: ModelCall, place: Place) -> list[tuple[str, str]]:
    """As labels of a metric, each with a bounded number of values; those that a call has none of are left out."""
    names = {
        sc.SKILL_NAME: fact.skill,
        sc.PLUGIN_NAME: fact.plugin,
        sc.MCP_SERVER: fact.mcp_server,
        sc.WORKFLOW_NAME: _name_of(step.session, workflow_of(step.session, fact)),
        sc.GEN_AI_AGENT_NAME: _agent(step.session, fact, place),
    }
    if (policy := step.state.world.policy) and policy.cost_by_branch:
        names[sc.VCS_REF_HEAD_NAME] = branch_at(step.session, fact.end)
    return [(key, bounded(step, key, name)) for key, name in names.items() if name]


def workflow_of(session: SessionState, fact: ModelCall) -> str:
    """The run of a workflow that a subagent's call is of; empty for any other."""
    return session.in_workflow.get(fact.agent_id, "") if fact.agent_id else ""


def _name_of(session: SessionState, run: str) -> str:
    known = session.workflows.get(run)
    return known.name if known else ""


def _agent(session: SessionState, fact: ModelCall, place: Place) -> str:
    """The subagent's type; empty for the main agent."""
    if not fact.agent_id:
        return ""
    return fact.agent_type if place.agent in {"", session.agent} else place.agent
