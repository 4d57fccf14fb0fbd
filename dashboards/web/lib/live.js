/**
 * The live stream, as this page has it: all tabs share one connection, which a shared worker holds; where there is no
 * such worker each has its own. Closed while the tab is hidden, which shows nothing, unless it `stays`; opened again at
 * the position where it ended, so nothing is missed and nothing comes twice.
 *
 * Events: `state` (the connection's), `update`, `summary`, `reset`, `hello`, each with the message as `detail`.
 */
import * as clock from "./clock.js";

/** @typedef {"off" | "hidden" | import("./stream.js").StreamState} Connection */

const KEPT = 200; // updates that a page which loads meanwhile can be told again
const RETRY = 5000; // ms

export class Live extends EventTarget {
	/** @type {Connection} */
	state = "off";
	position = 0;
	version = "";
	#store = ""; // what this page shows is of: another one after a rebuild, and after something was forgotten
	#stays = false;
	/** @type {import("./types.js").Update[]} */
	#kept = [];
	#keptFrom = 0; // all updates after this position are in #kept
	/** The connection, which is not there before it is needed. @type {Promise<import("./stream-hub.js").Ear> | null} */
	#stream = null;

	constructor() {
		super();
		document.addEventListener("visibilitychange", () => this.#seen());
		addEventListener("signed-out", () => this.#end());
		addEventListener("pagehide", () => this.#stream?.then((stream) => stream.close()));
		addEventListener("pageshow", (event) => event.persisted && this.state !== "off" && this.#open());
	}

	/** Whether it stays open while the tab is hidden. */
	get stays() {
		return this.#stays;
	}

	set stays(stays) {
		if (stays === this.#stays) return;
		this.#stays = stays;
		if (document.hidden) this.#seen();
	}

	get #rests() {
		return document.hidden && !this.#stays;
	}

	/** Begin at a position that a fetch came with. @param {number} position */
	start(position) {
		const isBegun = this.state !== "off" && this.state !== "signed-out";
		if (isBegun && position >= this.position) return;
		this.position = position;
		this.#keptFrom = position;
		this.#kept = [];
		if (this.#rests) this.#set("hidden");
		else if (this.state !== "lost" && this.state !== "full") this.#set("connecting");
		this.#open();
	}

	/**
	 * Updates after a position, for a page whose fetch was answered from a cache that is older than the stream.
	 * Null: too old, the stream itself goes back and tells everything again.
	 * @param {number} position
	 */
	since(position) {
		if (position >= this.#keptFrom) return this.#kept.filter((update) => update.position > position);
		this.start(position);
		return null;
	}

	/** Open it where it ended, or close it if nobody looks. */
	async #open() {
		try {
			this.#stream ??= connect((name, detail) => this.#hear(name, detail));
			const stream = await this.#stream;
			if (this.#rests || this.state === "signed-out") stream.close();
			else stream.open(this.position);
		} catch {
			this.#stream = null; // no agent just now
			setTimeout(() => this.#open(), RETRY);
		}
	}

	/** @param {string} name @param {any} message */
	#hear(name, message) {
		if (this.#rests || this.state === "signed-out") return; // it was on its way
		if (name === "state") return this.#set(message);
		if (typeof message.now === "number") clock.set(message.now);
		const isOther = name === "hello" && this.#store && message.store !== this.#store;
		if (name === "hello") {
			this.version = message.version;
			this.#store = message.store;
		} else if (name === "reset") {
			this.position = message.position;
			this.#keptFrom = message.position;
			this.#kept = [];
		} else if (name === "update") {
			this.position = message.position;
			this.#kept.push(message);
			while (this.#kept.length > KEPT) this.#keptFrom = /** @type {any} */ (this.#kept.shift()).position;
		}
		this.dispatchEvent(new CustomEvent(name, { detail: message }));
		if (isOther) this.#hear("reset", message);
	}

	#seen() {
		if (this.state === "off" || this.state === "signed-out") return;
		if (this.#rests) this.#set("hidden");
		else if (this.state === "hidden") this.#set("connecting");
		else return; // open as before
		this.#open();
	}

	#end() {
		this.#set("signed-out");
		this.#open();
	}

	/** @param {Connection} state */
	#set(state) {
		if (state === this.state) return;
		this.state = state;
		this.dispatchEvent(new CustomEvent("state", { detail: state }));
	}
}

/** @param {import("./stream.js").Tell} tell @returns {Promise<import("./stream-hub.js").Ear>} */
async function connect(tell) {
	if ("SharedWorker" in window) {
		try {
			return await shared(tell);
		} catch {
			// A browser whose workers can't be modules.
		}
	}
	const { StreamHub } = await import("./stream-hub.js");
	return new StreamHub().join(tell);
}

/** @type {typeof connect} */
function shared(tell) {
	return new Promise((done, failed) => {
		const address = new URL("./stream-worker.js", import.meta.url); // pages of another version have one of their own
		const worker = new SharedWorker(address, { type: "module" });
		worker.onerror = failed;
		worker.port.onmessage = ({ data }) => {
			if (data !== "ready") return tell(data.name, data.detail);
			done({
				open: (position) => worker.port.postMessage(position),
				close: () => worker.port.postMessage(null),
			});
		};
	});
}
