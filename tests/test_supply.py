"""What is installed is what was looked at: locks hold what pyproject.toml asks for, lists what the locks hold."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"requirements.lock": ("notify",), "requirements-dev.lock": ("notify", "dev")}
HOW = "`make lock`, then `make generate`, and commit both"


def entries(lock: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes by name; where Pythons differ, those of the newest."""
    text = (ROOT / lock).read_text()
    parts = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    found = (re.match(r"([\w.-]+)==([^\s;]+)", part) for part in parts)
    return {one[1]: (one[2], one.string.count("--hash=sha256:")) for one in found if one}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(lock: str):
    locked = entries(lock)
    wanted = [
        *PROJECT["dependencies"],
        *(row for extra in LOCKS[lock] for row in PROJECT["optional-dependencies"][extra]),
    ]
    for requirement in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in locked, f"{lock} lacks {name}: {HOW}"
        assert requirement.specifier.contains(locked[name][0], prereleases=True), f"{requirement}: {HOW}"
    assert [name for name, (_, hashes) in locked.items() if not hashes] == []


def test_users_and_developers_have_the_same():
    developers = entries("requirements-dev.lock")
    assert {name: version for name, (version, _) in entries("requirements.lock").items()}.items() <= {
        name: version for name, (version, _) in developers.items()
    }.items()


@pytest.mark.slow
def test_the_bill_of_materials_has_all_that_is_locked_or_vendored(tmp_path: Path):
    """Checked against CycloneDX's schema by the script itself."""
    target = tmp_path / "hookspan.cdx.json"
    done = subprocess.run(
        [sys.executable, "packaging/sbom.py", str(target)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(target.read_text())
    assert made["metadata"]["component"]["name"] == "hookspan"
    components = {one["name"]: one for one in made["components"]}
    for name, (version, _) in entries("requirements.lock").items():
        assert components[name]["version"] == version
    assert {"lit", "lit-html", "lit-element", "@lit/reactive-element", "uPlot"} <= components.keys()
    assert [name for name, one in components.items() if not one.get("licenses") or not one.get("purl")] == []
    page = (ROOT / "docs" / "reference" / "licences.md").read_text()
    assert [name for name, one in components.items() if f"| {name} | {one['version']} |" not in page] == []


def test_every_vendored_library_has_its_licence_beside_it():
    vendor = ROOT / "dashboards" / "web" / "vendor"
    assert [folder.name for folder in vendor.iterdir() if folder.is_dir() and not (folder / "LICENSE").is_file()] == []


@pytest.mark.xdist_group("together")
def test_the_locked_pytest_and_xdist_keep_a_group_in_one_worker(request: pytest.FixtureRequest):
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@together")
