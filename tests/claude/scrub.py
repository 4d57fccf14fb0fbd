"""What of a session's files may be kept in the repository, and in which form.

A recording's own content comes from the scripted model and the scripted prompts, so it is harmless. Two things are
not ours and go: machine paths (renamed consistently, the transcript folder's slug too) and the client's own prose,
such as instructions to the model inside tool results. What remains of that prose is its first sentence, which readers
of transcripts match on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

# Line types that are kept whole. Of any other type (attachments, the system prompt and the tools of a request) only
# the flat fields stay, so that a reader still meets such a line.
KEPT_LINES = frozenset({
    "user", "assistant", "system", "queue-operation", "api-request", "cost-state", "last-prompt", "mode",
    "tools-used", "atis-latch", "ai-title", "custom-title", "agent-name", "file-history-snapshot", "summary",
})  # fmt: skip
# Of the client's notes to the model these are kept, with these fields: names, and no prose.
KEPT_ATTACHMENTS = {
    "deferred_tools_delta": {"addedNames", "addedLines", "removedNames", "failedMcpServers", "needsAuthMcpServers"},
}
FLAT_TEXT = 200  # characters that a flat field of another line may have
# What is kept of an api-request line's parameters; the rest is the system prompt and the tools.
KEPT_PARAMS = frozenset({"model", "max_tokens", "output_config"})
OURS = "mcp__"  # how the names of tools begin that are not the client's own, but the tests'

# The client's own prose in tool results and notifications, and what tells of the machine: (pattern, what stays).
REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(Async agent launched successfully\.).*", re.DOTALL), r"\1"),
    (re.compile(r"(Workflow launched in background\. Task ID: \w+).*", re.DOTALL), r"\1"),
    (re.compile(r"<diagnostics>.*?</diagnostics>\n?", re.DOTALL), ""),
    (re.compile(r"(\[Workflow harness [^\]]*\]).*?:\n", re.DOTALL), r"\1\n"),
    (re.compile(r"(The user doesn't want to proceed with this tool use\.).*?(?=the user said:|$)", re.DOTALL), r"\1 "),
    (re.compile(r"\s*<tools-used-before-summary>.*?</tools-used-before-summary>\s*", re.DOTALL), ""),
    (
        re.compile(r"(\[Subagent hand-back\] The text below is the final report of a subagent).*?\n\n?", re.DOTALL),
        r"\1.\n",
    ),
    (re.compile(r"(\[Tool call interrupted: [^.;,]*).*?\]", re.DOTALL), r"\1]"),
    (re.compile(r"( needs approval\.) The path .*", re.DOTALL), r"\1"),
    (re.compile(r"\s*This tool's input schema was not in your prompt.*", re.DOTALL), ""),
    (re.compile(r"(Command running in background with ID: \w+\.).*", re.DOTALL), r"\1"),
    (re.compile(r" \(file state is current in your context[^)]*\)"), ""),
    (re.compile(r" \(use SendMessage with to: [^)]*\)"), ""),
    (re.compile(r"(<local-command-caveat>).*?(</local-command-caveat>)", re.DOTALL), r"\1\2"),
    (
        re.compile(
            r"(This session is being continued from a previous conversation).*?(\nSummary:.*?)\n\n.*", re.DOTALL
        ),
        r"\1.\2",
    ),
    (re.compile(r"(Auto mode lets Claude handle permission prompts automatically).*", re.DOTALL), r"\1"),
    (re.compile(r"(Error: Blocked: [^.]*\.).*", re.DOTALL), r"\1"),
    (re.compile(r"(<tool_use_error>[^.<]{0,80}[.]?).*?(?=</tool_use_error>)", re.DOTALL), r"\1"),
    (re.compile(r"\n?<note>.*?</note>", re.DOTALL), ""),
    (re.compile(r"\blinux:[0-9a-f]{32}:"), "linux:00000000000000000000000000000000:"),  # the machine's id
)


def slug(path: str) -> str:
    """How the client names the transcript folder of a working folder: `-` for each UTF-16 unit outside [A-Za-z0-9]."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: "-" * (len(found[0].encode("utf-16-le")) // 2), path)


class Scrubber:
    """Renames paths and cuts the client's prose in any JSON value.

    `paths` maps a real folder to its name in the recording, e.g. {"/tmp/x7/home": "/home/u"}; longer ones win.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        names = {**paths, **{slug(real): slug(shown) for real, shown in paths.items()}}
        self._names = dict(sorted(names.items(), key=lambda pair: -len(pair[0])))

    def text(self, text: str) -> str:
        """The string with every known path renamed and the client's prose cut."""
        for real, shown in self._names.items():
            text = text.replace(real, shown)
        for pattern, kept in REPLACED:
            text = pattern.sub(kept, text)
        return text

    def value(self, value: Any) -> Any:
        """Any JSON value, scrubbed all the way down."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def transcript_line(self, line: dict[str, Any]) -> dict[str, Any] | None:
        """One transcript line as it may be kept, or None for a line that may not be."""
        if line.get("type") == "attachment":
            attachment = line["attachment"]
            if not (kept := KEPT_ATTACHMENTS.get(attachment["type"])):
                return None
            line = {**line, "attachment": {key: attachment[key] for key in attachment if key in {"type", *kept}}}
            return dict(self.value(line))
        if isinstance(shape := line.get("shape"), dict):
            return dict(self.value({**line, "shape": _shape(shape)}))
        if line.get("type") not in KEPT_LINES:
            line = {
                key: item for key, item in line.items() if isinstance(item, str | int) and len(str(item)) <= FLAT_TEXT
            }
        if isinstance(params := line.get("params"), dict):
            line = {**line, "params": {key: item for key, item in params.items() if key in KEPT_PARAMS}}
        scrubbed: dict[str, Any] = self.value(line)
        return scrubbed


def _shape(shape: Mapping[str, Any]) -> dict[str, Any]:
    """What requests have beside their messages, without the client's instructions: equal ones stay equal."""
    digest = hashlib.sha256(repr(shape.get("system")).encode()).hexdigest()[:16]
    tools = [tool if tool["name"].startswith(OURS) else _bare(tool) for tool in shape["tools"]]
    return {"system": digest, "tools": tools}


def _bare(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tool[key] for key in ("name", "defer_loading") if key in tool}
