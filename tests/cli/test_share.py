"""`hookspan share`: one file of a session or a turn, and what is not in it."""

import getpass
import json
import re
from html.parser import HTMLParser

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt

from hookspan.catalogue.session_fields import SessionRow
from hookspan.clients.message import Message
from hookspan.journal import Journal
from hookspan.observe.messages import SessionMessages, Subagent
from hookspan.paths import Paths
from hookspan.sharing.as_html import html
from hookspan.sharing.as_markdown import markdown
from hookspan.sharing.document import Document, Part, collect
from hookspan.sharing.rules import Redaction
from hookspan.store import Reader
from hookspan.wire import encode
from hookspan.wire.facts import Title
from tests.agent.ingest import take_in
from tests.cli.test_look import run
from tests.model.replay import play

KEY = "sk-ant-api03-" + "a1B2" * 12
HOSTILE = "<script>alert(1)</script>![x](https://evil.example/p.png)"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("share")
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(folder)})
    take_in(paths, play("print_tools_agent", folder / "recorded").records)
    return folder


def test_a_session_is_written_to_one_file_after_its_rules_were_shown(home, tmp_path):
    (session,) = json.loads(run(home, "sessions", "--json").stdout)
    target = tmp_path / "talk.md"
    done = run(home, "share", session["id"][:8], "--format", "markdown", "--output", str(target), "--yes")
    assert [line.split()[0] for line in done.stderr.splitlines()[1:4]] == ["secrets", "paths", "names"]
    text = target.read_text()
    for said in ("> fix the cart", "Looking.", "exit 3", "Exit code 3", "## general-purpose", "Reviewed."):
        assert said in text
    assert "/home/u" not in text
    assert "…/cart.py" in text
    kept = run(home, "share", session["id"][:8], "--format", "markdown", "--keep", "paths", "--output", "-").stdout
    assert "/home/u/shop/cart.py" in kept
    again = run(home, "share", "--output", str(target), "--yes")
    assert "is there already" in again.stderr
    turn = run(home, "share", "last", "--format", "markdown", "--output", "-").stdout
    assert "Noted." not in turn
    assert "one turn" in turn


def test_what_was_recorded_of_a_project_that_is_not_recorded_any_more_is_not_shown(tmp_path):
    """Its session ended before that, so the store has it; a title names no folder."""
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    take_in(paths, play("print_tools_agent", tmp_path / "recorded").records)
    Journal(paths).rotate()
    (row,) = Reader(paths).sessions()
    take_in(paths, [encode(Title(at=row.last, key="title:1", session=row.id, label="the cart"))])
    ways = (
        ["share", row.id, "--output", "-"],
        ["search", "--spans", "--json", "--tool", "Bash"],
        ["tail", "--json", "--facts", "--no-follow", "-n", "1"],
    )
    told = re.compile(f"the cart|{row.id}")
    assert all(told.search(run(tmp_path, *words).stdout) for words in ways)
    paths.config.write_text(f"[projects.{row.project}]\nrecord = false\n")
    assert [words for words in ways if told.search(run(tmp_path, *words).stdout)] == []


class _Files:
    """A store that knows of a session's transcripts, the main one first."""

    def __init__(self, *paths):
        self._state = msgspec.msgpack.encode({"transcript": str(paths[0]), "files": dict.fromkeys(map(str, paths), 1)})

    def state_of(self, _session):
        return self._state


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def document(tmp_path) -> Document:
    says = f"{HOSTILE} `{HOSTILE}` by {getpass.getuser()}x and me@mail.example, key {KEY}\n```\n{HOSTILE}\n"
    given = {
        "file_path": "/home/me/a b.py",
        "x": HOSTILE,
        "login": {"password": "hunter2", "secrets": {"a": ["hunter2"]}},
    }
    call = {"type": "tool_use", "id": "t", "name": HOSTILE, "input": given}
    gave = {"type": "tool_result", "tool_use_id": "t", "content": f"``` {HOSTILE} https://a.example/b/c /etc/passwd"}
    lines = [("user", f"{HOSTILE} /compact ~/x/y.py"), ("assistant", says), ("assistant", [call]), ("user", [gave])]
    path = tmp_path / "s.jsonl"
    path.write_text(
        "".join(json.dumps({"type": role, "message": {"role": role, "content": said}}) + "\n" for role, said in lines)
    )
    return collect(SessionMessages(_Files(path), {}), SessionRow(id="s", host="tower", started=1))


