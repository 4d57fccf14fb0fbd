"""`hookspan sessions` and `hookspan trace`, on what recorded sessions of the real client left in a store."""

import json
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.spans import TURN
from hookspan.clients.decode import decode
from hookspan.errors import EXIT_USER
from hookspan.paths import Paths
from hookspan.store import Reader
from hookspan.wire import encode
from hookspan.wire.facts import TranscriptRead
from tests.agent.ingest import take_in
from tests.command import call
from tests.model.replay import KEY, SESSIONS, play

HOSTILE = b"mcp__x\\u001b[31m\\u202e__run\\u0007"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("look")
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(folder)})
    for name in ("permission_approved", "print_nested_agents", "background_agent"):
        take_in(paths, play(name, folder / name).records)
    hostile = [
        line.replace(b'"Bash"', b'"' + HOSTILE + b'"') for line in play("print_serial_bash", folder / "hostile").records
    ]
    take_in(paths, hostile)
    waiting = play("permission_approved", folder / "waiting").records
    asked = next(n for n, line in enumerate(waiting) if b'"PermissionRequest"' in line)
    take_in(paths, [line.replace(b"3e76516d", b"aaaa0000") for line in waiting[: asked + 1]])
    return folder


def run(home, *arguments, **env):
    return call(*arguments, env={"HOME": str(home), "HOOKSPAN_HOME": str(home), "LANG": "C.UTF-8", **env})


def test_now(home, tmp_path):
    assert run(home, "now").stdout.startswith("1 waits ")
    assert run(home, "now", "--format", "{waiting}/{working}/{idle} {{{turns}}}").stdout == "1/0/0 {0}\n"
    said = json.loads(run(home, "now", "--json").stdout)
    assert said["oldest"] > 0
    assert (said["waiting"], said["spent"], said["failed"]) == (1, 0, 0)
    for wrong, why in (("{wating}", "did you mean `waiting`"), ("{", "can't be read")):
        refused = run(home, "now", "--format", wrong)
        assert refused.returncode == EXIT_USER
        assert why in refused.stderr
    empty = run(tmp_path, "now")
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "")


def test_what_gets_nowhere_is_told(tmp_path):
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    records = play("print_loop", tmp_path / "loop").records
    ends = [line for line in records if b'"Stop"' in line or b'"SessionEnd"' in line]
    take_in(paths, [line for line in records if line not in ends])
    assert run(tmp_path, "now").stdout.startswith("1 works · 1 to look at")
    assert run(tmp_path, "now", "--format", "{alarms}").stdout == "1\n"
    (_, line) = run(tmp_path, "sessions").stdout.splitlines()
    assert re.search(r"  repeats one call \(11x, \$0\.0\d+\)  ", line)
    (told,) = [line for line in run(tmp_path, "status").stdout.splitlines() if line.startswith("watchdog")]
    assert re.search(r"^watchdog  \w{8} \(shop\) repeats one call: 11 calls in .+, \$0\.0\d+$", told)
    (alarm,) = json.loads(run(tmp_path, "status", "--json").stdout)["alarms"]
    assert (alarm["kind"], alarm["calls"]) == ("repeated_call", 11)
    take_in(paths, ends)
    assert "repeats" not in run(tmp_path, "sessions").stdout
    assert json.loads(run(tmp_path, "status", "--json").stdout)["alarms"] == []


def test_a_day_is_the_sum_of_its_sessions(home):
    reader = Reader(Paths.from_environment({"HOOKSPAN_HOME": str(home)}))
    sessions = reader.sessions()
    spans = [span for row in sessions for span in reader.spans_of_session(row.id)]
    turns = [span for span in spans if span.name == TURN.name]
    first, last = (pick(span.start for span in turns) for pick in (min, max))
    whole = reader.day(0, time.time_ns())
    assert whole.nano == sum(row.cost_nano + row.residual_nano for row in sessions) > 0
    assert (whole.turns, whole.failed) == (len(turns), 0)
    assert whole.waited == pytest.approx(sum(float(span.attributes.get(sc.WAITED, 0)) for span in spans))
    assert whole.waited > 0
    halves = [reader.day(0, last), reader.day(last, time.time_ns())]
    assert [half.turns for half in halves] == [len(turns) - 1, 1]
    assert reader.day(0, first).turns == 0
    assert sum(half.nano for half in halves) == whole.nano
    reader.close()


