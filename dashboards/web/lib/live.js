/**
 * The live stream. Closed while the tab is hidden (browsers allow six connections to a host, and a hidden tab shows
 * nothing) unless it `stays`, opened again at the position where it ended, so nothing is missed and nothing comes twice.
 *
 * Events: `state` (the connection's), `update`, `summary`, `reset`, `hello`, each with the message as `detail`.
 */
import { ApiError, ask } from "./api.js";
import * as clock from "./clock.js";

/** @typedef {"off" | "connecting" | "live" | "hidden" | "lost" | "full" | "signed-out"} Connection */

const SILENCE = 40_000; // ms without a message: heartbeats come every 15 s, so the connection is dead (sleep, a proxy)
const RETRY_MAX = 15_000; // ms
const KEPT = 200; // updates that a page which loads meanwhile can be told again

export class Live extends EventTarget {
	/** @type {Connection} */
	state = "off";
	position = 0;
	version = "";
	#stays = false;
	/** @type {import("./types.js").Update[]} */
	#kept = [];
	#keptFrom = 0; // all updates after this position are in #kept
	/** @type {EventSource | null} */
	#source = null;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#retry;
	#failures = 0;
	#heard = 0;

	constructor() {
		super();
		document.addEventListener("visibilitychange", () => this.#seen());
		addEventListener("signed-out", () => this.#end("signed-out"));
		addEventListener("online", () => this.#again());
		setInterval(() => {
			if (this.state === "live" && Date.now() - this.#heard > SILENCE) this.#again();
		}, 5000);
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
		if (this.#source || this.state === "hidden") {
			if (position >= this.position) return;
		}
		this.position = position;
		this.#keptFrom = position;
		this.#kept = [];
		if (this.#rests) this.#set("hidden");
		else this.#open();
	}

	/**
	 * Updates after a position, for a page whose fetch was answered from a cache that is older than the stream.
	 * Null: too old, the stream itself goes back and tells everything again.
	 * @param {number} position
	 */
	since(position) {
		if (position >= this.#keptFrom) return this.#kept.filter((update) => update.position > position);
		this.#close();
		this.start(position);
		return null;
	}

	#open() {
		clearTimeout(this.#retry);
		this.#close();
		if (this.state !== "lost" && this.state !== "full") this.#set("connecting");
		const source = new EventSource(`/api/v1/stream?after=${this.position}`);
		this.#source = source;
		this.#heard = Date.now();
		for (const name of /** @type {const} */ (["hello", "update", "summary", "reset", "slow", "bye"])) {
			source.addEventListener(name, (event) => this.#hear(name, event));
		}
		source.onerror = () => {
			if (this.#source !== source) return;
			this.#set("lost");
			// CONNECTING: the browser tries again by itself. CLOSED: it gave up, as it does on every answer that is no stream.
			if (source.readyState === EventSource.CLOSED) this.#gaveUp();
		};
	}

	/** @param {string} name @param {MessageEvent} event */
	#hear(name, event) {
		this.#heard = Date.now();
		const message = JSON.parse(event.data);
		if (typeof message.now === "number") clock.set(message.now);
		if (name === "hello") {
			this.#failures = 0;
			this.version = message.version;
			this.#set("live");
		} else if (name === "reset") {
			this.position = message.position;
			this.#keptFrom = message.position;
			this.#kept = [];
		} else if (name === "update") {
			this.position = message.position;
			this.#kept.push(message);
			while (this.#kept.length > KEPT) this.#keptFrom = /** @type {any} */ (this.#kept.shift()).position;
		} else if (name === "slow" || name === "bye") {
			return;
		}
		this.dispatchEvent(new CustomEvent(name, { detail: message }));
	}

	async #gaveUp() {
		this.#close();
		const wait = Math.min(RETRY_MAX, 1000 * 2 ** this.#failures) * (0.75 + Math.random() / 2);
		this.#failures += 1;
		let after = wait;
		try {
			await ask("/summary");
			this.#set("full"); // it answers, but not to the stream: too many connections
		} catch (error) {
			if (error instanceof ApiError && error.status === 401) return; // `signed-out` has been told
			if (error instanceof ApiError && error.after) after = error.after * 1000;
		}
		this.#retry = setTimeout(() => this.#open(), after);
	}

	#again() {
		if (this.#rests || this.state === "off" || this.state === "signed-out") return;
		this.#failures = 0;
		this.#open();
	}

	#seen() {
		if (this.state === "off" || this.state === "signed-out") return;
		if (this.#rests) {
			clearTimeout(this.#retry);
			this.#close();
			this.#set("hidden");
		} else if (!document.hidden || !this.#source) {
			this.#open();
		}
	}

	#close() {
		this.#source?.close();
		this.#source = null;
	}

	/** @param {Connection} state */
	#end(state) {
		clearTimeout(this.#retry);
		this.#close();
		this.#set(state);
	}

	/** @param {Connection} state */
	#set(state) {
		if (state === this.state) return;
		this.state = state;
		this.dispatchEvent(new CustomEvent("state", { detail: state }));
	}
}
