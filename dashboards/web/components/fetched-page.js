/** A page that shows what it fetched, and fetches it again while things happen. */
import { html } from "lit";
import { ApiError } from "../lib/api.js";
import { store } from "../lib/store.js";
import { errorNotice, withCode } from "./agent-text.js";
import { BaseComponent } from "./base-component.js";

/** @template T */
export class FetchedPage extends BaseComponent {
	static properties = /** @type {import("lit").PropertyDeclarations} */ ({
		answer: { state: true },
		error: { state: true },
		busy: { state: true },
	});

	constructor() {
		super();
		/** @type {T | null} */
		this.answer = null;
		/** @type {ApiError | null} */
		this.error = null;
		this.busy = false;
		this.asked = "";
		/** @type {AbortController | null} */
		this.request = null;
		this.fetchedAt = 0;
	}

	/** For subclasses: what the address asks for. */
	wanted() {
		return "";
	}

	/** For subclasses: what is shown. @param {AbortSignal} _signal @returns {Promise<T>} */
	load(_signal) {
		throw new Error("a subclass says what to load");
	}

	/** Fetch it, once for whatever asks at the same time; another address ends the request for the former. */
	async fetch() {
		const wanted = this.wanted();
		if (this.busy && wanted === this.asked) return;
		this.request?.abort();
		const request = (this.request = new AbortController());
		this.asked = wanted;
		this.busy = true;
		try {
			const answer = await this.load(request.signal);
			if (request !== this.request) return;
			this.answer = answer;
			this.error = null;
			this.fetchedAt = performance.now();
		} catch (error) {
			if (request !== this.request) return;
			if (!(error instanceof ApiError)) throw error;
			this.error = error;
		}
		this.busy = false;
	}

	/** Fetch now, after whatever happens, at most so often, and when the agent is back. @param {number} every ms */
	follow(every) {
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		this.later(() => clearTimeout(timer));
		const wait = () => (this.busy ? 99 : this.fetchedAt + every - performance.now());
		const soon = () => {
			timer ??= setTimeout(() => {
				timer = undefined;
				if (wait() > 0) soon();
				else this.fetch();
			}, wait());
		};
		this.listen(store.live, "update", soon);
		this.listen(store.live, "reset", () => this.fetch());
		let isNew = !store.version; // the stream is about to begin: what is fetched now is as new
		this.listen(store.live, "hello", () => {
			if (!isNew || this.error) this.fetch();
			isNew = false;
		});
		this.later(() => {
			this.request?.abort();
			this.request = null; // so that its end is nobody's failure
			this.busy = false;
		});
		this.fetch();
	}

	/** Says that the answer is of before. */
	stale() {
		return errorNotice(this.error, html`What you see is from before. ${withCode(this.error?.hint ?? "")}`);
	}

	/** What stands there before the first answer. */
	pending() {
		if (!this.error || this.error.status === 401) {
			return html`<p class="start" aria-busy=${this.error ? "false" : "true"}></p>`;
		}
		return html`<div class="card notice lost" role="alert">
			<strong>${this.error.message}</strong><span class="second">${this.error.hint}</span
			><button class="btn" @click=${() => this.fetch()}>Try again</button>
		</div>`;
	}
}
