"""Scenarios in print mode: `claude -p`, no terminal and nobody to ask."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.claude import client
from tests.claude.cache import PromptCache
from tests.claude.model import Failure, Tool, says
from tests.claude.scenarios.registry import scenario
from tests.claude.stage import ALLOW, Session, Stage, Story, Turn
from tests.waiting import PATIENCE

# The client refuses a bare `sleep`, so long jobs wait in a loop.
LONG_JOB = "for i in $(seq 600); do sleep 0.1; done"
PROMPT = "fix the cart"


def bash(command: str, outcome: str = "success", **options: Any) -> Tool:
    """A Bash call."""
    return Tool("Bash", {"command": command, "description": "Run it"}, outcome, **options)


def agent(prompt: str, outcome: str = "success", kind: str = "general-purpose", **arguments: Any) -> Tool:
    """An Agent call; its prompt is the marker of the agent's own conversation."""
    return Tool("Agent", {"description": "Look closer", "prompt": prompt, "subagent_type": kind, **arguments}, outcome)


def message(to: str, text: str) -> Tool:
    """A message to an agent that has stopped; it is the marker of what that goes on with."""
    return Tool("SendMessage", {"to": to, "summary": "More to do", "message": text})


@scenario()
def print_tools_agent(stage: Stage) -> Story:
    """Two parallel tools, a failing one and a background agent whose end comes back as a prompt."""
    stopped = threading.Event()
    stage.model.play({
        PROMPT: [
            says("Looking.", bash("ls"), Tool("Read", {"file_path": str(stage.home.project / "cart.py")})),
            says(bash("exit 3", "error")),
            says(agent("review the cart")),
            says("Fixed."),
        ],
        "review the cart": [says(bash("echo reviewed")), says("Reviewed.", gate=stopped)],
    })  # fmt: skip
    session = stage.print(PROMPT, *ALLOW)
    stage.heard("Stop")
    stopped.set()
    session.wait()
    return Story([Turn(PROMPT), Turn("<task-notification>", made_by="notification")])


