/**
 * Which sessions the first page lists. Project and state can be told from a session itself; what words are found in,
 * how many there are in all, and the older ones only the agent knows. `change` tells of an answer.
 */
import { ApiError, ask } from "./api.js";
import { inState, matches } from "./order.js";

/** @import { Session, Sessions, State } from "./types.js" */
/** @typedef {{q: string, state: string, project: string}} Filter */

const PAGE = 50; // ended sessions at first
const PAGE_MAX = 200; // in one answer
const TYPED = 120; // ms after a key, before the agent is asked
const EVERY = 2000; // ms between two questions while sessions come, go and change

export class Listing extends EventTarget {
	/** @type {Set<string>} */
	#ids = new Set();
	/** How many match, by state. @type {Record<State, number>} */
	counts = { waiting: 0, waiting_or_running: 0, working: 0, idle: 0, ended: 0 };
	/** The cursor of older ended ones. @type {string | null} */
	next = null;
	/** Whether the agent has not answered for this filter yet. */
	pending = true;
	#asked = -Infinity;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#soon;
	#ends = new AbortController();

	/**
	 * @param {Filter} filter
	 * @param {Map<string, Session>} known all sessions that the page knows
	 * @param {(page: Sessions) => void} take puts an answer's sessions among them
	 * @param {() => number} position what the stream told last
	 */
	constructor(filter, known, take, position) {
		super();
		this.filter = filter;
		this.known = known;
		this.take = take;
		this.position = position;
		for (const session of known.values()) if (matches(session, filter)) this.#ids.add(session.id); // until it answers
	}

	end() {
		clearTimeout(this.#soon);
		this.#ends.abort();
	}

	/** Those that are listed, in no order. */
	sessions() {
		return [...this.#ids].flatMap((id) => {
			const session = this.known.get(id);
			return session && this.#lets(session) ? [session] : [];
		});
	}

	/** What a session itself tells. @param {Session} session */
	#lets({ project, state }) {
		return inState(state, this.filter.state) && (!this.filter.project || project === this.filter.project);
	}

	/** The first page, as a question of its own or as part of a larger one. @param {Sessions} page */
	answered(page) {
		const older = page.next === null ? [] : [...this.#ids].filter((id) => this.#isBefore(id, Number(page.next)));
		this.#ids = new Set([...page.sessions.map((session) => session.id), ...older]);
		this.counts = page.counts;
		if (!older.length) this.next = page.next;
		this.pending = false;
		this.#asked = performance.now();
		this.dispatchEvent(new Event("change"));
	}

	/** Whether it ended so long ago that another page had it. @param {string} id @param {number} cursor Unix ns */
	#isBefore(id, cursor) {
		const session = this.known.get(id);
		return !this.pending && session?.state === "ended" && session.last * 1e6 < cursor;
	}

	/** @param {Session} session as it is now @param {Session | undefined} before as it was known */
	touched(session, before) {
		const { q } = this.filter;
		const wasOpen = before !== undefined && before.state !== "ended";
		if (!q && (session.state !== "ended" || wasOpen)) this.#ids.add(session.id);
		const ended = (session.state === "ended") !== (before?.state === "ended");
		const changed =
			!before ||
			["state", "project", "branch", "repository", "title"].some(
				(name) => session[/** @type {"title"} */ (name)] !== before[/** @type {"title"} */ (name)],
			);
		if (q ? changed : ended) this.ask(EVERY);
	}

	/** Ask the agent, but not at once and not too often. @param {number} [every] ms */
	ask(every = TYPED) {
		this.#soon ??= setTimeout(() => this.#fetch(), Math.max(TYPED, this.#asked + every - performance.now()));
	}

	async #fetch() {
		this.#asked = performance.now();
		const ended = this.pending ? 0 : [...this.#ids].filter((id) => this.known.get(id)?.state === "ended").length; // as many as are listed
		try {
			const page = await this.#page({
				limit: Math.min(PAGE_MAX, Math.max(PAGE, ended)),
				position: this.position() || undefined,
			});
			if (!this.#ends.signal.aborted) this.answered(page);
		} catch (error) {
			if (!(error instanceof ApiError) && !this.#ends.signal.aborted) throw error; // no agent: it is asked when it is back
		}
		this.#soon = undefined;
	}

	/** The next page of ended sessions. */
	async more() {
		if (!this.next) return;
		const page = await this.#page({ limit: 2 * PAGE, before: this.next });
		for (const session of page.sessions) this.#ids.add(session.id);
		this.next = page.next;
		this.dispatchEvent(new Event("change"));
	}

	/** @param {Record<string, string | number | undefined>} how @returns {Promise<Sessions>} */
	async #page(how) {
		const { q, state, project } = this.filter;
		const page = /** @type {Sessions} */ (
			await ask("/sessions", { q: q.trim(), state, project, ...how }, { signal: this.#ends.signal })
		);
		this.take(page);
		return page;
	}
}
