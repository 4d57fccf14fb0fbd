/**
 * What the page calls things and how it shows them: a table a noun, by the name that the API has for it, in the order
 * in which the page lists them. The page asks `words.js`, which has something plain for what is not here. Made by
 * `make generate` from instrumentation/hookspan/catalogue.
 */

/** @import { AgentLook, CheckLook, LineLook, OutcomeLook, SpanLook, TimeLook } from "./looks.js" */

/** @type {Readonly<Record<string, SpanLook>>} */
export const SPAN_KINDS = {
  turn: {
    word: "Turn",
    title: "Turn",
    about: "Prompt",
    colour: "quiet",
    mark: "square",
    bar: "thread",
    role: "root",
    band: "",
    outlives: false,
  },
  tool: {
    word: "Tool call",
    title: "{short}",
    about: "Call",
    colour: "tool",
    mark: "square",
    bar: "full",
    role: "work",
    band: "",
    outlives: true,
  },
  wait: {
    word: "Waiting for you",
    title: "Asked: {of}",
    about: "Asked about",
    colour: "wait",
    mark: "diamond",
    bar: "striped",
    role: "work",
    band: "13%",
    outlives: false,
  },
  subagent: {
    word: "Subagent",
    title: "{short}",
    about: "About",
    colour: "subagent",
    mark: "square",
    bar: "outline",
    role: "agent",
    band: "",
    outlives: true,
  },
  model: {
    word: "Model call",
    title: "{short}",
    about: "About",
    colour: "model",
    mark: "circle",
    bar: "thin",
    role: "work",
    band: "",
    outlives: false,
  },
  compact: {
    word: "Compaction",
    title: "Compaction",
    about: "About",
    colour: "compact",
    mark: "square",
    bar: "full",
    role: "work",
    band: "16%",
    outlives: false,
  },
  alarm: {
    word: "Alarm",
    title: "Alarm: {words}",
    about: "About",
    colour: "wait",
    mark: "diamond",
    bar: "outline",
    role: "overhead",
    band: "",
    outlives: false,
  },
  session: {
    word: "Session",
    title: "Session",
    about: "About",
    colour: "quiet",
    mark: "square",
    bar: "thread",
    role: "root",
    band: "",
    outlives: false,
  },
  hook: {
    word: "Hook",
    title: "{name}",
    about: "About",
    colour: "other",
    mark: "square",
    bar: "full",
    role: "overhead",
    band: "",
    outlives: false,
  },
  child: {
    word: "Span of a program",
    title: "{of}",
    about: "About",
    colour: "quiet",
    mark: "square",
    bar: "thin",
    role: "overhead",
    band: "",
    outlives: false,
  },
};

/** @type {Readonly<Record<string, TimeLook>>} */
export const TIME_KINDS = {
  user: { word: "You", hint: "From the end of a turn to your next prompt", striped: false },
  model: { word: "Model", hint: "The model answers, and no tool runs", striped: false },
  tool: { word: "Tools", hint: "A tool runs, and nobody is asked", striped: false },
  wait: { word: "Waiting for you", hint: "A dialog is open", striped: true },
  other: {
    word: "Other",
    hint: "None of these: the client itself, other hooks, and what nothing reports",
    striped: false,
  },
};

/** @type {Readonly<Record<string, OutcomeLook>>} */
export const OUTCOMES = {
  success: { word: "", tone: "" },
  error: { word: "error", tone: "bad" },
  denied: { word: "denied", tone: "wait" },
  interrupted: { word: "interrupted", tone: "wait" },
  unknown: { word: "unknown", tone: "wait" },
};

/** What stands for a prompt whose text is not known, by who wrote it. @type {Readonly<Record<string, string>>} */
export const PROMPT_KINDS = {
  human: "",
  task_notification: "task notification",
  command: "command",
  teammate: "a teammate's message",
};

/** Why one span links to another. @type {Readonly<Record<string, string>>} */
export const LINKS = {
  previous_turn: "previous turn",
  started_by: "started by",
  first_call: "first call",
  last_call: "last call",
  traceparent: "traceparent",
  collision: "writes the same",
  other: "linked",
};

/** What happened during a span. @type {Readonly<Record<string, string>>} */
export const SPAN_EVENTS = {
  "hookspan.request.failed": "An attempt failed",
  "hookspan.skill.command": "A skill's command ran",
  "hookspan.task.created": "A task was created",
  "hookspan.task.completed": "A task was completed",
  "hookspan.cache.missed": "The cache was missed",
};

/** Why the prompt cache was missed. @type {Readonly<Record<string, string>>} */
export const CACHE_CAUSES = {
  compaction: "compaction",
  idle: "idle for longer than the cache is kept",
  model: "another model",
  tools: "other tools",
  system_prompt: "another system prompt",
  effort: "another effort",
  unknown: "unknown",
};

/** What a model call was made for. @type {Readonly<Record<string, string>>} */
export const SOURCES = {
  skill: "Skill",
  plugin: "Plugin",
  mcp_server: "MCP server",
  subagent: "Subagent",
  workflow: "Workflow",
};

/** @type {Readonly<Record<string, CheckLook>>} */
export const STATUSES = {
  critical: { word: "Critical", mark: "✕" },
  warning: { word: "Warning", mark: "!" },
  unknown: { word: "Unknown", mark: "?" },
  healthy: { word: "Healthy", mark: "✓" },
};

/** Checks whose value is worth a chart, and what that value is. @type {Readonly<Record<string, string>>} */
export const CHARTS = {
  "hook path": "Hook time, p99",
  ingest: "Behind the journal",
  store: "Store's answer",
  export: "Oldest span that waits for export",
  resources: "Memory or disk, whichever is fuller",
  collector: "Collector's answer",
  dashboard: "Live connections",
};

/** @type {Readonly<Record<string, LineLook>>} */
export const LINE_KINDS = {
  event: { word: "event", filter: "event" },
  reduced: { word: "event, compacted", filter: "event" },
  fact: { word: "fact", filter: "fact" },
  status_line: { word: "status line", filter: "event" },
};

/** @type {Readonly<Record<string, AgentLook>>} */
export const AGENTS = {
  "claude-code": { title: "Claude Code", resume: "claude --resume {session}" },
  codex: { title: "Codex", resume: "codex resume {session}" },
  copilot: { title: "Copilot CLI", resume: "copilot --resume={session}" },
};
