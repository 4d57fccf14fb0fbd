/**
 * What the API answers. Times are Unix milliseconds, durations milliseconds, costs USD.
 *
 * Made by `make generate` from instrumentation/hookspan/web/schemas and catalogue/session_fields.py.
 */
export type State = "working" | "waiting" | "waiting_or_running" | "idle" | "ended";
export type HealthStatus = "healthy" | "warning" | "critical" | "unknown";
export type MessageKind = "prompt" | "answer" | "thinking" | "call" | "result" | "error" | "compaction" | "note";
export type Source = "skill" | "plugin" | "mcp_server" | "subagent" | "workflow";
export type CostBy = "day" | "project" | "branch" | "agent" | "model" | "session" | "prompt" | "skill" | "plugin" | "mcp_server" | "subagent" | "workflow";
export type CollisionKind = "lines" | "tree" | "file" | "beside";
export type SpanType = "turn" | "tool" | "wait" | "subagent" | "model" | "compact" | "alarm" | "session" | "hook" | "child";
export type TimeKind = "user" | "model" | "tool" | "wait" | "other";

/** An error (RFC 9457): what is wrong, and in `hint` what to do. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  hint?: string;
}

/** Tokens as Anthropic counts them: `input` without cached ones. */
export interface Tokens {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
}

/** Where else to look; empty where no address is set. */
export interface Links {
  jaeger: string;
  grafana: string;
}

/**
 * What somebody said, called or got, as the client's transcript has it. `number` is its place in its conversation, `id`
 * names it in copies of the transcript as well. `text`: what was said, of a call what it is about, of a result its
 * output; `tool` and `about` are the call's, of its result, too. `given`: the input of a call, null where `text` and
 * `diff` are all of it. `diff`: lines that begin with `+`, `-` or a blank. `cut`: texts are longer than what is shown
 * here (`size` characters); the whole is under its number.
 */
export interface Message {
  number: number;
  id: string;
  kind: MessageKind;
  at: number | null;
  trace_id: string;
  span_id: string;
  text: string;
  size: number;
  cut: boolean;
  tool: string;
  tool_call: string;
  about: string;
  given: unknown;
  diff: string;
  failed: boolean;
  attached: string[];
}

/** A subagent whose conversation can be shown; `tool_call`: the call that started it, empty if unknown. */
export interface Conversation {
  subagent: string;
  type: string;
  tool_call: string;
}

/**
 * A part of a conversation. `total`: how many messages there are of the kinds that were asked for; `start`: where the
 * first of `items` is among them; `next`: where the next page starts, null at the end. `place`: the file that they are
 * from; empty where nothing is kept, and `missing` says why.
 */
export interface Messages {
  now: number;
  items: Message[];
  start: number;
  total: number;
  next: number | null;
  place: string;
  missing: string;
  subagents: Conversation[];
}

/** Places of messages in which a text is found, rising. */
export interface Hits {
  now: number;
  starts: number[];
}

/** By the id of its span, what each model call of a session said, or else called, in one line. */
export interface Said {
  now: number;
  said: Record<string, string>;
}

/** A rule of what is left out, and how often it was applied; null where it was not. */
export interface SharedRule {
  name: string;
  text: string;
  removed: number | null;
}

/** A session or a turn as one file, to be given away. `name`: of the file; `count`: how many messages are in it. */
export interface Shared {
  now: number;
  name: string;
  text: string;
  count: number;
  rules: SharedRule[];
}

/** List price of a project's model calls. */
export interface ProjectCost {
  name: string;
  cost: number;
}

/** List price and tokens of a model. */
export interface ModelCost {
  name: string;
  cost: number;
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
}

/** One day of the agent's time zone. */
export interface DayCost {
  day: string;
  cost: number;
  projects: Record<string, number>;
  models: Record<string, number>;
}

/**
 * List price of the model calls on one account; a call may be on one of each kind. A skill's is that of the rest of
 * each turn after it was loaded, subagents included that the turn started since.
 */
export interface SourceCost {
  kind: Source;
  name: string;
  cost: number;
  calls: number;
}

/**
 * Misses of the prompt cache for one cause: how many, the tokens that were written to it again, and their price. `cost`
 * is what writing them cost more than reading them would have.
 */
