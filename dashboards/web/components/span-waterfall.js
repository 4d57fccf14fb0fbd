/**
 * Spans by time: above, one lane an agent; below, one row a span. Only the rows that can be seen are drawn, so ten
 * thousand scroll as ten do. Events: `pick` with the span's id, `search`, `zoom` with what `zoomed` is to be, and
 * `chain` to turn `onlyChain` round.
 */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { count, plural } from "../lib/format.js";
import { SPANS } from "../lib/key-places.js";
import { action } from "../lib/keys.js";
import { bands, endOf, hiddenBy, lanes, lengthOf, longestChain, rows, searchText, ticks, tree } from "../lib/spans.js";
import { TimeScale, parseZoom, zoomText } from "../lib/timescale.js";
import { spanKind } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";
import "./span-lanes.js";
import { gridLines, spanRow, spanRowsStyle, timeAxis } from "./span-rows.js";

/** @import { Span } from "../lib/types.js" */
/** @import { Lane, Node, Row } from "../lib/shapes.js" */
/** @import { Range } from "../lib/shapes.js" */

const BEYOND = 8; // rows drawn above and below what is seen
const FOLD_OVER = 400; // spans; in a smaller tree subagents are open at first
const BANDS_MAX = 150;
const TICK_WIDTH = 90; // px that a time on the axis takes
const TELL = 200; // ms: a wheel zooms more often than a browser lets the address change
const RECHAIN = 2000; // ms between looks for the longest chain of what still runs
const ZOOM_STEP = 0.6;
const PAN_STEP = 0.2;
const WHEEL = 0.004; // how much a pixel of the wheel zooms

