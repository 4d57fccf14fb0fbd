/**
 * What the page says by the tables of `catalogue.js`; what is not in them, as of an agent that is newer, has its own name.
 * Pure.
 */
import {
	CACHE_CAUSES,
	CHARTS,
	DIALOGS,
	END_REASONS,
	LINE_KINDS,
	LINKS,
	OUTCOMES,
	PROMPT_KINDS,
	SOURCES,
	SPAN_EVENTS,
	SPAN_KINDS,
	STATES,
	STATUSES,
	TIME_KINDS,
} from "./catalogue.js";

/** @import { SpanLook, StateLook, TimeLook } from "./looks.js" */
/** @import { LogItem, Session, Span, Split, TimeKind, Turn } from "./types.js" */

/** A name of the API as text: `client_gone` reads "client gone". @param {string} name */
const plain = (name) => name.replaceAll("_", " ");

/** @param {string} name */
const headed = (name) => plain(name).replace(/^./, (letter) => letter.toUpperCase());

/** @template Row @param {Readonly<Record<string, Row>>} table @param {string} name @returns {Row | undefined} */
const row = (table, name) => (Object.hasOwn(table, name) ? table[name] : undefined);

// --- Sessions

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

/** The same for those who hear the page, who are not told of each tool. @param {Session} session */
export const calling = (session) => (session.state === "working" ? "works" : doing(session).verb);

// --- Spans

/** How a span is shown whose type is not in the catalogue. @type {Omit<SpanLook, "word">} */
const UNKNOWN_SPAN = {
	title: "{name}",
	about: "About",
	colour: "other",
	mark: "square",
	bar: "full",
	role: "work",
	band: "",
	outlives: false,
};

/** @param {string} type @returns {SpanLook} */
export const spanKind = (type) => row(SPAN_KINDS, type) ?? { word: headed(type), ...UNKNOWN_SPAN };

/** The colours that spans have. @type {readonly string[]} */
export const SPAN_COLOURS = [...new Set([...Object.values(SPAN_KINDS), UNKNOWN_SPAN].map(({ colour }) => colour))];

/** A span's name as people say it. @param {Span} span */
export function spanName({ type, name, attributes }) {
	const [operation = "", ...rest] = name.split(" ");
	const mate = type === "subagent" ? attributes["hookspan.teammate.name"] : undefined;
	const of = mate ? `${mate} (${rest.join(" ")})` : rest.join(" ");
	/** @type {Record<string, string>} */
	const parts = { "{name}": name, "{of}": of, "{short}": of.replace(/^claude-/, "") || operation };
	return spanKind(type).title.replace(/\{\w+\}/, (part) => parts[part] ?? part);
}

/** What a span's row says: its name and what it is about; a model call is named by what it said. @param {Span} span */
export const rowWords = (span) =>
	span.type === "model" && span.label
		? { text: span.label.replace(/\*\*|`|^#+ /g, ""), about: spanName(span) }
		: { text: spanName(span), about: span.label };

/** What happened during a span. @param {string} name */
export const eventWord = (name) => row(SPAN_EVENTS, name) ?? plain(name);

/** Why the prompt cache was missed. @param {string} cause */
export const causeWord = (cause) => row(CACHE_CAUSES, cause) ?? plain(cause);

/** What a model call was made for. @param {string} kind */
export const sourceWord = (kind) => row(SOURCES, kind) ?? headed(kind);

/** Why a span links to another. @param {string} type */
export const linkWord = (type) => row(LINKS, type) ?? plain(type);

// --- Turns

/** How a turn ended; nothing if that is as one expects. @param {Turn} turn */
export function outcome({ open, error_type, outcome, end_reason }) {
	if (open) return "";
	if (error_type) return plain(error_type);
	if (outcome) return row(OUTCOMES, outcome)?.word ?? outcome;
	return row(END_REASONS, end_reason)?.turn ?? plain(end_reason);
}

/** The class of how a turn ended. @param {Turn} turn */
export const outcomeTone = ({ error_type, outcome }) => (error_type ? "bad" : row(OUTCOMES, outcome)?.tone || "wait");

/** What began a turn, if nobody typed it. @param {string} kind */
export const promptWord = (kind) => row(PROMPT_KINDS, kind) ?? plain(kind);

// --- Time

/** In the order of the page. @param {Split} [split] which may have others */
export const timeKinds = (split) =>
	/** @type {TimeKind[]} */ ([...new Set([...Object.keys(TIME_KINDS), ...Object.keys(split ?? {})])]);

/** @param {string} kind @returns {TimeLook & {colour: string}} */
export const timeKind = (kind) => {
	const known = row(TIME_KINDS, kind);
	return known ? { ...known, colour: kind } : { word: headed(kind), hint: "", striped: false, colour: "other" };
};

/** All of it together, ms. @param {Split} split @param {readonly TimeKind[]} [kinds] */
export const sumOf = (split, kinds = timeKinds(split)) => kinds.reduce((sum, kind) => sum + (split[kind] ?? 0), 0);

/** How long the turn and its subagents worked, which may go on after its end. @param {Turn} turn */
export const worked = ({ split }) => sumOf(split) - split.user;

/**
 * The split of an open turn, grown by what has passed since it was asked for.
 * @param {Turn} turn
 * @param {number} took ms
 * @param {TimeKind} doing what it spends its time on now
 * @returns {Split}
 */
export function currentSplit(turn, took, doing) {
	if (!turn.open || turn.end !== null) return turn.split;
	return { ...turn.split, [doing]: turn.split[doing] + Math.max(0, took - worked(turn)) };
}

/** @param {readonly Split[]} splits */
export function totalSplit(splits) {
	/** @type {Split} */
	const total = { user: 0, model: 0, tool: 0, wait: 0, other: 0 };
	for (const split of splits) {
		for (const kind of timeKinds(split)) total[kind] = (total[kind] ?? 0) + (split[kind] ?? 0);
	}
	return total;
}

// --- Quota

/** @param {string} window */
export const quotaWindow = (window) => ({ five_hour: "5 hours", seven_day: "7 days" })[window] ?? plain(window);

// --- Health and the journal

/** @param {string} status */
export const statusOf = (status) => row(STATUSES, status) ?? { word: headed(status), mark: "?" };

/** The worse the lower. @param {string} status */
export const severity = (status) => {
	const at = Object.keys(STATUSES).indexOf(status);
	return at < 0 ? Object.keys(STATUSES).indexOf("unknown") : at;
};

/** What a check's value is, if it has a chart. @param {string} check */
export const chartOf = (check) => row(CHARTS, check) ?? "";

/** A kind of line as one reads it. @param {string} kind */
export const lineWord = (kind) => row(LINE_KINDS, kind)?.word ?? plain(kind);

/** Which choice of the raw log lets a line through. @param {LogItem} line */
export const lineFilter = ({ kind }) => row(LINE_KINDS, kind)?.filter ?? kind;

/** The class of a line: it asks for you, or something failed. @param {string} event */
export const eventTone = (event) => (event === "PermissionRequest" ? "asks" : /Fail/.test(event) ? "failed" : "");