export interface CacheMiss {
  cause: string;
  count: number;
  tokens: number;
  cost: number;
}

/** List price, no bill; `unpriced` calls have no known price, `unseen` is in `total` and in no transcript. */
export interface Cost {
  total: number;
  unpriced: number;
  unseen: number;
  projects: ProjectCost[];
  models: ModelCost[];
  days: DayCost[];
  sources: SourceCost[];
}

/**
 * What the model calls of one group cost. `name` is empty for calls that have no such thing. `unseen`: what clients
 * counted beyond the calls in their transcripts; it is in `cost`. `since` and `until`: of a day. `title`: of a session
 * or a prompt; `session`: where it is; `trace`: of a prompt. `is_unseen`: the row of what no transcript shows, where
 * groups are not made of sessions.
 */
export interface CostRow {
  name: string;
  calls: number;
  cost: number;
  unseen: number;
  unpriced: number;
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  title: string;
  project: string;
  session: string;
  trace: string;
  since: number | null;
  until: number | null;
  is_unseen: boolean;
}

/** What model calls cost that began in a time, the dearest group first; days by date. */
export interface Costs {
  now: number;
  since: number;
  until: number | null;
  by: CostBy;
  projects: string[];
  rows: CostRow[];
  total: CostRow;
}

/**
 * What a session cost. `total` is that of the calls in its transcripts. `unseen` is what the client's own total has
 * beyond that: 0 until a run has ended, and below 0 where the client counts less.
 */
export interface SessionCost {
  now: number;
  position: number;
  total: number;
  unseen: number;
  unpriced: number;
  sources: SourceCost[];
  misses: CacheMiss[];
}

/**
 * Where the time of a turn and of its subagents went, milliseconds; `user` is the time before it. Background subagents
 * go on beside a turn and after it, so the parts may be longer together than the turn.
 */
export interface Split {
  user: number;
  model: number;
  tool: number;
  wait: number;
  other: number;
}

/** How long answers took, milliseconds. */
export interface Waited {
  total: number;
  average: number;
  median: number;
  max: number;
}

/** Permission dialogs about one tool and program. */
export interface Asked {
  tool: string;
  program: string;
  count: number;
  approved: number;
  refused: number;
  aborted: number;
  auto_denied: number;
  approved_share: number;
  waited: Waited;
}

/** What was always approved, with the rule for `permissions.allow` that ends the asking. `waited` in total, ms. */
export interface Rule {
  rule: string;
  tool: string;
  program: string;
  count: number;
  waited: number;
  first: number;
  last: number;
  examples: string[];
}

/** How a tool's calls ended; `average` run time in milliseconds. */
export interface Failing {
  tool: string;
  calls: number;
  failed: number;
  denied: number;
  interrupted: number;
  share: number;
  average: number;
}

/** What a session has of some waste: how often, USD, and milliseconds. */
export interface WastedSession {
  id: string;
  title: string;
  project: string;
  count: number;
  cost: number;
  time: number;
}

/**
 * What held agents or people up: `what` tells it apart from others of its kind. Attributes: priced: How many of `count`
 * have a price; parts of others may have. cost: USD at list price; None where there is none, or none is known. time:
 * Milliseconds that it took. price: How that price is made; empty where time alone is lost. todo: What to do about it,
 * and `copy` for it, which goes `into` that file or place. searched: Whether `/search` finds its spans by
 * `waste=KIND:WHAT`.
 */
export interface Waste {
  kind: string;
  what: string;
  title: string;
  count: number;
  priced: number;
  tokens: number;
  cost: number | null;
  time: number;
  price: string;
  todo: string;
  copy: string;
  into: string;
  searched: boolean;
}

/** The sessions that have most of some waste. */
export interface WastedSessions {
  now: number;
  items: WastedSession[];
}

/** An MCP server that sessions could not use: how many, since it failed or since it wants somebody to log in. */
export interface Unavailable {
  server: string;
  failed: number;
  needs_auth: number;
}

/** Dialogs of one day of the agent's time zone, and how long agents waited for them by project, ms. */
export interface WaitDay {
  day: string;
  count: number;
  waited: number;
  projects: Record<string, number>;
}

