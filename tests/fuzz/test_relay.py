"""The relay's fuzzing harness in small: its seeds, what was once found, and a few thousand mutations of them."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.fuzz.relay import END, HERE, MENDED, SANITIZED, compile_harness, seeds

FINDINGS = sorted((HERE / "findings").iterdir())
MUTATIONS = 150  # a run takes 5 ms; `make fuzz` goes on for half an hour
pytestmark = pytest.mark.need_cc


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("fuzz") / "harness"
    compile_harness(target, "cc", *SANITIZED)
    return target


def run(harness: Path, folder: Path, data: bytes) -> None:
    done = subprocess.run([harness, folder], input=data, capture_output=True, check=False)
    assert done.returncode == 0, (data, done.stderr.decode(errors="replace"))


def test_seeds_and_findings(harness: Path, tmp_path: Path):
    assert {path.name for path in FINDINGS} == MENDED.keys()
    for data in [*seeds(), *(path.read_bytes() for path in FINDINGS)]:
        run(harness, tmp_path, data)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One section is changed: cut, doubled, a bit of it flipped, or taken from another place."""
    sections = data.split(END, 13)
    place = dice.randrange(len(sections))
    section = bytearray(sections[place])
    match dice.randrange(4):
        case 0:
            del section[dice.randrange(len(section) + 1) :]
        case 1:
            section *= dice.choice((2, 40))
        case 2 if section:
            section[dice.randrange(len(section))] ^= 1 << dice.randrange(8)
        case _:
            section = bytearray(dice.choice(sections))
    sections[place] = bytes(section)
    return END.join(sections)


def test_mutations(harness: Path, tmp_path: Path):
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    start = list(seeds())
    for _ in range(MUTATIONS):
        data = dice.choice(start)
        for _ in range(dice.randrange(1, 6)):
            data = mutated(data, dice)
        run(harness, tmp_path, data)
