/** Which session comes first: who needs you. Pure. */

import { rankOf, stateOf } from "./session-words.js";

/** @import { Session } from "./types.js" */

/**
 * Waiting by the oldest wait; working and idle by when they got into that state, which holds still while events come
 * in; ended by their end.
 * @param {Session} a
 * @param {Session} b
 */
export function compare(a, b) {
	const rank = rankOf(a.state) - rankOf(b.state);
	if (rank) return rank;
	if (a.state === "waiting" || a.state === "waiting_or_running") {
		return (a.waiting_since ?? a.since) - (b.waiting_since ?? b.since);
	}
	if (a.state === "ended") return (b.ended ?? b.last) - (a.ended ?? a.last);
	return b.since - a.since;
}

/** Whether a filter by state lets a session through. @param {import("./types.js").State} state @param {string} wanted */
export function inState(state, wanted) {
	if (wanted === "open") return state !== "ended";
	return wanted === "all" || stateOf(state).filter === wanted;
}

/**
 * As far as can be told from the session itself: the agent looks at its first prompt, too, and knows when days begin.
 * @param {Session} session
 * @param {import("./listing.js").Filter} filter
 */
export function matches(session, { q, state, project, agent, branch, since, until }) {
	if ((project && session.project !== project) || (branch && session.branch !== branch)) return false;
	if (agent && session.agent !== agent) return false;
	if (!inState(session.state, state) || since || until) return false;
	if (!q) return true;
	const text =
		`${session.project} ${session.repository} ${session.branch} ${session.title} ${session.model} ${session.host} ${session.id}`.toLowerCase();
	return q
		.toLowerCase()
		.split(/\s+/)
		.every((word) => text.includes(word));
}

/**
 * Events per minute, moved on to the present minute.
 * @param {number[]} strip events of each minute up to the minute of `at`
 * @param {number} at Unix ms
 * @param {number} now Unix ms
 */
export function moveOn(strip, at, now) {
	const minutes = Math.floor(now / 60_000) - Math.floor(at / 60_000);
	if (minutes <= 0) return strip;
	if (minutes >= strip.length) return strip.map(() => 0);
	return [...strip.slice(minutes), ...Array(minutes).fill(0)];
}