export class SpanWaterfall extends BaseComponent {
	static properties = {
		spans: { attribute: false },
		picked: {},
		query: {},
		zoomed: {},
		onlyChain: { type: Boolean, attribute: "chain" },
		scale: { state: true },
		folds: { state: true },
		active: { state: true },
		top: { state: true },
		size: { state: true },
	};
	static styles = [
		shared,
		spanRowsStyle,
		css`
			:host {
				container-type: inline-size;
				--names: clamp(11rem, 34%, 26rem);
				--row: 1.625rem;
			}
			.toolbar {
				padding: 0.5rem 0.75rem;
				border-bottom: 1px solid var(--line);
				gap: 0.375rem 0.5rem;
			}
			.toolbar .btn {
				min-height: 1.625rem;
				padding: 0.1rem 0.55rem;
				font-size: 0.75rem;
			}
			.toolbar input {
				min-height: 1.625rem;
				width: 11rem;
				font-size: 0.75rem;
			}
			.view {
				position: relative;
				overflow-y: auto;
				overflow-x: hidden;
				max-height: max(18rem, calc(100vh - 15rem));
				overscroll-behavior-y: auto;
			}
			.view:focus-visible {
				outline-offset: -2px;
			}
			.view:focus-visible .line.active {
				box-shadow: inset 0 0 0 2px var(--focus);
			}
			.all {
				position: relative;
				overflow: hidden;
			}
			.help {
				color: var(--ink-3);
				font-size: 0.75rem;
				padding: 0.4rem 0.75rem;
				border-top: 1px solid var(--line);
				display: flex;
				gap: 0.25rem 0.9rem;
				flex-wrap: wrap;
			}
			@container (width < 40rem) {
				.view {
					--row: 2.75rem;
				}
				.help {
					display: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Span[]} */
		this.spans = [];
		/** The id of the span whose details are shown. */
		this.picked = "";
		this.query = "";
		/** What is zoomed to, as `zoomText` writes it. */
		this.zoomed = "";
		/** Whether what is not of the longest chain is dimmed. */
		this.onlyChain = false;
		/** What is seen of the time: `zoomed` is told of it a little later. */
		this.scale = new TimeScale(0, 1);
		/** By the span's id. @type {ReadonlyMap<string, boolean>} */
		this.folds = new Map();
		/** The row that the keyboard is at. */
		this.active = 0;
		/** px */
		this.top = 0;
		/** px of the view, of a row, and of the time axis. */
		this.size = { view: 600, row: 26, axis: 600 };

		// What follows from these; see willUpdate.
		/** @type {Node[]} */
		this.roots = [];
		/** @type {Row[]} */
		this.rows = [];
		/** @type {Lane[]} */
		this.lanes = [];
		/** @type {Span[]} */
		this.bands = [];
		/** @type {Set<Span>} */
		this.chain = new Set();
		this.chainedAt = 0;
		/** Spans that the search finds. @type {Set<Span>} */
		this.hits = new Set();
		/** Unix ms. */
		this.start = 0;
		this.isOpen = false;
		this.failed = 0;
		/** The span that was last brought into sight. */
		this.revealed = "";
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.telling = undefined;
	}

	connected() {
		const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
		this.tick(calm ? 1000 : 250, () => this.isOpen && this.requestUpdate());
		this.later(() => clearTimeout(this.telling));
		const watch = new ResizeObserver(() => this.#measure());
		watch.observe(this);
		this.later(() => watch.disconnect());
	}

	/** @param {Map<string, unknown>} changed */
	willUpdate(changed) {
		const isNew = changed.has("spans");
		if (isNew) this.#takeSpans();
		if (isNew || (this.isOpen && performance.now() - this.chainedAt > RECHAIN)) this.#takeChain();
		if (isNew || this.isOpen) this.#takeEnd();
		if (isNew || changed.has("query")) this.#takeHits();
		if (isNew || changed.has("folds")) this.#takeRows();
		if (changed.has("zoomed") && this.zoomed !== zoomText(this.scale.zoom)) {
			clearTimeout(this.telling);
			this.scale = new TimeScale(this.scale.start, this.scale.end, parseZoom(this.zoomed));
		}
		if (this.picked !== this.revealed) this.#reveal(this.picked);
	}

	#takeSpans() {
		this.roots = tree(this.spans);
		this.bands = bands(this.spans).slice(0, BANDS_MAX);
		this.isOpen = this.spans.some((span) => span.end === null);
		this.failed = this.spans.filter((span) => span.status === "error").length;
		this.start = this.spans.reduce((least, span) => Math.min(least, span.start), Infinity);
	}

	#takeChain() {
		const now = clock.now();
		this.chainedAt = performance.now();
		this.chain = longestChain(this.roots, now);
		this.lanes = lanes(this.roots, now);
	}

	#takeEnd() {
		const now = clock.now();
		const end = this.spans.reduce((most, span) => Math.max(most, endOf(span, now)), this.start);
		this.scale = new TimeScale(this.start, end, this.scale.zoom);
	}

	#takeHits() {
		const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
		const isHit = (/** @type {string} */ text) => words.every((word) => text.includes(word));
		this.hits = new Set(words.length ? this.spans.filter((span) => isHit(searchText(span))) : []);
	}

	#takeRows() {
		const isLong = this.spans.length > FOLD_OVER;
		const isFolded = (/** @type {Node} */ { span, children }) =>
			this.folds.get(span.span_id) ??
			(isLong && (spanKind(span.type).role === "agent" || children.some((child) => child.span.type === "child")));
		this.rows = rows(this.roots, isFolded);
		this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
	}

	/** Unfold what hides a span, and make its row the active one. @param {string} id */
	#reveal(id) {
		this.revealed = id;
		if (!id) return;
		const hiding = hiddenBy(this.roots, this.rows, id);
		if (hiding.length) {
			this.folds = new Map([...this.folds, ...hiding.map((span) => /** @type {const} */ ([span.span_id, false]))]);
			this.#takeRows();
		}
		const index = this.rows.findIndex((row) => row.node.span.span_id === id);
		if (index < 0) return;
		this.active = index;
		this.updateComplete.then(() => this.#show(index));
	}

	// --- The view

	firstUpdated() {
		this.#measure();
	}

	get view() {
		return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".view"));
	}

	/** The lanes and the rows have theirs at the same place. */
	get axis() {
		return this.renderRoot.querySelector(".axis .ticks");
	}

	#measure() {
		const { view } = this;
		if (!view) return;
		const row = view.querySelector(".line")?.getBoundingClientRect().height || this.size.row;
		const size = { view: view.clientHeight || 600, row, axis: this.axis?.clientWidth ?? 600 };
		if (String(Object.values(size)) !== String(Object.values(this.size))) this.size = size;
	}

	/** Scroll to a row: the rows in their box, and the page if the box is not wholly seen. @param {number} index */
	async #show(index) {
		const { view } = this;
		if (!view) return;
		const { row } = this.size;
		const top = index * row;
		if (top < view.scrollTop) view.scrollTop = top - row;
		else if (top + row * 2 > view.scrollTop + view.clientHeight) view.scrollTop = top + row * 2 - view.clientHeight;
		this.top = view.scrollTop;
		await this.updateComplete;
		this.renderRoot.querySelector(`#row-${index}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
	}

	// --- Time

