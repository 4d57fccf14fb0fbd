/** One session, kept current by the stream: its turns, and the spans of the part that is shown. `change` tells of news. */
import { ApiError, ask } from "./api.js";
import { router } from "./router.js";
import { store } from "./store.js";

/** @import { Asking, Event as HookEvent, Said, Session, SessionPage, SessionSpans, Span, Turn, Update } from "./types.js" */

const SOON = 120; // ms from news to asking for turns: what comes together is asked for once
const EVERY = 1000; // ms between two such questions while news keeps coming
const MANY = 1000; // spans; from here on drawing them anew costs more than a frame
const LARGE_EVERY = 300; // ms between two drawings of so many
const BRIEF = 20_000; // spans an answer: one is enough for a long turn
const WHOLE = 2000; // with all that is known of them

export class SessionFeed extends EventTarget {
	/** @type {Session | null} */
	session = null;
	/** @type {Turn[]} */
	turns = [];
	/** What open dialogs ask beside yes or no. @type {Asking[]} */
	asking = [];
	/** The newest hook events. @type {HookEvent[]} */
	events = [];
	/** What model calls said or called, by their spans' ids. @type {Readonly<Record<string, string>>} */
	said = {};
	/** @type {ApiError | null} */
	error = null;
	loaded = false;
	/** Whether the spans of what is shown are all there. */
	complete = false;
	/** Whether the first of them are there: other questions wait until then. */
	settled = false;
	/** How many spans there will be, as far as known. */
	expected = 0;
	/** Model calls whose names were asked for. @type {Set<string>} */
	#listened = new Set();
	/** Written spans of what is shown, by id. @type {Map<string, Span>} */
	#written = new Map();
	/** Those of them of which only what their rows show is known. @type {Set<string>} */
	#brief = new Set();
	/** Those of them that were asked for one by one. @type {Map<string, Span>} */
	#filled = new Map();
	#filling = "";
	#isWhole = false;
	/** @type {Span[]} */
	#open = [];
	/** @type {Span[]} */
	#all = [];
	/** The trace that is shown; empty: the whole session; null: nothing yet. @type {string | null} */
	#trace = null;
	#sessionAt = 0; // the position that `session` is of
	#pageAt = 0; // that of turns and open spans
	#wanted = store.live.position; // that of the newest news: an answer that is kept from before it is too old
	#asked = 0;
	#failures = 0;
	#ends = new AbortController();
	#fetching = new AbortController();
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#soon;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#telling;
	#told = -Infinity; // when so many were last told of
	#isHeard = false;
	#oldest = Infinity; // position of an answer, before the stream was heard

	/** @param {string} id */
	constructor(id) {
		super();
		this.id = id;
		const { signal } = this.#ends;
		store.live.addEventListener("update", (event) => this.#update(/** @type {CustomEvent<Update>} */ (event).detail), {
			signal,
		});
		store.live.addEventListener("reset", () => this.#again(), { signal });
		store.live.addEventListener("hello", () => this.error && this.#again(), { signal });
		this.#load();
	}

	/** From now on the stream is heard, and what it told since the answers. */
	heard() {
		this.#isHeard = true;
		this.#tellSince(this.#oldest);
	}

	/** An answer is of a position: what the stream told after it is news. @param {number} position */
	#tellSince(position) {
		if (!this.#isHeard) {
			this.#oldest = Math.min(this.#oldest, position);
		} else if (position < store.live.position) {
			for (const update of store.live.since(position) ?? []) this.#update(update);
		}
	}

