/** What was said in a session, in pages: those that are seen are fetched, and the last one again while it grows. */
import { ApiError, ask } from "./api.js";
import { store } from "./store.js";

/** @import { Conversation, Hits, Message, Messages, Update } from "./types.js" */

export const PAGE = 40; // messages
const SOON = 400; // ms from news of a session to asking what was said
const AGAIN = 2000; // ms after a failure

/** @typedef {{subagent?: string, kind?: string, trace?: string}} Part */

/** `change` tells that messages came, or that they could not be had. */
export class ConversationFeed extends EventTarget {
	/** How many messages there are. */
	total = 0;
	isLoaded = false;
	/** The file that they are from; empty where nothing is kept, and `missing` says why. */
	place = "";
	missing = "";
	/** @type {Conversation[]} */
	subagents = [];
	/** @type {ApiError | null} */
	error = null;
	/** @type {Map<number, Message[]>} */
	#pages = new Map();
	/** @type {Set<number>} */
	#asked = new Set();
	#ends = new AbortController();
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#soon;

	/** @param {string} session @param {Part} part */
	constructor(session, part) {
		super();
		this.session = session;
		this.part = part;
		this.path = `/sessions/${encodeURIComponent(session)}`;
		const { signal } = this.#ends;
		store.live.addEventListener(
			"update",
			(event) => {
				const { sessions, spans, events } = /** @type {CustomEvent<Update>} */ (event).detail;
				const news = [...spans, ...events].some((one) => one.session === session);
				if (news || sessions.some((one) => one.id === session)) this.#later();
			},
			{ signal },
		);
		store.live.addEventListener("hello", () => this.#later(), { signal });
		store.live.addEventListener("reset", () => this.#anew(), { signal });
	}

	/** Stop listening. */
	end() {
		this.#ends.abort();
		clearTimeout(this.#soon);
	}

	/** The messages of a page, as far as they are there; what is missing is asked for. @param {number} page */
	page(page) {
		const found = this.#pages.get(page);
		if (!found && !this.error && !this.#asked.has(page)) this.#fetch({ start: page * PAGE });
		return found;
	}

	/** Where a message is, by its id or number; -1 if it is not among these. @param {string} message */
	async find(message) {
		return (await this.#fetch({ message, limit: 0 }))?.start ?? -1;
	}

	/** Where a text is. @param {string} q @returns {Promise<number[]>} */
	async search(q) {
		try {
			const found = /** @type {Hits} */ (
				await ask(`${this.path}/found`, { ...this.part, q }, { signal: this.#ends.signal })
			);
			return found.starts;
		} catch (error) {
			if (!this.#ends.signal.aborted) this.#failed(error);
			return [];
		}
	}

	/** Have the whole of a message whose texts were cut. @param {number} number @returns {Promise<Message>} */
	async whole(number) {
		const message = /** @type {Message} */ (
			await ask(`${this.path}/messages/${number}`, { subagent: this.part.subagent })
		);
		for (const items of this.#pages.values()) {
			const at = items.findIndex((one) => one.number === number);
			if (at >= 0) items[at] = message;
		}
		this.dispatchEvent(new Event("change"));
		return message;
	}

	/** Ask how many there are, and for the last page that was not full. */
	grow() {
		const last = Math.max(0, Math.ceil(this.total / PAGE) - 1);
		return this.#fetch({ start: last * PAGE });
	}

	/** Nothing of it need be there any more. */
	#anew() {
		this.#pages.clear();
		this.#later();
		this.dispatchEvent(new Event("change"));
	}

	/** @param {number} after ms */
	#later(after = SOON) {
		this.#soon ??= setTimeout(() => {
			this.#soon = undefined;
			this.grow();
		}, after);
	}

	/** @param {{start?: number, message?: string, limit?: number}} from */
	async #fetch(from) {
		const page = Math.floor((from.start ?? 0) / PAGE);
		if (from.start !== undefined) this.#asked.add(page);
		try {
			const found = /** @type {Messages} */ (
				await ask(`${this.path}/messages`, { ...this.part, limit: PAGE, ...from }, { signal: this.#ends.signal })
			);
			if (found.total < this.total) this.#pages.clear(); // another file
			this.total = found.total;
			this.place = found.place;
			this.missing = found.missing;
			this.subagents = found.subagents;
			this.isLoaded = true;
			this.error = null;
			if (from.start !== undefined) this.#keep(page, found.items);
			this.dispatchEvent(new Event("change"));
			return found;
		} catch (error) {
			if (!this.#ends.signal.aborted && from.message === undefined) this.#failed(error);
			return null;
		} finally {
			this.#asked.delete(page);
		}
	}

	/** Messages that were made whole stay so. @param {number} page @param {Message[]} items */
	#keep(page, items) {
		const former = this.#pages.get(page) ?? [];
		this.#pages.set(
			page,
			items.map((one, at) => (one.cut && former[at]?.id === one.id && !former[at]?.cut ? (former[at] ?? one) : one)),
		);
	}

	/** @param {unknown} error */
	#failed(error) {
		if (!(error instanceof ApiError)) throw error;
		this.error = error;
		if (error.status === 0 || error.status >= 500) this.#later(AGAIN);
		this.dispatchEvent(new Event("change"));
	}
}