	/** Shown now, and told a little later. @param {TimeScale} scale */
	#zoom(scale) {
		this.scale = scale;
		clearTimeout(this.telling);
		this.telling = setTimeout(
			() => this.dispatchEvent(new CustomEvent("zoom", { detail: zoomText(this.scale.zoom) })),
			TELL,
		);
	}

	/** @param {CustomEvent<Range>} event */
	#zoomToDragged({ detail: { from, to } }) {
		this.#zoom(this.scale.zoomTo(from, to));
	}

	/** @param {Span} span */
	#zoomOn(span) {
		this.#zoom(this.scale.zoomOn(span.start, lengthOf(span, clock.now())));
	}

	/** @param {WheelEvent} event */
	#wheel(event) {
		const axis = this.axis?.getBoundingClientRect();
		if (!axis) return;
		if (event.ctrlKey || event.metaKey) {
			event.preventDefault();
			const around = Math.min(1, Math.max(0, (event.clientX - axis.left) / axis.width));
			this.#zoom(this.scale.zoomBy(Math.exp(event.deltaY * WHEEL), around));
		} else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
			if (!this.scale.zoom) return;
			event.preventDefault();
			this.#zoom(this.scale.pan((event.deltaX || event.deltaY) / axis.width));
		}
	}

	// --- Rows

	/** @param {KeyboardEvent} event */
	#key(event) {
		const name = action(SPANS, event);
		if (!name) return;
		const row = this.rows[this.active];
		const page = Math.max(1, Math.floor(this.size.view / this.size.row) - 1);
		const hasChildren = row !== undefined && row.node.children.length > 0;
		/** @type {Record<import("../lib/keys.js").Action<typeof SPANS>, () => unknown>} */
		const actions = {
			next: () => this.#move(this.active + 1),
			former: () => this.#move(this.active - 1),
			pageDown: () => this.#move(this.active + page),
			pageUp: () => this.#move(this.active - page),
			first: () => this.#move(0),
			last: () => this.#move(this.rows.length - 1),
			unfold: () => (row?.folded ? this.#fold(row, false) : hasChildren && this.#move(this.active + 1)),
			fold: () => (hasChildren && !row.folded ? this.#fold(row, true) : this.#toParent(row)),
			left: () => this.#zoom(this.scale.pan(-PAN_STEP)),
			right: () => this.#zoom(this.scale.pan(PAN_STEP)),
			open: () => row && this.#pick(row),
			zoomIn: () => this.#zoom(this.scale.zoomBy(ZOOM_STEP)),
			zoomOut: () => this.#zoom(this.scale.zoomBy(1 / ZOOM_STEP)),
			fit: () => this.#zoom(this.scale.fit()),
			focus: () => row && this.#zoomOn(row.node.span),
			chain: () => this.#toggleChain(),
			nextHit: () => this.#nextHit(1),
			formerHit: () => this.#nextHit(-1),
			unfoldAll: () => this.#unfoldAll(),
		};
		event.preventDefault();
		event.stopPropagation();
		actions[name]();
	}

	/** @param {number} index */
	#move(index) {
		this.active = Math.max(0, Math.min(this.rows.length - 1, index));
		this.#show(this.active);
	}

	/** @param {Row | undefined} row */
	#toParent(row) {
		const index = this.rows.findIndex(({ node }) => node === row?.node.parent);
		if (index >= 0) this.#move(index);
	}

	/** @param {number} step 1 to the next, -1 to the former, round the end */
	#nextHit(step) {
		const hits = this.rows.flatMap((row, index) => (this.hits.has(row.node.span) ? [index] : []));
		const next =
			step > 0
				? (hits.find((index) => index > this.active) ?? hits[0])
				: (hits.findLast((index) => index < this.active) ?? hits.at(-1));
		if (next !== undefined) this.#move(next);
	}

	/** @param {Row} row @param {boolean} isFolded */
	#fold(row, isFolded) {
		this.folds = new Map(this.folds).set(row.node.span.span_id, isFolded);
	}

	#foldAgents() {
		const agents = this.spans.filter((span) => spanKind(span.type).role === "agent");
		this.folds = new Map(agents.map((span) => [span.span_id, true]));
	}

	#unfoldAll() {
		this.folds = new Map(this.spans.map((span) => [span.span_id, false]));
	}

	/** @param {Row} row */
	#pick(row) {
		this.active = this.rows.indexOf(row);
		this.revealed = row.node.span.span_id;
		this.dispatchEvent(new CustomEvent("pick", { detail: this.revealed }));
	}

	#toggleChain() {
		this.dispatchEvent(new CustomEvent("chain"));
	}

	/** @param {string} query */
	#search(query) {
		this.dispatchEvent(new CustomEvent("search", { detail: query }));
	}

	// --- Drawing

	render() {
		if (!this.spans.length) return html`<p class="empty">No span yet.</p>`;
		const { scale } = this;
		const times = ticks(
			scale.from - scale.start,
			scale.to - scale.start,
			Math.max(2, Math.floor(this.size.axis / TICK_WIDTH)),
		);
		return html`
			${this.#toolbar()}
			<span-lanes
				.lanes=${this.lanes}
				.scale=${scale}
				@wheel=${this.#wheel}
				@zoom=${this.#zoomToDragged}
				@fit=${() => this.#zoom(this.scale.fit())}
			></span-lanes>
			${timeAxis(scale, times)}
			<div
				class="view"
				role="tree"
				aria-label="Spans by time"
				tabindex="0"
				aria-activedescendant=${`row-${this.active}`}
				@keydown=${this.#key}
				@wheel=${this.#wheel}
				@scroll=${() => (this.top = this.view?.scrollTop ?? 0)}
			>
				<div class="all" role="none" .style=${`height:${this.rows.length * this.size.row}px`}>
					${gridLines(scale, times, this.bands, clock.now())} ${this.#rows(scale)}
				</div>
			</div>
			${HELP}
		`;
	}

	#toolbar() {
		const chained = [...this.chain].filter((span) => spanKind(span.type).role !== "root").length;
		return html`<div class="row wrap toolbar">
			<span class="second">${plural(this.spans.length, "span")}</span>
			<button
				class="btn"
				aria-pressed=${this.onlyChain}
				@click=${this.#toggleChain}
				title="The spans that decided how long it took (c)"
			>
				Longest chain <span class="quiet">${count(chained)}</span>
			</button>
			${this.#foldButton()}${this.#failedButton()}
			<label class="push"
				><span class="hide">Search spans</span
				><input
					type="search"
					placeholder="Search spans"
					.value=${this.query}
					@input=${(/** @type {any} */ event) => this.#search(event.target.value)}
					@keydown=${(/** @type {KeyboardEvent} */ event) =>
						event.key === "Enter" && this.#nextHit(event.shiftKey ? -1 : 1)}
			/></label>
			${this.query ? html`<span class="quiet" role="status">${count(this.hits.size)} found</span>` : nothing}
			<span class="row" role="group" aria-label="Zoom"
				><button class="btn" aria-label="Zoom out" @click=${() => this.#zoom(this.scale.zoomBy(1 / ZOOM_STEP))}>
					−</button
				><button class="btn" aria-label="Zoom in" @click=${() => this.#zoom(this.scale.zoomBy(ZOOM_STEP))}>+</button
				><button class="btn" ?disabled=${!this.scale.zoom} @click=${() => this.#zoom(this.scale.fit())}>
					Fit
				</button></span
			>
		</div>`;
	}

	#foldButton() {
		if (!this.spans.some((span) => spanKind(span.type).role === "agent")) return nothing;
		return this.rows.some((row) => row.folded)
			? html`<button class="btn" @click=${this.#unfoldAll}>Unfold all</button>`
			: html`<button class="btn" @click=${this.#foldAgents}>Fold subagents</button>`;
	}

	#failedButton() {
		if (!this.failed) return nothing;
		const isPressed = this.query === "failed";
		return html`<button
			class="btn bad"
			aria-pressed=${isPressed}
			@click=${() => this.#search(isPressed ? "" : "failed")}
		>
			${count(this.failed)} failed
		</button>`;
	}

	/** Those that are seen, and the active one: what has the focus must be there. @param {TimeScale} scale */
	#rows(scale) {
		const { row: height, view } = this.size;
		const first = Math.max(0, Math.floor(this.top / height) - BEYOND);
		const last = Math.min(this.rows.length, Math.ceil((this.top + view) / height) + BEYOND);
		const active = this.rows[this.active];
		const isSeen = this.active >= first && this.active < last;
		return html`${this.rows.slice(first, last).map((row, at) => this.#row(row, first + at, scale))}
		${active && !isSeen ? this.#row(active, this.active, scale) : nothing}`;
	}

	/** @param {Row} row @param {number} index @param {TimeScale} scale */
	#row(row, index, scale) {
		const { span, children } = row.node;
		const isChained = this.chain.has(span);
		const isHit = this.hits.has(span);
		return spanRow(row, {
			index,
			rowCount: this.rows.length,
			top: index * this.size.row,
			scale,
			now: clock.now(),
			isActive: index === this.active,
			isPicked: span.span_id === this.picked,
			isChained: isChained && !children.length && this.chain.size < this.spans.length, // a mark on all marks nothing
			isHit,
			isDim: (this.onlyChain && !isChained) || (this.hits.size > 0 && !isHit),
			isOnlyRoot: this.roots.length === 1,
			pick: () => this.#pick(row),
			fold: () => this.#fold(row, !row.folded),
			zoom: () => this.#zoomOn(span),
		});
	}
}

const HELP = html`<p class="help">
	<span><kbd>↑</kbd> <kbd>↓</kbd> move</span><span><kbd>←</kbd> <kbd>→</kbd> fold</span
	><span><kbd>Enter</kbd> details</span><span><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom</span
	><span><kbd>Shift</kbd> <kbd>←</kbd> pan</span><span><kbd>f</kbd> zoom to it</span
	><span><kbd>c</kbd> longest chain</span><span><kbd>?</kbd> all keys</span>
</p>`;
customElements.define("span-waterfall", SpanWaterfall);
