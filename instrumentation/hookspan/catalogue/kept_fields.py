"""What is kept of the payloads of hook events unchanged, as fields of a record."""

from __future__ import annotations

import msgspec


class KeptFields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of a payload unchanged, by its attribute of `Reduced`: each `Kept` of an event names one."""

    event: str = ""
    session: str = ""
    prompt: str = ""
    cwd: str = ""
    transcript: str = ""
    permission_mode: str = ""
    agent_id: str = ""
    agent_type: str = ""
    source: str = ""
    reason: str = ""
    trigger: str = ""
    notification: str = ""
    failure: str = ""
    model: str = ""
    action: str = ""
    command_name: str = ""
    invoked_by: str = ""
    mcp_server: str = ""
    task: str = ""
    teammate: str = ""
    team: str = ""
    agent_transcript: str = ""