/** All dialogs: how many, how long agents waited for them in total (ms), and when. */
export interface Waits {
  count: number;
  waited: number;
  days: WaitDay[];
}

/** What holds you up, and what it costs. */
export interface Friction {
  now: number;
  position: number;
  days: number;
  since: number;
  content: boolean;
  projects: string[];
  waits: Waits;
  asked: Asked[];
  rules: Rule[];
  failing: Failing[];
  time: Split;
  cost: Cost;
  waste: Waste[];
  unavailable: Unavailable[];
}

/** One health check; `value` and `threshold` are in `unit`. */
export interface Check {
  name: string;
  status: HealthStatus;
  message: string;
  value: number | null;
  threshold: number | null;
  unit: string;
  todo: string;
  since: number;
  took: number;
}

/** What the agent says of itself. `started` in Unix seconds. */
export interface AgentReport {
  version: string;
  started: number;
  pid: number;
  state: string;
  stay: boolean;
  url: string | null;
}

/** Why reading the journal waits. */
export interface Hold {
  reason: string;
}

/** What was done about a damaged store, and where the old file is. */
export interface Mended {
  text: string;
  aside: string | null;
}

/** How far the journal is read. */
export interface IngestReport {
  records: number;
  behind_seconds: number;
  backlog_bytes: number;
  delay_seconds: number;
  commit_seconds: number;
  quarantined: number;
  open_sessions: number;
  hold: Hold | null;
  mended: Mended | null;
}

/** How the export of metrics stands. */
export interface MetricsExport {
  state: "off" | "sending" | "holding" | "refused";
  last_error: string;
}

/** How the export of log records stands. */
export interface LogsExport {
  state: string;
  queue: number;
  exported: number;
  rejected: number;
  refused: number;
  expired: number;
  last_error: string;
}

/** How the export stands; `oldest_age` and `retry_in` in seconds, `last_success` in Unix seconds. */
export interface ExportReport {
  state: string;
  endpoint: string;
  protocol: string;
  queue: number;
  oldest_age: number;
  exported: number;
  rejected: number;
  refused: number;
  expired: number;
  sampled_out: number;
  held: number;
  outcomes: Record<string, number>;
  failures: number;
  last_success: number | null;
  last_error: string | null;
  retry_in: number;
  metrics: MetricsExport;
  logs: LogsExport | null;
}

/** Why there is no export though it is switched on. */
export interface ExportProblem {
  problem: string;
}

/** One of the agent's threads. `last_failure_at` in Unix seconds. */
export interface Loop {
  alive: boolean;
  failures: number;
  last_failure: string | null;
  last_failure_at: number | null;
}

/** Something that was dropped: how often, and when last (Unix seconds). */
export interface Drop {
  count: number;
  last: number;
}

/** The query cache: real hits and misses since the start. `oldest` and `ttl` in milliseconds. */
export interface Cache {
  hits: number;
  misses: number;
  hit_rate: number;
  entries: number;
  oldest: number;
  ttl: number;
}

/** Live connections, and how many are served at most; what was refused and what was closed for being slow. */
export interface Stream {
  connections: number;
  maximum: number;
  refused: number;
  slow: number;
}

/** The newest round of checks, and what the agent says of itself. */
export interface Health {
  now: number;
  status: HealthStatus;
  at: number | null;
  took: number;
  checks: Check[];
  agent: AgentReport;
  ingest: IngestReport;
  export: ExportReport | ExportProblem | null;
  loops: Record<string, Loop>;
  drops: Record<string, Drop>;
  cache: Cache;
  stream: Stream;
}

/** One round of checks, kept. `values` are in the unit of the check. */
export interface Round {
  at: number;
  took: number;
  status: HealthStatus;
  checks: Record<string, HealthStatus>;
  values: Record<string, number | null>;
}

/** Rounds of checks, newest first. */
export interface History {
  now: number;
  rounds: Round[];
}

/** Whether the page can be served. */
export interface Standing {
  status: "ok" | "unavailable";
}

/** One line of the journal: `json` if it could be read and is not too long, else the beginning of its `text`. */
export interface LogItem {
  record: number;
  at: number | null;
  kind: "event" | "reduced" | "fact" | "status_line" | "other";
  event: string;
  session: string;
  size: number;
  json: unknown;
  text: string;
  cut: boolean;
}

