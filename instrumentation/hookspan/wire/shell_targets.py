"""Which files a shell command writes, as far as its text tells.

Redirections, `tee`, `sed -i`, `perl -i`, `mv`, `cp`, `rm`, `truncate`, `git` with paths, and what of git rewrites a
whole work tree. What a variable, a pattern or another program names can't be told and is left out. One pass over the
text: no expression can look at a character more than a few times.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from .fields import PATH_LENGTH

LONGEST: Final = 16_000
"""Characters of a command that are looked at; a long one is a here-document, whose file stands before it."""
MOST: Final = 16
"""Files of one command."""

_MAY_WRITE: Final = re.compile(r">|\b(?:tee|sed|perl|mv|cp|rm|unlink|truncate|git)\b")
_WORD: Final = re.compile(r"""[^ \t\r\n'"\\;|&<>()]+""")
"""Of all blanks these alone end a word, as in the shell: at one that `_step` knows nothing of, it would go nowhere."""
_SINGLE: Final = re.compile(r"'([^']*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\([$`"\\\n])')
_OUT: Final = re.compile(r"(?:\d{1,2}|&)?>[>|&]?")
_UNKNOWN: Final = re.compile(r"[$`*?\[]|\{.|\A~")
"""What the shell replaces by something else."""
_IN_QUOTES: Final = re.compile(r"[$`]")
_ASSIGNMENT: Final = re.compile(r"\A[A-Za-z_]\w*\+?=")
_DESCRIPTOR: Final = re.compile(r"\d+-?|-")
_BLANK: Final = " \t\r"
_END: Final = "\n;|&()"
_WRAPPERS: Final = frozenset(
    {"sudo", "time", "env", "nohup", "command", "exec", "nice"}
    | {"if", "then", "elif", "else", "while", "until", "do", "!", "{"}
)
"""What stands before the command that is meant."""
_FILE_NAME: Final = re.compile(r"\.[A-Za-z]\w{0,7}\Z")
_DEVICES: Final = "/dev/"


class Targets(NamedTuple):
    """What a command writes: absolute paths of files, and a folder in whose work tree files are rewritten, or empty."""

    files: list[str]
    tree: str


class _Unterminated(Exception):
    """A quote has no end: what is behind it is not known."""


def targets(command: str, folder: str) -> Targets:
    """The targets of a command that starts in a folder (an absolute path). Never raises."""
    if not _MAY_WRITE.search(command, 0, LONGEST):
        return Targets([], "")
    parser = _Parser(command[:LONGEST], folder)
    return Targets(list(dict.fromkeys(parser.run()))[:MOST], parser.tree)


