/** What clients tell of their sessions themselves: one answer for all who show it. */
import { ask } from "./api.js";
import { store } from "./store.js";

/** @import { Told } from "./types.js" */

const TELLS = "claude-code"; // the only agent whose telemetry is joined to its sessions
const FRESH = 10_000; // ms that an answer is used for while things happen

/** @type {{session: string, position: number, at: number, told: Promise<Told>} | undefined} */
let kept;

/** Whether a session's agent tells anything; of one that is not known it may. @param {string} session */
export const tells = (session) => (store.sessions.get(session)?.agent ?? TELLS) === TELLS;

/** Ask now. @param {string} session @param {AbortSignal} [signal] @returns {Promise<Told>} */
export function askTold(session, signal) {
	const told = /** @type {Promise<Told>} */ (ask(`/sessions/${encodeURIComponent(session)}/told`, {}, { signal }));
	const asked = { session, position: store.live.position, at: Date.now(), told };
	told.catch(() => {
		if (kept === asked) kept = undefined;
	});
	kept = asked;
	return told;
}

/** The newest answer, if nothing happened since or it is young. @param {string} session */
export const latestTold = (session) =>
	kept?.session === session && (kept.position === store.live.position || Date.now() - kept.at < FRESH)
		? kept.told
		: askTold(session);
