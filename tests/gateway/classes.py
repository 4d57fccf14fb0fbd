"""Kafka's classes as Java itself keeps them: with an archive of those that it loads, it starts for half the processor.

The archive is made of the lists that a first fleet's programs write, and is kept beside the jars. Another Java takes no
notice of it.
"""

import subprocess
import tempfile
import uuid
from pathlib import Path

from tests.stack import programs


class Classes:
    """Of Kafka. `lists` is a folder for what its programs load, while there is no archive."""

    def __init__(self, lists: Path) -> None:
        self._folder = programs.folder("kafka")
        self._archive = self._folder / "classes.jsa"
        self._lists = None if self._archive.exists() else lists
        if self._lists is not None:
            self._lists.mkdir()

    @property
    def is_missing(self) -> bool:
        """Whether `keep` is to be called, once programs have ended by themselves."""
        return self._lists is not None

    def option(self) -> str:
        """For one start of Java."""
        if self._lists is None:
            return f"-XX:SharedArchiveFile={self._archive}"
        return f"-XX:DumpLoadedClassList={self._lists / uuid.uuid4().hex}"

    def keep(self) -> None:
        """Make the archive of what was loaded."""
        assert self._lists is not None
        every = self._lists / "all"
        loaded = dict.fromkeys(line for file in self._lists.iterdir() for line in file.read_text().splitlines(True))
        every.write_text("".join(line for line in loaded if line.endswith("\n")))
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            fresh = Path(scratch, "classes.jsa")
            words = ["-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={every}"]
            words += [f"-XX:SharedArchiveFile={fresh}", "-cp", f"{self._folder / 'libs'}/*"]
            subprocess.run(["java", *words], capture_output=True, check=True)
            fresh.replace(self._archive)
