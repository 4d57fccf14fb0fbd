"""Play scenarios and write what they leave behind into tests/sessions: `python -m tests.codex.record [NAME ...]`.

What is in a recording comes from the scripted model and the scripted prompts. Paths of the machine are renamed, and of
a rollout only the lines stay that say what happened: no instructions and no tools, which are the client's own prose.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.codex.model import Model
from tests.codex.scenarios import Played, play
from tests.conformance.build import compile_relay

SESSIONS = Path(__file__).parent.parent / "sessions"
HOME = "/home/u"
PREFIX = "codex_"
RECORDED = (
    "plain failures yielded code_mode subagent subagent_in_code_mode compaction retried failed_at_once interrupted "
    "interrupted_model killed dialogs resumed"
).split()
KEPT = {"session_meta", "event_msg", "response_item", "token_usage_record"}
PROSE = {"base_instructions", "dynamic_tools", "instructions", "user_instructions", "developer_instructions", "git"}
OF_EVENTS = {"task_started", "task_complete", "turn_aborted", "item_completed"}
OF_RESPONSES = {"function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}


def write(played: Played, target: Path) -> None:
    """As a folder of that name, in the layout that tests/sessions/README.md describes."""
    for old in (".codex", "sessions"):
        shutil.rmtree(target / old, ignore_errors=True)
    target.mkdir(exist_ok=True)
    root = str(played.home.root)
    journal = [json.loads(line) for line in played.journal.read_bytes().splitlines()]
    lines(target / "journal.jsonl", [{**line, "host": "host"} for line in journal], root)
    for path in played.home.rollouts():
        kept = [line for each in path.read_bytes().splitlines() if _is_kept(line := json.loads(each))]
        lines(target / path.relative_to(played.home.root), [_plain(line) for line in kept], root)
    if not any(line["event"]["hook_event_name"] == "SessionEnd" for line in journal):  # it was killed
        left = {"sessionId": journal[0]["event"]["session_id"], "pid": journal[0]["ppid"]}
        lines(target / "sessions" / f"{left['pid']}.json", [left], root)


def _is_kept(line: dict[str, Any]) -> bool:
    kind = line["payload"].get("type")
    of = {"event_msg": OF_EVENTS, "response_item": OF_RESPONSES}.get(line["type"])
    return line["type"] in KEPT and (of is None or kind in of)


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "payload": {key: value for key, value in line["payload"].items() if key not in PROSE}}


def lines(path: Path, values: list[dict[str, Any]], root: str) -> None:
    """Writes these values, one a line; paths below `root` are below HOME there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)
    path.write_text(text.replace(root, HOME), encoding="utf-8")


def main(names: list[str]) -> None:
    """Record the named scenarios, or those that are kept."""
    model = Model()
    relay = compile_relay()
    try:
        for name in names or RECORDED:
            with tempfile.TemporaryDirectory(prefix="hookspan-codex-") as folder:
                write(play(name, model, relay, Path(folder)), SESSIONS / f"{PREFIX}{name}")
            sys.stdout.write(f"{name}\n")
    finally:
        model.close()


if __name__ == "__main__":
    main(sys.argv[1:])
