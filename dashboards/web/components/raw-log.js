/** The journal as it is written: hook events and facts, line by line, live. */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ApiError } from "../lib/api.js";
import { count, plural, short } from "../lib/format.js";
import { LINES, LOG } from "../lib/key-places.js";
import { action } from "../lib/keys.js";
import { lets, wordsOf } from "../lib/loglines.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { JournalTail } from "../lib/tail.js";
import { BaseComponent } from "./base-component.js";
import { errorNotice } from "./agent-text.js";
import { choice } from "./choice.js";
import { ROW_HEIGHT, logDetail, logDetailStyle, logRow, logRowStyle, missingDetail } from "./log-line.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";
import "./setup.js";

/** @import { LogItem } from "../lib/types.js" */

const SPARE = 12; // rows drawn above and below what can be seen
const SEARCHED = 10; // pages that a search goes back by itself
const NEAR_TOP = 20; // rows above which older lines are fetched
const SETTLE = 150; // ms in which what arrives is fetched at once
const FACTS = 2000; // ms between looks for lines that change nothing on the page and are not told
const SESSIONS = 50; // to choose from
const COMMAND = "hookspan config set content.local true";
/** @type {[string, string][]} */
const KINDS = [
	["all", "All lines"],
	["event", "Hook events"],
	["fact", "Facts"],
];

export class RawLog extends BaseComponent {
	static properties = {
		visible: { state: true },
		isFollowed: { state: true },
		isPaused: { state: true },
		picked: { state: true },
		missing: { state: true },
		top: { state: true },
		height: { state: true },
	};
	static styles = [
		shared,
		logRowStyle,
		logDetailStyle,
		css`
			:host {
				container-type: inline-size;
			}
			.tools {
				margin-bottom: 0.75rem;
			}
			.tools h1 {
				margin-right: 0.5rem;
			}
			.list {
				container: list / inline-size;
			}
			.split {
				display: grid;
				grid-template-columns: minmax(0, 1fr);
				gap: 1rem;
				align-items: start;
			}
			.split.open {
				grid-template-columns: minmax(0, 1fr) minmax(20rem, 28rem);
			}
			.lines {
				position: relative;
				height: calc(100dvh - 12.5rem);
				min-height: 18rem;
				overflow: auto;
				overscroll-behavior: contain;
				contain: strict;
				scrollbar-gutter: stable;
			}
			.lines.none {
				height: 6rem;
				min-height: 0;
			}
			.lines:focus-visible {
				outline-offset: -2px;
			}
			.rows {
				position: relative;
			}
			.foot {
				display: flex;
				flex-wrap: wrap;
				gap: 0.25rem 1rem;
				align-items: center;
				min-height: 2.25rem;
				padding: 0.3rem 0.875rem;
				border-top: 1px solid var(--line);
				font-size: 0.75rem;
				color: var(--ink-3);
			}
			.foot .btn {
				min-height: 1.5rem;
				font-size: 0.75rem;
			}
			.paused {
				color: var(--wait-ink);
				font-weight: 560;
			}
			.notice.less {
				border-left: 3px solid var(--accent);
			}
			@container (width < 62rem) {
				.split.open {
					grid-template-columns: minmax(0, 1fr);
				}
				.split.open .list {
					display: none;
				}
			}
			@container (width < 44rem) {
				.tools input {
					width: 100%;
				}
				.tools label {
					flex: 1 1 9rem;
				}
				.tools select {
					width: 100%;
					max-width: none;
				}
			}
		`,
	];

	constructor() {
		super();
		this.tail = new JournalTail(store.summary?.content ?? true);
		/** Those that the filter lets through. @type {LogItem[]} */
		this.visible = [];
		/** Whether the view stays at the newest line. */
		this.isFollowed = true;
		this.isPaused = false;
		/** The line that is open at the side. @type {LogItem | null} */
		this.picked = null;
		/** Why it can't be shown. @type {ApiError | null} */
		this.missing = null;
		/** px */
		this.top = 0;
		/** px of the view */
		this.height = 600;
		/** The filter that `visible` is of. */
		this.applied = "";
		/** Pages that the search went back by itself. */
		this.searched = 0;
	}

