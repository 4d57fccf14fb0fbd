"""Write the dashboards: `python dashboards/grafana/generator`. `--check`: exit 1 if one would be made otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import audit
import client
import cost
import fleet
import host
import names
import overview
import pipeline
import security
import tools
import turns
import waiting
from grafana_foundation_sdk.cog.encoder import JSONEncoder

BOARDS: Final = (overview, turns, tools, waiting, cost, client, pipeline, fleet, host, audit, security)
TARGET: Final = Path(__file__).resolve().parents[1] / "dashboards"


def main(arguments: list[str]) -> int:
    """0, or with `--check` 1 when a file differs."""
    made = {}
    for board in BOARDS:
        text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board.make())
        name = f"{json.loads(text)['uid'].removeprefix('hookspan-')}.json"
        names.check(name, text)
        made[name] = f"{text}\n"
    there = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.json")}
    if arguments == ["--check"]:
        different = sorted(name for name in made | there if made.get(name) != there.get(name))
        for name in different:
            sys.stderr.write(f"dashboards/grafana/dashboards/{name} is not what `make generate` makes\n")
        return 1 if different else 0
    for name in there.keys() - made.keys():
        (TARGET / name).unlink()
    for name, text in made.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