	/** Stop listening. */
	end() {
		this.#ends.abort();
		this.#fetching.abort();
		clearTimeout(this.#soon);
		clearTimeout(this.#telling);
	}

	/** All spans of what is shown; another array whenever one changed. */
	get spans() {
		return this.#all;
	}

	/** Everything that goes on in the session now, whatever is shown. */
	get open() {
		return this.#open;
	}

	/** The turn that the address names, else the newest one. @returns {Turn | undefined} */
	get turn() {
		const wanted = router.route.query["turn"];
		return this.turns.find((turn) => String(turn.number) === wanted) ?? this.turns.at(-1);
	}

	/** Show what the address names: the spans of a turn, or of the whole session. */
	show() {
		const { view = "", q = "" } = router.route.query;
		const trace = view === "all" ? "" : (this.turn?.trace_id ?? "");
		const isWhole = q !== "" && view !== "conversation"; // it looks through all that is known of spans
		if (trace !== this.#trace) this.#forget();
		else if (this.#isWhole || !isWhole) return;
		this.#trace = trace;
		this.#isWhole = isWhole;
		this.#fetch();
		this.#gather();
	}

	#forget() {
		this.complete = false;
		this.#written = new Map();
		this.#brief.clear();
		this.#filled.clear();
		this.#filling = "";
	}

	/** All that is known of a span that is shown; null: it is on its way. @param {string} id */
	whole(id) {
		const span = this.#all.find((one) => one.span_id === id);
		if (!span || !this.#brief.has(id)) return span;
		const filled = this.#filled.get(id);
		if (!filled) this.#fill(span);
		return filled ?? null;
	}

	/** @param {Span} span */
	async #fill({ trace_id: trace, span_id: span }) {
		if (this.#filling === span) return;
		this.#filling = span;
		try {
			const [found] = (await this.#ask({ trace, span })).items;
			if (found) this.#filled.set(span, this.#named(found));
			else this.#brief.delete(span); // it has been deleted: this is all that is left
		} catch (error) {
			this.#failed(error, () => {
				this.#filling = "";
				this.#changed();
			});
		}
		this.#changed();
	}

	/** The trace that a span is in; empty if it is not in this session. @param {string} span */
	async traceOf(span) {
		const open = this.#open.find((one) => one.span_id === span);
		if (open) return open.trace_id;
		for await (const page of this.#pages({ brief: true }, this.#ends.signal)) {
			const found = page.items.find((one) => one.span_id === span);
			if (found) return found.trace_id;
		}
		return "";
	}

	async #load() {
		this.#asked = performance.now();
		try {
			const page = /** @type {SessionPage} */ (
				await ask(
					`/sessions/${encodeURIComponent(this.id)}`,
					{ limit: 0, position: this.#wanted || undefined },
					{ signal: this.#ends.signal },
				)
			);
			this.#failures = 0;
			this.error = null;
			this.loaded = true;
			if (page.position >= this.#sessionAt) [this.session, this.#sessionAt] = [page.session, page.position];
			if (page.position >= this.#pageAt) {
				this.#pageAt = page.position;
				this.turns = page.turns;
				this.asking = page.asking;
				this.events = page.events;
				this.#open = page.open;
				this.show();
				this.#gather();
			}
			this.#tellSince(page.position);
			if (page.position < this.#wanted) this.#later(); // more came meanwhile
		} catch (error) {
			if (error instanceof ApiError && error.status === 404) this.session = null; // it is gone
			this.#failed(error, () => this.#load());
		}
		this.#changed();
	}

	/** Names for model calls that have none yet; each is asked for once, and where texts are not shown there are none. */
	async #listen() {
		const unnamed = this.#all.filter((span) => span.type === "model" && !this.#listened.has(span.span_id));
		if (!unnamed.length || !store.summary?.content) return;
		for (const span of unnamed) this.#listened.add(span.span_id);
		try {
			const found = /** @type {Said} */ (
				await ask(
					`/sessions/${encodeURIComponent(this.id)}/said`,
					{ trace: this.#trace ?? "" },
					{ signal: this.#ends.signal },
				)
			);
			this.said = { ...this.said, ...found.said };
			for (const [id, span] of this.#filled) this.#filled.set(id, this.#named(span));
			this.#gather();
			this.#changed();
		} catch (error) {
			if (!this.#ends.signal.aborted && !(error instanceof ApiError)) throw error;
		}
	}

	async #fetch() {
		this.#fetching.abort();
		this.#fetching = new AbortController();
		const { signal } = this.#fetching;
		const [trace, brief] = [this.#trace ?? "", !this.#isWhole];
		try {
			for await (const page of this.#pages({ trace, brief }, signal)) {
				this.expected = page.total;
				this.#take(page.items, brief);
				this.#tellSince(page.position);
				this.#changed();
			}
			this.complete = this.settled = true;
			this.#listen();
		} catch (error) {
			if (!signal.aborted) this.#failed(error, () => this.#fetch());
		}
		if (!signal.aborted) this.#changed();
	}

	/** @param {{trace?: string, brief: boolean}} wanted @param {AbortSignal} signal */
	async *#pages(wanted, signal) {
		const limit = wanted.brief ? BRIEF : WHOLE;
		let after = "";
		do {
			const page = await this.#ask({ ...wanted, after, limit }, signal);
			yield page;
			after = page.next ?? "";
		} while (after);
	}

	/** @param {Record<string, string | number | boolean>} query @returns {Promise<SessionSpans>} */
	#ask(query, signal = this.#ends.signal) {
		return ask(`/sessions/${encodeURIComponent(this.id)}/spans`, query, { signal });
	}

	/** @param {unknown} error @param {() => void} again */
	#failed(error, again) {
		if (this.#ends.signal.aborted) return;
		if (!(error instanceof ApiError)) throw error;
		this.error = error;
		this.#failures += 1;
		if (error.status === 0 || error.status >= 500) {
			setTimeout(() => this.#ends.signal.aborted || again(), Math.min(8000, 500 * 2 ** this.#failures));
		}
	}

	/** Everything anew: the store was rebuilt, or too much was missed. */
	#again() {
		this.#sessionAt = this.#pageAt = 0;
		this.#wanted = store.live.position;
		this.#load();
		if (this.#trace === null) return;
		this.#forget();
		this.#fetch();
	}

	/** @param {Update} update */
	#update(update) {
		const session = update.sessions.find((one) => one.id === this.id);
		const spans = update.spans.filter((one) => one.session === this.id);
		const events = update.events.filter((one) => one.session === this.id);
		if (!session && !spans.length && !events.length) return;
		if (session && update.position >= this.#sessionAt) [this.session, this.#sessionAt] = [session, update.position];
		this.#wanted = update.position;
		if (spans.length) this.#take(spans);
		if (this.complete) this.#listen();
		this.#later();
		this.#changed();
	}

	/** @param {Span[]} spans @param {boolean} [isBrief] */
	#take(spans, isBrief = false) {
		for (const span of spans) {
			const id = span.span_id;
			if (span.session !== this.id || !span.key || (this.#trace && span.trace_id !== this.#trace)) continue;
			if (!isBrief) this.#brief.delete(id);
			else if (this.#written.has(id)) continue;
			else this.#brief.add(id);
			this.#written.set(id, span);
		}
		this.#gather();
	}

	#gather() {
		const open = this.#open.filter(
			(span) => (!this.#trace || span.trace_id === this.#trace) && !this.#written.has(span.span_id),
		);
		const all = this.#trace === null ? [] : [...this.#written.values(), ...open];
		this.#all = all.map((span) => this.#named(span));
	}

	/** @param {Span} span */
	#named(span) {
		const said = this.said[span.span_id];
		return said ? { ...span, label: said } : span;
	}

	/** Ask for turns and open spans in a moment. */
	#later() {
		this.#soon ??= setTimeout(
			() => {
				this.#soon = undefined;
				this.#load();
			},
			Math.max(SOON, EVERY - (performance.now() - this.#asked)),
		);
	}

	/** Tell of it: at once, but of many spans that are all there only so often. */
	#changed() {
		const isLarge = this.#all.length > MANY && this.complete;
		this.#telling ??= setTimeout(
			() => {
				this.#telling = undefined;
				if (isLarge) this.#told = performance.now();
				this.dispatchEvent(new Event("change"));
			},
			isLarge ? Math.max(0, this.#told + LARGE_EVERY - performance.now()) : 0,
		);
	}
}

/** What is asked for already while the view of a session is on its way. @type {SessionFeed | null} */
let begun = null;

/** @param {string} session */
export function begin(session) {
	begun?.end();
	begun = new SessionFeed(session);
}

/** The feed of a session, which is its view's. @param {string} session */
export function feedOf(session) {
	if (begun?.id !== session) begin(session);
	const feed = /** @type {SessionFeed} */ (begun);
	begun = null;
	feed.heard();
	return feed;
}
