"""What holds agents up: dialogs, and the rules that would avoid them; failing tools; cost."""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from hookspan.catalogue import attributes as sc
from hookspan.catalogue.clients import service_of
from hookspan.catalogue.enums import Decision, Outcome, TimeKind
from hookspan.model.rows import Span
from hookspan.model.sums import OVERFLOW_KEY
from hookspan.store import Total
from hookspan.web import accounts, schemas
from hookspan.web.serializers import NANO, ms

Totals = Mapping[str, Sequence[Total]]

RULE_TIMES: Final = 3  # approvals without a refusal that make a habit
EXAMPLES: Final = 3
HOUR_MINUTES: Final = 60
NO_MODEL: Final = "unknown"

# No rule, be it for one command: they run other programs, or remove, or reach the network.
NO_RULE: Final = frozenset(
    "awk bash bun chmod chown curl dd deno doas docker env eval exec find kill kubectl mv node nohup npx perl php "
    "podman python python3 rm rsync ruby scp sed sh source ssh su sudo tee time uvx watch wget xargs zsh".split()
)
# Whatever their arguments are, these read, check or test. Of any other program only the very command is known.
HARMLESS: Final = frozenset(
    "basename cat cmp comm cut date df diff dirname du echo eslint file flake8 grep head hostname id jest jq ls md5sum "
    "mypy nl phpunit prettier printf ps pwd pylint pyright pytest readlink realpath rspec ruff sha256sum stat tail tr "
    "tsc type uname vitest wc which whoami".split()
)
# Of these the second word says what they do.
TWO_WORDS: Final = frozenset(
    "apt brew bundle cargo composer conda dotnet gem gh git go gradle helm just make mix mvn npm pip pip3 pipenv pnpm "
    "poetry pre-commit rails rake ruff rustup terraform tox uv yarn".split()
)
# Subcommands that run what they are given: a rule only if that is harmless.
_RUNS_ANY: Final = frozenset(
    "bundle exec|conda run|dotnet tool|npm exec|npm x|pipenv run|pnpm dlx|pnpm exec|poetry run|tox exec|uv run|uv tool|"
    "uv x|yarn dlx|yarn exec".split("|")
)
# Subcommands that run what the project has under that name.
_RUNS_SCRIPT: Final = frozenset("composer run|npm run|pnpm run|pre-commit run|yarn run".split("|"))
# Subcommands that read, check, build or test, whatever follows. Of any other only the very command is known: it may be
# a noun (`gh repo`, `git stash`), whose third word says what is done.
_HARMLESS_SUBCOMMANDS: Final = {
    program: frozenset(names.split())
    for program, names in {
        "apt": "list search show",
        "brew": "info list outdated search",
        "bundle": "check info install list outdated show",
        "cargo": "bench build check clippy doc fmt metadata test tree",
        "composer": "check-platform-reqs install outdated show validate",
        "conda": "info list search",
        "dotnet": "build format restore test",
        "gem": "info list search",
        "gh": "search status",
        "git": "add blame commit describe diff init log ls-files ls-tree merge-base rev-parse shortlog show status",
        "go": "doc version",
        "helm": "lint list status",
        "npm": "ci list ls outdated test view",
        "pip": "check freeze list show",
        "pip3": "check freeze list show",
        "pipenv": "check graph",
        "pnpm": "list ls outdated test why",
        "poetry": "check install show",
        "ruff": "check format",
        "rustup": "doc show which",
        "terraform": "fmt output plan show validate version",
        "uv": "build lock sync tree version",
        "yarn": "list outdated test why",
    }.items()
}
# Subcommands that can't be undone, or run what an option says.
_NO_PREFIX: Final = frozenset(
    "cargo publish|gh api|git bisect|git checkout|git clean|git config|git difftool|git filter-branch|git push|"
    "git rebase|git reset|git restore|git submodule|npm publish|terraform apply|terraform destroy".split("|")
)
_WORD: Final = re.compile(r"\A[A-Za-z][\w:.-]*\Z")
_COMPOUND: Final = re.compile(r"[;&|<>`$(){}\n\\]|…\Z")
_DIALOGS: Final = frozenset({"AskUserQuestion", "ExitPlanMode"})  # questions, which no rule answers


def rule_for(tool: str, label: str) -> str:
    """The narrowest rule for `permissions.allow` that covers calls like this one; empty if there is no safe one."""
    if tool.startswith("mcp__"):
        return tool
    if tool == "Bash":
        return _bash_rule(label)
    if tool == "WebFetch":
        host = _host(label)
        return f"WebFetch(domain:{host})" if host else ""
    return "WebSearch" if tool == "WebSearch" else ""


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "") if address.startswith(("http://", "https://")) else ""
    except ValueError:  # such as a bracket that isn't closed
        return ""


def _bash_rule(command: str) -> str:
    if _COMPOUND.search(command) or "[redacted]" in command:
        return ""  # a prefix rule does not cover compound commands
    words = command.split()
    if not words or words[0] in NO_RULE or not _WORD.match(words[0]):
        return ""
    if words[0] not in TWO_WORDS:
        if words[0] in HARMLESS:
            return f"Bash({words[0]}:*)"
        return _of_the_very(command)
    return _rule_of_subcommand(command, words)


