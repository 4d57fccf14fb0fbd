/** The journal's lines as far as the page has them. */
import { ApiError, ask } from "./api.js";
import { fromEvent, surplus } from "./loglines.js";

/** @import { Event as HookEvent, Log, LogItem } from "./types.js" */

const PAGE = 200; // lines a request

/** `change` tells that lines came, or that they could not be had. */
export class JournalTail extends EventTarget {
	/** Oldest first. @type {LogItem[]} */
	lines = [];
	/** The oldest record that there is, and the newest, loaded or not. */
	first = 1;
	newest = 0;
	/** Whether the agent has answered, or has not. */
	isLoaded = false;
	isFetching = false;
	/** @type {ApiError | null} */
	error = null;

	/** @param {boolean} content whether lines are kept with their content */
	constructor(content) {
		super();
		this.content = content;
	}

	get hasOlder() {
		const oldest = this.lines[0];
		return oldest !== undefined && oldest.record > this.first;
	}

	/** How many lines were written after the newest that is loaded. */
	get behind() {
		return Math.max(0, this.newest - (this.lines.at(-1)?.record ?? 0));
	}

	/** What was written since, or at first the newest page. @param {boolean} isFollowed the oldest lines may go */
	async fetchNewer(isFollowed) {
		if (this.isFetching) return;
		await this.#fetch(async () => {
			for (;;) {
				const last = this.lines.at(-1)?.record;
				const page = await this.#page(last === undefined ? {} : { after: last });
				this.first = page.first;
				this.newest = Math.max(page.last, page.items.at(-1)?.record ?? 0);
				this.lines = last === undefined ? page.items.sort(byRecord) : [...this.lines, ...page.items];
				if (isFollowed) this.lines.splice(0, surplus(this.lines));
				if (last === undefined || page.items.length < PAGE) break;
			}
		});
		this.isLoaded = true;
		this.dispatchEvent(new Event("change"));
	}

	/** A page of older lines. Tells whether one was asked for and came. */
	async fetchOlder() {
		const before = this.lines[0]?.record;
		if (this.isFetching || before === undefined || !this.hasOlder) return false;
		const isThere = await this.#fetch(async () => {
			const page = await this.#page({ before });
			const older = page.items.filter((line) => line.record < before).sort(byRecord);
			if (!older.length) this.first = before;
			this.lines = [...older, ...this.lines];
		});
		this.dispatchEvent(new Event("change"));
		return isThere;
	}

	/** A line, whole. @param {number} record @returns {Promise<LogItem>} */
	async whole(record) {
		return /** @type {LogItem} */ (await ask(`/log/${record}`));
	}

	/** @param {() => Promise<void>} fetch */
	async #fetch(fetch) {
		this.isFetching = true;
		try {
			await fetch();
			this.error = null;
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			this.error = error;
		}
		this.isFetching = false;
		return this.error === null;
	}

	/** @param {Record<string, number>} query @returns {Promise<{items: LogItem[], first: number, last: number}>} */
	async #page(query) {
		if (this.content) {
			try {
				return /** @type {Log} */ (await ask("/log", { ...query, limit: PAGE }));
			} catch (error) {
				if (!(error instanceof ApiError) || error.status !== 403) throw error;
				this.content = false; // it was switched off meanwhile
				this.lines = [];
			}
		}
		const page = /** @type {{items: HookEvent[], position: number}} */ (
			await ask("/events", { ...query, limit: PAGE })
		);
		return { items: page.items.map(fromEvent), first: 1, last: page.position - 1 };
	}
}

/** @param {LogItem} a @param {LogItem} b */
const byRecord = (a, b) => a.record - b.record;