def test_nothing_in_it_is_markup_and_it_runs_and_loads_nothing(document):
    page = html(document)
    elements = _Elements()
    elements.feed(page)
    assert elements.names.isdisjoint({"script", "img", "iframe", "link", "a"})
    assert elements.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class"}
    assert "default-src 'none'" in page
    text = markdown(document)
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text).replace(f"`{HOSTILE}`", "")
    assert "&lt;script" in outside
    assert "<script>" not in outside
    assert "![x](" not in outside


def test_secrets_paths_and_names_are_left_out_and_counted(document):
    for text in (html(document), markdown(document)):
        assert KEY not in text
        assert "/etc/passwd" not in text
        assert "me@mail.example" not in text
        assert "https://a.example/b/c" in text
        assert "/compact …/y.py" in text
        assert "hunter2" not in text
    assert document.removed["secrets"] >= 3
    assert document.removed["paths"] >= 2
    assert document.removed["names"] >= 1


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("docker run -v /srv/a/data:/srv/acme/x web", "docker run -v …/data:…/x web"),
        ("rsync host:/srv/acme/x .", "rsync host:…/x ."),
        ("PATH=/usr/bin:/opt/acme/tools/bin", "PATH=…/bin:…/bin"),
        ("cc -I/opt/acme/include -L/opt/acme/lib", "cc -I…/include -L…/lib"),
        ("see file:///home/bob/x/y", "see file://…/y"),
        ("cat </home/bob/x/y&", "cat <…/y&"),
        ("ls $HOME/acme/x ${HOME}/acme/y ~/acme/z", "ls …/x …/y …/z"),
        ("/srv/a#1/b=2/50%/c", "…/c"),
        (
            "https://a.example:80/b/c src/a/b ../a/b 1/2/3 a-/b/c",
            "https://a.example:80/b/c src/a/b ../a/b 1/2/3 a-/b/c",
        ),
    ],
)
def test_of_an_absolute_path_the_last_name_stays(said, left):
    assert Redaction(()).text(said) == left


class _Typed(SessionMessages):
    def subagents(self, _session):
        return [Subagent("a1", "review by me@mail.example", "")]


def test_what_is_attached_and_a_subagent_s_type_are_texts_too(tmp_path):
    main, agent = tmp_path / "events.jsonl", tmp_path / "agent-a1.jsonl"
    asked = {"content": "look", "attachments": [{"path": "/home/me/plan.pdf"}]}
    main.write_text(json.dumps({"type": "user.message", "id": "e", "data": asked}) + "\n")
    agent.write_text(json.dumps({"type": "user", "message": {"role": "user", "content": "go"}}) + "\n")
    found = collect(_Typed(_Files(main, agent), {}), SessionRow(id="s", host="tower", started=1))
    assert [(part.name, part.messages[0].attached) for part in found.parts] == [
        ("", ["…/plan.pdf"]),
        ("review by [mail] a1", []),
    ]


def test_names_are_whole_words_of_any_case():
    redaction = Redaction({"tower", "ab"}, keep=["paths"])
    assert redaction.text("Tower towers TOWER.local ab /home/tower/x") == "[name] towers [name].local ab /home/[name]/x"
    assert redaction.counts["names"] == 3


@given(
    st.lists(
        st.sampled_from(["`", "``", "```", "~~~", "\\", "\n", "\n\n", "- ", "> ", "  ", "    ", "1. ", "a", HOSTILE])
    ).map("".join)
)
@example(f"``` {HOSTILE} `")
@example(f"- a\n  ```\n{HOSTILE}")
@example(f"a `\nb ` {HOSTILE} ` c")
@example(f"a \\` {HOSTILE} `")
def test_no_answer_s_markdown_has_html_or_a_picture(said):
    messages = [Message("1", "prompt", "user", text=said), Message("2", "answer", "assistant", text=said)]
    text = markdown(Document("a title", [], [Part("", messages)]))
    tokens = MarkdownIt("commonmark").parse(text)
    kinds = {kind.type for token in tokens for kind in (token, *(token.children or ()))}
    assert kinds.isdisjoint({"html_block", "html_inline", "image"})
