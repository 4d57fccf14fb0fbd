"""Write what repeats the catalogue outside of Python: `python docs/generator`. `--check`: exit 1 where it is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import appearance
import pages
import plugin
import registry
import typescript

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
REGISTRY: Final = ROOT / "docs" / "registry"
PAGE: Final = ROOT / "dashboards" / "web" / "lib"


def files() -> dict[Path, str]:
    """Each file's text by its path."""
    return {
        **{REFERENCE / name: text for name, text in pages.pages().items()},
        **{REGISTRY / name: text for name, text in registry.registry().items()},
        ROOT / "hooks" / "hooks.json": plugin.hooks(),
        PAGE / "types.d.ts": typescript.types(),
        PAGE / "catalogue-sessions.js": appearance.sessions_script(),
        PAGE / "catalogue.js": appearance.script(),
        PAGE / "looks.d.ts": appearance.types(),
    }


def main(arguments: list[str]) -> int:
    """0, or with `--check` 1 when a file differs."""
    made = files()
    left_over = {path for path in (*REFERENCE.glob("*.md"), *REGISTRY.glob("*")) if path not in made}
    stale = sorted(path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text)
    if arguments == ["--check"]:
        for path in (*stale, *left_over):
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what `make generate` makes\n")
        return 1 if stale or left_over else 0
    for path in left_over:
        path.unlink()
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