	connected() {
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		const soon = () => {
			timer ??= setTimeout(() => {
				timer = undefined;
				this.#fetchNewer();
			}, SETTLE);
		};
		this.later(() => clearTimeout(timer));
		this.listen(store.live, "update", (event) => {
			this.tail.newest = Math.max(this.tail.newest, event.detail.position - 1);
			soon();
		});
		this.listen(store.live, "hello", soon);
		this.listen(store.live, "reset", () => {
			this.tail.lines = this.visible = []; // not all of them need be there any more
			this.picked = null;
			soon();
		});
		this.tick(FACTS, soon);
		this.updateOn(this.tail, "change");
		this.updateOn(store, "change");
		this.listen(router, "route", () => router.route.page === "log" && this.#routed());
		this.listen(document, "keydown", (event) => this.#key(event));
		this.#fetchNewer().then(() => this.#routed());
	}

	// --- Lines

	get filter() {
		const { q = "", kind = "all", session = "" } = router.route.query;
		return { q, kind, session };
	}

	get isFiltered() {
		const { q, kind, session } = this.filter;
		return Boolean(q || session || kind !== "all");
	}

	async #fetchNewer() {
		if (this.isPaused && this.tail.isLoaded) return;
		await this.tail.fetchNewer(this.isFollowed);
		this.#filter();
	}

	/** What is looked at stays where it is. */
	async #fetchOlder() {
		const visible = this.visible.length;
		if (!(await this.tail.fetchOlder())) return;
		this.#filter();
		if (!this.isFollowed) this.#scrollTo(this.top + (this.visible.length - visible) * ROW_HEIGHT);
	}