def test_who_needs_you_first(home):
    lines = run(home, "sessions").stdout.splitlines()
    assert len(lines) == 6
    assert lines[1].startswith("aaaa0000  waits for you: Bash")
    assert all("ended" in line for line in lines[2:])
    rows = json.loads(run(home, "sessions", "--json").stdout)
    assert [row["id"][:8] for row in rows] == [line[:8] for line in lines[1:]]
    assert len(json.loads(run(home, "sessions", "--json", "--open").stdout)) == 1
    assert run(home, "sessions", "--project", "nowhere").stdout == "No such sessions.\n"


def test_who_waits_is_shown_however_many_are_newer(home):
    (row,) = json.loads(run(home, "sessions", "--json", "-n", "1").stdout)
    assert row["id"].startswith("aaaa0000")
    newer = [one for one in json.loads(run(home, "sessions", "--json").stdout) if one["last"] > row["last"]]
    assert newer, "or it would be shown for that"
    both = json.loads(run(home, "sessions", "--json", "-n", "2", "--state", "waiting", "--state", "ended").stdout)
    assert [one["phase"] for one in both] == ["waiting", "ended"]


def test_a_session_s_row_and_its_span_say_the_same(home):
    rows = json.loads(run(home, "sessions", "--json").stdout)
    compared = set()
    for row in rows:
        found = json.loads(run(home, "trace", row["id"], "--json").stdout)
        for span in found["spans"]:
            if span["name"] == "session":
                told = span["attributes"]
                names = {
                    "subagents": told.get("hookspan.subagents", 0),
                    "input_tokens": told["hookspan.total.input_tokens"],
                    "output_tokens": told["hookspan.total.output_tokens"],
                    "cache_read_tokens": told["hookspan.total.cache_read.input_tokens"],
                    "cache_write_tokens": told["hookspan.total.cache_write.input_tokens"],
                    "tools": told["hookspan.tools"],
                    "turns": told["hookspan.turns"],
                    "prompts": told["hookspan.prompts"],
                }
                assert {name: row[name] for name in names} == names
                assert found["session"] == row
                compared.add(row["subagents"])
    assert {0, 1, 2} <= compared


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_narrow_terminals(home, columns):
    for command in (("sessions",), ("trace", "last"), ("trace", "3522a16c", "--hooks")):
        lines = run(home, *command, COLUMNS=str(columns)).stdout.splitlines()
        assert len(lines) > 2
        assert max(map(len, lines)) <= columns


def test_no_escape_sequence_reaches_the_terminal(home):
    (path,) = (SESSIONS / "print_serial_bash" / "projects").glob("*/*.jsonl")
    session = path.stem
    for command in (("trace", session, "--hooks"), ("sessions",)):
        shown = run(home, *command, COLUMNS="200").stdout
        assert not set(shown) & set("\x1b\x07\u202e")
    assert "execute_tool mcp__x [31m" in run(home, "trace", session).stdout


def test_a_turn_by_any_of_its_names(home):
    by_prompt = run(home, "trace", "6519d03d-cd99-49aa-baf4-763f4abe3f9a").stdout
    assert (
        by_prompt
        == run(home, "trace", "6519D03D").stdout
        == run(home, "trace", "6519d03dcd9949aabaf4763f4abe3f9a").stdout
    )
    assert by_prompt.startswith("session 3e76516d-d493-402c-8065-14fe7f2c0e93  shop")
    assert "waiting for you" in by_prompt.splitlines()[2]
    assert by_prompt.count("permission Bash") == 2
    assert "touch built.txt" in by_prompt
    whole = run(home, "trace", "3e76516d").stdout
    assert by_prompt.splitlines()[3] in whole
    assert "\n    +0.000  session " in whole
    assert "hook PreToolUse" not in whole
    assert "hook PreToolUse" in run(home, "trace", "3e76516d", "--hooks").stdout


def test_where_the_time_went_adds_up(home):
    found = json.loads(run(home, "trace", "6519d03d", "--json").stdout)
    (turn,) = [span for span in found["spans"] if span["name"] == "invoke_agent claude-code"]
    parts = run(home, "trace", "6519d03d").stdout.splitlines()[2].strip().split(", ")
    unit = {"ms": 1, "s": 1000}
    total = sum(float(part.split()[-2]) * unit[part.split()[-1]] for part in parts)
    assert total == pytest.approx((turn["end"] - turn["start"]) / 1e6, abs=20)


def test_last_is_the_newest_turn(home):
    found = json.loads(run(home, "trace", "last", "--json").stdout)
    turns = [span for span in found["spans"] if span["name"] == "invoke_agent claude-code"]
    assert len(turns) == 1