/** One line of the journal, whole up to 4 MiB. */
export interface LogRecord {
  record: number;
  at: number | null;
  kind: "event" | "reduced" | "fact" | "status_line" | "other";
  event: string;
  session: string;
  size: number;
  json: unknown;
  text: string;
  cut: boolean;
  now: number;
}

/** Lines of the journal by record number; `first` and `last` say which there are. */
export interface Log {
  now: number;
  first: number;
  last: number;
  items: LogItem[];
}

/**
 * What some work came to: list price in USD, no bill; tokens; milliseconds. `unseen` is what clients counted beyond the
 * calls in their transcripts, `unpriced` calls have no known price, and `waited` is how long tools waited for
 * permission. `sessions` has the list price by session.
 */
export interface Spent {
  cost: number;
  unseen: number;
  unpriced: number;
  calls: number;
  turns: number;
  input: number;
  cache_read: number;
  output: number;
  model_time: number;
  tool_time: number;
  waited: number;
  sessions: Record<string, number>;
}

/** How many of the lines that a commit had of its own were there at an age (days), on which branch. */
export interface LinesStayed {
  days: number;
  branch: string;
  written: number;
  stayed: number;
}

/** The same of several commits, which cost this much together (list price, USD). */
export interface LinesByAge {
  days: number;
  commits: number;
  written: number;
  stayed: number;
  cost: number;
}

/**
 * A commit as it is now, when it was made, and the work that went into it. `replaces`: the commits whose place it has
 * taken. `origin`: the one that it was picked from, empty for any other. `lines`: by age, as far as they were counted.
 */
export interface Commit {
  sha: string;
  at: number;
  replaces: string[];
  origin: string;
  lines: LinesStayed[];
  spent: Spent;
}

/** A pull request of a branch. `place`: `owner/name`, empty if it is not known. */
export interface PullRequest {
  number: number;
  place: string;
}

/**
 * The commits of a branch into which work went, the newest first, and its work that is in no commit. `branch` is empty
 * where none was checked out. `agents`: coding agents that did the work.
 */
export interface BranchReceipts {
  project: string;
  branch: string;
  pulls: PullRequest[];
  commits: Commit[];
  lines: LinesByAge[];
  no_commit: Spent;
  total: Spent;
  agents: string[];
}

/**
 * Which work went into which commit, by branch, those with the newest commit first. `total` is what clients have
 * counted for all these sessions. `count`: how many branches there are in all. `titles`: of sessions, as far as they
 * have one.
 */
export interface Receipts {
  now: number;
  position: number;
  days: number;
  projects: string[];
  branches: BranchReceipts[];
  titles: Record<string, string>;
  count: number;
  total: Spent;
}

/** A part of a text, and whether it is what was looked for. */
export interface SnippetPart {
  text: string;
  hit: boolean;
}

/**
 * A message or a span (`kind` span) that was found. Of a message `message` is its id in its conversation. `trace` and
 * `span` are what it opens at; empty where there is none. `error`: of a call that failed, what it said in one line, as
 * long as that is kept. `agent`: the coding agent.
 */
export interface FoundItem {
  kind: string;
  at: number;
  session: string;
  project: string;
  branch: string;
  title: string;
  message: string;
  subagent: string;
  tool: string;
  failed: boolean;
  trace: string;
  span: string;
  snippet: SnippetPart[];
  name: string;
  duration: number | null;
  outcome: string;
  error: string;
  agent: string;
}

/** What all spans come to that are found, on any page: list price in USD, how long tool calls waited in ms. */
export interface FoundSums {
  spans: number;
  cost: number;
  waited: number;
  tokens: Tokens;
}

/**
 * Messages or spans, the newest first. `since`: from when on messages are kept; `archive`: if in the archive. `sums`:
 * of spans, on the first page. `unread`: sessions of which not all messages are found yet.
 */
export interface Found {
  now: number;
  items: FoundItem[];
  next: string | null;
  archive: boolean;
  since: number;
  sums: FoundSums | null;
  unread: number;
}

/** A hook event. `took` is what our hook needed, `size` the payload's bytes. */
export interface Event {
  record: number;
  at: number;
  session: string;
  event: string;
  tool: string;
  took: number;
  size: number;
  project: string;
  prompt: string;
  trace_id: string;
  agent_id: string;
  tool_use_id: string;
  label: string;
}

