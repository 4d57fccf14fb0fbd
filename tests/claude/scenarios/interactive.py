"""Scenarios in a terminal: dialogs, keys, commands, and what happens while nobody looks."""

from __future__ import annotations

import re
import signal
import threading
import time

from tests.claude.drivers import POLL, InteractiveSession
from tests.claude.model import Tool, says
from tests.claude.scenarios.printed import LONG_JOB, PROMPT, WORKFLOW, agent, bash, message
from tests.claude.scenarios.registry import scenario
from tests.claude.stage import Session, Stage, Story, Turn
from tests.waiting import until

FOREGROUND_AGENTS = {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}
TOUCH = "touch built.txt; sleep 0.5"  # needs a permission, and then takes a while
QUESTION = "Do you want to proceed?"
CHOSEN = re.compile(r"^ *\u276f \d+\. .*", re.MULTILINE)  # the line of a dialog that has the cursor
DIALOG = "Esc to cancel"  # a dialog's last line
CHOICE = re.compile(r"^ *(?:\u276f )? *\d+\. .*", re.MULTILINE)
CHOICES = 20  # steps: more than any dialog has
LATE_KEY = 1.0  # seconds
BASH = ("--allowedTools", "Bash")  # nobody is asked
LEFT = Session(end="prompt_input_exit")


def chosen(session: InteractiveSession) -> str:
    """The choice of a dialog that the cursor is on; empty while it is being drawn."""
    found = CHOSEN.search(session.screen())
    return found[0] if found else ""


def choose(session: InteractiveSession, label: str) -> None:
    """Move the cursor of a dialog onto the line that has a label, and see that it stays: keys may be taken late."""
    for _ in range(CHOICES):
        until(lambda: chosen(session), "a dialog's cursor", poll=POLL)
        line = chosen(session)
        if label in line:
            time.sleep(LATE_KEY)
            if label in chosen(session):
                return
            continue
        lines = [found[0] for found in CHOICE.finditer(session.screen())]
        below = any(label in other for other in lines[lines.index(line) + 1 :]) if line in lines else True
        session.press("Down" if below else "Up", lambda line=line: chosen(session) not in {"", line})
    raise TimeoutError(f"no choice {label!r} in:\n{session.screen()}")


def awaits(name: str) -> str:
    """A command that runs until a file of this name is in the project's folder."""
    return f"until [ -e {name} ]; do sleep 0.1; done"


def escape(stage: Stage, session: InteractiveSession) -> None:
    """Interrupt what is going on, and give the client a moment to be idle."""
    session.press("Escape", lambda: stage.in_transcripts("[Request interrupted by user") > 0)
    time.sleep(1)


def asked(stage: Stage, session: InteractiveSession, times: int = 1) -> None:
    """Wait for a permission dialog, both heard and seen."""
    stage.heard("PermissionRequest", times)
    session.wait_for(DIALOG)


@scenario()
def permission_approved(stage: Stage) -> Story:
    """A dialog that is answered with yes after the client's own reminder, then one that is answered at once."""
    stage.model.play(
        {
            PROMPT: [
                says("Building.", bash(TOUCH, decision="approved")),
                says(bash("rm built.txt", decision="approved")),
                says("Fixed."),
            ]
        }
    )
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    stage.heard("Notification", notification_type="permission_prompt")
    session.press("Enter", lambda: stage.count("PostToolUse") >= 1)
    asked(stage, session, 2)
    session.press("Enter", lambda: stage.count("PostToolUse") >= 2)
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def permission_long_command(stage: Stage) -> Story:
    """A command that runs for seconds after its approval: no hook tells that it is running."""
    stage.model.play(
        {
            PROMPT: [
                says(bash("touch built.txt; for i in 1 2 3 4; do sleep 1; done", decision="approved")),
                says("Fixed."),
            ]
        }
    )
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    time.sleep(2)
    session.press("Enter", lambda: DIALOG not in session.screen())
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def permission_esc(stage: Stage) -> Story:
    """Esc at a dialog, where no hook follows; then another prompt."""
    stage.model.play(
        {
            PROMPT: [says("Building.", bash(TOUCH, "denied", decision="aborted"))],
            "and the tax": [says(bash("ls")), says("Taxed.")],
        }
    )
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    escape(stage, session)
    session.submit("and the tax")
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT, "interrupted", "interrupted"), Turn("and the tax")], [LEFT])


