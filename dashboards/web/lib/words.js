/** What a session does, a span is, a turn came to: in words. Pure. */

/** @import { Session, Span, Turn } from "./types.js" */

/**
 * What a session does at this moment, and about what; `isSaid`: that is a sentence, and no command or path.
 * @param {Pick<Session, "state" | "tool" | "asks" | "end_reason" | "turns" | "failure">} session
 * @returns {{verb: string, what: string, isSaid?: boolean}}
 */
export function doing({ state, tool, asks, end_reason, turns, failure }) {
  if (state === "waiting") {
    if (tool === "AskUserQuestion") return { verb: "asks you a question", what: asks, isSaid: true };
    if (tool === "ExitPlanMode") return { verb: "wants its plan approved", what: "" };
    if (tool === "elicitation") return { verb: "an MCP server asks you", what: asks, isSaid: true };
    return { verb: tool ? `asks: ${tool}` : "waits for you", what: asks };
  }
  if (state === "waiting_or_running") return { verb: `asked, may be running: ${tool}`, what: asks };
  if (state === "working") return { verb: tool ? `runs ${tool}` : "thinks", what: asks };
  if (state === "idle" && failure) return { verb: `failed: ${failure.replaceAll("_", " ")}, your turn`, what: "" };
  if (state === "idle") return { verb: turns ? "done, your turn" : "no prompt yet, your turn", what: "" };
  return { verb: ENDS[end_reason] ?? "ended", what: "" };
}

/** The same for those who hear the page: not each tool, but when it needs somebody, and when it goes on. @param {Session} session */
export const calling = (session) => (session.state === "working" ? "works" : doing(session).verb);

/** @type {Record<string, string>} */
const ENDS = { client_gone: "client gone", silent: "went silent", session_end: "ended" };

/** @type {Record<import("./types.js").TimeKind, string>} */
export const KIND_NAMES = { user: "You", model: "Model", tool: "Tools", wait: "Waiting for you", other: "Other" };

/** What counts as what. @type {Record<import("./types.js").TimeKind, string>} */
export const KIND_HINTS = {
  user: "From the end of a turn to your next prompt",
  model: "The model answers, and no tool runs",
  tool: "A tool runs, and nobody is asked",
  wait: "A dialog is open",
  other: "None of these: the client itself, other hooks, and what nothing reports",
};

/** @type {readonly import("./types.js").TimeKind[]} */
export const KINDS = ["user", "model", "tool", "wait", "other"];

/** A span's name as people say it. @param {Span} span */
export function spanName(span) {
  const [operation = "", ...rest] = span.name.split(" ");
  const of = rest.join(" ");
  switch (span.type) {
    case "turn":
      return "Turn";
    case "session":
      return "Session";
    case "compact":
      return "Compaction";
    case "wait":
      return `Asked: ${of}`;
    case "tool":
    case "subagent":
    case "model":
      return of.replace(/^claude-/, "") || operation;
    default:
      return span.name;
  }
}

/** How a turn ended. @param {Turn} turn */
export function outcome(turn) {
  if (turn.open) return "";
  if (turn.error_type) return turn.error_type.replaceAll("_", " ");
  if (turn.outcome === "success") return "";
  return turn.outcome || turn.end_reason.replaceAll("_", " ");
}
