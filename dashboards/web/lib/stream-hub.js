/** One stream for any number of pages: a browser has six connections to a host, whatever the number of its tabs. */
import { Stream } from "./stream.js";

/** @import { Tell } from "./stream.js" */
/** @import { Update } from "./types.js" */
/**
 * A page's end of it. `open`: tell what comes after a position, until `close`.
 * @typedef {{open: (position: number) => void, close: () => void}} Ear
 */

const KEPT = 500; // updates that a page which comes later can still be told

export class StreamHub {
	/** Those that listen, each with the position up to which it was told everything. @type {Map<Tell, number>} */
	#pages = new Map();
	/** @type {Update[]} */
	#kept = [];
	#keptFrom = 0; // all updates after this position are in #kept
	/** The newest of each; a stream begins to connect without a word. @type {Partial<Record<"state" | "hello", any>>} */
	#newest = { state: "connecting" };
	#now = { server: 0, here: 0 };
	#stream = new Stream((name, detail) => this.#hear(name, detail));

	/** @param {Tell} tell is told what comes, also what came before as far as the page does not know it @returns {Ear} */
	join(tell) {
		return {
			open: (position) => this.#open(tell, position),
			close: () => {
				this.#pages.delete(tell);
				if (!this.#pages.size) this.#stream.close();
			},
		};
	}

	/** @param {Tell} tell @param {number} position */
	#open(tell, position) {
		this.#pages.set(tell, position);
		if (!this.#stream.isOpen || position < this.#keptFrom) {
			this.#kept = [];
			this.#keptFrom = position;
			this.#stream.open(position); // further back it tells everybody again, who leave out what they know
			return;
		}
		tell("state", this.#newest.state);
		const now = this.#now.server + performance.now() - this.#now.here;
		if (this.#newest.state === "live") tell("hello", { ...this.#newest.hello, now });
		for (const update of this.#kept) this.#update(tell, { ...update, now });
	}

	/** @type {Tell} */
	#hear(name, detail) {
		if (typeof detail.now === "number") this.#now = { server: detail.now, here: performance.now() };
		if (name === "state" || name === "hello") this.#newest[name] = detail;
		if (name === "reset") {
			this.#kept = [];
			this.#keptFrom = detail.position;
			for (const tell of this.#pages.keys()) this.#pages.set(tell, detail.position);
		}
		if (name === "update") {
			this.#kept.push(detail);
			while (this.#kept.length > KEPT) this.#keptFrom = /** @type {Update} */ (this.#kept.shift()).position;
		}
		for (const tell of this.#pages.keys()) {
			if (name === "update") this.#update(tell, detail);
			else tell(name, detail);
		}
		if (detail === "signed-out") this.#pages.clear(); // they miss what comes now, and have to be loaded again
	}

	/** What a page does not know yet of an update: rows of sessions change without an event, too. @param {Tell} tell @param {Update} update */
	#update(tell, update) {
		const known = this.#pages.get(tell) ?? Infinity;
		if (update.position < known) return;
		this.#pages.set(tell, update.position);
		tell("update", update.position > known ? update : { ...update, events: [], spans: [] });
	}
}