@scenario()
def permission_words(stage: Stage) -> Story:
    """A dialog answered with no and a reason: the turn goes on."""
    stage.model.play(
        {PROMPT: [says(bash(TOUCH, "denied", decision="refused")), says(bash("ls")), says("Fixed otherwise.")]}
    )
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    choose(session, ". No")
    session.keys("Tab")
    time.sleep(0.3)
    session.enter("use the makefile")
    session.wait_for("use the makefile")
    session.press("Enter", lambda: DIALOG not in session.screen())
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def permission_parallel(stage: Stage) -> Story:
    """Two equal calls that both wait: PermissionRequest has no tool id, so the two look the same."""
    calls = (bash(TOUCH, decision="approved"), bash(TOUCH, decision="approved"))
    stage.model.play({PROMPT: [says(*calls), says("Fixed.")]})
    session = stage.interactive()
    session.submit(PROMPT)
    for times in (1, 2):
        asked(stage, session, times)
        time.sleep(1)
        session.press("Enter", lambda times=times: stage.count("PostToolUse") >= times)
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def permission_auto_mode(stage: Stage) -> Story:
    """A dialog answered with the switch to auto mode: PostToolUse has the mode after the dialog."""
    stage.model.play({PROMPT: [says(bash(TOUCH, decision="approved")), says("Fixed.")]})
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    choose(session, "auto mode")
    session.press("Enter", lambda: DIALOG not in session.screen())
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def esc_tool(stage: Stage) -> Story:
    """Esc while a tool runs, where no hook follows; the next thing heard is the next prompt."""
    stage.model.play({PROMPT: [says(bash(LONG_JOB, "interrupted"))], "and the tax": [says("Taxed.")]})
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.runs(LONG_JOB)
    escape(stage, session)
    session.submit("and the tax")
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT, "interrupted", "interrupted"), Turn("and the tax")], [LEFT])


@scenario()
def esc_tool_exit(stage: Stage) -> Story:
    """Esc while a tool runs, then /exit: SessionEnd carries /exit's own prompt id."""
    stage.model.play({PROMPT: [says(bash(LONG_JOB, "interrupted"))]})
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.runs(LONG_JOB)
    escape(stage, session)
    session.exit()
    return Story([Turn(PROMPT, "interrupted", "interrupted")], [LEFT])


@scenario(env=FOREGROUND_AGENTS)
def esc_foreground_agent(stage: Stage) -> Story:
    """Esc while a foreground agent's tool runs: no hook for the tool, the agent or the Agent call."""
    stage.model.play({
        PROMPT: [says(agent("review the cart", "interrupted"))],
        "review the cart": [says(bash("echo first")), says(bash(LONG_JOB, "interrupted"))],
    })  # fmt: skip
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.runs(LONG_JOB)
    escape(stage, session)
    session.exit()
    return Story([Turn(PROMPT, "interrupted", "interrupted")], [LEFT])


@scenario()
def esc_stream(stage: Stage) -> Story:
    """Esc while text streams."""
    stage.model.play(
        {
            PROMPT: [says(bash("ls")), says("word " * 600, chunk_delay=0.1, complete=False)],
            "and the tax": [says("Taxed.")],
        }
    )
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    session.wait_for("word word")
    escape(stage, session)
    session.submit("and the tax")
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT, "interrupted", "interrupted"), Turn("and the tax")], [LEFT])


@scenario()
def clear(stage: Stage) -> Story:
    """/clear between two prompts: a new session in the same process."""
    stage.model.play(
        {PROMPT: [says(bash("ls")), says("Fixed.")], "write the docs": [says(bash("pwd")), says("Written.")]}
    )
    session = stage.interactive()
    session.submit(PROMPT)
    stage.heard("Stop")
    session.submit("/clear")
    stage.heard("SessionStart", source="clear")
    session.submit("write the docs")
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("write the docs")], [Session(end="clear"), Session("clear", "prompt_input_exit")])


