"""No text makes a reader slow: of every pattern and every parser of foreign text, twice the text is twice the work.

Growth is measured, not time: how much longer a text of four times the length takes.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import itertools
import json
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import hookspan
from hookspan import config, values, wire
from hookspan.agent import client
from hookspan.agent.health import collector
from hookspan.cli.doctor.redact import Redactor
from hookspan.clients.claude_code import reduce
from hookspan.clients.claude_code.settings_text import SettingsText
from hookspan.clients.claude_code.transcript import _TEAMMATE, TranscriptParser
from hookspan.clients.decode import decode
from hookspan.errors import UserError
from hookspan.export import answer, otlp_http
from hookspan.history import Copies, History
from hookspan.history.lines import Source
from hookspan.observe import repositories
from hookspan.observe.prices import put_price
from hookspan.paths import Paths
from hookspan.web.friction import rule_for
from hookspan.wire import command, scrub, shell_targets
from hookspan.wire.facts import ModelCall

pytestmark = pytest.mark.slow

PACKAGE = Path(hookspan.__file__).parent
PAGE = PACKAGE.parents[1] / "dashboards" / "web"
LENGTH = 4000
"""Characters of an attack. Linear work on so few is nothing; squared it is some hundred milliseconds."""
NOTICED = 4_000_000
"""Nanoseconds of the processor from which on growth is looked at: what is quicker at LENGTH is not squared."""
TIMES = 4
GROWN = 9
"""How much longer TIMES the text may take: the square would be 16, and a machine under load misleads by half."""

STRAIGHT = 5
"""How much longer four times a text may take for it to be straight: 4, and what a square has of it at LENGTH would
not have GROWN at TIMES that."""

SIGNS = ("a", "0", " ", "\n", ".", "-", "/", ":", "=", "@", "'", '"', "`", "\\", "<", "[", "{", ";")


def spent(use: Callable[[str], object], text: str, takes: int = 1) -> int:
    """The least nanoseconds of the processor that a few takes need."""
    least = None
    for _ in range(takes):
        began = time.thread_time_ns()
        use(text)
        took = time.thread_time_ns() - began
        least = took if least is None else min(least, took)
    return least or 0


def grows(use: Callable[[str], object], attack: Callable[[int], str]) -> float:
    """How much longer TIMES the text takes; 0 where even LENGTH is nothing, or grows as the text does up to there.

    It begins with a short text: what grows with the cube would not end on a long one. Of each, a quarter is tried
    first, whose square is a sixteenth. What is far from the square at the first look is not looked at again.
    """
    for length in (LENGTH // 8, LENGTH):
        quarter = spent(use, attack(length // 4))
        if quarter <= NOTICED // 16:
            continue
        whole = spent(use, attack(length))
        if whole <= NOTICED:
            continue
        always = spent(use, attack(1), takes=2)  # what even the shortest text takes: it may hide a square
        if whole - always < STRAIGHT * (quarter - always):
            continue
        if (once := spent(use, attack(length), takes=2)) > NOTICED:
            longer = spent(use, attack(length * TIMES))
            if longer < GROWN * once * 2 / 3:
                return longer / once
            return spent(use, attack(length * TIMES), takes=3) / spent(use, attack(length), takes=5)
    return 0.0


def attacks(pieces: Iterable[str]) -> Iterator[tuple[str, Callable[[int], str]]]:
    """One piece and then many of another, and many of both: by name, as what makes a text of a length."""
    pieces = sorted(set(pieces))
    for first, second in itertools.product(pieces, pieces):
        yield f"{first!r} {second!r}...", lambda n, a=first, b=second: (a + b * n)[: n - 1] + "\0"
        yield f"({first!r} {second!r})...", lambda n, a=first, b=second: ((a + b) * n)[: n - 1] + ":"


def slow(use: Callable[[str], object], pieces: Iterable[str]) -> dict[str, float]:
    """The attacks that make a reader slow, and how it grows."""
    found = {}
    for name, attack in attacks(pieces):
        growth = grows(use, attack)
        if growth > GROWN and (growth := min(growth, grows(use, attack))) > GROWN:  # not by what else there was to do
            found[name] = round(growth, 1)
            break
    return found


# --- Patterns, all of them: found, not listed

LIMITED: Mapping[re.Pattern[str], Callable[[str], object]] = {
    scrub._SECRETS: scrub.label,
    _TEAMMATE: _TEAMMATE.match,
    shell_targets._DOUBLE: shell_targets._DOUBLE.match,
    **{pattern: reduce.verdict for *_, pattern in reduce._VERDICTS},
}
"""Patterns that never see a long text or look at its beginning alone, with what gives them their text."""


def patterns() -> dict[str, re.Pattern]:
    """All patterns that the package's modules hold, by module and name."""
    found: dict[str, re.Pattern] = {}
    for module in pkgutil.walk_packages(hookspan.__path__, "hookspan."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for number, one in enumerate(flat(value)):
                found.setdefault(f"{module.name}.{name}.{number}", one)
    unique = {id(pattern): name for name, pattern in reversed(found.items())}
    return {name: found[name] for name in unique.values()}


def flat(value: object) -> Iterator[re.Pattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from flat(one)


def pieces_of(pattern: re.Pattern) -> set[str]:
    """What a pattern looks for, roughly: the plain text in it, and signs of each kind."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    plain = re.sub(r"\\[AZbdswDSW]|\(\?P?<?\w*[>:=!]", "\1", source)
    words = re.findall(r"[\w<>\"'=:/@ -]{2,}", re.sub(r"\\(.)", r"\1", plain))
    return {*SIGNS, *(word.strip() for word in words if len(word.strip()) > 1)}


def tried(pattern: re.Pattern) -> Callable[[str], object]:
    """A pattern in every way that it can be used."""
    if pattern in LIMITED:
        return LIMITED[pattern]

    def use(text: str) -> None:
        given = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.fullmatch(given)
        for _ in pattern.finditer(given):
            pass

    return use


PATTERNS = patterns()


def of_re(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re"


def test_patterns_are_where_they_are_found():
    """One within a function would escape the test below. What is made of escaped text has nothing that repeats.

    Without `import re` there is none: most of the package need not be parsed.
    """
    inline = [
        f"{path.relative_to(PACKAGE)}: {ast.unparse(call)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "import re" in (text := path.read_text())
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and of_re(call.func) and "escape" not in ast.unparse(call)
    ]
    assert inline == []
    assert len(PATTERNS) > 40


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_takes_twice_as_long_for_twice_the_text(name):
    pattern = PATTERNS[name]
    assert slow(tried(pattern), pieces_of(pattern)) == {}


LITERAL = re.compile(r"(?:[(=,:?&|!]|return|=>)\s*/((?![*/])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/[a-z]*")


def test_the_page_s_patterns_take_twice_as_long_for_twice_the_text():
    """The browser's engine goes back as Python's does; what neither of them has is `\\p`."""
    found = {}
    for path in sorted([*PAGE.glob("*.js"), *PAGE.glob("lib/*.js"), *PAGE.glob("components/*.js")]):
        for literal in LITERAL.findall(path.read_text()):
            pattern = re.compile(re.sub(r"\\p\{\w+\}", r"\\w", literal))
            found[f"{path.name} /{literal}/"] = slow(tried(pattern), pieces_of(pattern))
    assert len(found) > 15
    assert {name: growth for name, growth in found.items() if growth} == {}


# --- Parsers of foreign text

QUEUE = 'otelcol_exporter_queue_size{exporter="'
SESSION = "00000000-0000-4000-8000-000000000001"
WORDS = (*SIGNS, *'url=x :// token= eyJ && <task-id> exporter="'.split(), "-u ", '[remote "origin"]\nurl = ', QUEUE)
PATHS = Paths(Path("/nowhere"), Path("/nowhere/config.toml"), Path("/nowhere/data"))


def event(fields: dict[str, object]) -> object:
    line = {"v": 1, "at": 1, "took": 1, "pid": 1, "ppid": 1, "host": "h", "pidns": 1, "env": {}}
    return decode(json.dumps(line | {"event": {"session_id": SESSION} | fields}).encode(), b"key")


def tool(text: str) -> object:
    given = {"command": text, "file_path": text, "url": text}
    response = {"structuredPatch": [{"lines": [text]}], "type": "create", "content": text}
    named = {"hook_event_name": "PostToolUseFailure", "tool_name": text, "tool_use_id": text, "error": text}
    return event({**named, "tool_input": given, "tool_response": response, "agent_type": text, "cwd": text})


def prompt(text: str) -> object:
    return event({"hook_event_name": "UserPromptSubmit", "prompt": text, "permission_mode": text}), event(
        {"hook_event_name": "UserPromptSubmit", "prompt": reduce.TASK_NOTIFICATION + text}
    )


def batch(text: str) -> object:
    call = {"tool_name": text, "tool_use_id": text, "tool_response": text}
    return event({"hook_event_name": "PostToolBatch", "tool_calls": [call]})


def transcript(text: str) -> object:
    message = {"id": text, "model": text, "role": "assistant", "stop_reason": text, "content": text}
    base = {"timestamp": "2026-01-01T00:00:00Z", "version": text}
    lines = (
        {"type": "assistant", "message": message, **base},
        {"type": "user", "promptSource": "queued", "promptId": text, "message": message, **base},
        {"type": "ai-title", "aiTitle": text},
        {"type": "assistant", "message": message, "timestamp": text},
    )
    parser = TranscriptParser(SESSION, "/t.jsonl")
    return [list(parser.feed(json.dumps(line).encode())) for line in lines]


def past(text: str) -> object:
    """A transcript that is imported."""
    base = {"timestamp": "2026-01-01T00:00:00Z", "sessionId": SESSION, "cwd": text, "uuid": "u"}
    lines = [
        {"type": "user", "message": {"role": "user", "content": content}, "promptSource": "typed", **base}
        for content in (text, "<command-name>" + text, "<command-name>a</command-name><command-args>" + text)
    ]
    source = Source("/t.jsonl", [json.dumps(line).encode() + b"\n" for line in lines])
    return list(History(SESSION, [source], Copies()).records())


def settings(text: str) -> object:
    """A project's settings of Claude Code, as the health checks and `doctor` read them."""
    handler = {"type": "command", "command": text}
    found = SettingsText.of("settings.json", json.dumps({"hooks": {"Stop": [{"hooks": [handler]}]}}).encode())
    return list(found.ours(PATHS))


READERS: dict[str, Callable[[str], object]] = {
    "git configuration": lambda text: [repositories.repository_name(url) for url in repositories._origins(text)],
    "git address": repositories.repository_name,
    "git address in its place": lambda text: list(repositories._origins('[remote "origin"]\nurl = ' + text)),
    "folder": scrub.folder_name,
    "tool event": tool,
    "prompt": prompt,
    "batch": batch,
    "transcript": transcript,
    "transcript that is imported": past,
    "price": lambda text: put_price(ModelCall(at=1, key="", start=1, end=1, message_id="m", response_model=text)),
    "label": scrub.label,
    "shell command": command.program,
    "rule for a command": lambda text: rule_for("Bash", text),
    "rule for an address": lambda text: rule_for("WebFetch", "https://" + text),
    "what an endpoint says": lambda text: answer.presentable(text, {"key": "secret-" + text[:100]}),
    "Retry-After": otlp_http._seconds,
    "Collector's metrics": collector.read,
    "report": Redactor(PATHS, {}).text,
    "Claude Code's settings": settings,
    "version": lambda text: client.is_newer(text, "1.0"),
    "address in a message": values.without_secrets,
    **{f"setting: {option.kind.allowed}": option.kind.read_text for option in config.OPTIONS.values()},
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_reader_takes_twice_as_long_for_twice_the_text(name):
    def use(text: str) -> None:
        with contextlib.suppress(ValueError, UserError, wire.Unreadable):
            READERS[name](text)

    assert slow(use, WORDS) == {}