class _Parser:
    """Goes through a text once. `folder` is where the shell is at that place, empty if that can't be told."""

    def __init__(self, text: str, folder: str) -> None:
        self._text = text
        self._at = 0
        self._heredocs: list[tuple[str, bool]] = []
        self._folders: list[str] = []
        self._folder = folder
        self._files: list[str] = []
        self.tree = ""

    def run(self) -> Sequence[str]:
        """The files, in their order."""
        words: list[str | None] = []
        try:
            while self._at < len(self._text):
                self._step(words)
        except _Unterminated:
            words = []
        self._run(words)
        return self._files

    def _step(self, words: list[str | None]) -> None:
        """Takes in the next word, redirection or end of a command."""
        text, at = self._text, self._at
        here = text[at]
        if here in _BLANK:
            self._at += 1
        elif text.startswith("\\\n", at):
            self._at += 2
        elif (out := _OUT.match(text, at)) is not None:
            self._at = out.end()
            target = self._word()
            if target is not None and not (out.group().endswith("&") and _DESCRIPTOR.fullmatch(target)):
                self._write(target)
        elif here == "<":
            self._input()
        elif here in _END:
            self._ended(here, words)
        elif here == "#":
            self._at = (text.find("\n", at) + 1 or len(text) + 1) - 1
        else:
            words.append(self._word())

    def _ended(self, by: str, words: list[str | None]) -> None:
        self._run(words)
        words.clear()
        self._at += 1
        if by == "(":
            self._folders.append(self._folder)
        elif by == ")" and self._folders:
            self._folder = self._folders.pop()
        elif by == "\n":
            self._skip_heredocs()

    def _word(self) -> str | None:
        """The next word without its quotes; None if what it stands for is not known."""
        text = self._text
        while self._at < len(text) and text[self._at] in _BLANK:
            self._at += 1
        begun, parts, known = self._at, [], True
        while self._at < len(text):
            here = text[self._at]
            if here == "\\":
                escaped = text[self._at + 1 : self._at + 2]
                parts.append("" if escaped == "\n" else escaped)
                self._at += 2
                continue
            pattern = _SINGLE if here == "'" else _DOUBLE if here == '"' else _WORD
            found = pattern.match(text, self._at)
            if found is None:
                if here in "'\"":
                    raise _Unterminated
                break
            self._at = found.end()
            if pattern is _WORD:
                known = known and not _UNKNOWN.search(found.group())
                parts.append(found.group())
            else:
                quoted = found.group(1)
                known = known and not (pattern is _DOUBLE and _IN_QUOTES.search(quoted))
                parts.append(_ESCAPE.sub(r"\1", quoted) if pattern is _DOUBLE else quoted)
        return "".join(parts) if known and self._at > begun else None

    def _input(self) -> None:
        """`<`, `<<<`, `<&`, `<(`, or the beginning of a here-document."""
        text = self._text
        if text.startswith("<<<", self._at):
            self._at += 3
            self._word()
        elif text.startswith("<<", self._at):
            self._at += 2
            tabs = text.startswith("-", self._at)
            self._at += tabs
            if word := self._word():
                self._heredocs.append((word, tabs))
        else:
            self._at += 1
            if not text.startswith("(", self._at):
                self._at += text.startswith("&", self._at)
                self._word()

    def _skip_heredocs(self) -> None:
        """At the beginning of a line: goes past the here-documents that begin here."""
        for word, tabs in self._heredocs:
            end = re.compile(rf"^{'	*' if tabs else ''}{re.escape(word)}$", re.MULTILINE).search(
                self._text, self._at
            )
            self._at = end.end() if end else len(self._text)
        self._heredocs.clear()

    def _write(self, path: str | None) -> None:
        if path and (whole := self._whole(path)) and not whole.startswith(_DEVICES):
            self._files.append(whole)

    def _whole(self, path: str) -> str:
        """The absolute path; empty if it can't be told, or is longer than a path can be."""
        if not path.startswith("/"):
            if not self._folder:
                return ""
            path = f"{self._folder}/{path}"
        return posixpath.normpath(path) if len(path) <= PATH_LENGTH else ""

    def _run(self, words: Sequence[str | None]) -> None:
        """A simple command is complete."""
        rest = list(words)
        while rest and rest[0] is not None and (rest[0] in _WRAPPERS or _ASSIGNMENT.match(rest[0])):
            del rest[0]
        if not rest or rest[0] is None:
            return
        name, arguments = posixpath.basename(rest[0]), rest[1:]
        if name == "cd":
            target = arguments[0] if len(arguments) == 1 else None
            self._folder = self._whole(target) if target and target != "-" else ""
        elif name == "git":
            self._git(arguments)
        elif name in _FILES:
            for path in _FILES[name](arguments):
                self._write(path)

    def _git(self, words: list[str | None]) -> None:
        folder = self._folder
        while words and words[0] is not None and words[0].startswith("-"):
            option = words.pop(0)
            value = words.pop(0) if option in {"-C", "-c"} and words else None
            if option == "-C":
                self._folder = self._whole(value) if value else ""
        if words and words[0] in _GIT:
            verb, *arguments = words
            paths = _GIT[verb or ""](arguments)
            if paths is None:
                self.tree = self._folder or self.tree
            for path in paths or ():
                self._write(path)
        self._folder = folder