/** A span; while it is open its key is empty and its end null. */
export interface Span {
  key: string;
  trace_id: string;
  span_id: string;
  parent_id: string;
  name: string;
  type: SpanType;
  start: number;
  end: number | null;
  status: "unset" | "error";
  session: string;
  label: string;
  attributes: Record<string, string | boolean | number | string[]>;
  links: SpanLink[];
  events: SpanEvent[];
}

/** Some of a session's spans by start; `next` is the cursor of the following ones. */
export interface SpanPage {
  items: Span[];
  next: string | null;
  total: number;
}

/** A turn, one bar of the session page. `delegated`: how much of `split` is of subagents, ms. */
export interface Turn {
  number: number;
  prompt: string;
  trace_id: string;
  span_id: string;
  start: number;
  end: number | null;
  open: boolean;
  label: string;
  prompt_kind: string;
  outcome: string;
  end_reason: string;
  error_type: string;
  permission_mode: string;
  split: Split;
  delegated: number;
  tools: number;
  tools_failed: number;
  model_calls: number;
  subagents: number;
  input_tokens: number;
  output_tokens: number;
  cost: number;
  spans: number;
}

/** How full the context window of the main agent is; 0 tokens when no call was seen. */
export interface Context {
  tokens: number;
  window: number;
  share: number;
}

/** One answer to choose. */
export interface Option {
  label: string;
  description: string;
}

/** A question with its answers; `multiple`: several may be chosen. */
export interface Question {
  header: string;
  question: string;
  options: Option[];
  multiple: boolean;
}

/**
 * What an open dialog asks beside yes or no: questions, a plan (Markdown), or an MCP server's message. Read from the
 * hook event itself: it is there as long as that is, and only where `content.local` is on.
 */
export interface Asking {
  tool: string;
  since: number;
  record: number;
  questions: Question[];
  plan: string;
  message: string;
}

/**
 * What the watchdog noticed: an agent that gets nowhere, or a turn that runs away. `agent`: the subagent that it is
 * about, empty for the main agent. `ended`: null while it goes on. `calls`: how many calls it has come to, and `cost`
 * what was spent since, USD at list price. `first` and `last`: ids of the spans of the first and the last of its calls,
 * empty for a turn's cost or context.
 */
export interface Alarm {
  kind: string;
  agent: string;
  since: number;
  ended: number | null;
  calls: number;
  cost: number;
  first: string;
  last: string;
}

/**
 * Another writes the same at the same time: `session`, or another agent of its own. `file` may be empty. `at`: when the
 * newest of these writes began; `until`: when it is shown no more.
 */
export interface Collision {
  kind: CollisionKind;
  session: string;
  file: string;
  at: number;
  until: number;
}

/**
 * A session as lists show it. `activity`: events in each of the last 30 minutes, null in the stream. `asks`: what its
 * dialog is about, in a line; `asking`: what that asks beside yes or no. `title`: as the client gave it, else its first
 * prompt. `failure`: why its newest turn failed, empty if it didn't.
 */