def test_last_is_the_newest_turn_though_another_session_works(tmp_path):
    start = time.time_ns() - 3600 * 10**9

    def event(session: str, second: int, name: str, prompt: str = "") -> bytes:
        about = {"hook_event_name": name, "session_id": session, "prompt_id": prompt, "cwd": "/home/u/shop"}
        return json.dumps({"v": 1, "at": start + second * 10**9, "event": about}).encode()

    def turn(session: str, begun: int, ended: int, prompt: str, then: str) -> list[bytes]:
        read = TranscriptRead(at=start + (ended + 2) * 10**9, key=f"read:{prompt}", session=session)
        told = (begun, "UserPromptSubmit", prompt), (ended, "Stop", prompt), (ended + 1, "UserPromptSubmit", then)
        return [event(session, 0, "SessionStart"), *(event(session, *each) for each in told), encode(read)]

    older = [*turn("working", 1, 100, "old", "now"), event("working", 3000, "PreToolUse", "now")]
    take_in(Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)}), older + turn("idle", 1, 2000, "new", "next"))
    assert json.loads(run(tmp_path, "trace", "last", "--json").stdout)["session"]["id"] == "idle"


def test_last_is_a_turn_that_somebody_typed_and_names_what_came_of_it(tmp_path):
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    take_in(paths, play("background_agent", tmp_path / "played").records)
    found = json.loads(run(tmp_path, "trace", "last", "--json").stdout)
    (turn,) = [span for span in found["spans"] if span["name"] == "invoke_agent claude-code"]
    assert turn["attributes"]["hookspan.prompt.kind"] == "human"
    (later,) = found["followed_by"]
    assert run(tmp_path, "trace", "last").stdout.splitlines()[-1].endswith(f" hookspan trace {later[:8]}")
    (machines,) = [
        span
        for span in json.loads(run(tmp_path, "trace", later, "--json").stdout)["spans"]
        if span["name"] == "invoke_agent claude-code"
    ]
    assert machines["attributes"]["hookspan.prompt.kind"] == "task_notification"
    assert machines["start"] > turn["start"]


def test_every_length_has_its_unit(home):
    heads, *rows = run(home, "sessions", COLUMNS="200").stdout.splitlines()
    begins, ends = heads.index("for"), heads.index("project")
    assert all(re.fullmatch(r"\d+ (d|h|min|s)( \d+ (h|min|s))?", row[begins:ends].strip()) for row in rows)
    lines = run(home, "trace", "3e76516d").stdout.splitlines()
    assert all(lines[number + 1].startswith("   seconds") for number, line in enumerate(lines) if line[:6] == "trace ")


def test_ids_that_name_nothing_or_too_much(home):
    nothing = run(home, "trace", "zzz")
    assert nothing.returncode == EXIT_USER
    assert "nothing has the id `zzz`" in nothing.stderr
    ambiguous = run(home, "trace", "3")
    assert ambiguous.returncode == EXIT_USER
    assert "3522a16c-b1d0-46b2-9c30-45456100e82a" in ambiguous.stderr
    for verb in (["trace"], ["share"], ["forget", "--yes"]):
        no_text = run(home, *verb, "3e\udcff")
        assert no_text.returncode == EXIT_USER, no_text.stderr
    for verb in (["sessions"], ["cost"], ["waste"], ["search", "--spans", "x"]):
        none = run(home, *verb, "--project", "\udcff")
        assert (none.returncode, none.stderr) == (0, ""), none.stderr


def test_labels_are_hidden_where_content_is_not_shown(home, tmp_path):
    (tmp_path / "config.toml").write_text("[content]\nlocal = false\n")
    (tmp_path / "state").symlink_to(home / "state")
    shown = run(tmp_path, "trace", "6519d03d").stdout
    assert "touch built.txt" not in shown
    assert "touch" not in run(tmp_path, "trace", "6519d03d", "--json").stdout.replace('"touch"', "")
    refused = run(tmp_path, "tail", "--json", "--no-follow")
    assert (refused.returncode, refused.stdout) == (EXIT_USER, "")
    assert "content.local" in refused.stderr