Arguments = Sequence[str | None]


def _plain(words: Arguments) -> list[str | None]:
    """What is no option."""
    behind = words.index("--") if "--" in words else len(words)
    return [word for place, word in enumerate(words) if place > behind or word is None or not word.startswith("-")]


def _options(words: Arguments) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        if word and word.startswith("-") and word != "-":
            yield word


def _edited_in_place(words: Arguments) -> list[str | None]:
    """`sed -i` and `perl -i`: files, behind the script unless an option has that."""
    short = [option for option in _options(words) if not option.startswith("--")]
    if not any("i" in option for option in short) and not any(o.startswith("--in-place") for o in _options(words)):
        return []
    files: list[str | None] = []
    given = skip = False
    for word in words:
        if skip:
            skip = False
        elif word is not None and word.startswith("-") and len(word) > 1:
            skip = not word.startswith("--") and word[-1] in "efE" and word != "-E"
            given = given or skip or word.startswith(("--expression", "--file"))
        elif word != "":  # that of BSD's `-i ''`
            files.append(word)
    return files if given else files[1:]


def _moved(words: Arguments) -> list[str | None]:
    files = _plain(words)
    return [*files[:-1], *_copied(words)] if len(files) > 1 else []


def _copied(words: Arguments) -> list[str | None]:
    """The last is a file, or a folder that gets a file of the same name."""
    files = _plain(words)
    if len(files) < 2 or files[-1] is None or any(o.startswith(("-t", "--target")) for o in _options(words)):  # noqa: PLR2004
        return []
    into = files[-1]
    return [into, *(f"{into}/{posixpath.basename(path.rstrip('/'))}" for path in files[:-1] if path)]


def _truncated(words: Arguments) -> list[str | None]:
    return _plain(words)[1:] if "-s" in words else []


_FILES: Final = {
    "tee": _plain,
    "sed": _edited_in_place,
    "perl": _edited_in_place,
    "mv": _moved,
    "cp": _copied,
    "rm": _plain,
    "unlink": _plain,
    "truncate": _truncated,
}


def _reset(words: Arguments) -> list[str | None] | None:
    return None if {"--hard", "--merge", "--keep"} & set(words) else []


def _stash(words: Arguments) -> list[str | None] | None:
    verb = next(iter(_plain(words)), "push")
    return None if verb in {"push", "pop", "apply", "save"} and "--" not in words else []


def _clean(words: Arguments) -> list[str | None] | None:
    options = list(_options(words))
    forced = any(o == "--force" or (o[1] != "-" and "f" in o) for o in options)
    dry = any(o == "--dry-run" or (o[1] != "-" and "n" in o) for o in options)
    return None if forced and not dry else []


def _checkout(words: Arguments) -> list[str | None] | None:
    """Another branch, or files as they were: those behind a commit, and a single name that has a file's extension."""
    if {"-b", "-B", "--orphan"} & set(words):
        return []
    given = _plain(words)
    paths = _plain(words[words.index("--") + 1 :]) if "--" in words else given[1:]
    if not paths and given and given[0] is not None and _FILE_NAME.search(given[0]):
        paths = given
    return None if not paths or {".", ":/"} & set(paths) else paths


def _switch(words: Arguments) -> list[str | None] | None:
    return [] if {"-c", "-C", "--create", "--force-create", "--orphan"} & set(words) else None


def _restore(words: Arguments) -> list[str | None] | None:
    options = set(words)
    if {"--staged", "-S"} & options and not {"--worktree", "-W"} & options:
        return []
    paths = _plain(words)
    return None if {".", ":/"} & set(paths) else paths


_GIT: Final = {
    "checkout": _checkout,
    "switch": _switch,
    "restore": _restore,
    "reset": _reset,
    "stash": _stash,
    "clean": _clean,
    "rm": _plain,
    "mv": _moved,
}
"""What a verb of git writes: paths, or None for the whole work tree."""