@scenario()
def print_foreground_agent(stage: Stage) -> Story:
    """An agent that its turn waits for."""
    stage.model.play({
        PROMPT: [says(agent("review the cart", run_in_background=False)), says("Fixed.")],
        "review the cart": [says(bash("echo reviewed")), says("Reviewed.")],
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario(env={"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}, since="2.1.332")
def print_resumed_agent(stage: Stage) -> Story:
    """An agent that its turn waits for, and waits for once more after a message."""
    stage.model.play({
        PROMPT: [
            says(agent("review the cart", name="anna")),
            says(bash("for i in 1 2 3 4; do sleep 0.5; done")),
            says(message("anna", "look at the tax")),
            says("Fixed."),
        ],
        "review the cart": [says(bash("echo reviewed")), says("Reviewed.")],
        "look at the tax": [says(bash("echo taxed")), says("Taxed.")],
    })  # fmt: skip
    stage.run(PROMPT, "--allowedTools", "Bash Agent SendMessage")
    return Story([Turn(PROMPT)])


@scenario()
def print_nested_agents(stage: Stage) -> Story:
    """An agent that starts an agent of another model, both in the foreground."""
    stage.model.play({
        PROMPT: [says(agent("review the cart", run_in_background=False)), says("Fixed.")],
        "review the cart": [says(agent("check the sum", run_in_background=False, model="haiku")), says("Reviewed.")],
        "check the sum": [says(bash("echo summed")), says("Sums up.")],
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_parallel_agents(stage: Stage) -> Story:
    """Two agents of one type at once: only their meta files tell which call is whose."""
    stage.model.play({
        PROMPT: [
            says(agent("review the cart", run_in_background=False), agent("test the cart", run_in_background=False)),
            says("Fixed."),
        ],
        "review the cart": [says(bash("echo reviewed"), delay=0.2), says("Reviewed.")],
        "test the cart": [says(bash("echo tested"), delay=0.1), says("Tested.")],
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


WORKFLOW = """export const meta = {
  name: 'review-cart',
  description: 'Two reviews, then a verdict',
  phases: [{ title: 'Review' }, { title: 'Verify' }],
}
phase('Review')
const found = await parallel([
  () => agent('review the cart', { label: 'cart', phase: 'Review' }),
  () => agent('review the tax', { label: 'tax', phase: 'Review', model: 'haiku' }),
])
phase('Verify')
const verdict = await agent('weigh the findings', { label: 'verdict', phase: 'Verify' })
return { found, verdict }
"""


@scenario()
def print_workflow(stage: Stage) -> Story:
    """A workflow of three agents, two of them at once and one of another model; its end comes back as a prompt."""
    stopped = threading.Event()
    stage.model.play({
        PROMPT: [says("Reviewing.", Tool("Workflow", {"script": WORKFLOW})), says("They work.")],
        "review the cart": [says(bash("echo reviewed")), says("Cart reviewed.")],
        "review the tax": [says("Tax reviewed.", delay=0.2)],
        "weigh the findings": [says("All is well.", gate=stopped)],
    })  # fmt: skip
    *mode, allowed = ALLOW
    session = stage.print(PROMPT, *mode, f"{allowed} Workflow")
    stage.heard("Stop")
    stopped.set()
    session.wait()
    return Story([Turn(PROMPT), Turn("<task-notification>", made_by="notification")])


@scenario()
def print_serial_bash(stage: Stage) -> Story:
    """Two Bash calls in one answer."""
    stage.model.play({PROMPT: [says(bash("sleep 0.3; echo one"), bash("sleep 0.1; echo two")), says("Fixed.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_streamed(stage: Stage) -> Story:
    """A call runs while the rest of the answer that asked for it is still to come."""
    steps = says("I run one.", bash("echo one"), "Then I run another.", bash("echo two"), chunk_delay=0.4)
    stage.model.play({PROMPT: [steps, says("Fixed.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_loop(stage: Stage) -> Story:
    """The same call eleven times, whose result is the same: the watchdog notices it at the tenth."""
    stage.model.play({PROMPT: [*[says(bash("cat cart.py"))] * 11, says("I keep reading.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_commits(stage: Stage) -> Story:
    """Three commits, one of them quiet and one amended, and a pull request, as `gh` tells of it."""
    gh = stage.home.home / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text("#!/bin/sh\necho https://github.com/acme/shop/pull/42\n")
    gh.chmod(0o755)
    (stage.home.home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n")
    stage.model.play({
        PROMPT: [
            says(bash("git switch -c fix && echo 1 >> cart.py && git commit -am 'Fix the cart'")),
            says(bash("echo 2 >> cart.py && git commit -qam 'Fix it again'")),
            says(bash("echo 3 >> cart.py && git commit -a --amend -m 'Fix it well'")),
            says(bash('PATH="$HOME/bin:$PATH"; gh pr create --fill')),
            says("Fixed."),
        ],
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_denied(stage: Stage) -> Story:
    """A call that nobody allowed, denied by print mode itself."""
    stage.model.play({PROMPT: [says(bash("touch new.txt", "denied", decision="auto_denied")), says("I could not.")]})
    stage.run(PROMPT, "--permission-mode", "default")
    return Story([Turn(PROMPT)])


@scenario()
def print_hook_block(stage: Stage) -> Story:
    """A hook of somebody else that refuses a call (exit 2)."""
    stage.home.hook(["/bin/sh", "-c", "cat >/dev/null; echo not today >&2; exit 2"], ["PreToolUse"])
    stage.model.play({PROMPT: [says(bash("ls", "denied")), says("I could not.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_stop_hook(stage: Stage) -> Story:
    """A hook of somebody else that sends the client back to work at its first Stop: one turn, two Stops."""
    once = 'cat >/dev/null; [ -e "$HOME/asked" ] && exit 0; : > "$HOME/asked"; echo run the tests first >&2; exit 2'
    stage.home.hook(["/bin/sh", "-c", once], ["Stop"])
    stage.model.play({PROMPT: [says("Fixed."), says(bash("echo tested")), says("Fixed and tested.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)], notes={"stops": 2})


@scenario()
def print_subagent_stop_hook(stage: Stage) -> Story:
    """A hook of somebody else that sends a subagent back to work at its first SubagentStop."""
    once = 'cat >/dev/null; [ -e "$HOME/asked" ] && exit 0; : > "$HOME/asked"; echo run the tests first >&2; exit 2'
    stage.home.hook(["/bin/sh", "-c", once], ["SubagentStop"])
    stage.model.play({
        PROMPT: [says(agent("review the cart", run_in_background=False)), says("Fixed.")],
        "review the cart": [says("Reviewed."), says(bash("sleep 3; echo tested")), says("Reviewed and tested.")],
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_invalid_calls(stage: Stage) -> Story:
    """Calls that only PostToolBatch tells of: invalid input, an unknown tool, a Read under a deny rule."""
    secret = stage.home.project / "secret.txt"
    secret.write_text("secret\n")
    stage.home.settings(permissions={"deny": [f"Read(/{secret})"]})
    stage.model.play({
        PROMPT: [
            says(Tool("Read", {"path": 7}, "error", heard=False)),
            says(Tool("Teleport", {"to": "home"}, "error", heard=False)),
            says(Tool("Read", {"file_path": str(secret)}, "denied", heard=False)),
            says("I could not."),
        ]
    })  # fmt: skip
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_bare_sleep(stage: Stage) -> Story:
    """A bare `sleep` of some seconds, which the client itself refuses to run: only PostToolBatch tells of it."""
    stage.model.play({PROMPT: [says(bash("sleep 30", "error", heard=False)), says("I could not.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_api_400(stage: Stage) -> Story:
    """An API error that isn't retried for long: StopFailure."""
    stage.model.play(
        {PROMPT: [says(bash("ls")), Failure(400, "invalid_request_error", "the script says no", times=12)]}
    )
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT, "error", "stop_failure")])


@scenario(since="2.1.332")
def print_skill_command(stage: Stage) -> Story:
    """A /command and a skill of the project, each with a shell command in its text."""
    folder = stage.home.project / ".claude"
    for place, text in (
        ("commands/mend.md", "Please fix the cart. The last change: !`git log -1 --oneline`"),
        ("skills/greet/SKILL.md", "Greet like this: !`echo hello` and this: !`printf hi`"),
    ):
        file = folder / place
        file.parent.mkdir(parents=True)
        file.write_text(f"---\ndescription: Help\nallowed-tools: Bash\n---\n{text}\n")
    stage.model.play({"Please fix the cart": [says(Tool("Skill", {"skill": "greet"})), says("Hello, fixed.")]})
    *mode, allowed = ALLOW
    stage.run("/mend", *mode, f"{allowed} Skill")
    return Story([Turn("/mend", made_by="command")])


@scenario()
def background_job(stage: Stage) -> Story:
    """A job in the background, which the client's own daemon runs, stopped after its turn."""
    stage.model.play({PROMPT: [says(bash("ls")), says("Fixed.")]})

    def claude(*args: str) -> None:
        command = [str(client.executable()), *args]
        subprocess.run(
            command, cwd=stage.home.project, env=stage.home.env, check=True, capture_output=True, timeout=2 * PATIENCE
        )

    claude("--bg", PROMPT, *ALLOW)
    stage.heard("Stop")
    stage.transcript_says("Fixed.")
    claude("daemon", "stop", "--any")
    stage.heard("SessionEnd")
    return Story([Turn(PROMPT)])


@scenario()
def print_api_529(stage: Stage) -> Story:
    """An overloaded API that answers at the third attempt."""
    stage.model.play(
        {PROMPT: [Failure(529, "overloaded_error", "the script is busy", times=2), says(bash("ls")), says("Fixed.")]}
    )
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


@scenario()
def print_api_429(stage: Stage) -> Story:
    """A rate limit, once."""
    stage.model.play({PROMPT: [Failure(429, "rate_limit_error", "the script is slow"), says("Fixed.")]})
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)])


def killed(stage: Stage, number: signal.Signals) -> None:
    """Play a prompt whose Bash call runs long, and send the client a signal meanwhile."""
    stage.model.play(
        {PROMPT: [says("Working.", bash(LONG_JOB, "unknown" if number is signal.SIGKILL else "interrupted"))]}
    )
    session = stage.print(PROMPT, *ALLOW)
    stage.runs(LONG_JOB)
    stage.transcript_says('"type":"tool_use"')
    session.signal(number)
    session.wait()


@scenario()
def print_sigkill_tool(stage: Stage) -> Story:
    """kill -9 while a tool runs."""
    killed(stage, signal.SIGKILL)
    return Story([Turn(PROMPT, "interrupted", "client_gone")], [Session(end=None)])


@scenario()
def print_sigkill_stream(stage: Stage) -> Story:
    """kill -9 while the answer streams."""
    stage.model.play({PROMPT: [says("word " * 600, chunk_delay=0.1, complete=False)]})
    session = stage.print(PROMPT, *ALLOW)
    stage.asked(PROMPT)
    stage.transcript_says("api-request")
    session.signal(signal.SIGKILL)
    session.wait()
    return Story([Turn(PROMPT, "interrupted", "client_gone")], [Session(end=None)])


@scenario()
def print_sighup(stage: Stage) -> Story:
    """SIGHUP while a tool runs, as when a terminal is closed."""
    killed(stage, signal.SIGHUP)
    return Story([Turn(PROMPT, "interrupted", "session_end")])


@scenario()
def print_sigint(stage: Stage) -> Story:
    """SIGINT while a tool runs: the transcript says that it was interrupted."""
    killed(stage, signal.SIGINT)
    return Story([Turn(PROMPT, "interrupted", "interrupted")])


@scenario()
def print_continue(stage: Stage) -> Story:
    """A session, and the same one continued."""
    stage.model.play(
        {PROMPT: [says(bash("ls")), says("Fixed.")], "and the tax": [says(bash("echo taxed")), says("Taxed.")]}
    )
    stage.run(PROMPT, *ALLOW)
    stage.run("and the tax", "--continue", *ALLOW)
    return Story([Turn(PROMPT), Turn("and the tax")], [Session(), Session("resume")])


@scenario()
def print_resume_killed(stage: Stage) -> Story:
    """A session killed in a tool and resumed: the client first adds a line of its own."""
    killed(stage, signal.SIGKILL)
    stage.model.play({"and the tax": [says(bash("echo taxed")), says("Taxed.")]})
    stage.run("and the tax", "--continue", *ALLOW)
    turns = [Turn(PROMPT, "interrupted", "client_gone"), Turn("and the tax")]
    return Story(turns, [Session(end=None), Session("resume")])


@scenario()
def print_fork(stage: Stage) -> Story:
    """A session forked: the old lines are copied into the new file under new ids."""
    stage.model.play(
        {PROMPT: [says(bash("ls")), says("Fixed.")], "and the tax": [says(bash("echo taxed")), says("Taxed.")]}
    )
    stage.run(PROMPT, *ALLOW)
    stage.run("and the tax", "--continue", "--fork-session", *ALLOW)
    return Story([Turn(PROMPT), Turn("and the tax")], [Session(), Session("fork")])


@scenario()
def print_two_in_one_folder(stage: Stage) -> Story:
    """Two clients at once in one folder."""
    stage.model.play({
        PROMPT: [says(bash("sleep 0.5; echo one"), delay=0.3), says("Fixed.")],
        "write the docs": [says(bash("sleep 0.4; echo two"), delay=0.4), says("Written.")],
    })  # fmt: skip
    sessions = [stage.print(prompt, *ALLOW) for prompt in (PROMPT, "write the docs")]
    for session in sessions:
        session.wait()
    return Story([Turn(PROMPT), Turn("write the docs")], [Session(), Session()], notes={"order": "any"})


@scenario()
def print_subfolder_worktree(stage: Stage) -> Story:
    """A session in a subfolder and one in a git worktree of the same project."""
    stage.model.play(
        {PROMPT: [says(bash("pwd")), says("Fixed.")], "write the docs": [says(bash("pwd")), says("Written.")]}
    )
    subfolder = stage.home.project / "docs"
    subfolder.mkdir()
    worktree = stage.home.home / "shop-feature"
    command = ["git", "worktree", "add", "-q", str(worktree), "-b", "feature"]
    subprocess.run(command, cwd=stage.home.project, env=stage.home.env, check=True, timeout=PATIENCE)
    stage.run(PROMPT, *ALLOW, cwd=subfolder)
    stage.run("write the docs", *ALLOW, cwd=worktree)
    return Story(
        [Turn(PROMPT), Turn("write the docs")], [Session(), Session()], notes={"branches": ["main", "feature"]}
    )


@scenario(project="größe 🛒")
def print_unicode(stage: Stage) -> Story:
    """Tabs, CRLF, direction marks and letters outside ASCII, in the folder's name, the prompt and the command."""
    prompt = "fix the cart\tnow\r\nplease \u202eabc\u202c größe 🛒"
    stage.model.play(
        {PROMPT: [says(bash("echo 'größe 🛒' > ünïcode.txt && cat ünïcode.txt")), says("Größe passt. 🛒")]}
    )
    stage.run(prompt, *ALLOW)
    return Story([Turn(prompt)])


@scenario()
def print_mcp(stage: Stage) -> Story:
    """An MCP server's tool, once well and once with isError."""
    server = Path(__file__).parent.parent / "mcp_server.py"
    config = {"mcpServers": {"tiny": {"command": "/usr/bin/python3", "args": [str(server)]}}}
    (stage.home.home / "mcp.json").write_text(json.dumps(config))
    stage.model.play({
        PROMPT: [
            says(Tool("mcp__tiny__greet", {"name": "Ada"})),
            says(Tool("mcp__tiny__greet", {"name": ""}, "error")),
            says("Greeted."),
        ]
    })  # fmt: skip
    stage.run(PROMPT, "--mcp-config", str(stage.home.home / "mcp.json"), "--allowedTools", "mcp__tiny__greet")
    return Story([Turn(PROMPT)])


@scenario()
def print_cache(stage: Stage) -> Story:
    """The cache is missed, since another model is asked. Of two MCP servers one is not used, the other can't start."""
    server = Path(__file__).parent.parent / "mcp_server.py"
    servers = {"tiny": {"command": "/usr/bin/python3", "args": [str(server)]}, "broken": {"command": "/nowhere"}}
    config = stage.home.home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": servers}))
    stage.model.cache = PromptCache()
    stage.model.play({PROMPT: [says(bash("ls")), says("Fixed.")], "and the tax": [says("Taxed.")]})
    stage.run(PROMPT, *ALLOW, "--mcp-config", str(config), "--model", "opus")
    stage.run("and the tax", *ALLOW, "--mcp-config", str(config), "--model", "sonnet", "--continue")
    return Story([Turn(PROMPT), Turn("and the tax")], [Session(), Session("resume")])


@scenario()
def print_registered_twice(stage: Stage) -> Story:
    """The same hooks installed twice, in the user's and in the project's settings: each event is heard twice."""
    project = stage.home.project / ".claude"
    project.mkdir()
    hooks = json.loads((stage.home.claude / "settings.json").read_text())["hooks"]
    for groups in hooks.values():
        for group in groups:
            for handler in group["hooks"]:
                handler["args"][-1] += "/"  # the client runs equal handlers once
    (project / "settings.json").write_text(json.dumps({"hooks": hooks}))
    stage.model.play(
        {
            PROMPT: [says(bash("ls"), bash("ls")), says(agent("review", run_in_background=False)), says("Fixed.")],
            "review": [says("OK.")],
        }
    )
    stage.run(PROMPT, *ALLOW)
    return Story([Turn(PROMPT)], notes={"registered": 2})
