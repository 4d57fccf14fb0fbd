"""What an agent costs while 16 sessions are open and nothing happens: `.venv/bin/python -m tests.bench.idle`.

Each session has a process of its own, a few hook events, and an entry in the client's registry. The processor's time is
the scheduler's count: the usual one, of ticks, can't tell 0.05 % from 0.07 % in a minute.
"""

import contextlib
import json
import socket
import subprocess
import time
from pathlib import Path

import psutil

from hookspan.bench.agent import ran
from hookspan.bench.machine import machine, versions
from hookspan.sandbox import Sandbox, sandbox

SESSIONS = 16
SETTLE = 65.0  # seconds: so long after an event the agent looks at its session more often
WATCHED = 60.0  # seconds
EVENTS = ("SessionStart", "UserPromptSubmit", "Stop")


def open_session(home: Sandbox, number: int) -> subprocess.Popen[bytes]:
    """A process, what its hooks told, and what it says of itself."""
    process = subprocess.Popen(["sleep", "600"])
    session = f"0a1b2c3d-0000-4000-8000-{number:012d}"
    cwd = home.folder / "shop"
    cwd.mkdir(exist_ok=True)
    for name in EVENTS:
        event = {"hook_event_name": name, "session_id": session, "cwd": str(cwd), "source": "startup"}
        event |= {"prompt_id": f"0a1b2c3d-0000-4000-8000-0000001{number:05d}"} if name != "SessionStart" else {}
        env = {**home.env, "CLAUDE_PID": str(process.pid)}
        subprocess.run(home.relay, input=json.dumps(event).encode(), env=env, check=True)
    now = time.time_ns() // 1_000_000
    entry = {
        "pid": process.pid,
        "sessionId": session,
        "cwd": str(cwd),
        "startedAt": now,
        "procStart": Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19],
        "kind": "interactive",
        "status": "idle",
        "statusUpdatedAt": now,
        "updatedAt": now,
    }
    folder = home.folder / ".claude" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{process.pid}.json").write_text(json.dumps(entry))
    return process


def memory(pid: int) -> dict[str, float]:
    """MB: resident, and what of that is no other process's."""
    found = {
        name: int(amount.split()[0]) / 1e3
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        for name, _, amount in [line.partition(":")]
        if amount.endswith("kB")
    }
    return {"resident": found["Rss"], "its own": found["Private_Clean"] + found["Private_Dirty"]}


def wakeups(pid: int) -> int:
    """How often its threads have gone to sleep so far, and so have been woken."""
    return sum(
        int(line.split()[1])
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def main() -> None:
    with contextlib.ExitStack() as undo:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        home = undo.enter_context(sandbox("bench", {"DASHBOARD_PORT": port}))
        home.cli("up")
        for number in range(SESSIONS):
            process = open_session(home, number)
            undo.callback(process.wait)
            undo.callback(process.kill)
        pid = json.loads(home.cli("status", "--json"))["agent"]["pid"]
        time.sleep(SETTLE)
        listed = json.loads(home.cli("sessions", "--json", "--open"))
        print(f"{len(listed)} sessions open, by", {row.get("basis", "hooks") for row in listed})
        time.sleep(2)
        agent = psutil.Process(pid)
        before, woken = ran(agent), wakeups(pid)
        time.sleep(WATCHED)
        used, now = (ran(agent) - before) / WATCHED, wakeups(pid)
        print(f"processor {used * 100:.3f} % of one, {(now - woken) / WATCHED:.1f} wake-ups/s")
        print(", ".join(f"{name} {value:.1f} MB" for name, value in memory(pid).items()))
        print(", ".join([*machine().values(), *versions(None).values()]))


if __name__ == "__main__":
    main()
