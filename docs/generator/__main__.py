"""Write docs/reference: `python docs/generator`. `--check`: exit 1 if a page would be made otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pages import pages

TARGET: Final = Path(__file__).resolve().parents[1] / "reference"


def main(arguments: list[str]) -> int:
    """0, or with `--check` 1 when a page differs."""
    made = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.md")}
    if arguments == ["--check"]:
        different = sorted(name for name in made | there if made.get(name) != there.get(name))
        for name in different:
            sys.stderr.write(f"docs/reference/{name} is not what `python docs/generator` makes\n")
        return 1 if different else 0
    TARGET.mkdir(exist_ok=True)
    for name in there.keys() - made.keys():
        (TARGET / name).unlink()
    for name, text in made.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
