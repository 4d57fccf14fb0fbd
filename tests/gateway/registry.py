"""A registry of images on this machine, which a daemon asks in the place of Docker Hub; its images are tiny."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import Ports
from tests.stack import programs
from tests.stack.stack import text
from tests.waiting import until


class Registry:
    """The real one of go-containerregistry, and its `crane` to fill it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._address = f"127.0.0.1:{port}"
        self.url = f"http://{self._address}"

    def answers(self) -> bool:
        """Whether it is there."""
        with suppress(OSError):
            text(f"{self.url}/v2/")
            return True
        return False

    def publish(self, image: str, content: str) -> str:
        """Give an image of Docker Hub's, such as `grafana/grafana:12.3.0`, this content; its digest."""
        layer = self._folder / "layer.tar"
        file = self._folder / "file"
        file.write_text(content)
        with tarfile.open(layer, "w") as archive:
            archive.add(file, "file")
        name = f"{self._address}/{image if '/' in image else f'library/{image}'}"
        reference = _crane("append", "--new_layer", str(layer), "--new_tag", name)
        return reference.strip().rpartition("@")[2]


@contextmanager
def serving(folder: Path) -> Iterator[Registry]:
    """A registry, empty, as long as it is needed."""
    ports = Ports()
    registry = Registry(folder, ports["registry"])
    command = [str(programs.binary("crane")), "registry", "serve", "--address", registry.url.removeprefix("http://")]
    with (folder / "registry.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(registry.answers, "the registry does not answer")
            yield registry
        finally:
            process.kill()


def _crane(*arguments: str) -> str:
    done = subprocess.run([str(programs.binary("crane")), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
