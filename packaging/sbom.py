"""`make sbom`: a CycloneDX document of what hookspan is made of, from `requirements.lock` and the page's libraries.

cyclonedx-py reads the lock, with its hashes; what no lock has (files of other releases in the wheel) and the licences
are added here, from where the page of licences has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs" / "generator"))

import licences  # noqa: E402 - where its own script finds it


def document() -> dict[str, Any]:
    """The document, of CycloneDX 1.6."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(licences.LOCK), "--spec-version", "1.6"]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-format", "JSON"]
    options += ["--no-validate"]  # `main` checks all of it
    made = json.loads(subprocess.run([*command, *options], capture_output=True, check=True).stdout)
    for component in made["components"]:
        component["licenses"] = [_licence(licences.licence(component["name"]))]
    for name, version, said in licences.vendored():
        url = f"pkg:npm/{name.lower().replace('@', '%40')}@{version}"
        made["components"].append(_component(name, version, said, url))
    known = {row["ref"] for row in made.get("dependencies", [])}
    made["dependencies"] = [
        *made.get("dependencies", []),
        *({"ref": one["bom-ref"]} for one in made["components"] if one["bom-ref"] not in known),
    ]
    return dict(made)


def _component(name: str, version: str | None, said: str, url: str) -> dict[str, Any]:
    found = {"bom-ref": url, "type": "library", "name": name, "purl": url, "licenses": [_licence(said)]}
    return found if version is None else found | {"version": version}


def _licence(said: str) -> dict[str, Any]:
    return {"expression": said} if " " in said else {"license": {"id": said}}


def main(target: Path) -> None:
    """Check it against CycloneDX's own schema, and write it."""
    text = json.dumps(document(), indent=2) + "\n"
    if (problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise SystemExit(f"the document is not as CycloneDX wants it: {problem}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "hookspan.cdx.json")
