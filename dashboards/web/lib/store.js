/** What all pages share: the summary and the sessions, kept current by the stream. `change` tells that something did. */
import { ApiError, ask } from "./api.js";
import * as clock from "./clock.js";
import { Live } from "./live.js";
import { Listing } from "./listing.js";
import { compare, moveOn } from "./order.js";
import { pins } from "./pins.js";
import { PARAMETERS } from "./router.js";

/** @import { Session, Sessions, State, Summary, Update, LiveSummary } from "./types.js" */

const HIDDEN_POLL = 15_000; // ms; the tab's title must tell who waits, most of all when nobody looks at the tab
const MINUTES = 30;
const GRACE = 2500; // ms: a connection that is back within that was not worth a word
const DEMO = "demo"; // how a session of the demo data says that it began

class Store extends EventTarget {
	live = new Live();
	/** @type {Summary | null} */
	summary = null;
	/** All that the page knows: every open one, and of the others those that were asked for. @type {Map<string, Session>} */
	sessions = new Map();
	/** @type {string[]} */
	projects = [];
	/** Coding agents that there are sessions of: where there is one only, nobody is told which. @type {string[]} */
	agents = [];
	/** What the first page lists. */
	list = this.#listing(PARAMETERS.now);
	/** @type {ApiError | null} */
	error = null;
	loaded = false;
	/** Since when the agent does not answer, by performance.now(). @type {number | null} */
	lostAt = null;
	/** The agent's version when this page was loaded; another one means that the page is old. */
	version = "";
	outdated = false;

	/** The position that a session's row is of. @type {Map<string, number>} */
	#rowAt = new Map();
	/** @type {Map<string, {strip: number[], at: number}>} */
	#activity = new Map();
	#counted = 0; // events up to this record are in the strips
	#telling = false;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#again;
	#failures = 0;

