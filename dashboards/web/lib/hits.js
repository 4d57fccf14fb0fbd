/** What was found: how it is called, and where it opens. Pure. */
import { OUTCOMES } from "./catalogue.js";
import { href } from "./router.js";

/** @import { FoundItem } from "./types.js" */

/** Kinds of messages, with the text of the filter. @type {readonly [string, string][]} */
export const FOUND_KINDS = [
	["all", "All messages"],
	["prompt", "Prompts"],
	["answer", "Answers"],
	["call", "Tool calls"],
	["result", "Results"],
	["error", "Errors"],
	["session", "Titles"],
];

/** @type {Record<string, string>} */
const NAMES = {
	prompt: "Prompt",
	answer: "Answer",
	thinking: "Thinking",
	call: "Call",
	result: "Result",
	error: "Error",
	compaction: "Compaction",
	note: "Note",
	session: "Session",
};

/** @type {readonly [string, string][]} */
export const OUTCOME_FILTERS = [
	["all", "Any outcome"],
	...Object.keys(OUTCOMES).map(
		(name) => /** @type {[string, string]} */ ([name, name.replace(/^./, (letter) => letter.toUpperCase())]),
	),
];

/** `Result of Bash`, `execute_tool Bash`. @param {FoundItem} item */
export function kindOfHit({ kind, name, tool }) {
	if (kind === "span") return name;
	const called = NAMES[kind] ?? kind;
	return tool ? `${called}${kind === "call" ? ":" : " of"} ${tool}` : called;
}

/** A message opens in its conversation, a span in its session's waterfall. @param {FoundItem} item */
export function hitHref({ kind, session, message, subagent, span }) {
	const query = kind === "span" ? { span } : message ? { view: "conversation", message, subagent } : {};
	return href("session", { id: session, query: /** @type {Record<string, string>} */ (query) });
}
