"""`make wheels-check`: install what `make wheels` made, as people do, into clean environments, and use it offline.

Each combination of a Python, an installer and a distribution gets a home of its own. There the demo must lose nothing
without any network, the hooks must go in and out of Claude Code's settings, and no file may stay behind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from binary import Binary

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHONS: Final = ("3.11", "3.12", "3.13")
INSTALLERS: Final = ("pip", "pipx", "uv")
TIMEOUT: Final = 600  # seconds for one command: the first installation downloads everything
# The variables that say where packages come from, through which proxy, and who vouches for it.
HOW_TO_DOWNLOAD: Final = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
EMULATOR: Final = "qemu-aarch64-static"  # Debian's package qemu-user-static
RELAY: Final = "hookspan/_stack/hooks/hookspan-relay"


class Failed(Exception):
    """A command that failed or a promise that was not held, in words."""


def run(*command: str, **env: str) -> str:
    """What a command printed. Failed with its words if it exits with anything but 0."""
    done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise Failed(f"`{' '.join(command)}` exited {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def python(wanted: str) -> str | None:
    """The program of a Python, pyenv's or on PATH; None if this machine has none."""
    name = f"python{wanted}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{wanted}.*/bin/{name}"))
    for program in (*map(str, reversed(pyenv)), shutil.which(name), sys.executable):
        if program is None:
            continue
        code = "import sys; print(*sys.version_info[:2], sep='.')"
        found = subprocess.run([program, "-I", "-c", code], capture_output=True, text=True, check=False)
        if found.stdout.strip() == wanted:
            return program
    return None


def install(by: str, interpreter: str, distribution: Path, home: Path) -> str:
    """Install into a clean environment within the home, by this installer; gives the command's path."""
    tools = Path(sys.executable).parent
    cache = Path(os.environ.get("HOOKSPAN_TEST_CACHE") or Path.home() / ".cache" / "hookspan-test")
    env = {key: value for key, value in os.environ.items() if key.upper().startswith(HOW_TO_DOWNLOAD)}
    env |= {"HOME": str(home / "user"), "PATH": f"{tools}:/usr/bin:/bin"}
    env |= {"PIP_CACHE_DIR": str(cache / "pip"), "UV_CACHE_DIR": str(cache / "uv"), "UV_LINK_MODE": "copy"}
    place, where = home / "tools", home / "bin"
    if by == "uv":
        env |= {"UV_TOOL_DIR": str(place), "UV_TOOL_BIN_DIR": str(where), "UV_PYTHON_DOWNLOADS": "never"}
        run("uv", "tool", "install", "--quiet", "--python", interpreter, str(distribution), **env)
    elif by == "pipx":
        env |= {"PIPX_HOME": str(place), "PIPX_BIN_DIR": str(where), "PIPX_DEFAULT_BACKEND": "pip"}
        run("pipx", "install", "--quiet", "--python", interpreter, str(distribution), **env)
    else:
        run(interpreter, "-m", "venv", "--without-pip", str(place), **env)  # to put one there takes longer than ours
        pip = ("pip", "--python", str(place / "bin" / "python"))
        run(*pip, "install", "--quiet", "--no-compile", str(distribution), **env)
        where = place / "bin"
    return str(where / "hookspan")


def check(command: str, home: Path, *, compiler: bool) -> str:
    """Use what was installed, without a network; gives the relay in words."""
    user = home / "user"
    settings = user / ".claude" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"model": "opus"}\n')
    before = listing(user)
    tools = home / "path"
    tools.mkdir()
    for name in ("sh", "python3", *(("cc", "as", "ld") if compiler else ())):
        (tools / name).symlink_to(str(shutil.which(name, path="/usr/bin:/bin")))
    env = {"HOME": str(user), "PATH": str(tools), "LANG": "C.UTF-8"}
    outcome = json.loads(demo(command, env))
    if outcome["lost"] or not outcome["spans"] or outcome["stored"] != outcome["events"]:
        raise Failed(f"the demo: {outcome}")
    said = run(command, "install", "--yes", **env)
    run(command, "install", "--check", **env)
    run(command, "uninstall", "--purge", "--yes", **env)
    if (after := listing(user)) != before:
        raise Failed(f"left behind or changed: {sorted(before.items() ^ after.items())}")
    return said.partition(", relay ")[2].partition(".\n")[0]