	constructor() {
		super();
		this.live.addEventListener("update", (event) => this.#update(/** @type {CustomEvent<Update>} */ (event).detail));
		this.live.addEventListener("summary", (event) =>
			this.#live(/** @type {CustomEvent<LiveSummary>} */ (event).detail),
		);
		this.live.addEventListener("reset", () => this.load());
		this.live.addEventListener("hello", (event) => this.#hello(/** @type {CustomEvent} */ (event).detail.version));
		this.live.addEventListener("state", () => this.#changed());
		addEventListener("signed-out", (event) => {
			this.error = /** @type {CustomEvent<ApiError>} */ (event).detail;
			this.#changed();
		});
		addEventListener("pins", () => this.#findPins());
		setInterval(() => this.#poll(), HIDDEN_POLL);
	}

	/** Fetch everything; goes on trying until the agent answers. */
	async load() {
		clearTimeout(this.#again);
		try {
			const [summary, sessions] = await Promise.all([
				/** @type {Promise<Summary>} */ (ask("/summary")),
				/** @type {Promise<Sessions>} */ (ask("/sessions", { limit: 50 })),
			]);
			this.summary = summary;
			this.sessions.clear();
			this.#rowAt.clear();
			this.#activity.clear();
			this.#counted = sessions.position - 1; // that is the first record which is not in the store
			this.#take(sessions);
			this.#relist(sessions);
			this.error = null;
			this.loaded = true;
			this.#failures = 0;
			this.live.start(Math.min(summary.position, sessions.position));
			const missed = this.live.since(sessions.position);
			for (const update of missed ?? []) this.#update(update);
			this.#findPins();
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			this.error = error;
			this.#failures += 1;
			if (error.status !== 401) this.#again = setTimeout(() => this.load(), Math.min(8000, 500 * 2 ** this.#failures));
		}
		this.#changed();
	}

	/** List what a filter lets through. @param {import("./listing.js").Filter} filter */
	show(filter) {
		const before = this.list.filter;
		const names = /** @type {(keyof typeof filter)[]} */ (Object.keys(filter));
		if (names.every((name) => filter[name] === before[name])) return;
		this.list.end();
		this.list = this.#listing(filter);
		this.list.ask();
	}

	/** Ids of the newest sessions in which words are found, and those that are open; they are known then. @param {string} q @param {number} limit */
	async find(q, limit) {
		try {
			const page = /** @type {Sessions} */ (
				await ask("/sessions", { q, limit, position: this.live.position || undefined })
			);
			this.#take(page);
			return new Set(page.sessions.map((session) => session.id));
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			return new Set();
		}
	}

	/** Pinned sessions are known, too, however old they are. */
	async #findPins() {
		const unknown = pins().filter((id) => !this.sessions.has(id));
		if (!unknown.length) return;
		await Promise.all(unknown.map((id) => this.find(id, 1)));
		this.#changed();
	}

	/** @param {import("./listing.js").Filter} filter */
	#listing(filter) {
		const list = new Listing(
			filter,
			this.sessions,
			(page) => this.#take(page),
			() => this.live.position,
		);
		list.addEventListener("change", () => this.#changed());
		return list;
	}

	/** The list anew, after all was fetched. @param {Sessions} all the first page of all */
	#relist(all) {
		const { filter } = this.list;
		this.list.end();
		this.list = this.#listing(filter);
		if (this.list.isFiltered || filter.sort !== PARAMETERS.now.sort) this.list.ask();
		else this.list.answered(all);
	}

	/** Put the demo data in, or take it out. @param {"POST" | "DELETE"} method */
	async demo(method) {
		await ask("/demo", {}, { method });
		await this.load();
	}

	/** Whether the agent does not answer, for longer than it is worth a word. */
	get isOffline() {
		return this.lostAt !== null && performance.now() - this.lostAt > GRACE;
	}

	/** Sessions, those that need you first. */
	sorted() {
		return [...this.sessions.values()].sort(compare);
	}

	/** Events in each of the last 30 minutes. @param {string} session */
	strip(session) {
		const known = this.#activity.get(session);
		return known ? moveOn(known.strip, known.at, clock.now()) : [];
	}

	/** How many open sessions there are in each state: of the rows themselves, so that all of the page says the same. */
	get states() {
		/** @type {Record<State, number>} */
		const counts = { waiting: 0, waiting_or_running: 0, working: 0, idle: 0, ended: 0 };
		for (const session of this.sessions.values()) counts[session.state] = (counts[session.state] ?? 0) + 1;
		return counts;
	}

	/** How many wait for you. */
	get waiting() {
		return this.states.waiting;
	}

	/** Since when the longest wait lasts, Unix ms; null without one. */
	get oldestWait() {
		const since = [...this.sessions.values()].flatMap((session) =>
			session.state === "waiting" && session.waiting_since !== null ? [session.waiting_since] : [],
		);
		return since.length ? Math.min(...since) : null;
	}

	/** On how many machines the known sessions run. */
	get hosts() {
		return new Set([...this.sessions.values()].filter((session) => !session.local).map((session) => session.host)).size;
	}

	/** Whose a session is, if that can be several agents. @param {{agent: string}} session */
	agentOf({ agent }) {
		return this.agents.length > 1 ? agent : "";
	}

	/** @param {Sessions} page */
	#take(page) {
		for (const session of page.sessions) {
			if (!this.#set(session, page.position)) continue;
			if (session.activity && !this.#activity.has(session.id)) {
				this.#activity.set(session.id, { strip: session.activity, at: page.now });
			}
		}
		this.projects = page.projects;
		this.agents = page.agents;
	}

	/** Unless what is known is newer. @param {Session} session @param {number} position that its row is of */
	#set(session, position) {
		if (position < (this.#rowAt.get(session.id) ?? 0)) return false;
		this.#rowAt.set(session.id, position);
		this.sessions.set(session.id, session);
		return true;
	}

	/** @param {Update} update */
	#update(update) {
		for (const session of update.sessions) {
			const before = this.sessions.get(session.id);
			if (this.#set(session, update.position)) this.list.touched(session, before);
			if (session.project && !this.projects.includes(session.project)) {
				this.projects = [...this.projects, session.project].sort();
			}
		}
		this.agents = [...new Set([...this.agents, ...update.sessions.map(({ agent }) => agent)])].sort();
		for (const event of update.events) {
			if (event.record <= this.#counted) continue;
			this.#counted = event.record;
			const known = this.#activity.get(event.session);
			const strip = known ? [...moveOn(known.strip, known.at, update.now)] : Array(MINUTES).fill(0);
			const minute = Math.floor(event.at / 60_000) - Math.floor(update.now / 60_000) + MINUTES - 1;
			if (minute >= 0 && minute < MINUTES) strip[minute] += 1;
			this.#activity.set(event.session, { strip, at: update.now });
		}
		if (
			this.summary?.setup.step &&
			update.events.length &&
			update.sessions.some((session) => session.source !== DEMO)
		) {
			this.summary = { ...this.summary, setup: { step: null, detail: "", command: "" } };
		}
		this.#changed();
	}

	/** @param {LiveSummary} summary */
	#live(summary) {
		if (this.summary) this.summary = { ...this.summary, ...summary };
		this.#changed();
	}

	/** @param {string} version */
	#hello(version) {
		this.version ||= version;
		this.outdated = version !== this.version;
		this.error = null;
		if (this.list.isDue) this.list.ask();
		this.#changed();
	}

	async #poll() {
		if (!document.hidden || this.live.state === "live" || !this.loaded || this.live.state === "signed-out") return;
		try {
			const summary = /** @type {Summary} */ (await ask("/summary"));
			this.summary = summary;
			for (const session of summary.waiting) this.sessions.set(session.id, session);
			const still = new Set(summary.waiting.map((session) => session.id));
			for (const session of this.sessions.values()) {
				// It no longer waits; the stream will tell what it does as soon as somebody looks.
				if (session.state === "waiting" && !still.has(session.id)) {
					this.sessions.set(session.id, { ...session, state: "working" });
				}
			}
			this.#changed();
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
		}
	}

	/** Tell once for all that changes at the same time. */
	#changed() {
		const { state } = this.live;
		if (state === "lost" || state === "full" || (this.error && !this.loaded)) this.lostAt ??= performance.now();
		else if (state === "live") this.lostAt = null;
		if (this.#telling) return;
		this.#telling = true;
		queueMicrotask(() => {
			this.#telling = false;
			this.dispatchEvent(new Event("change"));
		});
	}
}

export const store = new Store();
