"""Walking a page of the documentation: what it tells to type is typed, what it says will be seen is looked for."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.agent.machine import with_etc
from tests.cache import cache
from tests.claude.client import executable
from tests.claude.drivers import Home
from tests.waiting import until

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
ADDRESS: Final = "https://github.com/OWNER/REPOSITORY"  # how the pages call the place where the repository lies
INSTALL: Final = f"pipx install git+{ADDRESS}"
STEP: Final = re.compile(
    r"^ *```sh\n(?P<commands>.*?)^ *```$|^ *Verify: `(?P<command>[^`]+)` says `(?P<text>[^`]+)`",
    re.MULTILINE | re.DOTALL,
)
OF_CLONE: Final = re.compile(r"pipx install .*(?<= )\.$|.* hooks/")  # what is typed in a clone of the repository
NETWORK: Final = re.compile(r"(PIP|UV|SSL|REQUESTS)_|.*_proxy$", re.IGNORECASE)  # how this machine reaches packages
TIMEOUT: Final = 300  # s for one command: the installation loads packages
FLUSH: Final = re.compile(r"(hookspan flush)( --wait \S+)?")
PATIENT: Final = r"\1 --wait 120s"  # than pages say: other tests have the machine, too
STARTING: Final = ("is not ready after", "another process has been starting the agent")
"""What commands say of an agent that comes up more slowly than they wait for it: then they are typed again."""
CC: Final = """#!/bin/sh
for word; do
    case $before in
    -o) target=$word ;;
    *) case $word in *.c) folder=${word%/*} ;; *) words="$words $word" ;; esac ;;
    esac
    before=$word
done
made=KEPT/relay-$({ echo "$words"; cat "$folder"/*.c; } | sha256sum | cut -c-16)
[ ! -e "$made" ] || exec cp "$made" "$target"
/usr/bin/cc "$@" || exit
[ ! -w KEPT ] || { cp "$target" "$made.$$" && mv "$made.$$" "$made"; }
"""
"""The compiler of commands that are started, as `tests/compiled_once.py` is that of commands that are forked."""
SUDO: Final = '#!/bin/sh\nexec "$@"\n'  # the tests that need it run as root


def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False, **options
    )


def repository(folder: Path) -> Path:
    """A git repository of this tree as it is, for `git+https://..` and for the plugin's marketplace."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT)
    assert listed.returncode == 0, listed.stderr
    for name in filter(None, listed.stdout.split("\0")):
        if (source := ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    identity = ["-c", "user.name=u", "-c", "user.email=u@example.invalid"]
    unpacked = (["config", "core.compression", "0"], ["config", "pack.window", "0"])  # each clone would pay for it
    for words in (
        ["init", "-q", "-b", "main"],
        *unpacked,
        ["add", "-A"],
        [*identity, "commit", "-q", "-m", "The tree"],
    ):
        done = run(["git", *words], cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def prepare(home: Home, tree: Path | None = None) -> Home:
    """The home, with the pages take for granted: `claude`, `pipx`, packages, and the repository at its address."""
    programs = home.home / ".local" / "bin"
    programs.mkdir(parents=True)
    (programs / "claude").symlink_to(executable())
    (programs / "pipx").symlink_to(Path(sys.executable).with_name("pipx"))
    for name, text in (("sudo", SUDO), ("cc", CC.replace("KEPT", shlex.quote(str(cache()))))):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    home.env["PATH"] = f"{programs}:{home.env['PATH']}"
    home.env |= {name: value for name, value in os.environ.items() if NETWORK.match(name)}
    home.env["PIP_CACHE_DIR"] = home.env["UV_CACHE_DIR"] = str(cache() / "packages")
    if tree is not None:
        (home.home / ".gitconfig").write_text(
            "".join(
                f'[url "file://{tree}"]\n\tinsteadOf = {address}\n'
                for address in (f"{ADDRESS}.git", ADDRESS, "git@github.com:OWNER/REPOSITORY.git")
            )
        )
    return home


class Walk:
    """A walk through pages, in one home. With `etc` the machine has an /etc of its own, for as long as the walk."""

    def __init__(self, home: Home, *, etc: bool = False) -> None:
        self.home = home
        self.env = dict(home.env)
        self._keeper: subprocess.Popen[bytes] | None = None
        if etc:
            files, over = home.root / "etc", home.root / "over"
            files.mkdir()
            over.mkdir()
            self._keeper = subprocess.Popen(
                [*with_etc(files, over), "sh", "-c", "echo ready; exec cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self._keeper.stdout
            assert self._keeper.stdout.readline() == b"ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("! command -v hookspan || hookspan down")
        if self._keeper is not None:
            self._keeper.communicate()  # the end of its stdin is its end

    def run(self, line: str, *, status: int = 0) -> str:
        """One line in a shell, in the project's folder or in a clone of the repository; what it printed."""
        folder = ROOT if OF_CLONE.match(line) else self.home.project
        inside = ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", f"--wd={folder}"] if self._keeper else []
        end = time.monotonic() + TIMEOUT
        while True:
            done = run([*inside, "bash", "-c", FLUSH.sub(PATIENT, line)], cwd=folder, env=self.env)
            said = done.stdout + done.stderr
            if done.returncode == status:
                return said
            assert "claude" not in line, f"{line}: {said}"
            late = line.startswith("hookspan doctor") and time.monotonic() < end  # it waits no longer than a user does
            assert late or any(words in said for words in STARTING), f"{line}: {said}"

    def put(self, name: str, text: str) -> None:
        """A file in the walk's own /etc."""
        file = f"/etc/{name}"
        self.run(
            f"mkdir -p {shlex.quote(str(Path(file).parent))} && printf %s {shlex.quote(text)} > {shlex.quote(file)}"
        )

    def page(self, name: str, *, instead: Mapping[str, str] = {}, done: Sequence[str] = ()) -> None:
        """Every block of `sh` and every `Verify:` of a page, in their order.

        `instead` has what this machine has in place of the page's examples, `done` the lines that somebody has typed.
        """
        text = (DOCS / name).read_text()
        for example, here in instead.items():
            assert example in text, f"{name} has no {example}"
            text = text.replace(example, here)
        steps = list(STEP.finditer(text))
        assert any(step["commands"] for step in steps), name
        assert any(step["text"] for step in steps), name
        for step in steps:
            if step["text"]:
                until(functools.partial(self._says, step["command"], step["text"]), step["command"])
            for line in (step["commands"] or "").splitlines():
                if line not in done:
                    self.run(line)

    def _says(self, line: str, text: str) -> bool:
        said = self.run(line)
        assert text in said, f"{line}: {said}"
        return True