export interface Session {
  /** Session id. */
  id: string;
  /** The coding agent that it is of: claude-code, codex, copilot. */
  agent: string;
  /** Scrubbed label, never exported; empty without one, and then the store gives the first prompt's label. */
  title: string;
  /** How it began: startup, resume, clear, fork ... */
  source: string;
  /** How the client was started: cli, sdk-py ... */
  entrypoint: string;
  /** Version of the client. */
  client_version: string;
  /** Host on which it runs. */
  host: string;
  /** Process id of the client, 0 if unknown. */
  pid: number;
  /** When the state last changed. */
  since: number;
  /** What its state rests on, a Basis. */
  basis: string;
  /**
   * Whether only the client's own registry tells of it: none of its hooks was heard, so that it has no turns, tools or
   * cost.
   */
  unhooked: boolean;
  /** What the client calls it: interactive (also in print mode), bg for a job in the background. */
  kind: string;
  /** Id of the background job that it is, empty for any other. */
  job: string;
  /** Whether the client runs remotely, as its environment says. */
  remote: boolean;
  /** Time of the newest event. */
  last: number;
  /** An EndReason, empty while it is open. */
  end_reason: string;
  /** Prompts and assistant messages. */
  messages: number;
  /** Model of the newest call of the main agent. */
  model: string;
  /** Permission mode of the newest event. */
  permission_mode: string;
  /** Whether it was imported from transcripts or made up for the page, and is never exported. */
  local: boolean;
  /**
   * What the client's own total has over the list price: calls that no transcript shows. Known when a run has ended.
   */
  residual: number;
  /** Requests that had to write again what the prompt cache had held, as the status line says. */
  cache_misses: number;
  /** Why the newest of them had to, in the client's own words; empty if it names no cause. */
  cache_cause: string;
  /** When the prompt cache expires, as the status line says. */
  cache_expires: number | null;
  /** Name of the project. */
  project: string;
  /** Name of the main repository, empty if it is in none. */
  repository: string;
  /** The branch that is checked out. */
  branch: string;
  /** Time of the first event. */
  started: number;
  /** When it ended; set once that is final and its span is written. */
  ended: number | null;
  /** Turns, open ones included. */
  turns: number;
  /** Prompts, those included that were typed during a turn. */
  prompts: number;
  /** Tool calls that finished. */
  tools: number;
  /** Tool calls that failed. */
  tools_failed: number;
  /** Subagents that were started, as in the session's span. */
  subagents: number;
  /** Since when a dialog has waited. */
  waiting_since: number | null;
  /** List price. */
  cost: number;
  /** Model calls without a known price. */
  unpriced: number;
  /** Repetition of the request that the main agent waits for: 1 after the first failure, 0 for none. */
  retries: number;
  /** Why the attempt before it failed, empty for none. */
  retry_error: string;
  /** Subagents that work now. */
  subagents_running: number;
  state: State;
  failure: string;
  tool: string;
  asks: string;
  asking: Asking | null;
  collision: Collision | null;
  tokens: Tokens;
  context: Context;
  alarm: Alarm | null;
  activity: number[] | null;
}

/** How many sessions ended on a day of the agent's time zone, and what they cost (USD); `until` is not in it. */
export interface Day {
  date: string;
  since: number;
  until: number;
  sessions: number;
  cost: number;
}

/**
 * A page of sessions, who needs you first. `next` is the cursor of further ended ones. `counts`: how many there are in
 * each state that the filter lets through, that by state apart; `cost`: of all ended ones (USD). `days`: those that the
 * page's ended ones are of, whole, when the newest come first. `waited`: how long those of them that did waited for you
 * (ms), by id. `agents`: coding agents that there are any sessions of. `branches`: of the newest sessions of the
 * project that was asked for.
 */
export interface Sessions {
  now: number;
  position: number;
  sessions: Session[];
  next: string | null;
  counts: Record<State, number>;
  cost: number;
  days: Day[];
  waited: Record<string, number>;
  projects: string[];
  agents: string[];
  branches: string[];
}

/** Ids of the demo data's sessions; none while there is no demo data. */
export interface Demo {
  now: number;
  position: number;
  sessions: string[];
}

/** Everything about one session. */
export interface SessionPage {
  now: number;
  position: number;
  session: Session;
  asking: Asking[];
  turns: Turn[];
  open: Span[];
  spans: SpanPage;
  events: Event[];
  links: Links;
}

/** A setting in force; `origin`: `default`, a file's path or a variable's name. Secrets are hidden. */
export interface Setting {
  key: string;
  value: unknown;
  origin: string;
  locked: boolean;
}

/** All settings in force, and what is odd about them. */
export interface Settings {
  now: number;
  settings: Setting[];
  warnings: string[];
}

/** A link to another span. `session`: the other's, empty for the same or where that is not known. */
export interface SpanLink {
  trace_id: string;
  span_id: string;
  type: string;
  session: string;
}

/** What happened during a span. */
export interface SpanEvent {
  name: string;
  at: number;
  attributes: Record<string, string | boolean | number | string[]>;
}

/** More of a session's spans. */
export interface SessionSpans {
  now: number;
  position: number;
  items: Span[];
  next: string | null;
  total: number;
}

/** What goes on in a session at this moment. */
export interface OpenSpans {
  now: number;
  position: number;
  open: Span[];
}

