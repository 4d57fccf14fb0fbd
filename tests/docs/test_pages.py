"""What the pages in docs/ name is there: links, commands, messages, reasons."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hookspan.cli.main import cli
from hookspan.setup.relay import DROP_REASONS
from hookspan.wire import Unreadable
from tests.docs.walk import DOCS, ROOT, run

PAGES = sorted(page for page in DOCS.rglob("*.md") if "node_modules" not in page.parts)
MESSAGE = re.compile(r"^### `(.+)`$", re.MULTILINE)
IN_BLOCK = re.compile(r"^ *hookspan (?=[a-z-])(.+?)(?: +#.*)?$", re.MULTILINE)
IN_TEXT = re.compile(r"`hookspan ([a-z][^`]*)`")
FENCED = re.compile(r"^( *)```(?:sh|console)\n.*?^\1```$|^(?: {4}.*\n)+", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def sources() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "instrumentation").rglob("*.py"))


@pytest.mark.parametrize("message", MESSAGE.findall((DOCS / "troubleshooting.md").read_text()))
def test_troubleshooting_has_our_very_words(message: str) -> None:
    assert message in sources()


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def commands(page: Path) -> list[list[str]]:
    """Every command line of ours, in a block or in the text."""
    text = page.read_text()
    blocks = "\n".join(match[0] for match in FENCED.finditer(text))
    return [shlex.split(line) for line in IN_BLOCK.findall(blocks) + IN_TEXT.findall(text)]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_every_command_is_one_that_we_take(page: Path) -> None:
    for words in commands(page):
        command: click.Command = cli
        context = click.Context(cli)
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            assert found, page
            command = found
        if not isinstance(command, click.Group):
            command.make_context("hookspan", words).close()  # raises for what is no usage


def without_json(command: click.Command, name: str = "") -> Iterator[str]:
    if isinstance(command, click.Group):
        for verb in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), verb)
            assert found
            yield from without_json(found, f"{name} {verb}".strip())
    elif not any("--json" in parameter.opts for parameter in command.params):
        yield name


def test_the_readme_names_the_commands_without_json() -> None:
    (sentence,) = re.findall(
        r"Every command has `--json`, except (.+?)\. ", (ROOT / "README.md").read_text(), re.DOTALL
    )
    named = {name.replace("\n", " ") for name in re.findall(r"`([^`]+)`", sentence)}
    assert named == set(without_json(cli)), "README.md: the sentence of the commands without `--json`"


REASON = re.compile(r"^\| (`[a-z`, ]+) \| (`[a-z_`, ]+) \|", re.MULTILINE)


def test_the_runbook_of_lost_events_has_the_reasons_that_there_are() -> None:
    text = (DOCS / "runbooks" / "EventsDropped.md").read_text()
    told = {
        (where, reason)
        for wheres, reasons in REASON.findall(text)
        for where in re.findall(r"\w+", wheres)
        for reason in re.findall(r"\w+", reasons)
    }
    unreadable = set(re.findall(r"\w+", str(Unreadable.__doc__).partition("one of:")[2]))
    raised = {(where, "raised") for where in ("journal", "fold", "commit")}
    assert told == {("relay", reason) for reason in DROP_REASONS} | {("journal", one) for one in unreadable} | raised


@pytest.mark.slow
def test_the_site_builds(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("mkdocs")
    done = run([str(program), "build", "--strict", "--site-dir", str(tmp_path / "site")], cwd=ROOT)
    assert done.returncode == 0, done.stderr
