/** The raw log's lines as the page holds them: what a line says in short, and which ones a filter lets through. Pure. */

import { duration } from "./format.js";
import { lineFilter } from "./words.js";

/** @import { Event, LogItem } from "./types.js" */

const HELD_MAX = 24 << 20; // bytes of lines that are kept; the oldest go first

/** A hook event without its content, as a line. @param {Event} event @returns {LogItem} */
export function fromEvent(event) {
	const { record, at, session, size } = event;
	return { record, at, kind: "event", event: event.event, session, size, json: event, text: "", cut: false };
}

/** @param {unknown} value @returns {Record<string, any>} */
const object = (value) =>
	value !== null && typeof value === "object" && !Array.isArray(value)
		? /** @type {Record<string, any>} */ (value)
		: {};

/** What tells most about a call or an event, in this order. */
const TELLING = [
	"command",
	"file_path",
	"pattern",
	"url",
	"query",
	"description",
	"prompt",
	"message",
	"error",
	"label",
	"agent_type",
	"source",
	"trigger",
	"reason",
	"title",
];
/** What a fact has for the machine's sake, or has beside. */
const FRAME = new Set([
	"v",
	"kind",
	"type",
	"at",
	"key",
	"session",
	"file",
	"offset",
	"start",
	"end",
	"stop",
	"prompt",
	"message_id",
	"request_id",
	"judged_at",
	"prices",
]);

/** The tool of a line, or nothing. @param {LogItem} item @returns {string} */
export function toolOf(item) {
	const json = object(item.json);
	const tool = object(json["event"])["tool_name"] ?? json["tool"];
	return typeof tool === "string" ? tool : "";
}

/** What a line is about, in one line. @param {LogItem} item */
export function inShort(item) {
	if (item.json === null) return item.text;
	const json = object(item.json);
	const event = object(json["event"]);
	for (const from of [object(event["tool_input"]), event, item.kind === "fact" ? {} : json]) {
		const name = TELLING.find((one) => typeof from[one] === "string" && from[one]);
		if (name) return from[name].replace(/\s+/g, " ").slice(0, 300);
	}
	if (item.kind !== "fact") return "";
	const took =
		typeof json["start"] === "number" && typeof json["end"] === "number"
			? [`took=${duration((json["end"] - json["start"]) / 1e6)}`]
			: [];
	const values = Object.entries(json)
		.filter(([name, value]) => !FRAME.has(name) && value !== "" && typeof value !== "object")
		.map(([name, value]) => `${name}=${value}`);
	return [...took, ...values].join(" ").slice(0, 300);
}

/** @type {WeakMap<LogItem, string>} */
const texts = new WeakMap();

/** All that can be found in a line, lower case. @param {LogItem} item */
function textOf(item) {
	let text = texts.get(item);
	if (text === undefined) {
		text =
			`${item.record} ${item.event} ${item.session} ${item.json === null ? item.text : JSON.stringify(item.json)}`.toLowerCase();
		texts.set(item, text);
	}
	return text;
}

/** @param {LogItem} item @param {{q: string, kind: string, session: string}} filter */
export function lets(item, { q, kind, session }) {
	if (kind !== "all" && lineFilter(item) !== kind) return false;
	if (session && item.session !== session) return false;
	return !q || wordsOf(q).every((word) => textOf(item).includes(word));
}

/** @param {string} q */
export const wordsOf = (q) => q.toLowerCase().split(/\s+/).filter(Boolean);

/**
 * A text in parts, every second one of which matches a word.
 * @param {string} text
 * @param {string[]} words
 */
export function marked(text, words) {
	if (!words.length) return [text];
	const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
	return text.split(new RegExp(`(${pattern})`, "gi"));
}

/** How many of the oldest lines are to go. @param {LogItem[]} items */
export function surplus(items) {
	let held = items.reduce((sum, item) => sum + Math.min(item.size, 32 << 10), 0);
	let at = 0;
	while (held > HELD_MAX && at < items.length - 1) {
		held -= Math.min(/** @type {LogItem} */ (items[at]).size, 32 << 10);
		at += 1;
	}
	return at;
}
