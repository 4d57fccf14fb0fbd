"""The page about containers, walked in one: its devcontainer.json is done as Dev Containers do it, by docker itself.

No registry is needed: the image has a user and a home, and finds this machine's programs where they are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.claude.client import executable
from tests.claude.drivers import Home
from tests.claude.model import Model, Tool, says
from tests.docs.walk import DOCS, TIMEOUT, prepare, repository
from tests.otlp_sink import Sink
from tests.stack.docker import Docker, Image
from tests.waiting import until

USER, UID, IMAGE = "vscode", 1000, "devcontainer:test"
PASSWD = f"root:x:0:0::/root:/bin/sh\n{USER}:x:{UID}:{UID}::/home/{USER}:/bin/bash\n"
# Of this machine: programs, and what they look for. At the places that they have here.
PROGRAMS = ("/usr", "/etc/ssl", "/etc/alternatives")
PYTHON = (sys.prefix, sys.base_prefix)
MERGED = ("bin", "lib", "lib64", "sbin")  # links into /usr

pytestmark = [pytest.mark.need_npm, pytest.mark.need_cc, pytest.mark.need_docker, pytest.mark.need_root]


@pytest.fixture
def docker() -> Iterator[Docker]:
    image = Image(
        IMAGE,
        {"/etc/passwd": PASSWD.encode(), "/etc/group": f"root:x:0:\n{USER}:x:{UID}:\n".encode()},
        UID,
        {f"/home/{USER}": UID, "/tmp": UID, "/workspaces/shop": UID},
    )
    docker = Docker([image])
    yield docker
    docker.close()


class Container:
    """A dev container, as devcontainer.json wants it, on this machine's network."""

    def __init__(self, docker: Docker, home: Home, tree: Path, wanted: dict[str, Any]) -> None:
        self._docker = docker
        programs = home.home / ".local" / "bin"
        python = dict.fromkeys(place for place in PYTHON if not Path(place).is_relative_to("/usr"))
        places = [*PROGRAMS, *python, str(executable().parent), str(tree), str(programs)]
        binds = [f"{place}:{place}:ro" for place in places] + [f"/usr/{name}:/{name}:ro" for name in MERGED]
        self._env = {**home.env, "HOME": f"/home/{USER}", "PATH": f"/home/{USER}/.local/bin:{home.env['PATH']}"}
        self._env = {
            name: value for name, value in self._env.items() if not name.endswith("_CACHE_DIR")
        }  # not its user's
        words = [word for bind in binds for word in ("--volume", bind)]
        words += [word for mount in wanted["mounts"] for word in ("--mount", mount)]
        started = docker.run(
            *("run", "--detach", "--network", "host", "--workdir", "/workspaces/shop", "--entrypoint", "sleep"),
            *(*words, IMAGE, "infinity"),
        )
        self._id = started.stdout.strip()
        self.run(f"cat > ~/.gitconfig <<'EOF'\n{(home.home / '.gitconfig').read_text()}[safe]\n\tdirectory = *\nEOF")

    def run(self, line: str) -> str:
        """A line in a shell, as the container's user; as root if it begins with sudo, which the image has none of."""
        user = "0" if line.startswith("sudo ") else str(UID)
        variables = [word for name, value in self._env.items() for word in ("--env", f"{name}={value}")]
        done = subprocess.run(
            [*self._docker.client, "exec", "--user", user, *variables, self._id, "bash", "-c", line],
            env=self._docker.environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def remove(self) -> None:
        self._docker.run("rm", "--force", self._id)


def test_a_dev_container_and_the_next_one(docker: Docker, tmp_path: Path) -> None:
    page = (DOCS / "guides" / "containers.md").read_text()
    (text,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tree = repository(tmp_path / "repository")
    with Model("container") as model, Home(model.url) as home, Sink() as sink:
        model.play({"How many lines": 2 * [says(Tool("Bash", {"command": "wc -l cart.py"})), says("Two.")]})
        prepare(home, tree)
        wanted = json.loads(text.replace("http://host.docker.internal:4318", sink.url))
        for _ in range(2):
            container = Container(docker, home, tree, wanted)
            for command in wanted["postCreateCommand"].split(" && "):
                container.run(command)
            container.run("echo 1 > cart.py; claude -p 'How many lines has cart.py?' < /dev/null")
            container.run("hookspan flush --wait 120s")
            until(partial(container.run, "hookspan doctor"), "doctor finds nothing", timeout=TIMEOUT)
            with urllib.request.urlopen(container.run("hookspan open --print").strip()) as answer:
                assert b"hookspan" in answer.read()
            rows = json.loads(container.run("hookspan sessions --json"))
            container.remove()  # without a word to those in it
        assert [(row["project"], row["turns"]) for row in rows] == [("shop", 1)] * 2, "the volume keeps the first one's"
        names = Counter({(span.trace_id, span.span_id): span.name for span in sink.spans}.values())
        wanted_of_each = ("execute_tool Bash", "invoke_agent claude-code", "session")
        assert {name: names[name] for name in wanted_of_each} == dict.fromkeys(wanted_of_each, 2)
