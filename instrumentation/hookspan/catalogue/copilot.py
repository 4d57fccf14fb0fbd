"""Copilot CLI's hook events as of version 1.0.102 that `install` registers.

One is enough: it says that a session begins and which process is its client. All else is in the session's own file of
events (`clients.copilot.events`). A handler before a tool would deny every tool once its program is gone, so there is
none.
"""

from __future__ import annotations

from typing import Final

from .events import Client, HookEvent, Kept

COPILOT: Final = Client(
    name="copilot",
    title="Copilot CLI",
    resume="copilot --resume={session}",
    starts_agents=frozenset({"task"}),
    awaits_agents=frozenset({"read_agent"}),
    shells=frozenset({"bash", "write_bash", "powershell", "write_powershell"}),
    editors=frozenset({"edit", "create", "apply_patch"}),
    kept=(Kept("sessionId", "name", "session"), Kept("cwd", "path")),
    events=(
        HookEvent(
            "SessionStart",
            effect="begins a session, or a new run of a resumed session",
            of_session=True,
            kept=(Kept("source"),),
        ),
    ),
)
