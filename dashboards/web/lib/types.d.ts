/** What the API answers. Times are Unix milliseconds, durations milliseconds, costs USD. */
export type State = "working" | "waiting" | "waiting_or_running" | "idle" | "ended";
export type SpanType = "turn" | "tool" | "wait" | "subagent" | "model" | "compact" | "session" | "hook";
export type Status = "healthy" | "warning" | "critical" | "unknown";
export type TimeKind = "user" | "model" | "tool" | "wait" | "other";

export interface Session {
  id: string;
  project: string;
  repository: string;
  branch: string;
  title: string;
  state: State;
  since: number;
  failure: string;
  tool: string;
  asks: string;
  waiting_since: number | null;
  started: number;
  last: number;
  ended: number | null;
  end_reason: string;
  source: string;
  entrypoint: string;
  client_version: string;
  host: string;
  pid: number;
  model: string;
  permission_mode: string;
  turns: number;
  prompts: number;
  messages: number;
  tools: number;
  tools_failed: number;
  subagents: number;
  subagents_running: number;
  tokens: { input: number; output: number; cache_read: number; cache_write: number };
  cost: number;
  residual: number;
  unpriced: number;
  context: { tokens: number; window: number; share: number };
  activity: number[] | null;
  local: boolean;
}

export interface Metrics {
  active_sessions: number;
  total_sessions: number;
  events_last_hour: number;
  messages_last_hour: number;
  top_tools: { tool: string; calls: number }[];
  average_session: number;
}

export interface Hooks {
  average: number;
  p99: number;
  max: number;
  min: number;
  start: number | null;
  samples: number;
  threshold: number;
}

export interface LiveSummary {
  now: number;
  metrics: Metrics;
  states: Record<string, number>;
  oldest_wait: number | null;
  hooks: Hooks | null;
  health: Status;
}

export interface Summary extends LiveSummary {
  position: number;
  waiting: Session[];
  setup: { step: "install" | "use" | null; detail: string; command: string };
  demo: boolean;
  content: boolean;
  links: Links;
  cache: Cache;
  stream: { connections: number; maximum: number };
}

export interface Links {
  jaeger?: string;
  grafana?: string;
}

export interface Cache {
  hits: number;
  misses: number;
  hit_rate: number;
  entries: number;
  oldest: number;
  ttl: number;
}

export interface Sessions {
  now: number;
  position: number;
  sessions: Session[];
  next: string | null;
  counts: Record<State, number>;
  projects: string[];
}

export interface Asking {
  tool: string;
  since: number;
  record: number;
  questions: {
    header: string;
    question: string;
    options: { label: string; description: string }[];
    multiple: boolean;
  }[];
  plan: string;
  message: string;
}

export type Attribute = string | number | boolean | null | (string | number | boolean)[];

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
  attributes: Record<string, Attribute>;
  links: { trace_id: string; span_id: string; type: string }[];
}

export type Split = Record<TimeKind, number>;

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

export interface SessionPage {
  now: number;
  position: number;
  session: Session;
  asking: Asking[];
  turns: Turn[];
  open: Span[];
  spans: { items: Span[]; next: string | null; total: number };
  events: Event[];
  links: Links;
}

export interface SpanPage {
  now: number;
  position: number;
  items: Span[];
  next: string | null;
  total: number;
}

export interface Trace {
  now: number;
  position: number;
  trace_id: string;
  session: string;
  items: Span[];
  links: Links;
}

export interface Update {
  now: number;
  position: number;
  events: Event[];
  spans: Span[];
  sessions: Session[];
}

export interface Asked {
  tool: string;
  program: string;
  count: number;
  approved: number;
  refused: number;
  aborted: number;
  auto_denied: number;
  approved_share: number;
  waited: { total: number; average: number; median: number; max: number };
}

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

export interface Failing {
  tool: string;
  calls: number;
  failed: number;
  denied: number;
  interrupted: number;
  share: number;
  average: number;
}

export interface Waits {
  count: number;
  waited: number;
  days: { day: string; count: number; waited: number; projects: Record<string, number> }[];
}

export interface DayCost {
  day: string;
  cost: number;
  projects: Record<string, number>;
  models: Record<string, number>;
}

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
  cost: {
    total: number;
    unpriced: number;
    projects: { name: string; cost: number }[];
    models: { name: string; cost: number; input: number; output: number; cache_read: number; cache_write: number }[];
    days: DayCost[];
  };
}

export interface Check {
  name: string;
  status: Status;
  message: string;
  value: number | null;
  threshold: number | null;
  unit: string;
  todo: string;
  since: number;
  took: number;
}

export interface Health {
  now: number;
  status: Status;
  at: number | null;
  took: number;
  checks: Check[];
  agent: { version: string; started: number; pid: number; state: string; stay: boolean; url: string | null };
  ingest: {
    records: number;
    behind_seconds: number;
    backlog_bytes: number;
    delay_seconds: number;
    commit_seconds: number;
    quarantined: number;
    open_sessions: number;
    hold: { reason: string } | null;
    mended: { text: string; aside: string | null } | null;
  };
  export: ExportState | { problem: string } | null;
  loops: Record<
    string,
    { alive: boolean; failures: number; last_failure: string | null; last_failure_at: number | null }
  >;
  drops: Record<string, { count: number; last: number }>;
  cache: Cache;
  stream: { connections: number; maximum: number; refused: number; slow: number };
}

export interface ExportState {
  state: string;
  endpoint: string;
  protocol: string;
  queue: number;
  oldest_age: number;
  exported: number;
  rejected: number;
  refused: number;
  expired: number;
  failures: number;
  last_success: number | null;
  last_error: string | null;
  retry_in: number;
  metrics: { state: "off" | "sending" | "holding" | "refused"; last_error: string };
}

export interface Setting {
  key: string;
  value: unknown;
  origin: string;
  locked: boolean;
}

export interface Settings {
  now: number;
  settings: Setting[];
  warnings: string[];
}

export interface Round {
  at: number;
  took: number;
  status: Status;
  checks: Record<string, Status>;
  values: Record<string, number | null>;
}

export interface LogItem {
  record: number;
  at: number | null;
  kind: "event" | "reduced" | "fact" | "other";
  event: string;
  session: string;
  size: number;
  json: unknown;
  text: string;
  cut: boolean;
}

export interface Log {
  now: number;
  first: number;
  last: number;
  items: LogItem[];
}
