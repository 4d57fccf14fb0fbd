"""Play scenarios and write what they leave behind into tests/sessions: `python -m tests.codex.record [NAME ...]`.

What is in a recording comes from the scripted model and the scripted prompts. Paths of the machine are renamed, and of
a rollout only the lines stay that say what happened: no instructions and no tools, which are the client's own prose.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from tests.codex.model import Model
from tests.codex.scenarios import Played, play
from tests.conformance.build import compile_relay
from tests.recorded import records, whole_lines

SESSIONS = Path(__file__).parent.parent / "sessions"
HOME = "/home/u"
PREFIX = "codex_"
RECORDED = (
    "plain failures yielded mcp code_mode code_mode_failure subagent subagent_in_code_mode subagent_fails compaction "
    "compacted_by_hand retried retried_later failed_at_once interrupted interrupted_model killed dialogs resumed forked"
).split()
KEPT = {"session_meta", "turn_context", "event_msg", "response_item", "token_usage_record", "compacted"}
PROSE = {
    *("base_instructions", "dynamic_tools", "instructions", "user_instructions", "developer_instructions", "git"),
    *("replacement_history", "replacement_history_metadata", "collaboration_mode"),
}
OF_EVENTS = {"task_started", "task_complete", "turn_aborted", "item_completed", "token_count"}
OF_RESPONSES = {"function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"}


def write(played: Played, target: Path) -> None:
    """As a folder of that name, in the layout that tests/sessions/README.md describes."""
    for old in (".codex", "sessions"):
        shutil.rmtree(target / old, ignore_errors=True)
    target.mkdir(exist_ok=True)
    root = str(played.home.root)
    journal = records(played.journal)
    lines(target / "journal.jsonl", [{**line, "host": "host"} for line in journal], root)
    for path in played.home.rollouts():
        kept = [line for each in whole_lines(path) if _is_kept(line := json.loads(each))]
        lines(target / path.relative_to(played.home.root), [plain(_shortened(line), PROSE) for line in kept], root)
    if not any(line["event"]["hook_event_name"] == "SessionEnd" for line in journal):  # it was killed
        left = {"sessionId": journal[0]["event"]["session_id"], "pid": journal[0]["ppid"]}
        lines(target / "sessions" / f"{left['pid']}.json", [left], root)


def _is_kept(line: dict[str, Any]) -> bool:
    kind = line["payload"].get("type")
    of = {"event_msg": OF_EVENTS, "response_item": OF_RESPONSES}.get(line["type"])
    return line["type"] in KEPT and (of is None or kind in of)


def _shortened(line: dict[str, Any]) -> dict[str, Any]:
    """A summary without what the client tells the model before it."""
    if line["type"] == "compacted":
        line["payload"]["message"] = "A summary:\n" + line["payload"]["message"].partition("\n")[2]
    return line


def plain(value: Any, without: AbstractSet[str]) -> Any:
    """A value without these fields, however deep they are."""
    if isinstance(value, dict):
        return {key: plain(each, without) for key, each in value.items() if key not in without}
    return [plain(each, without) for each in value] if isinstance(value, list) else value


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
