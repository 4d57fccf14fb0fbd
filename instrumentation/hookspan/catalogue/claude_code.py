"""Claude Code's hook events as of version 2.1.332, in the order in which `install` registers them."""

from __future__ import annotations

from typing import Final

from .events import Client, HookEvent, Kept

READING_TOOLS: Final = frozenset({"Read", "Grep"})
"""Tools whose equal results of equal inputs are for nothing: all of a result is what was read."""

_TEAMMATE: Final = (Kept("teammate_name", "name", "teammate"), Kept("team_name", "name", "team"))

CLAUDE_CODE: Final = Client(
    name="claude-code",
    title="Claude Code",
    resume="claude --resume {session}",
    starts_agents=frozenset({"Agent", "Task"}),  # `Task` is what `Agent` was called before
    resumes_agents=frozenset({"SendMessage"}),
    awaits_agents=frozenset({"Agent", "Task", "SendMessage"}),
    shells=frozenset({"Bash", "PowerShell"}),
    editors=frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write"}),
    kept=(
        Kept("hook_event_name", "name", "event"),
        Kept("session_id", "name", "session"),
        Kept("prompt_id", "name", "prompt"),
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
        HookEvent("Setup", of_session=True, kept=(Kept("trigger"),)),
        HookEvent("InstructionsLoaded", of_session=True),
        HookEvent(
            "UserPromptSubmit", effect="begins a turn, or adds a prompt to the running turn", kept=(Kept("source"),)
        ),
        HookEvent(
            "UserPromptExpansion",
            effect="names the turn's /command",
            kept=(Kept("command_name", "name"), Kept("command_source", attribute="source")),
        ),
        HookEvent(
            "PreSkillShellCommand",
            effect="an event on the span of the turn or subagent: a command ran before the model saw the skill's text",
            since="2.1.332",
            kept=(
                Kept("command_name", "name"),
                Kept("command_source", attribute="source"),
                Kept("invoked_by"),
            ),
        ),
        HookEvent("PreToolUse", effect="announces a tool call"),
        HookEvent("PermissionRequest", effect="begins a wait"),
        HookEvent("PermissionDenied", effect="ends a call that a rule denied"),
        HookEvent("PostToolUse", effect="ends a tool call, and the wait before it"),
        HookEvent("PostToolUseFailure", effect="ends a tool call that failed, and the wait before it"),
        HookEvent("PostToolBatch", effect="ends calls that no other event reports: refused, invalid, blocked"),
        HookEvent(
            "Notification",
            effect="counted by type; `permission_prompt` confirms that a dialog still waits",
            kept=(Kept("notification_type", attribute="notification"),),
        ),
        HookEvent("MessageDisplay", unregistered="a hook for it delays drawing"),
        HookEvent("SubagentStart", effect="begins a subagent"),
        HookEvent(
            "SubagentStop",
            effect="ends a subagent",
            kept=(Kept("agent_transcript_path", "path", "agent_transcript"),),
        ),
        HookEvent(
            "TaskCreated",
            effect="an event on the span of the turn or subagent",
            kept=(Kept("task_id", "name", "task"), *_TEAMMATE),
        ),
        HookEvent(
            "TaskCompleted",
            effect="an event on the span of the turn or subagent",
            kept=(Kept("task_id", "name", "task"), *_TEAMMATE),
        ),
        HookEvent("TeammateIdle", kept=_TEAMMATE),
        HookEvent("Stop", effect="may be the end of the turn"),
        HookEvent(
            "StopFailure",
            effect="may be the end of the turn, which failed",
            kept=(Kept("error", attribute="failure"),),
        ),
        HookEvent("PreCompact", effect="begins a compaction", kept=(Kept("trigger"),)),
        HookEvent("PostCompact", effect="ends a compaction", kept=(Kept("trigger"),)),
        HookEvent("PreModelSwitch", unregistered="a hook for it can block the switch"),
        HookEvent("PostModelSwitch", kept=(Kept("source"), Kept("to_model", "name", "model"))),
        HookEvent("ConfigChange", kept=(Kept("source"),)),
        HookEvent("CwdChanged"),
        HookEvent("WorktreeCreate", unregistered="a hook for it replaces git's work trees"),
        HookEvent("WorktreeRemove", unregistered="a hook for it replaces git's work trees"),
        HookEvent("DirectoryAdded"),
        HookEvent("FileChanged", unregistered="its matcher is a list of files to watch"),
        HookEvent(
            "Elicitation",
            effect="begins a wait for an answer to an MCP server",
            kept=(Kept("mcp_server_name", "name", "mcp_server"),),
        ),
        HookEvent(
            "ElicitationResult",
            effect="ends that wait",
            kept=(Kept("mcp_server_name", "name", "mcp_server"), Kept("action")),
        ),
        HookEvent(
            "SessionEnd",
            effect="ends the session and everything open in it",
            of_session=True,
            kept=(Kept("reason"),),
        ),
    ),
    pid_variable="CLAUDE_PID",
)