	#filter() {
		const { filter, tail } = this;
		const applied = JSON.stringify(filter);
		if (applied !== this.applied) {
			this.applied = applied;
			this.searched = 0;
			this.isFollowed = true;
		}
		this.visible = this.isFiltered ? tail.lines.filter((line) => lets(line, filter)) : tail.lines;
		// A search looks further back by itself until the view is full, but not through the whole journal.
		const isFull = this.visible.length * ROW_HEIGHT >= this.height;
		if (!isFull && this.searched < SEARCHED && !tail.isFetching && tail.hasOlder) {
			this.searched += 1;
			this.#fetchOlder();
		}
	}

	#searchOlder() {
		this.searched = 0;
		this.#fetchOlder();
	}

	// --- The open line

	get record() {
		return Number(router.route.query["record"] || 0);
	}

	#routed() {
		this.#filter();
		if (!this.record) {
			this.picked = null;
			this.missing = null;
		} else if (this.picked?.record !== this.record) {
			this.#open(this.record);
		}
	}

	/** @param {number} record */
	async #open(record) {
		const loaded = this.tail.lines.find((line) => line.record === record);
		this.picked = loaded ?? null;
		this.missing = null;
		if (loaded && (!loaded.cut || !this.tail.content)) return;
		try {
			const whole = await this.tail.whole(record);
			if (record === this.record) this.picked = whole;
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			if (!this.picked) this.missing = error;
		}
	}

	/** @param {LogItem | undefined} line */
	#pick(line) {
		router.set({ record: line ? String(line.record) : "" });
	}

	#close() {
		this.#pick(undefined);
	}

	// --- The view

	get list() {
		return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".lines"));
	}

	#scrolled() {
		const { list } = this;
		if (!list) return;
		this.top = list.scrollTop;
		this.height = list.clientHeight;
		this.isFollowed = list.scrollTop + list.clientHeight >= list.scrollHeight - ROW_HEIGHT;
		if (this.top < NEAR_TOP * ROW_HEIGHT && !this.isFollowed) this.#fetchOlder();
	}

	/** @param {number} top px */
	async #scrollTo(top) {
		await this.updateComplete;
		if (this.list) this.list.scrollTop = top;
	}

	#toEnd() {
		this.isFollowed = true;
	}

	#pause() {
		this.isPaused = !this.isPaused;
		this.announce(this.isPaused ? "Paused" : "Going on");
		if (!this.isPaused) this.#fetchNewer();
	}

	updated() {
		const { list } = this;
		if (!list) return;
		if (list.clientHeight) this.height = list.clientHeight;
		if (this.isFollowed && list.scrollTop + list.clientHeight < list.scrollHeight - 1) {
			list.scrollTop = list.scrollHeight;
		}
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const name = action(LOG, event);
		if (name === "close" && this.picked) {
			event.preventDefault();
			this.#close();
			this.updateComplete.then(() => this.list?.focus());
		} else if (name === "find") {
			event.preventDefault();
			this.renderRoot.querySelector("input")?.focus();
		} else if (name === "pause") {
			this.#pause();
		} else if (name === "follow") {
			this.#toEnd();
		}
	}

	/** @param {KeyboardEvent} event */
	#listKey(event) {
		const name = action(LINES, event);
		if (!name || !this.visible.length) return;
		event.preventDefault();
		const page = Math.max(1, Math.floor(this.height / ROW_HEIGHT) - 1);
		const step = { next: 1, former: -1, pageDown: page, pageUp: -page, first: -Infinity, last: Infinity }[name];
		const last = this.visible.length - 1;
		const index = this.visible.findIndex((line) => line.record === this.picked?.record);
		const next = Math.min(last, Math.max(0, index < 0 ? last : index + step));
		const [top, bottom] = [next * ROW_HEIGHT, (next + 1) * ROW_HEIGHT];
		this.isFollowed = next === last;
		if (top < this.top) this.#scrollTo(top);
		else if (bottom > this.top + this.height) this.#scrollTo(bottom - this.height);
		this.#pick(this.visible[next]);
	}

	// --- Drawing

	render() {
		const { tail, visible, picked, missing } = this;
		return html`
			<setup-step></setup-step>
			${this.#tools()}
			${
				tail.content
					? nothing
					: html`<div class="card notice less">
							<span
								><strong>Hook events without their content.</strong> <code>content.local</code> is off. To see prompts,
								commands and whole lines here, for you alone:</span
							><code>${COMMAND}</code><copy-button .text=${COMMAND} what=${`the command ${COMMAND}`}></copy-button>
						</div>`
			}
			${errorNotice(tail.error)}
			<div class="split ${picked || missing ? "open" : ""}" aria-busy=${tail.isLoaded ? "false" : "true"}>
				<div class="card list">
					<div
						class="lines ${visible.length ? "" : "none"}"
						role="listbox"
						tabindex="0"
						aria-label="Lines of the journal, newest last"
						aria-activedescendant=${this.#isPickedDrawn() ? `r${picked?.record}` : nothing}
						@scroll=${this.#scrolled}
						@keydown=${this.#listKey}
					>
						<div class="rows" role="presentation" .style=${`height:${visible.length * ROW_HEIGHT}px`}>
							${this.#rows()}
						</div>
						${tail.isLoaded && !visible.length ? html`<p class="empty">${this.#whyEmpty()}</p>` : nothing}
					</div>
					${this.#foot()}
				</div>
				${
					missing
						? missingDetail(this.record, missing, () => this.#close())
						: picked
							? logDetail(picked, {
									close: () => this.#close(),
									onlySession: () => router.set({ session: picked.session }),
								})
							: nothing
				}
			</div>
		`;
	}

	#tools() {
		const { q, kind, session } = this.filter;
		const set = (/** @type {string} */ name) => (/** @type {string} */ value) => router.set({ [name]: value });
		return html`<div class="row wrap tools">
			<h1>Raw log</h1>
			<label class="push"
				><span class="hide">Search the lines</span
				><input
					type="search"
					placeholder="Search  /"
					.value=${q}
					@input=${(/** @type {any} */ event) => set("q")(event.target.value)}
			/></label>
			${this.tail.content ? choice("Kind", KINDS, kind, set("kind")) : nothing}
			${choice("Session", this.#sessions(session), session, set("session"))}
			<button class="btn" aria-pressed=${this.isFollowed} title="f" @click=${this.#toEnd}>Follow</button>
			<button class="btn" aria-pressed=${this.isPaused} title="p" @click=${this.#pause}>
				${this.isPaused ? "Go on" : "Pause"}
			</button>
		</div>`;
	}

	/** The sessions to choose from, and that which is chosen. @param {string} chosen @returns {[string, string][]} */
	#sessions(chosen) {
		const sessions = store.sorted().slice(0, SESSIONS);
		/** @type {[string, string][]} */
		const choices = sessions.map(({ id, project }) => [id, `${project || "(none)"} ${short(id)}`]);
		if (chosen && !sessions.some(({ id }) => id === chosen)) choices.unshift([chosen, short(chosen)]);
		return [["", "All sessions"], ...choices];
	}

	/** The rows that are drawn: from and to. @returns {[number, number]} */
	get drawn() {
		return [
			Math.max(0, Math.floor(this.top / ROW_HEIGHT) - SPARE),
			Math.ceil((this.top + this.height) / ROW_HEIGHT) + SPARE,
		];
	}

	#isPickedDrawn() {
		return this.picked && this.visible.slice(...this.drawn).some((line) => line.record === this.picked?.record);
	}

	#rows() {
		const [from, to] = this.drawn;
		const words = wordsOf(this.filter.q);
		return repeat(
			this.visible.slice(from, to),
			(line) => line.record,
			(line, at) => {
				const isPicked = line.record === this.picked?.record;
				return logRow(line, {
					index: from + at,
					rowCount: this.visible.length,
					isPicked,
					words,
					pick: () => this.#pick(isPicked ? undefined : line),
				});
			},
		);
	}

	#whyEmpty() {
		if (!this.tail.lines.length) return "Nothing has been written yet.";
		return this.tail.isFetching ? "Searching …" : "No line matches.";
	}

	#foot() {
		const { lines, hasOlder, behind } = this.tail;
		if (!lines.length && !this.isPaused) return nothing;
		const share = this.isFiltered ? `${count(this.visible.length)} of ` : "";
		const end = hasOlder ? "" : ", back to the first";
		return html`<div class="foot">
			<span>${`${share}${plural(lines.length, "line")} loaded${end}`}</span>
			${this.isPaused ? html`<span class="paused">Paused${behind ? `, ${count(behind)} new` : ""}</span>` : nothing}
			${
				this.isFiltered && hasOlder
					? html`<button class="btn" @click=${this.#searchOlder}>Search older lines</button>`
					: nothing
			}
			${
				this.isFollowed || this.isPaused
					? nothing
					: html`<button class="btn push" @click=${this.#toEnd}>To the newest ↓</button>`
			}
		</div>`;
	}
}
customElements.define("raw-log", RawLog);