@scenario()
def compact(stage: Stage) -> Story:
    """/compact outside any turn."""
    stage.model.play(
        {
            PROMPT: [says(bash("ls")), says("Fixed.")],
            "and the tax": [says("Taxed.")],
            "write the docs": [says("Written.")],
        }
    )
    session = stage.interactive()
    for times, prompt in enumerate((PROMPT, "and the tax"), 1):
        session.submit(prompt)
        stage.heard("Stop", times)
    session.submit("/compact")
    stage.heard("PostCompact")
    time.sleep(1)
    session.submit("write the docs")
    stage.heard("Stop", 3)
    session.exit()
    return Story([Turn(PROMPT), Turn("and the tax"), Turn("write the docs")], [LEFT], compactions=1)


@scenario(env={"CLAUDE_CODE_AUTO_COMPACT_WINDOW": "100000"})
def compact_auto(stage: Stage) -> Story:
    """A context that runs full: the client compacts by itself, inside the turn."""
    stage.model.play({
        PROMPT: [says(bash("ls")), says("Fixed.")],
        "and the tax": [
            says(bash("echo one")),
            says(bash("echo two"), padding=95_000),
            says(bash("echo three")),
            says("Taxed."),
        ],
    })  # fmt: skip
    session = stage.interactive()
    session.submit(PROMPT)
    stage.heard("Stop")
    session.submit("and the tax")
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("and the tax")], [LEFT], compactions=1)


@scenario(env={"CLAUDE_CODE_AUTO_COMPACT_WINDOW": "100000"})
def compact_auto_failed(stage: Stage) -> Story:
    """A context that is full in its first turn: the compaction fails, PreCompact stays alone and the turn goes on."""
    stage.model.play({PROMPT: [says(bash("ls"), padding=95_000), says("Fixed.")]})
    session = stage.interactive()
    session.submit(PROMPT)
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT], compactions=1)


@scenario()
def queued_absorbed(stage: Stage) -> Story:
    """A prompt typed while a tool runs: it is taken in by the running turn."""
    stage.model.play({PROMPT: [says(bash(awaits("minded"))), says("Fixed, with the tax.")]})
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.heard("PreToolUse")
    session.submit("mind the tax")
    stage.heard("UserPromptSubmit", 2)
    (stage.home.project / "minded").touch()
    stage.heard("Stop")
    time.sleep(1)
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def queued_next(stage: Stage) -> Story:
    """Two prompts typed during the last answer: they become one next turn, without a UserPromptSubmit of its own."""
    typed = threading.Event()
    stage.model.play({
        PROMPT: [says("word " * 20, chunk_delay=0.1, held=typed)],
        "write the docs": [says(bash("pwd")), says("Written.")],
    })  # fmt: skip
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    session.wait_for("word word")
    session.submit("mind the tax")
    session.submit("write the docs")
    stage.transcript_says('"enqueue"', 2)
    typed.set()
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("write the docs", made_by="queue")], [LEFT])


@scenario()
def background_bash(stage: Stage) -> Story:
    """A shell in the background that outlives its turn; its end comes as a prompt of the client's own."""
    job = Tool(
        "Bash",
        {
            "command": f"{awaits('stopped')}; echo built",
            "description": "Build",
            "run_in_background": True,
        },
    )
    stage.model.play({PROMPT: [says(job), says("It is building.")]})
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.heard("Stop")
    (stage.home.project / "stopped").touch()
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("<task-notification>", made_by="notification")], [LEFT])


@scenario()
def background_agent(stage: Stage) -> Story:
    """A background agent that works on while the user goes on: its later hooks carry the newer prompt's id."""
    stage.model.play({
        PROMPT: [says(agent("review the cart")), says("It is being reviewed.")],
        "review the cart": [
            says(bash(awaits("taxed"))),
            says(bash("echo reviewed")),
            says("Reviewed."),
        ],
        "and the tax": [says(bash("echo taxed")), says("Taxed.")],
    })  # fmt: skip
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.heard("Stop")
    stage.heard("PreToolUse", 2)
    session.submit("and the tax")
    stage.heard("Stop", 2)
    (stage.home.project / "taxed").touch()
    stage.heard("Stop", 3)
    session.exit()
    return Story([Turn(PROMPT), Turn("and the tax"), Turn("<task-notification>", made_by="notification")], [LEFT])


