"""Sessions from before hookspan: what agents wrote down becomes the records that hooks and observers would have made.

So the fold stays the one place where records become spans, the journal keeps them like everything else, and a rebuild
gives the same. Each record has its number in the session's history, so that importing twice changes nothing.
"""

from __future__ import annotations

from hookspan.catalogue.codex import CODEX
from hookspan.catalogue.copilot import COPILOT

from .claude_code import Copies, History
from .codex import CodexHistory
from .copilot import CopilotHistory
from .library import Transcript
from .lines import Records

__all__ = ["Copies", "History", "history_of"]


def history_of(transcript: Transcript, copies: Copies, *, labels: bool) -> Records:
    """That of a transcript. `copies`: what others of Claude Code's had; `labels`: whether scrubbed labels are kept."""
    session, sources, folder = transcript.session, transcript.sources(), transcript.project_dir()
    if transcript.agent == CODEX.name:
        return CodexHistory(session, sources, labels=labels, project_dir=folder)
    if transcript.agent == COPILOT.name:
        return CopilotHistory(session, sources, labels=labels, project_dir=folder)
    return History(session, sources, copies, labels=labels, project_dir=folder)
