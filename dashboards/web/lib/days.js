/** Ended sessions by day. The agent says when its days begin, so that groups, sums and filters are of the same ones. Pure. */
import { day, weekday } from "./format.js";

/** @import { Day, Session } from "./types.js" */
/** @typedef {{date: string, sums: Day | undefined, sessions: Session[]}} DayGroup */

const LENGTH = 86_400_000; // ms

/** Whether a text is a day, as `2026-11-24`. @param {string} text */
export function isDay(text) {
	const at = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00Z`) : new Date(Number.NaN);
	return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

/** The day of a time, here. @param {number} at Unix ms */
export function dayAt(at) {
	const moment = new Date(at);
	const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
	return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

/** `Today`, `Yesterday`, `Tue 24 Nov`, `Tue 24 Nov 2025`. @param {string} date @param {number} now Unix ms */
export function dayName(date, now) {
	const today = dayAt(now);
	const ago = Math.round((Date.parse(today) - Date.parse(date)) / LENGTH);
	if (ago === 0) return "Today";
	if (ago === 1) return "Yesterday";
	const year = date.slice(0, 4);
	return `${weekday(Date.parse(`${date}T12:00`))} ${day(date)}${year === today.slice(0, 4) ? "" : ` ${year}`}`;
}

/**
 * Sessions by the day of their newest event, in the order that they are in. A day that the agent has not told of yet
 * has no sums.
 * @param {Session[]} sessions
 * @param {Day[]} days
 */
export function byDay(sessions, days) {
	/** @type {Map<string, DayGroup>} */
	const groups = new Map();
	for (const session of sessions) {
		const sums = days.find(({ since, until }) => since <= session.last && session.last < until);
		const date = sums?.date ?? dayAt(session.last);
		const group = groups.get(date) ?? { date, sums, sessions: [] };
		group.sessions.push(session);
		groups.set(date, group);
	}
	return [...groups.values()];
}