@scenario(since="2.1.332")
def resumed_agent(stage: Stage) -> Story:
    """A background agent that stops, is sent a message in the same turn, and goes on after the turn's end."""
    stage.model.play({
        PROMPT: [
            says(agent("review the cart", name="anna")),
            says(bash(awaits("reviewed"))),
            says(message("anna", "look at the tax")),
            says("It is being reviewed."),
        ],
        "review the cart": [says(bash("echo reviewed")), says("Reviewed.")],
        "look at the tax": [says(bash(awaits("asked"))), says("Taxed.")],
    })  # fmt: skip
    session = stage.interactive("--allowedTools", "Bash Agent SendMessage")
    session.submit(PROMPT)
    stage.heard("SubagentStop")
    time.sleep(1)
    (stage.home.project / "reviewed").touch()
    stage.heard("Stop")
    (stage.home.project / "asked").touch()
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("<task-notification>", made_by="notification")], [LEFT])


@scenario()
def workflow(stage: Stage) -> Story:
    """A workflow whose agents work on, and one that starts, after the user's next prompt."""
    asked = threading.Event()
    stage.model.play({
        PROMPT: [says(Tool("Workflow", {"script": WORKFLOW})), says("It is being reviewed.")],
        "review the cart": [says(bash("echo reviewed"), gate=asked), says("Cart reviewed.")],
        "review the tax": [says("Tax reviewed.")],
        "weigh the findings": [says(bash("echo weighed")), says("All is well.")],
        "write the docs": [says("Written.")],
    })  # fmt: skip
    session = stage.interactive("--allowedTools", "Bash Workflow")
    session.submit(PROMPT)
    stage.heard("Stop")
    stage.heard("SubagentStop")
    session.submit("write the docs")
    stage.heard("Stop", 2)
    asked.set()
    stage.heard("Stop", 3)
    session.exit()
    turns = [Turn(PROMPT), Turn("write the docs"), Turn("<task-notification>", made_by="notification")]
    return Story(turns, [LEFT])


@scenario()
def background_agent_stopped(stage: Stage) -> Story:
    """/exit while a background agent works: its tasks are stopped and no hook tells."""
    stage.model.play({
        PROMPT: [says(agent("review the cart")), says("It is being reviewed.")],
        "review the cart": [says(bash(LONG_JOB, "interrupted"))],
    })  # fmt: skip
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.heard("Stop")
    stage.runs(LONG_JOB)
    session.submit("/exit")
    session.wait_for("stop")
    session.press("Enter", lambda: not session.running())
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def background_agent_asks(stage: Stage) -> Story:
    """A background agent whose call needs a permission."""
    stage.model.play({
        PROMPT: [says(agent("review the cart")), says("It is being reviewed.")],
        "review the cart": [says(bash(TOUCH, decision="approved")), says("Reviewed.")],
    })  # fmt: skip
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    time.sleep(1)
    session.press("Enter", lambda: stage.count("PostToolUse") >= 2)
    stage.heard("Stop", 2)
    session.exit()
    return Story([Turn(PROMPT), Turn("<task-notification>", made_by="notification")], [LEFT])


@scenario()
def project_command(stage: Stage) -> Story:
    """A project's own /command: UserPromptSubmit has the words typed, UserPromptExpansion follows."""
    commands = stage.home.project / ".claude" / "commands"
    commands.mkdir(parents=True)
    (commands / "mend.md").write_text("Please fix the cart: $ARGUMENTS\n")
    stage.model.play({PROMPT: [says(bash("ls")), says("Fixed.")]})
    session = stage.interactive()
    session.submit("/mend the sum")
    stage.heard("Stop")
    session.exit()
    return Story([Turn("/mend the sum", made_by="command")], [LEFT])


