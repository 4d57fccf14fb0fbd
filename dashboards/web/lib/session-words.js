/** What the page says of a session and its state; what the catalogue does not know has its own name. Pure. */
import { DIALOGS, END_REASONS, STATES } from "./catalogue-sessions.js";
import { headed, plain, row } from "./names.js";

/** @import { StateLook } from "./looks.js" */
/** @import { Session } from "./types.js" */

/** @param {string} state @returns {StateLook} */
export const stateOf = (state) =>
	row(STATES, state) ?? {
		word: headed(state),
		verb: plain(state),
		verbOfTool: `${plain(state)}: {tool}`,
		filter: state,
		mark: "circle",
	};

/** All states in their order, then those of sessions that are none of them. @param {Session[]} sessions */
export const statesOf = (sessions) => [
	...new Set([...Object.keys(STATES), ...sessions.map((session) => /** @type {string} */ (session.state))]),
];

/** A state's place in the order; an unknown one is in front of `ended`. @param {string} state */
export function rankOf(state) {
	const states = Object.keys(STATES);
	const at = states.indexOf(state);
	return at < 0 ? states.indexOf("ended") - 0.5 : at;
}

/** Value and text. @type {readonly [string, string][]} */
export const STATE_FILTERS = [
	["all", "All states"],
	["open", "Open"],
	...Object.entries(STATES)
		.filter(([name, { filter }]) => name === filter)
		.map(([name, { word }]) => /** @type {[string, string]} */ ([name, word])),
];

/** What ended sessions can be in the order of. @type {[string, string][]} */
export const SORTS = [
	["newest", "Newest first"],
	["cost", "Most expensive first"],
	["length", "Longest first"],
	["waited", "Waited longest first"],
];

/**
 * What a session does at this moment, and about what; `isSentence`: that is one, and no command or path.
 * @param {Pick<Session, "state" | "tool" | "asks" | "end_reason" | "turns" | "failure"> & Partial<Session>} session
 * @returns {{verb: string, about: string, isSentence?: boolean}}
 */
export function doing(session) {
	const { state, tool, asks, end_reason, turns, failure, unhooked } = session;
	const dialog = state === "waiting" ? row(DIALOGS, tool) : undefined;
	if (dialog?.about === "sentence") return { verb: dialog.verb, about: asks, isSentence: true };
	if (dialog) return { verb: dialog.verb, about: "" };
	if (state === "idle" && failure) return { verb: `failed: ${plain(failure)}, your turn`, about: "" };
	if (state === "idle" && !turns && !unhooked) return { verb: "no prompt yet, your turn", about: "" };
	if (state === "ended") return { verb: row(END_REASONS, end_reason)?.session ?? "ended", about: "" };
	if (state === "working" && session.retries && !tool) {
		return { verb: `waits for the API: ${plain(session.retry_error ?? "")}`, about: `retry ${session.retries}` };
	}
	const { verb, verbOfTool } = stateOf(state);
	return { verb: tool ? verbOfTool.replace("{tool}", () => tool) : verb, about: state === "idle" ? "" : asks };
}