def _of_the_very(command: str) -> str:
    return "" if "*" in command else f"Bash({command})"  # in a rule a `*` stands for anything


def _rule_of_subcommand(command: str, words: list[str]) -> str:
    does = " ".join(words[:2])
    is_run = does in _RUNS_ANY or does in _RUNS_SCRIPT
    count = 3 if is_run else 2  # `npm run`: only the third word says what
    if len(words) < count or not all(map(_WORD.match, words[:count])) or does in _NO_PREFIX:
        return ""
    if does in _RUNS_ANY and words[2] not in HARMLESS:
        return ""
    if is_run or words[1] in _HARMLESS_SUBCOMMANDS.get(words[0], ()):
        return f"Bash({' '.join(words[:count])}:*)"
    return _of_the_very(command)


# --- Dialogs


def _decision(span: Span) -> str:
    return str(span.attributes.get(sc.DECISION) or Decision.APPROVED.value)


def _waited(span: Span) -> float:
    value = span.attributes.get(sc.WAITED, 0)
    return float(value) * 1e3 if isinstance(value, int | float) else 0.0


def _tool(span: Span) -> str:
    return str(span.attributes.get(sc.GEN_AI_TOOL_NAME, ""))


def _program(span: Span) -> str:
    return str(span.attributes.get(sc.COMMAND_PROGRAM, ""))


def asked(spans: Iterable[Span]) -> list[schemas.Asked]:
    """Dialogs by tool and program, those that cost most time first."""
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        groups[_tool(span), _program(span)].append(span)
    found = [_asked(tool, program, group) for (tool, program), group in groups.items()]
    return sorted(found, key=lambda one: -one.waited.total)


def _asked(tool: str, program: str, spans: Sequence[Span]) -> schemas.Asked:
    decisions = [_decision(span) for span in spans]
    times = [_waited(span) for span in spans]
    approved = decisions.count(Decision.APPROVED)
    return schemas.Asked(
        tool=tool,
        program=program,
        count=len(spans),
        approved=approved,
        refused=decisions.count(Decision.REFUSED),
        aborted=decisions.count(Decision.ABORTED),
        auto_denied=decisions.count(Decision.AUTO_DENIED),
        approved_share=approved / len(spans),
        waited=schemas.Waited(
            total=sum(times), average=sum(times) / len(times), median=statistics.median(times), max=max(times)
        ),
    )