@scenario(env={"CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS": "1", "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1"}, since="2.1.332")
def agent_team(stage: Stage) -> Story:
    """A teammate that sends the lead a message, and a task that the lead creates and completes."""
    mate = agent("review the cart", name="anna")
    task = Tool("TaskCreate", {"subject": "Mend the total", "description": "It is off by one"})
    done = Tool("TaskUpdate", {"taskId": "1", "status": "completed"})
    rests, again = threading.Event(), threading.Event()
    told = Tool("SendMessage", {"to": "team-lead", "summary": "done", "message": "All well in the cart"})
    stage.model.play({
        PROMPT: [says(mate, task), says(done), says("She works."), says(bash("echo thanks")), says("Thanks.")],
        "review the cart": [says(bash("echo reviewed")), says(told, gate=rests), says("Reviewed.", gate=again)],
    })  # fmt: skip
    session = stage.interactive(*BASH)
    session.submit(PROMPT)
    stage.heard("Stop")
    rests.set()
    stage.heard("Stop", 2)
    again.set()
    stage.heard("TeammateIdle")
    stage.heard("Stop", 3)
    session.exit()
    answers = [Turn(PROMPT, made_by="teammate"), Turn(PROMPT, made_by="teammate")]
    return Story([Turn(PROMPT), *answers], [LEFT])


@scenario()
def model_switch(stage: Stage) -> Story:
    """Another model, chosen with /model after a turn."""
    stage.model.play({PROMPT: [says("Fixed.")]})
    session = stage.interactive()
    session.submit(PROMPT)
    stage.heard("Stop")
    session.submit("/model haiku")
    session.press("Enter", lambda: stage.count("PostModelSwitch") > 0)
    session.wait_for("Set model to")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def ask_user_question(stage: Stage) -> Story:
    """A question of the model's that the user answers."""
    options = [{"label": "Round up", "description": "Always"}, {"label": "Round down", "description": "Never"}]
    question = {"question": "How shall it round?", "header": "Rounding", "multiSelect": False, "options": options}
    stage.model.play(
        {PROMPT: [says(Tool("AskUserQuestion", {"questions": [question]}, decision="approved")), says("Fixed.")]}
    )
    session = stage.interactive()
    session.submit(PROMPT)
    session.wait_for("Round down")
    time.sleep(2)
    session.press("Enter", lambda: stage.count("PostToolUse") >= 1)
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def exit_plan_mode(stage: Stage) -> Story:
    """A plan that the user accepts."""
    plan = Tool("ExitPlanMode", {"plan": "1. Fix the sum\n2. Test it"}, decision="approved")
    stage.model.play({PROMPT: [says(plan), says(bash("ls")), says("Fixed.")]})
    session = stage.interactive(mode="plan")
    session.submit(PROMPT)
    session.wait_for("plan mode?")
    time.sleep(2)
    session.press("Enter", lambda: stage.count("PostToolUse") >= 1)
    stage.heard("Stop")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])


@scenario()
def hangup(stage: Stage) -> Story:
    """SIGHUP at a permission dialog: the terminal was closed."""
    stage.model.play({PROMPT: [says(bash(TOUCH, "interrupted", decision="aborted"))]})
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    time.sleep(1)
    session.signal(signal.SIGHUP)
    session.wait_exit()
    return Story([Turn(PROMPT, "interrupted", "session_end")], [Session(end="other")])


@scenario()
def sigkill_dialog(stage: Stage) -> Story:
    """kill -9 at a permission dialog, then the session resumed in a terminal."""
    stage.model.play(
        {PROMPT: [says(bash(TOUCH, "unknown", decision="aborted"))], "and the tax": [says(bash("ls")), says("Taxed.")]}
    )
    session = stage.interactive()
    session.submit(PROMPT)
    asked(stage, session)
    stage.registered("waiting")
    session.signal(signal.SIGKILL)
    session.wait_exit()
    resumed = stage.interactive("--continue")
    resumed.submit("and the tax")
    stage.heard("Stop")
    resumed.exit()
    turns = [Turn(PROMPT, "interrupted", "client_gone"), Turn("and the tax")]
    return Story(turns, [Session(end=None), Session("resume", "prompt_input_exit")])


@scenario()
def idle_prompt(stage: Stage) -> Story:
    """A finished turn that nobody answers: Notification{idle_prompt} after a minute."""
    stage.model.play({PROMPT: [says("Fixed.")]})
    session = stage.interactive()
    session.submit(PROMPT)
    stage.heard("Stop")
    stage.heard("Notification", timeout=180, notification_type="idle_prompt")
    session.exit()
    return Story([Turn(PROMPT)], [LEFT])
