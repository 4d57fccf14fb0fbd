"""A document as one HTML file, which needs nothing else and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final

from hookspan.clients.message import Message
from hookspan.sharing.document import Document, Part, input_of

_LONG: Final = 12  # lines; a longer output is folded
_HEADS: Final = {"prompt": "Prompt", "answer": "Answer", "result": "Output"}
_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#e5e4df, #2b2e35); --soft: light-dark(#f4f4f1, #1b1d22); }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; font: 15px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #131518); color: light-dark(#1b1c1f, #e8e9ec); }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
h3 { font-size: .8rem; margin: 0 0 .25rem; color: light-dark(#4d5057, #b0b4bc); }
article { padding: .6rem .75rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
article.prompt { background: var(--soft); } article.error { color: light-dark(#b22433, #ff8d95); }
p, pre { margin: .25rem 0; white-space: pre-wrap; } footer, .facts, time { font-size: .8rem; opacity: .8; }
pre { padding: .5rem .75rem; background: var(--soft); border: 1px solid var(--line); border-radius: .35rem;
  font: .8rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre.failed { border-color: light-dark(#cb3140, #ff6d78); } pre ins, pre del { display: block; text-decoration: none; }
ins { background: light-dark(#2b8a4b22, #48bd8233); } del { background: light-dark(#cb314022, #ff6d7833); }
summary { cursor: pointer; } time { float: right; }
"""


def html(document: Document) -> str:
    """The whole file. Every text is escaped, and its own policy forbids scripts and whatever is elsewhere."""
    facts = " · ".join(f"{name}: {value}" for name, value in document.facts)
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in document.rules())
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head>\n<body><main>",
            f'<h1>{escape(document.title)}</h1><p class="facts">{escape(facts)}</p>\n',
            *(text for part in document.parts for text in _part(part)),
            f"</main><footer><p>Left out by hookspan:</p><ul>{rules}</ul></footer></body></html>\n",
        )
    )


def _part(part: Part) -> Iterator[str]:
    if part.name:
        yield f"<h2>{escape(part.name)}</h2>\n"
    for message in part.messages:
        head = message.tool if message.kind == "call" else _HEADS.get(message.kind, message.kind.capitalize())
        at = f"<time>{_time(message.at)}</time>" if message.at else ""
        yield f'<article class="{message.kind}">{at}<h3>{escape(head)}</h3>{_body(message)}'
        yield "".join(f"<p><em>{escape(what)}, left out</em></p>" for what in message.attached)
        yield "</article>\n"


def _body(message: Message) -> str:
    text = message.text
    if message.kind == "call":
        blocks = [_pre(text) if text else "", _diff(message.diff) if message.diff else ""]
        given = "" if message.tool == "Bash" else input_of(message)
        return "".join(blocks) + (f"<details><summary>Input</summary>{_pre(given)}</details>" if given else "")
    if message.kind == "result":
        lines = text.count("\n") + 1
        block = _pre(text, "failed" if message.failed else "") if text else "<p>no output</p>"
        is_long = lines > _LONG and not message.failed
        return f"<details><summary>{lines:,} lines</summary>{block}</details>" if is_long else block
    return f"<p>{escape(text)}</p>"


def _pre(text: str, name: str = "") -> str:
    return f'<pre class="{name}">{escape(text)}</pre>'


def _diff(diff: str) -> str:
    tags = {"+": "ins", "-": "del"}
    lines = []
    for line in diff.split("\n"):
        tag = tags.get(line[:1])
        lines.append(f"<{tag}>{escape(line)}</{tag}>" if tag else f"{escape(line)}\n")
    return f"<pre>{''.join(lines)}</pre>"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e9, UTC):%H:%M:%S}"