def demo(command: str, env: dict[str, str]) -> str:
    """What it printed. Its first agent has all to compile that it imports: on a busy machine that can take too long."""
    for _ in range(2):
        try:
            return run(*offline(), command, "demo", "--json", **env)
        except Failed as error:
            if "is not ready after" not in str(error):
                raise
    return run(*offline(), command, "demo", "--json", **env)


def offline() -> list[str]:
    """What gives the command after it a network of its own, with nothing in it but the loopback device."""
    unshare, ip = (shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in ("unshare", "ip"))
    if unshare is None or ip is None:
        raise Failed("`unshare` and `ip` (of iproute2) are needed, on Linux and as root")
    return [unshare, "--net", "/bin/sh", "-c", f'{ip} link set lo up && exec "$@"', "sh"]


def listing(folder: Path) -> dict[str, str]:
    """Every file and folder, with what it holds or points to."""
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else "" for path in folder.rglob("*")}


def relay_of(wheel: Path) -> Binary | None:
    """What the compiled relay in a wheel is; None if it has none."""
    with zipfile.ZipFile(wheel) as archive:
        return Binary.of(archive.read(RELAY)) if RELAY in archive.namelist() else None


def runs_here(relay: Binary) -> bool:
    """Whether this machine can run such a program."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    return (relay.format, relay.machine) == ("ELF" if sys.platform == "linux" else "Mach-O", machine)


def emulate(wheel: Path) -> None:
    """Run the relay of a wheel for another processor."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        relay = Path(folder, "relay")
        relay.write_bytes(archive.read(RELAY))
        relay.chmod(0o700)
        event = b'{"hook_event_name":"Trial","session_id":"trial"}'
        done = subprocess.run([EMULATOR, str(relay), folder], input=event, capture_output=True, check=False)
        journal = Path(folder, "journal", "current.jsonl")
        if (done.returncode, done.stdout, done.stderr) != (0, b"", b"") or event not in journal.read_bytes():
            raise SystemExit(f"{wheel.name}: {done}")


def combinations(distributions: list[Path], installers: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Which distribution goes through which installers: this machine's own wheel through all, others by the first."""
    for distribution in distributions:
        packed = relay_of(distribution) if distribution.suffix == ".whl" else None
        if packed is None:
            yield distribution, installers[:1]
        elif runs_here(packed):
            yield distribution, installers
        elif packed == Binary("ELF", "arm64", True) and shutil.which(EMULATOR):
            emulate(distribution)
            sys.stdout.write(f"emulated       {distribution.name}: the relay alone, by {EMULATOR}\n")
        else:
            sys.stdout.write(f"untested here  {distribution.name}: {packed}\n")


def main() -> int:
    """Check them all; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("distributions", nargs="*", type=Path, help="files; else everything in dist/")
    parser.add_argument("--by", action="append", choices=INSTALLERS, help="else by all of them")
    parser.add_argument("--python", action="append", help="such as 3.12; else " + ", ".join(PYTHONS))
    options = parser.parse_args()
    failures = 0
    distributions = [path.resolve() for path in options.distributions or sorted((ROOT / "dist").glob("hookspan-*"))]
    for distribution, installers in combinations(distributions, options.by or list(INSTALLERS)):
        for wanted in options.python or PYTHONS:
            interpreter = python(wanted)
            if interpreter is None:
                sys.stdout.write(f"untested here  there is no Python {wanted}\n")
                continue
            for by in installers:
                home = Path(tempfile.mkdtemp(prefix="hs-", dir="/tmp"))
                (home / "user").mkdir()
                try:
                    command = install(by, interpreter, distribution, home)
                    result = check(command, home, compiler=distribution.name.endswith(".tar.gz"))
                except Failed as failed:
                    failures += 1
                    result = f"FAILED: {failed}"
                finally:
                    shutil.rmtree(home, ignore_errors=True)
                sys.stdout.write(f"Python {wanted}  {by:<4}  {distribution.name}  relay {result}\n")
                sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
