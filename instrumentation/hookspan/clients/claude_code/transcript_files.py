"""Where Claude Code keeps the transcripts of a session and of its subagents."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from hookspan.errors import UserError
from hookspan.folders import absolute, home_folder
from hookspan.reading import RefusedError, is_at_limit, read_small
from hookspan.wire.facts import AgentMeta
from hookspan.wire.foreign import UNREADABLE, decoder

AGENT_FILE: Final = re.compile(r"\Aagent-([\w.-]{1,128})\.(jsonl|meta\.json)\Z")
WORKFLOW_RUN: Final = re.compile(r"wf_[a-z0-9-]{6,64}")
"""Name of a run of a workflow, and of the folder with the transcripts of its subagents."""
_OF_WORKFLOW: Final = re.compile(rf"/subagents/workflows/({WORKFLOW_RUN.pattern})/agent-[^/]*\Z")


class _Meta(msgspec.Struct, rename="camel"):
    agent_type: str = ""
    tool_use_id: str | None = ""
    parent_agent_id: str | None = ""
    spawn_depth: int | None = 0
    name: str | None = ""
    team_name: str | None = ""
    spawned_agent_type: str | None = ""


_meta = decoder(_Meta)


def transcript_roots(
    environ: dict[str, str] | os._Environ[str] = os.environ, settings: Iterable[Path] = ()
) -> tuple[str, ...]:
    """The folders that the client keeps transcripts in: `projects` of its configuration folder.

    `settings`: settings files that are known to be in such a folder, too, whatever the environment says.
    """
    folders = []
    with contextlib.suppress(UserError):  # a user without a home
        folders.append(home_folder(environ) / ".claude")
    if configured := environ.get("CLAUDE_CONFIG_DIR"):
        with contextlib.suppress(UserError):  # relative to a folder that is gone
            folders.append(absolute("CLAUDE_CONFIG_DIR", os.path.expanduser(configured)))
    folders += [file.parent for file in settings]
    return tuple(dict.fromkeys(os.path.realpath(folder / "projects") for folder in folders))


def transcript_of(path: str, session: str, roots: tuple[str, ...]) -> str:
    """The real path of a session's transcript, checked to be `<root>/<project>/<session>.jsonl`.

    Raises:
        RefusedError: The payload's path is anything else.
    """
    if not path.startswith("/") or "\0" in path or "/" in session or not session:
        raise RefusedError("the payload's path is no transcript's")
    folder, name = os.path.split(path)
    real = os.path.realpath(folder)
    if name != f"{session}.jsonl" or os.path.dirname(real) not in roots:
        raise RefusedError(f"{path} is outside of the client's transcript folders")
    return f"{real}/{name}"


def agents_folder(transcript: str) -> str:
    """The folder with the transcripts of a session's subagents, each with what is known of it (AGENT_FILE)."""
    return f"{transcript.removesuffix('.jsonl')}/subagents"


def agents_folders(transcript: str, runs: Iterable[str] = (), most: int | None = None) -> Iterator[str]:
    """All such folders: the session's own, and one for each run of a workflow, of which `runs` come first.

    A link in a run's place is passed over; of more than `most` runs, so are the rest. Raises OSError where too many
    files are open.
    """
    own = agents_folder(transcript)
    yield own
    found: set[str] = set()
    try:
        with os.scandir(f"{own}/workflows") as entries:
            names = (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            found.update(name for name in names if WORKFLOW_RUN.fullmatch(name))
    except OSError as error:
        if is_at_limit(error):
            raise
    first = [run for run in runs if run in found]
    for run in itertools.islice(dict.fromkeys([*first, *sorted(found)]), most):
        yield f"{own}/workflows/{run}"


def workflow_of(path: str) -> str:
    """The run of a workflow that a subagent's transcript or `.meta.json` is of; empty for another subagent's."""
    match = _OF_WORKFLOW.search(path)
    return match.group(1) if match else ""


def read_meta(path: str, session: str, agent_id: str) -> AgentMeta | None:
    """What a subagent's `.meta.json` says, its time left open; None if there is none or it is half-written."""
    try:
        meta = _meta(read_small(path))
    except UNREADABLE:
        return None
    return AgentMeta(
        at=0,
        key=f"meta:{agent_id}:{meta.tool_use_id}",
        session=session,
        agent_id=agent_id,
        agent_type=(meta.spawned_agent_type or meta.agent_type)[:128],
        tool_use_id=(meta.tool_use_id or "")[:256],
        parent_agent_id=(meta.parent_agent_id or "")[:128],
        depth=meta.spawn_depth or 0,
        workflow=workflow_of(path),
        teammate=(meta.name or "")[:128] if meta.team_name else "",
        team=(meta.team_name or "")[:128],
    )
