"""What is said in recorded sessions, as messages."""

from __future__ import annotations

import io
import json

import pytest

from hookspan.clients.conversations import conversation, messages
from hookspan.clients.message import Message
from hookspan.model import ids
from hookspan.reading import read_lines
from hookspan.screen import shown
from tests.model.replay import SESSIONS


def of(name: str, pattern: str = "*/*.jsonl") -> list[Message]:
    (path,) = (SESSIONS / name / "projects").glob(pattern)
    return list(messages(read_lines(str(path))))


def told(found: list[Message]) -> list[tuple[str, str]]:
    return [(message.kind, message.text.partition("\n")[0]) for message in found]


def line(content: object, kind: str = "user", **fields: object) -> bytes:
    said = {"role": kind, "content": content, "id": "msg_1"}
    return json.dumps({"type": kind, "uuid": "u1", "message": said} | fields).encode() + b"\n"


def one(content: object, kind: str = "user", **fields: object) -> Message:
    (message,) = conversation().feed(line(content, kind, **fields), 0)
    return message


def test_a_session_is_its_messages_in_their_order() -> None:
    found = of("print_tools_agent")
    assert told(found) == [
        ("prompt", "fix the cart"),
        ("answer", "Looking."),
        ("call", "ls"),
        ("call", "/home/u/shop/cart.py"),
        ("result", "1\tdef total(items):"),
        ("result", "cart.py"),
        ("call", "exit 3"),
        ("result", "Exit code 3"),
        ("call", "Look closer"),
        ("result", "Async agent launched successfully."),
        ("answer", "Fixed."),
        ("note", 'Agent "Look closer" finished'),
        ("answer", "Noted."),
    ]
    assert [message.failed for message in found if message.kind == "result"] == [False, False, True, False]
    assert len({message.turn for message in found}) == 2
    assert len({message.id for message in found}) == len(found)
    assert all(message.at for message in found)
    looking, call = found[1], found[2]
    assert (looking.call, call.call, call.tool) == (found[3].call, found[3].call, "Bash")
    assert call.given == {"command": "ls", "description": "Run it"}
    assert found[5].tool_call == call.tool_call
    tree = (SESSIONS / "print_tools_agent" / "tree.txt").read_text()
    assert ids.trace_id(looking.turn) in tree


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("permission_esc", [("note", "[Request interrupted by user for tool use]")]),
        ("compact", [("compaction", "Conversation compacted"), ("prompt", "/compact")]),
        ("queued_absorbed", [("prompt", "mind the tax")]),
        (
            "print_api_529",
            [("error", '529 {"type":"error","error":{"type":"overloaded_error","message":"the script is busy"}}')],
        ),
        ("print_api_400", [("error", "API Error: 400 the script says no")]),
        ("project_command", [("prompt", "/mend the sum"), ("note", "Please fix the cart: the sum")]),
        ("ask_user_question", [("call", "How shall it round?")]),
        ("exit_plan_mode", [("call", "1. Fix the sum")]),
    ],
)
def test_what_is_no_plain_prompt_or_answer(name: str, expected: list[tuple[str, str]]) -> None:
    found = told(of(name))
    assert [message for message in expected if message not in found] == []


def test_it_goes_on_where_it_stopped() -> None:
    (path,) = (SESSIONS / "compact" / "projects").glob("*/*.jsonl")
    reader, found, offset = conversation(), [], 0
    with path.open("rb") as file:
        for data in file:
            found += reader.feed(data, offset)
            offset += len(data)
    assert found == list(messages(io.BytesIO(path.read_bytes())))


def test_an_edit_says_which_lines_it_changes() -> None:
    given = {"file_path": "/a", "old_string": "a\nb\nc", "new_string": "a\nB\nc"}
    call = one([{"type": "tool_use", "id": "t", "name": "Edit", "input": given}], "assistant")
    assert (call.text, call.diff) == ("/a", " a\n-b\n+B\n c")
    several = {
        "file_path": "/a",
        "edits": [{"old_string": "x", "new_string": "y"}, {"old_string": "z", "new_string": ""}],
    }
    call = one([{"type": "tool_use", "id": "t", "name": "MultiEdit", "input": several}], "assistant")
    assert call.diff == "-x\n+y\n@@\n-z"
    new = {"file_path": "/a", "content": "x\ny"}
    call = one([{"type": "tool_use", "id": "t", "name": "Write", "input": new}], "assistant")
    assert call.diff == "+x\n+y"


def test_images_are_a_note() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4096}}
    assert one([{"type": "text", "text": "look"}, image]).attached == ["image/png, 3.0 KiB"]
    result = one([{"type": "tool_result", "tool_use_id": "t", "content": [image]}])
    assert (result.kind, result.text, result.attached) == ("result", "", ["image/png, 3.0 KiB"])


@pytest.mark.parametrize(
    ("output", "screen"),
    [
        ("\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "red and link"),
        ("10 %\r50 %\r100 %\ndone\r\n", "100 %\ndone\n"),
        ("long line\rshort", "shortline"),
        ("a\x08b\x00\x07\u202e", "b"),
        ("\x1b[" * 3 + "2Jx", "x"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_what_a_terminal_shows(output: str, screen: str) -> None:
    assert shown(output) == screen
    assert one([{"type": "tool_result", "tool_use_id": "t", "content": output}]).text == screen
