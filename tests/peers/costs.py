"""How soon a report of costs is there, over the same transcripts; all must count the same tokens."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench import turns
from tests.bench.priority import as_here
from tests.bench.turns import Program, Took
from tests.model.replay import SESSIONS
from tests.peers import packages
from tests.peers.packages import free_port

RECORDED = ("permission_approved", "print_nested_agents", "print_workflow", "project_command", "compact")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OF_THE_API = re.compile(r'"(msg|req|toolu)_')
WRITTEN = re.compile(
    r'("cache_creation_input_tokens": ?)(\d+)'
    r'(.*?"ephemeral_1h_input_tokens": ?)\d+(, ?"ephemeral_5m_input_tokens": ?)\d+'
)
"""Recordings don't tell cache writes by lifetime; each answer of the API does."""
ENDED = time.time() - 24 * 3600  # a transcript that was written to just now is one of a session that runs
HOOKSPAN = str(Path(sys.executable).with_name("hookspan"))
OURS, IMPORT = "hookspan cost", "hookspan import"


@dataclass(frozen=True)
class Tokens:
    """Input without the cache, what was read from the cache or written to it, output."""

    input: int
    cache: int
    output: int


def transcripts(projects: Path, count: int) -> None:
    """So many, of recorded sessions; each copy has ids of its own."""
    recorded = [path for name in RECORDED for path in sorted((SESSIONS / name / "projects").rglob("*.jsonl"))]
    for number in range(count):
        copy, path = divmod(number, len(recorded))
        source = recorded[path]

        def own(text: str, copy: int = copy) -> str:
            text = ID.sub(lambda id_: str(uuid.uuid5(uuid.UUID(int=copy), id_[0])), text)
            return OF_THE_API.sub(lambda kind: f'"{kind[1]}_{copy}x', text)

        parts = source.parts[source.parts.index("projects") + 1 :]
        target = projects / own("/".join(parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(own(WRITTEN.sub(r"\g<1>\2\g<3>0\g<4>\2", source.read_text())))
        os.utime(target, (ENDED, ENDED))


def _ccusage(found: dict[str, Any]) -> Iterable[Tokens]:
    for day in found["daily"]:
        yield Tokens(day["inputTokens"], day["cacheCreationTokens"] + day["cacheReadTokens"], day["outputTokens"])


def _aiburn(found: dict[str, Any]) -> Iterable[Tokens]:
    return (Tokens(group["input"], group["cache"], group["output"]) for group in found["groups"])


def _cctrack(found: dict[str, Any]) -> Iterable[Tokens]:
    for bucket in found["buckets"]:
        tokens = bucket["tokens"]
        cache = tokens["cache_read"] + tokens["cache_write_5m"] + tokens["cache_write_1h"]
        yield Tokens(tokens["input"], cache, tokens["output"])


def _hookspan(found: dict[str, Any]) -> Iterable[Tokens]:
    for row in found["rows"]:
        if row["calls"]:
            cache = row["cache_write_tokens"] + row["cache_read_tokens"]
            yield Tokens(row["input_tokens"] - cache, cache, row["output_tokens"])


READERS: dict[str, Callable[[dict[str, Any]], Iterable[Tokens]]] = {
    "ccusage": _ccusage,
    "aiburn": _aiburn,
    "cctrack": _cctrack,
    OURS: _hookspan,
}


def programs(home: Path) -> list[Program]:
    """Each that reports, as it is called, over the transcripts of this home."""
    aiburn, cctrack = packages.AIBURN.installed(), packages.CCTRACK.installed()
    env = packages.environment(home, HOOKSPAN_HOME=str(home / "hookspan"))
    return [
        ccusage(home),
        Program("aiburn", [str(aiburn), "--json", "--claude"], env),
        Program("cctrack", [str(cctrack), "--bucket", "day", "--json", "--agent", "claude"], env),
        importing(home),
        Program(OURS, [HOOKSPAN, "cost", "--since", "all", "--json"], env),
    ]


def ccusage(home: Path) -> Program:
    command = [str(packages.CCUSAGE.installed()), "daily", "--json", "--offline"]
    return Program("ccusage", command, packages.node(home))


def importing(home: Path) -> Program:
    """What reads all transcripts once, from before hookspan was there, until its agent has taken them in."""
    env = packages.environment(home, HOOKSPAN_HOME=str(home / "hookspan"))
    return Program(IMPORT, ["/bin/sh", "-c", f"{HOOKSPAN} import --json && {HOOKSPAN} flush --wait 300s"], env)


@contextlib.contextmanager
def agent(home: Path) -> Iterator[psutil.Process]:
    """An agent that knows of nothing yet, for what is imported."""
    env = packages.environment(home, HOOKSPAN_HOME=str(home / "hookspan"), HOOKSPAN_DASHBOARD_PORT=str(free_port()))
    shutil.rmtree(home / "hookspan", ignore_errors=True)
    subprocess.run([HOOKSPAN, "up"], env=env, check=True, capture_output=True)
    status = subprocess.run([HOOKSPAN, "status", "--json"], env=env, capture_output=True, text=True, check=False)
    process = psutil.Process(json.loads(status.stdout)["agent"]["pid"])
    as_here(process.pid)
    try:
        yield process
    finally:
        subprocess.run([HOOKSPAN, "down"], env=env, check=True, capture_output=True)


def tokens(program: Program) -> Tokens:
    """What it counts, in all."""
    done = subprocess.run(program.command, env=program.env, capture_output=True, text=True, check=True)
    found = list(READERS[program.name](json.loads(done.stdout)))
    return Tokens(*(sum(getattr(one, name) for one in found) for name in ("input", "cache", "output")))


def compare(home: Path, count: int, rounds: int) -> tuple[Tokens, dict[str, Took]]:
    """What all of them count, and how long each takes. RuntimeError if one counts otherwise."""
    transcripts(home / ".claude" / "projects", count)
    found = programs(home)
    with agent(home):
        turns.run(importing(home), Took())
    counted = {program.name: tokens(program) for program in found if program.name in READERS}
    if len(set(counted.values())) != 1 or not counted[OURS].cache:
        raise RuntimeError(f"they count differently: {counted}")
    took = {program.name: Took() for program in found}
    for _ in range(rounds):
        for program in found:
            if program.name == IMPORT:
                with agent(home) as at_work:
                    before = at_work.cpu_times()
                    turns.run(program, took[IMPORT])
                    after = at_work.cpu_times()
                took[IMPORT].processor[-1] += (after.user + after.system - before.user - before.system) * 1e3
            else:
                turns.run(program, took[program.name])
    return counted[OURS], took
