"""A docker daemon of our own, and the stack's images made of the programs that were built here.

No registry is needed: an image is `FROM scratch` with the real binary at the path, under the name and tag, with the
user and the volumes that the upstream image has. So docker-compose.yml runs as it is, and a file that the upstream
user could not write can't be written here either.
"""

import contextlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tests.stack import programs

START_TIMEOUT = 180.0  # s
STOP_TIMEOUT = 300.0  # s for all containers, the daemon and its folder
NOBODY = 65534
BUSYBOX = Path(shutil.which("busybox") or "/bin/busybox")  # the tools of Alpine, which Jaeger's image is made of

# Runs the daemon until nobody holds the other end of its stdin, be it that the tests are over or were killed.
KEEPER = """
folder=$1 docker=$2
shift 2
"$@" >"$folder/dockerd.log" 2>&1 &
cat >/dev/null
"$docker" ps -aq | xargs -r "$docker" rm -f -v
kill $!
wait $!
umount "$folder"/exec/netns/*
rm -rf "$folder"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """An upstream image: where its programs are, who runs them, which folders are there and whose."""

    name: str
    files: Mapping[str, str | Path | bytes]  # path in the image: name of a program, file of this machine, or content
    user: int
    folders: Mapping[str, int]  # path: owner
    volumes: tuple[str, ...] = ()
    workdir: str = "/"
    command: tuple[str, ...] = ()  # what it is given where compose gives nothing
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def entrypoint(self) -> str:
        """The first program."""
        return next(iter(self.files))


def victoria(name: str) -> Image:
    """One of VictoriaMetrics' programs."""
    files: dict[str, str | Path] = {f"/{name}-prod": name, "/usr/bin/wget": BUSYBOX}
    return Image(f"victoriametrics/{name}:v{programs.PROGRAMS[name].version}", files, 0, {"/tmp": 0})


# From the Dockerfiles of the very releases.
IMAGES = (
    Image("otel/opentelemetry-collector-contrib:0.159.0", {"/otelcol-contrib": "otelcol"}, 10001, {}),
    Image(
        "jaegertracing/jaeger:2.13.0",
        {"/cmd/jaeger/jaeger-linux": "jaeger"}
        | dict.fromkeys(("/bin/sh", "/bin/chown", "/usr/bin/wget", "/usr/bin/tail"), BUSYBOX),
        10001,
        {"/tmp": 0},
        ("/tmp",),
    ),
    Image(
        "prom/prometheus:v3.16.0",
        {"/bin/prometheus": "prometheus", "/bin/promtool": "promtool"},
        NOBODY,
        {"/prometheus": NOBODY, "/etc/prometheus": NOBODY},
        ("/prometheus",),
        "/prometheus",
    ),
    Image(
        "prom/alertmanager:v0.29.0",
        {"/bin/alertmanager": "alertmanager", "/bin/amtool": "amtool"},
        NOBODY,
        {"/alertmanager": NOBODY, "/etc/alertmanager": NOBODY},
        ("/alertmanager",),
        "/alertmanager",
    ),
    victoria("victoria-logs"),
    victoria("vmalert"),
)


class Docker:
    """The daemon, with the images in it. `close` ends it and what runs in it, and deletes its folder.

    `mirror` is the address of a registry that it asks in the place of Docker Hub.
    """

    def __init__(self, images: Sequence[Image] = IMAGES, mirror: str | None = None) -> None:
        # Not below pytest's folder: a socket's path is short, and the daemon's files are big.
        self.folder = Path(tempfile.mkdtemp(prefix="hookspan-docker-"))
        self.host = f"unix://{self.folder}/d.sock"
        self._docker = shutil.which("docker", path="/usr/bin") or "docker"
        self.log = self.folder / "dockerd.log"
        dockerd = shutil.which("dockerd") or "/usr/sbin/dockerd"
        self._keeper = subprocess.Popen(
            [
                *("sh", "-c", KEEPER, "keeper", str(self.folder), self._docker),
                dockerd,
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
                f"--data-root={self.folder}/root",
                f"--exec-root={self.folder}/exec",
                f"--pidfile={self.folder}/pid",
                f"--host={self.host}",
                *([f"--registry-mirror={mirror}"] if mirror else []),
            ],
            env={**os.environ, **self.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt from the terminal is not for it
        )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if time.monotonic() > deadline:
                text = self.log.read_text(errors="replace")[-3000:]
                self.close()
                raise RuntimeError(f"dockerd did not start:\n{text}")
            time.sleep(0.1)
        for image in images:
            self._import(image)

    def environment(self) -> dict[str, str]:
        """What docker and compose need to reach this daemon, and nothing of the developer's own."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "DOCKER_HOST": self.host}

    @property
    def client(self) -> list[str]:
        """The words before docker's arguments."""
        return [self._docker]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`docker` with these arguments."""
        return subprocess.run(
            [self._docker, *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=check,
        )

    def inspect(self, container: str) -> dict[str, Any]:
        """What the daemon says of a container, by its API: tests ask ten times a second, and `docker` has to start."""
        status, answer = self._get(f"/containers/{container}/json")
        assert status == http.HTTPStatus.OK, answer
        return dict(json.loads(answer))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self._get("/_ping")[0] == http.HTTPStatus.OK
        return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("docker", timeout=START_TIMEOUT)
        with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(START_TIMEOUT)
            connection.sock.connect(self.host.removeprefix("unix://"))
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def close(self) -> None:
        """End everything."""
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait(STOP_TIMEOUT)

    def _import(self, image: Image) -> None:
        changes = [f"ENTRYPOINT {json.dumps([image.entrypoint])}", f"USER {image.user}", f"WORKDIR {image.workdir}"]
        changes += [f"VOLUME {volume}" for volume in image.volumes]
        changes += [f"ENV {name}={value}" for name, value in image.variables.items()]
        changes += [f"CMD {json.dumps(image.command)}"] if image.command else []
        flags = [word for change in changes for word in ("--change", change)]
        process = subprocess.Popen(
            [self._docker, "import", *flags, "-", image.name],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stdin
        with process.stdin, tarfile.open(fileobj=process.stdin, mode="w|") as archive:
            for path, owner in image.folders.items():
                folder = tarfile.TarInfo(path.lstrip("/"))
                folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o775, owner, owner
                archive.addfile(folder)
            for path, what in image.files.items():
                file = tarfile.TarInfo(path.lstrip("/"))
                file.mode = 0o755
                with _opened(what) as source:
                    file.size = source.seek(0, os.SEEK_END)
                    source.seek(0)
                    archive.addfile(file, source)
        if process.wait():
            raise RuntimeError(f"docker import {image.name} exited {process.returncode}")


def _opened(what: str | Path | bytes) -> BinaryIO:
    if isinstance(what, bytes):
        return io.BytesIO(what)
    return (programs.binary(what) if isinstance(what, str) else what).open("rb")