/** All spans of one trace by start, open ones included. */
export interface Trace {
  now: number;
  position: number;
  trace_id: string;
  session: string;
  items: Span[];
  links: Links;
}

/** Hook events by record number. */
export interface Events {
  now: number;
  position: number;
  items: Event[];
}

/** Calls of one tool. */
export interface ToolCount {
  tool: string;
  calls: number;
}

/**
 * What a time came to: `spent` in USD at list price, without calls of models whose price is not known (`unpriced`).
 * `waited`: milliseconds that tool calls waited for somebody. `failed`: those of the turns that ended with an error.
 * `since`, `until`: that time.
 */
export interface Figures {
  since: number;
  until: number;
  spent: number;
  unpriced: number;
  waited: number;
  turns: number;
  failed: number;
}

/** Today so far; yesterday and the same weekday of last week until the same time of day. */
export interface Today {
  now: number;
  today: Figures;
  yesterday: Figures;
  week: Figures;
}

/**
 * What our relay took for the newest events, milliseconds; above `threshold` it warns. `start`: what its process took
 * on average to get there, null where the system doesn't tell.
 */
export interface Hooks {
  average: number;
  p99: number;
  max: number;
  min: number;
  start: number | null;
  samples: number;
  threshold: number;
}

/** The step that is missing before there is anything to see; null when none is. */
export interface Setup {
  step: "install" | "use" | null;
  detail: string;
  command: string;
}

/** A session's share of what the calls in a window cost, of 1. */
export interface QuotaShare {
  session: string;
  share: number;
}

/** A window of the account's quota. `full_at`: when it is full at the present pace, null if nothing is used. */
export interface Quota {
  window: "five_hour" | "seven_day";
  used: number;
  resets_at: number;
  full_at: number | null;
  too_soon: boolean;
  shares: QuotaShare[];
}

/** Numbers that change with every event; the stream's `summary` message. */
export interface LiveSummary {
  now: number;
  top_tools: ToolCount[];
  states: Record<string, number>;
  oldest_wait: number | null;
  quota: Quota[];
  hooks: Hooks | null;
  health: HealthStatus;
}

/** The top of the first page. `demo`: whether demo data is among what it shows. */
export interface Summary {
  now: number;
  position: number;
  top_tools: ToolCount[];
  states: Record<string, number>;
  oldest_wait: number | null;
  quota: Quota[];
  waiting: Session[];
  hooks: Hooks | null;
  health: HealthStatus;
  setup: Setup;
  demo: boolean;
  content: boolean;
  links: Links;
  cache: Cache;
  stream: Stream;
}

/** The stream's `update` message: what was committed since the one before. */
export interface Update {
  now: number;
  position: number;
  events: Event[];
  spans: Span[];
  sessions: Session[];
}

/**
 * What all hooks of one name (`PreToolUse:Bash`) took in a session, hookspan's own among them. Attributes: runs: How
 * often they ran. hooks: How many ran side by side, at most. failed: How many ended otherwise than well. time:
 * Milliseconds of all runs, each from the start of its first hook to the end of its last. longest: The same of the
 * longest run.
 */
export interface HookCost {
  name: string;
  runs: number;
  hooks: number;
  failed: number;
  time: number;
  longest: number;
}

/** How many hooks of an event come from one place: a kind of settings, or a plugin. */
export interface HookSource {
  event: string;
  source: string;
  plugin: string;
  count: number;
}

/** What Claude Code told of a tool call: who decided, and when it asked and ran (Unix milliseconds). */
export interface ToldCall {
  id: string;
  decision: string;
  source: string;
  tool_source: string;
  mode: string;
  asked: number | null;
  answered: number | null;
  start: number | null;
  end: number | null;
}

/** What Claude Code told of a model call: attempts, and milliseconds until the first token (0: not told). */
export interface ToldRequest {
  id: string;
  start: number;
  end: number;
  attempts: number;
  first_token: number;
  query_source: string;
  success: boolean;
}

/** What Claude Code's own telemetry told of a session; empty unless it is received. */
export interface Told {
  now: number;
  position: number;
  hooks: HookCost[];
  sources: HookSource[];
  calls: ToldCall[];
  requests: ToldRequest[];
}
