/**
 * What the page says by the tables of `catalogue.js`; what is not in them, as of an agent that is newer, has its own name.
 * Pure.
 */
import {
	AGENTS,
	CACHE_CAUSES,
	CHARTS,
	LINE_KINDS,
	LINKS,
	OUTCOMES,
	PROMPT_KINDS,
	SOURCES,
	SPAN_EVENTS,
	SPAN_KINDS,
	STATUSES,
	TIME_KINDS,
} from "./catalogue.js";
import { END_REASONS } from "./catalogue-sessions.js";
import { headed, plain, row } from "./names.js";

/** @import { SpanLook, TimeLook } from "./looks.js" */
/** @import { LogItem, Session, Span, Split, TimeKind, Turn } from "./types.js" */

// --- Agents

/** What people call a coding agent. @param {string} agent */
export const agentTitle = (agent) => row(AGENTS, agent)?.title ?? agent;

/** The command that takes a session up again; empty for an agent that is not in the catalogue. @param {Session} session */
export const resumeCommand = ({ agent, id }) => row(AGENTS, agent)?.resume.replace("{session}", id) ?? "";

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
	const parts = {
		"{name}": name,
		"{of}": of,
		"{short}": of.replace(/^claude-/, "") || operation,
		"{words}": plain(of),
	};
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
