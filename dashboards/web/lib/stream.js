/** One connection to the agent's stream: opened again where it ended, so nothing is missed and nothing comes twice. */
import { ApiError, ask } from "./api.js";

/** @typedef {"connecting" | "live" | "lost" | "full" | "signed-out"} StreamState */
/** @typedef {(name: "state" | "hello" | "update" | "summary" | "reset", detail: any) => void} Tell */

const SILENCE = 40_000; // ms without a message: heartbeats come every 15 s, so the connection is dead (sleep, a proxy)
const RETRY_MAX = 15_000; // ms

export class Stream {
	/** What was told last is of this position. */
	position = 0;
	/** Whether it is open, or tries to be. */
	isOpen = false;
	/** @type {StreamState} */
	#state = "connecting";
	/** @type {EventSource | null} */
	#source = null;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#retry;
	#failures = 0;
	#heard = 0;

	/** @param {Tell} tell is told each message, and `state` when that of the connection changes */
	constructor(tell) {
		this.tell = tell;
		addEventListener("online", () => this.again());
		setInterval(() => {
			if (this.#state === "live" && Date.now() - this.#heard > SILENCE) this.again();
		}, 5000);
	}

	/** Open it, also when it is open already. @param {number} position after which something is told */
	open(position) {
		this.close();
		this.position = position;
		this.isOpen = true;
		if (this.#state !== "lost" && this.#state !== "full") this.#set("connecting");
		const source = new EventSource(`/api/v1/stream?after=${position}`);
		this.#source = source;
		this.#heard = Date.now();
		for (const name of /** @type {const} */ (["hello", "update", "summary", "reset", "slow", "bye"])) {
			source.addEventListener(name, (event) => this.#hear(name, JSON.parse(event.data)));
		}
		source.onerror = () => {
			if (this.#source !== source) return;
			this.#set("lost");
			// CONNECTING: the browser tries again by itself. CLOSED: it gave up, as it does on every answer that is no stream.
			if (source.readyState === EventSource.CLOSED) this.#gaveUp();
		};
	}

	close() {
		this.isOpen = false;
		clearTimeout(this.#retry);
		this.#source?.close();
		this.#source = null;
	}

	/** Try at once. */
	again() {
		if (!this.isOpen || this.#state === "signed-out") return;
		this.#failures = 0;
		this.open(this.position);
	}

	/** @param {"hello" | "update" | "summary" | "reset" | "slow" | "bye"} name @param {any} message */
	#hear(name, message) {
		this.#heard = Date.now();
		if (name === "slow" || name === "bye") return;
		if (name === "hello") {
			this.#failures = 0;
			this.#set("live");
		} else if (name !== "summary") {
			this.position = message.position;
		}
		this.tell(name, message);
	}

	async #gaveUp() {
		let after = Math.min(RETRY_MAX, 1000 * 2 ** this.#failures) * (0.75 + Math.random() / 2);
		this.#failures += 1;
		const source = this.#source;
		try {
			await ask("/summary");
			if (this.#source === source) this.#set("full"); // it answers, but not to the stream: too many connections
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			if (error.status === 401) {
				this.close();
				this.#set("signed-out");
			}
			if (error.after) after = error.after * 1000;
		}
		if (this.#source === source && this.isOpen) this.#retry = setTimeout(() => this.open(this.position), after);
	}

	/** @param {StreamState} state */
	#set(state) {
		if (state === this.#state) return;
		this.#state = state;
		this.tell("state", state);
	}
}