def test_no_text_is_in_any_row_where_content_is_not_shown(tmp_path):
    """Titles, files and labels that were kept before."""
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    for name in ("collision", "print_loop"):
        records = play(name, tmp_path / name).records
        prompts = [encode(decode(line, KEY)) for line in records if b'"UserPromptSubmit"' in line]
        take_in(paths, [*records, *prompts])  # as a compacted segment has them
    rows = Reader(paths).sessions()
    texts = {text for row in rows for text in (row.title, row.collision_file) if text}
    commands = [["sessions"], ["sessions", "--json"], ["waste", "--since", "all", "--json"], ["tail", "--no-follow"]]
    commands += [["trace", row.id, *more] for row in rows for more in ([], ["--json"])]
    shown = [run(tmp_path, *words).stdout for words in commands]
    assert len(texts) > 1
    assert [[words for words, one in zip(commands, shown, strict=True) if any(text in one for text in texts)]] == [
        commands
    ]
    paths.config.write_text("[content]\nlocal = false\n")
    for words in commands:
        done = run(tmp_path, *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert [text for text in texts if text in done.stdout] == [], words


def test_a_pipe_that_closes_is_no_bug(home):
    code = f"{sys.executable} -m hookspan trace 3522a16c --hooks | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", code],
        env={"HOME": str(home), "HOOKSPAN_HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("session 3522a16c")


def test_before_the_first_session(tmp_path):
    assert run(tmp_path, "sessions").stdout == "No sessions yet.\n"
    assert json.loads(run(tmp_path, "sessions", "--json").stdout) == []
    assert run(tmp_path, "trace", "last").returncode == EXIT_USER


def test_the_readme_shows_what_is_printed(tmp_path):
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (shown,) = re.findall(r"^    trace .*\n(?:    .*\n)+", text, re.MULTILINE)
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    paths.config.write_text("[content]\nlocal = false\n")
    take_in(paths, play("interactive", tmp_path / "played").records)
    printed = run(tmp_path, "trace", shown.split()[1]).stdout
    assert textwrap.dedent(shown) in printed


def test_only_some_sessions(home):
    def ids(*arguments):
        return [row["id"][:8] for row in json.loads(run(home, "sessions", "--json", *arguments).stdout)]

    rows = json.loads(run(home, "sessions", "--json").stdout)
    assert ids("--state", "waiting") == ["aaaa0000"]
    assert len(ids("--state", "waiting", "--state", "ended")) == len(rows)
    assert ids("--state", "idle") == ids("--since", "1min") == ids("--branch", "nowhere") == []
    branch = next(row["branch"] for row in rows if row["branch"])
    assert ids("--branch", branch) == [row["id"][:8] for row in rows if row["branch"] == branch]
    assert run(home, "sessions", "--since", "1min").stdout == "No such sessions.\n"


def test_a_trace_without_an_id_is_the_newest_turn_s(home):
    assert run(home, "trace").stdout == run(home, "trace", "last").stdout != ""


def test_only_some_events(home):
    def events(*arguments):
        shown = run(home, "tail", "--no-follow", "--json", "-n", "10000", *arguments).stdout.splitlines()
        return [json.loads(line)["event"] for line in shown]

    every = events()
    asked = events("--event", "permissionrequest")
    assert asked
    assert asked == [event for event in every if event["hook_event_name"] == "PermissionRequest"]
    of_one = events("--session", "AAAA0000", "--tool", "Bash", "--tool", "Edit")
    assert of_one == [
        event
        for event in every
        if event["session_id"].startswith("aaaa0000") and event.get("tool_name") in {"Bash", "Edit"}
    ]
    assert 0 < len(of_one) < len(every)


def test_an_emoji_that_was_cut_is_printed(tmp_path):
    """Half of it is no text that a file or a pipe takes."""
    prompt = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": "cut \ud83d"}
    line = json.dumps({"v": 1, "at": 1, "agent": "claude-code", "event": prompt}).encode()
    take_in(Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)}), [line])
    for form in ([], ["--json"]):
        shown = run(tmp_path, "tail", "--no-follow", *form)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "cut \ufffd" in shown.stdout
    assert [row["id"] for row in json.loads(run(tmp_path, "sessions", "--json").stdout)] == ["s"]


@pytest.mark.parametrize("words", [["sessions"], ["sessions", "-n", "9"], ["config", "show"]])
def test_what_the_locale_lacks_is_a_question_mark(tmp_path, words):
    paths = Paths.from_environment({"HOOKSPAN_HOME": str(tmp_path)})
    paths.config.write_text('[export]\nendpoint = "http://\U0001f600.example"\n')
    started = {"session_id": "s", "hook_event_name": "SessionStart", "cwd": "/x/\U0001f600"}
    take_in(paths, [json.dumps({"v": 1, "at": 1, "agent": "claude-code", "event": started}).encode()])
    done = run(tmp_path, *words, PYTHONIOENCODING="iso-8859-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "?" in done.stdout
