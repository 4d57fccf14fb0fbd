"""The licences of what hookspan is made of: what its wheels hold, and what pip installs with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = ROOT / "requirements.lock"
VENDOR: Final = ROOT / "dashboards" / "web" / "vendor" / "README.md"

# Where a package's metadata says it in no word of SPDX's list, or says another one than the text beside it.
KNOWN: Final = {"protobuf": "BSD-3-Clause", "requests-oauthlib": "ISC"}
CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def locked() -> Iterator[tuple[str, str]]:
    """Name and version of what an installation brings along, with all extras that users have."""
    yield from re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)


def vendored() -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of the page's libraries, as their own table has them."""
    for line in VENDOR.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and cells[1][:1].isdigit():  # noqa: PLR2004 - the table's columns
            yield cells[0], cells[1], cells[2]


def licence(name: str) -> str:
    """A package's licence as SPDX names it, from its metadata. LookupError where it can't be told."""
    if name in KNOWN:
        return KNOWN[name]
    about = metadata.metadata(name)
    if found := about.get("License-Expression"):
        return str(found)
    for classifier in about.get_all("Classifier") or ():
        kind, _, said = classifier.rpartition(" :: ")
        if kind.startswith("License") and said in CLASSIFIERS:
            return CLASSIFIERS[said]
    found = (about.get("License") or "").strip()
    if not found or "\n" in found:
        raise LookupError(f"the licence of {name} is not in its metadata: say it in KNOWN")
    return str(found)


def page() -> list[str]:
    """docs/reference/licences.md."""
    return [
        "# Licences",
        "",
        "hookspan is under Apache-2.0, as `LICENSE` and `NOTICE` say. `make sbom` writes the same list as a CycloneDX document.",
        "",
        "## In the wheel",
        "",
        "Unmodified files from the releases of other projects, each with its licence, in `dashboards/web/vendor`:",
        "",
        "| package | version | licence |",
        "|---|---|---|",
        *(f"| {name} | {version} | {said} |" for name, version, said in vendored()),
        "",
        "The relay has no library in it. Where it can't be compiled without one, it is linked with the machine's C library.",
        "",
        "## Installed with it",
        "",
        "By pip, from the Python Package Index, in the versions of `requirements.lock`, for `hookspan[audit,notify]`:",
        "",
        "| package | version | licence |",
        "|---|---|---|",
        *(f"| {name} | {version} | {licence(name)} |" for name, version in locked()),
        "",
        "The containers of `hookspan stack` are their makers' own images and no part of this.",
    ]
