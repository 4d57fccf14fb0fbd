/**
 * Which sessions the first page lists. Project, branch and state can be told from a session itself; all else only the
 * agent knows. `change` tells of an answer.
 */
import { ApiError, ask } from "./api.js";
import { compare, inState, matches } from "./order.js";
import { pins } from "./pins.js";
import { PARAMETERS } from "./router.js";

/** @import { Day, Session, Sessions, State } from "./types.js" */
/** What the page's address says. @typedef {Record<keyof typeof PARAMETERS.now, string>} Filter */

const PAGE = 50; // ended sessions at first
const PAGE_MAX = 200; // in one answer
const TYPED = 120; // ms after a key, before the agent is asked
const EVERY = 2000; // ms between two questions while sessions come, go and change

export class Listing extends EventTarget {
	/** @type {Set<string>} */
	#ids = new Set();
	/** Ended ones as the agent has them in order. @type {string[]} */
	#order = [];
	/** Positions of what the stream told: an older answer doesn't know it. @type {Map<string, number>} */
	#told = new Map();
	/** How many match, by state. @type {Record<State, number>} */
	counts = { waiting: 0, waiting_or_running: 0, working: 0, idle: 0, ended: 0 };
	/** What all ended ones cost, USD. */
	cost = 0;
	/** What the days of the listed ones came to. @type {Day[]} */
	days = [];
	/** How long ended ones waited, ms, in the order of that. @type {Record<string, number>} */
	waited = {};
	/** Of the project. @type {string[]} */
	branches = [];
	/** The cursor of further ended ones. @type {string | null} */
	next = null;
	/** Whether the agent has not answered for this filter yet. */
	pending = true;
	/** Why it refused this filter. @type {ApiError | null} */
	error = null;
	/** Whether the agent is still to be asked for what changed. */
	isDue = false;
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

	/** Whether it leaves anything out. */
	get isFiltered() {
		return Object.entries(this.filter).some(
			([name, value]) => name !== "sort" && value !== PARAMETERS.now[/** @type {"q"} */ (name)],
		);
	}

	/** Whether there is something in the filter that can't be told from a session. */
	get #isAgents() {
		const { q, since, until } = this.filter;
		return Boolean(q || since || until);
	}

	/** Those that are listed, and the pinned ones of them whatever page they are on: who needs you first, then ended ones. */
	sessions() {
		const places = new Map(this.#order.map((id, at) => [id, at]));
		/** One that has just ended has no place yet. @param {Session} session */
		const place = ({ id, state }) => (state === "ended" ? (places.get(id) ?? -1) : -1);
		return [...new Set([...this.#ids, ...(this.#isAgents ? [] : pins())])]
			.flatMap((id) => {
				const session = this.known.get(id);
				return session && this.#lets(session) ? [session] : [];
			})
			.sort((a, b) => place(a) - place(b) || compare(a, b));
	}

	/** What a session itself tells. @param {Session} session */
	#lets(session) {
		const { state, project, agent, branch } = this.filter;
		return (
			inState(session.state, state) &&
			(!project || session.project === project) &&
			(!agent || session.agent === agent) &&
			(!branch || session.branch === branch)
		);
	}

	/** The first page, as a question of its own or as part of a larger one. @param {Sessions} page */
	answered(page) {
		const first = new Set(page.sessions.map(({ id }) => id));
		const last = page.next === null ? -1 : this.#order.findLastIndex((id) => first.has(id));
		const further = last < 0 ? [] : this.#order.slice(last + 1); // other pages had them
		for (const [id, at] of this.#told) if (at <= page.position) this.#told.delete(id);
		this.#ids = new Set([...first, ...further, ...this.#told.keys()]);
		this.#order = further;
		this.#take(page, { isFirst: true });
		this.counts = page.counts;
		this.cost = page.cost;
		this.branches = page.branches;
		if (!further.length) this.next = page.next;
		this.pending = false;
		this.#asked = performance.now();
		this.dispatchEvent(new Event("change"));
	}

	/** What every page tells of its ended sessions. @param {Sessions} page @param {{isFirst: boolean}} which */
	#take(page, { isFirst }) {
		const ended = page.sessions.flatMap(({ id, state }) => (state === "ended" ? [id] : []));
		this.#order = isFirst ? [...ended, ...this.#order] : [...this.#order, ...ended];
		this.days = [...page.days, ...this.days.filter(({ date }) => page.days.every((day) => day.date !== date))];
		Object.assign(this.waited, page.waited);
	}

	/** @param {Session} session as it is now @param {Session | undefined} before as it was known */
	touched(session, before) {
		const wasOpen = before !== undefined && before.state !== "ended";
		if (!this.#isAgents && (session.state !== "ended" || wasOpen)) {
			this.#ids.add(session.id);
			this.#told.set(session.id, this.position());
		}
		const ended = (session.state === "ended") !== (before?.state === "ended");
		const changed =
			!before ||
			["state", "project", "branch", "repository", "title"].some(
				(name) => session[/** @type {"title"} */ (name)] !== before[/** @type {"title"} */ (name)],
			);
		if (this.#isAgents ? changed : ended) this.ask(EVERY);
	}

	/** Ask the agent, but not at once and not too often. @param {number} [every] ms */
	ask(every = TYPED) {
		this.isDue = true;
		this.#soon ??= setTimeout(() => this.#fetch(), Math.max(TYPED, this.#asked + every - performance.now()));
	}

	async #fetch() {
		this.#asked = performance.now();
		this.isDue = false;
		const ended = this.pending ? 0 : [...this.#ids].filter((id) => this.known.get(id)?.state === "ended").length; // as many as are listed
		try {
			this.error = null;
			const page = await this.#page({
				limit: Math.min(PAGE_MAX, Math.max(PAGE, ended)),
				position: this.position() || undefined,
			});
			if (!this.#ends.signal.aborted) this.answered(page);
		} catch (error) {
			if (this.#ends.signal.aborted) return;
			if (!(error instanceof ApiError)) throw error;
			if (error.status === 0 || error.status === 401) {
				this.isDue = true; // no agent: it is asked when it is back
				return;
			}
			if (error.status >= 500) this.isDue = true;
			else {
				this.error = error;
				this.pending = false;
				this.dispatchEvent(new Event("change"));
			}
		} finally {
			this.#soon = undefined;
		}
		if (this.isDue) this.ask(EVERY);
	}

	/** The next page of ended sessions, as the order has it. */
	async more() {
		if (!this.next) return;
		const page = await this.#page({ limit: 2 * PAGE, before: this.next });
		for (const session of page.sessions) this.#ids.add(session.id);
		this.#take(page, { isFirst: false });
		this.next = page.next;
		this.dispatchEvent(new Event("change"));
	}

	/** @param {Record<string, string | number | undefined>} how @returns {Promise<Sessions>} */
	async #page(how) {
		const page = /** @type {Sessions} */ (
			await ask("/sessions", { ...this.filter, q: this.filter.q.trim(), ...how }, { signal: this.#ends.signal })
		);
		this.take(page);
		return page;
	}
}