def waits(spans: Sequence[Span], totals: Totals, since: dt.date, until: dt.date) -> schemas.Waits:
    """All dialogs by the day on which they ended.

    How long they waited is what `time_split` says, too: dialogs of one turn that are open at once wait together.
    `totals` in slots of an hour, days of this machine's time zone.
    """
    days = {since + dt.timedelta(days=n): _DayOfWaits() for n in range((until - since).days + 1)}
    for span in spans:
        if (day := days.get(_day(span.end // NANO))) is not None:
            day.count += 1
    waited = [one for one in totals.get("hookspan.time", ()) if (sc.TIME_KIND, TimeKind.WAIT) in one.attributes]
    for one in waited:
        if (day := days.get(_day(one.minute * 60))) is not None:
            day.projects[dict(one.attributes).get(sc.PROJECT, "")] += one.value * 1e3
    return schemas.Waits(
        count=len(spans),
        waited=sum(one.value * 1e3 for one in waited),
        days=[
            schemas.WaitDay(
                day=day.isoformat(), count=sums.count, waited=sum(sums.projects.values()), projects=sums.projects
            )
            for day, sums in days.items()
        ],
    )


def _day(seconds: int) -> dt.date:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().date()


class _DayOfWaits:
    def __init__(self) -> None:
        self.count = 0
        self.projects: dict[str, float] = defaultdict(float)


def meant(spans: Iterable[Span], project: str, agent: str) -> list[Span]:
    """Those of a project and of a coding agent, either empty for any; none of imported and made-up sessions."""
    return [
        span
        for span in spans
        if not span.local
        and project in {"", span.attributes.get(sc.PROJECT)}
        and (not agent or span.attributes.get(sc.SERVICE_NAME, "") == service_of(agent))
    ]


def rules(spans: Iterable[Span]) -> list[schemas.Rule]:
    """What Claude Code was always allowed and has a rule, those that save most time first."""
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        tool = _tool(span)
        if span.attributes.get(sc.SERVICE_NAME):
            continue  # of another agent, which has no such rules
        if tool not in _DIALOGS and (rule := rule_for(tool, span.label)):
            groups[tool, rule].append(span)
    found = []
    for (tool, rule), group in groups.items():
        if len(group) >= RULE_TIMES and all(_decision(span) == Decision.APPROVED for span in group):
            found.append(
                schemas.Rule(
                    rule=rule,
                    tool=tool,
                    program=_program(group[0]),
                    count=len(group),
                    waited=sum(map(_waited, group)),
                    first=ms(min(span.end for span in group)),
                    last=ms(max(span.end for span in group)),
                    examples=list(dict.fromkeys(span.label for span in group if span.label))[:EXAMPLES],
                )
            )
    return sorted(found, key=lambda one: -one.waited)


# --- Sums


def of_project(totals: Totals, project: str) -> Totals:
    """Only what a project gained, of the instruments that tell."""
    if not project:
        return totals
    return {
        name: [one for one in _told_apart(found) if dict(one.attributes).get(sc.PROJECT, project) == project]
        for name, found in totals.items()
    }


def of_agent(totals: Totals, agent: str) -> Totals:
    """Only what a coding agent gained."""
    if not agent:
        return totals
    service = service_of(agent)
    return {
        name: [one for one in _told_apart(found) if dict(one.attributes).get(sc.SERVICE_NAME, "") == service]
        for name, found in totals.items()
    }


def _told_apart(totals: Iterable[Total]) -> Iterable[Total]:
    """All but what came when there were too many series already, of which nobody knows whose it is."""
    return (one for one in totals if OVERFLOW_KEY not in dict(one.attributes))


def failing(totals: Totals) -> list[schemas.Failing]:
    """How the calls of each tool ended, those that fail most first."""
    calls: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in totals.get("hookspan.tool.calls", ()):
        labels = dict(one.attributes)
        calls[labels.get(sc.GEN_AI_TOOL_NAME, "")][labels.get(sc.OUTCOME, "")] += one.count
    ran: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for one in totals.get("hookspan.tool.duration", ()):
        times = ran[dict(one.attributes).get(sc.GEN_AI_TOOL_NAME, "")]
        times[0] += one.count
        times[1] += one.value
    found = []
    for tool, outcomes in calls.items():
        count, failed = sum(outcomes.values()), outcomes[Outcome.ERROR]
        times = ran[tool]
        found.append(
            schemas.Failing(
                tool=tool,
                calls=count,
                failed=failed,
                denied=outcomes[Outcome.DENIED],
                interrupted=outcomes[Outcome.INTERRUPTED],
                share=failed / count,
                average=times[1] / times[0] * 1e3 if times[0] else 0.0,
            )
        )
    return sorted(found, key=lambda one: (-one.failed, -one.calls))


def time_split(totals: Totals) -> schemas.Split:
    """Where the time of all turns and of their subagents went."""
    kinds: dict[str, float] = dict.fromkeys((kind.value for kind in TimeKind), 0.0)
    for one in totals.get("hookspan.time", ()):
        kind = dict(one.attributes).get(sc.TIME_KIND, "")
        if kind in kinds:
            kinds[kind] += one.value * 1e3
    return schemas.Split(
        user=kinds[TimeKind.USER],
        model=kinds[TimeKind.MODEL],
        tool=kinds[TimeKind.TOOL],
        wait=kinds[TimeKind.WAIT],
        other=kinds[TimeKind.OTHER],
    )


def cost(totals: Totals, since: dt.date, until: dt.date) -> schemas.Cost:
    """List prices by project, model and day; `totals` in slots of an hour, days of this machine's time zone."""
    days = {since + dt.timedelta(days=n): _Day() for n in range((until - since).days + 1)}
    whole = _Day()
    for one in totals.get("hookspan.cost", ()):
        labels = dict(one.attributes)
        project, model = labels.get(sc.PROJECT, ""), labels.get(sc.GEN_AI_RESPONSE_MODEL, NO_MODEL)
        for sums in (whole, days.get(_day(one.minute * 60))):
            if sums is not None:
                sums.add(project, model, one.value)
    tokens: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in totals.get("hookspan.tokens", ()):
        labels = dict(one.attributes)
        tokens[labels.get(sc.GEN_AI_RESPONSE_MODEL, NO_MODEL)][labels.get(sc.TOKEN_TYPE, "")] += int(one.value)
    models = {name: whole.models.get(name, 0.0) for name in {*whole.models, *tokens}}
    return schemas.Cost(
        total=sum(whole.projects.values()),
        unpriced=sum(one.count for one in totals.get("hookspan.cost.unpriced", ())),
        unseen=accounts.unseen(totals),
        sources=accounts.sources(totals),
        projects=[schemas.ProjectCost(name=name, cost=value) for name, value in _falling(whole.projects)],
        models=[
            schemas.ModelCost(
                name=name,
                cost=value,
                input=tokens[name]["input"],
                output=tokens[name]["output"],
                cache_read=tokens[name]["cache_read"],
                cache_write=tokens[name]["cache_write"],
            )
            for name, value in _falling(models)
        ],
        days=[
            schemas.DayCost(
                day=day.isoformat(),
                cost=sum(sums.projects.values()),
                projects=dict(sums.projects),
                models=dict(sums.models),
            )
            for day, sums in days.items()
        ],
    )


class _Day:
    def __init__(self) -> None:
        self.projects: dict[str, float] = defaultdict(float)
        self.models: dict[str, float] = defaultdict(float)

    def add(self, project: str, model: str, value: float) -> None:
        self.projects[project] += value
        self.models[model] += value


def _falling(sums: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))
