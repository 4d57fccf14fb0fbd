"""Codex's hook events as of version 0.171.0, in the order in which `install` registers them.

They have Claude Code's names where they mean the same.
"""

from __future__ import annotations

from typing import Final

from .events import Client, HookEvent, Kept

CODEX: Final = Client(
    name="codex",
    title="Codex",
    resume="codex resume {session}",
    starts_agents=frozenset({"spawn_agent", "multi_agent_v1spawn_agent", "collaborationspawn_agent"}),
    awaits_agents=frozenset({"wait_agent", "multi_agent_v1wait_agent", "collaborationwait_agent"}),
    shells=frozenset({"Bash"}),
    editors=frozenset({"apply_patch"}),
    kept=(
        Kept("hook_event_name", "name", "event"),
        Kept("session_id", "name", "session"),
        Kept("turn_id", "name", "prompt"),
        Kept("cwd", "path"),
        Kept("transcript_path", "path", "transcript"),
        Kept("permission_mode"),
        Kept("agent_id", "name"),
        Kept("agent_type", "name"),
    ),
    events=(
        HookEvent(
            "SessionStart",
            effect="begins a session, or a new run of a resumed session",
            of_session=True,
            kept=(Kept("source"), Kept("model", "name")),
        ),
        HookEvent("UserPromptSubmit", effect="begins a turn, or adds a prompt to the running turn"),
        HookEvent("PreModelRequest", effect="begins a model call"),
        HookEvent("PostModelRequest", effect="ends a model call; of one that failed, may be the end of the turn"),
        HookEvent("PreToolUse", effect="announces a tool call"),
        HookEvent("PermissionRequest", effect="begins a wait"),
        HookEvent("PostToolUse", effect="ends a tool call, and the wait before it"),
        HookEvent("PreCompact", effect="begins a compaction", kept=(Kept("trigger"),)),
        HookEvent("PostCompact", effect="ends a compaction", kept=(Kept("trigger"),)),
        HookEvent("SubagentStart", effect="begins a subagent"),
        HookEvent(
            "SubagentStop",
            effect="ends a subagent",
            kept=(Kept("agent_transcript_path", "path", "agent_transcript"),),
        ),
        HookEvent("Stop", effect="may be the end of the turn"),
        HookEvent("Interrupt", effect="ends a turn that its user stopped"),
        HookEvent(
            "SessionEnd",
            effect="ends the session and everything open in it",
            of_session=True,
            kept=(Kept("reason"),),
        ),
    ),
    call_variable="CODEX_TOOL_CALL_ID",
    retries=True,
    without_span=frozenset({"exec", "wait", "write_stdin"}),  # code of the model's, and what goes on with a command
)
