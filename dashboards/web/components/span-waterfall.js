/**
 * Spans by time: above, one lane an agent; below, one row a span. Only the rows that can be seen are drawn, so ten
 * thousand scroll as ten do. Events: `pick` with the span's id, `search`, `zoom` with what `zoomed` is to be, and
 * `chain` to turn `onlyChain` round.
 */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { count, duration, elapsed, plural } from "../lib/format.js";
import { action } from "../lib/keys.js";
import { bands, endOf, lanes, lengthOf, longestChain, rows, searchText, ticks, tree } from "../lib/spans.js";
import { spanName } from "../lib/words.js";
import { BaseComponent, shared } from "./base-component.js";

/** @import { Span } from "../lib/types.js" */
/** @import { Lane, Node, Row } from "../lib/spans.js" */

const BEYOND = 8; // rows drawn above and below what is seen
const FOLD_OVER = 400; // spans; in a smaller tree subagents are open at first
const BANDS_MAX = 150;
const LANES_HIGH = 112; // px
const TELL = 200; // ms
const SHORTEST = 1; // ms: as far as one can zoom in

export class SpanWaterfall extends BaseComponent {
  static properties = {
    spans: { attribute: false },
    picked: {},
    query: {},
    zoomed: {},
    onlyChain: { type: Boolean, attribute: "chain" },
  };
  static styles = [
    shared,
    css`
      :host {
        container-type: inline-size;
        --names: clamp(11rem, 34%, 26rem);
        --row: 1.625rem;
      }
      .bar {
        padding: 0.5rem 0.75rem;
        border-bottom: 1px solid var(--line);
        gap: 0.375rem 0.5rem;
      }
      .bar .btn {
        min-height: 1.625rem;
        padding: 0.1rem 0.55rem;
        font-size: 0.75rem;
      }
      .bar input {
        min-height: 1.625rem;
        width: 11rem;
        font-size: 0.75rem;
      }
      .grid {
        position: relative;
        display: grid;
        grid-template-columns: var(--names) minmax(0, 1fr);
      }
      .lanes {
        border-bottom: 1px solid var(--line);
        background: var(--sunken);
      }
      .lane-names {
        position: relative;
        overflow: hidden;
        font-size: 0.6875rem;
        color: var(--ink-3);
      }
      .lane-names span {
        position: absolute;
        left: 0.75rem;
        right: 0.5rem;
        line-height: 1;
      }
      .over {
        position: relative;
        cursor: crosshair;
        touch-action: pan-y;
        margin: 0.375rem 0;
      }
      canvas {
        display: block;
        width: 100%;
        height: 100%;
      }
      .brush,
      .shade {
        position: absolute;
        top: 0;
        bottom: 0;
        pointer-events: none;
      }
      .brush {
        background: color-mix(in srgb, var(--accent) 22%, transparent);
        border-inline: 1px solid var(--accent);
      }
      .shade {
        background: color-mix(in srgb, var(--sunken) 72%, transparent);
      }
      .axis {
        height: 1.5rem;
        border-bottom: 1px solid var(--line);
        font-size: 0.6875rem;
        color: var(--ink-3);
      }
      .axis .head {
        padding: 0.3rem 0.75rem;
      }
      .axis .ticks {
        position: relative;
        overflow: hidden;
      }
      .axis .ticks span {
        position: absolute;
        top: 0.3rem;
        padding-left: 0.3rem;
        white-space: nowrap;
      }
      .axis .ticks span.end {
        transform: translateX(-100%);
        padding: 0 0.3rem 0 0;
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
      .all {
        position: relative;
        overflow: hidden;
      }
      .behind {
        position: absolute;
        inset: 0 0 0 var(--names);
        pointer-events: none;
        overflow: hidden;
      }
      .behind i {
        position: absolute;
        top: 0;
        bottom: 0;
        min-width: 1px;
      }
      .behind .tick {
        width: 1px;
        background: var(--line);
        opacity: 0.7;
      }
      .behind .b-wait {
        background: color-mix(in srgb, var(--wait) 13%, transparent);
      }
      .behind .b-compact {
        background: color-mix(in srgb, var(--compact) 16%, transparent);
      }
      .line {
        position: absolute;
        left: 0;
        right: 0;
        height: var(--row);
        display: grid;
        grid-template-columns: var(--names) minmax(0, 1fr);
        cursor: default;
        font-size: 0.8125rem;
      }
      .line:hover {
        background: color-mix(in srgb, var(--ink) 4%, transparent);
      }
      .line.picked {
        background: var(--accent-soft);
      }
      .view:focus-visible .line.active {
        box-shadow: inset 0 0 0 2px var(--focus);
      }
      .line.active {
        box-shadow: inset 2px 0 var(--accent);
      }
      .line.dim .b {
        opacity: 0.36;
      }
      .line.dim .text,
      .line.dim .of {
        color: var(--ink-3);
        font-weight: 400;
      }
      .line.dim .mark {
        opacity: 0.5;
      }
      .line.hit .text {
        background: color-mix(in srgb, var(--wait) 28%, transparent);
        border-radius: 2px;
      }
      .name {
        display: flex;
        align-items: center;
        gap: 0.375rem;
        min-width: 0;
        padding-right: 0.5rem;
        border-right: 1px solid var(--line);
      }
      .twist {
        flex: none;
        width: 1.125rem;
        height: 1.125rem;
        display: grid;
        place-items: center;
        border: 0;
        padding: 0;
        background: none;
        border-radius: 0.2rem;
        color: var(--ink-3);
        font-size: 0.625rem;
        cursor: pointer;
      }
      .twist:hover {
        background: var(--line);
        color: var(--ink);
      }
      .mark {
        flex: none;
        width: 0.5rem;
        height: 0.5rem;
        border-radius: 2px;
      }
      .t-turn .text,
      .t-session .text,
      .t-subagent .text {
        font-weight: 600;
      }
      .t-model .mark {
        border-radius: 50%;
      }
      .t-wait .mark {
        transform: rotate(45deg) scale(0.9);
        border-radius: 1px;
      }
      .text {
        flex: none;
        max-width: 70%;
      }
      .failed .text {
        color: var(--error-ink);
      }
      .of {
        flex: 0 1 auto;
        color: var(--ink-3);
        font-size: 0.75rem;
      }
      .n {
        flex: none;
        color: var(--ink-3);
        font-size: 0.6875rem;
      }
      .track {
        position: relative;
        overflow: hidden;
      }
      .b {
        position: absolute;
        top: 22%;
        bottom: 22%;
        min-width: 2px;
        border-radius: 2px;
      }
      .t-model .b {
        top: 33%;
        bottom: 33%;
      }
      .t-turn .b,
      .t-session .b {
        top: 44%;
        bottom: 44%;
        background: var(--ink-3);
      }
      .t-subagent .b {
        background: color-mix(in srgb, var(--subagent) 22%, transparent);
        box-shadow: inset 0 0 0 1.5px var(--subagent);
      }
      .t-wait .b {
        background: repeating-linear-gradient(
          135deg,
          var(--wait) 0 4px,
          color-mix(in srgb, var(--wait) 58%, var(--surface)) 4px 7px
        );
      }
      .failed .b {
        background: var(--error);
      }
      .open .b {
        border-radius: 2px 0 0 2px;
        border-right: 3px solid var(--ink);
        animation: breathe 2.4s ease-in-out infinite;
      }
      @keyframes breathe {
        50% {
          opacity: 0.65;
        }
      }
      .never .b {
        width: 0.5rem !important;
        margin-left: -0.25rem;
        top: 35%;
        bottom: 35%;
        background: none;
        border: 1.5px solid var(--ink-3);
        transform: rotate(45deg);
        border-radius: 1px;
      }
      .chained .track::after {
        content: "";
        position: absolute;
        bottom: 6%;
        height: 2px;
        left: var(--l);
        width: var(--w);
        min-width: 2px;
        background: var(--ink-2);
        border-radius: 1px;
      }
      .len.inside {
        background: color-mix(in srgb, var(--surface) 82%, transparent);
        border-radius: 0.25rem;
        line-height: 1rem;
        top: calc((var(--row) - 1rem) / 2);
      }
      .len {
        position: absolute;
        top: 0;
        line-height: var(--row);
        font-size: 0.6875rem;
        color: var(--ink-2);
        white-space: nowrap;
        padding: 0 0.35rem;
        pointer-events: none;
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
        :host,
        .grid,
        .line {
          --names: 0px;
        }
        .grid,
        .line {
          grid-template-columns: minmax(0, 1fr);
        }
        .lane-names,
        .axis .head,
        .help {
          display: none;
        }
        .view {
          --row: 2.75rem;
        }
        .line {
          align-content: start;
        }
        .name {
          border: 0;
          padding: 0.3rem 0.5rem 0;
          height: 1.5rem;
        }
        .track {
          height: 1rem;
          --row: 1rem;
        }
        .behind {
          inset-inline-start: 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Span[]} */
    this.spans = [];
    this.picked = "";
    this.query = "";
    /** @type {Node[]} */
    this.roots = [];
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Lane[]} */
    this.lanes = [];
    /** @type {Set<Span>} */
    this.chain = new Set();
    /** @type {Span[]} */
    this.bands = [];
    /** What the user folded and unfolded. @type {Map<string, boolean>} */
    this.folds = new Map();
    /** What is zoomed to, ms since the first span, as `1200-5300`; empty: everything. */
    this.zoomed = "";
    /** The same. @type {{from: number, to: number} | null} */
    this.zoom = null;
    /** Whether what is not of the longest chain is dimmed. */
    this.onlyChain = false;
    this.marks = false;
    this.active = 0;
    this.top = 0;
    this.high = 600;
    this.rowHigh = 26;
    this.wide = 600;
    this.start = 0;
    this.end = 1;
    this.isOpen = false;
    this.failed = 0;
    /** Spans that the search finds. @type {Set<Span>} */
    this.hits = new Set();
    /** @type {{from: number, to: number} | null} */
    this.brush = null;
    this.wasPicked = "";
    /** Whether rows have to be put together anew. */
    this.stale = true;
    this.painted = "";
  }

  connected() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.tick(calm ? 1000 : 250, () => this.isOpen && this.requestUpdate());
    this.listen(window, "theme", () => this.#repaint());
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.#repaint());
    this.later(() => clearTimeout(this.telling));
    const watch = new ResizeObserver(() => this.#measure());
    watch.observe(this);
    this.later(() => watch.disconnect());
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("spans")) {
      this.stale = true;
      this.painted = "";
      this.roots = tree(this.spans);
      this.bands = bands(this.spans).slice(0, BANDS_MAX);
      this.isOpen = this.spans.some((span) => span.end === null);
      this.failed = this.spans.reduce((sum, span) => sum + (span.status === "error" ? 1 : 0), 0);
      this.start = this.spans.reduce((least, span) => Math.min(least, span.start), Infinity);
      this.#chainAndLanes();
    }
    if (changed.has("zoomed") && this.zoomed !== this.#zoomText()) {
      clearTimeout(this.telling);
      const [, from, to] = /^(\d+)-(\d+)$/.exec(this.zoomed) ?? [];
      this.zoom = Number(to) > Number(from) ? { from: Number(from), to: Number(to) } : null;
    }
    if (this.isOpen && performance.now() - this.chainedAt > 2000) this.#chainAndLanes();
    const now = clock.now();
    if (changed.has("spans") || this.isOpen) {
      this.end = this.spans.reduce((most, span) => Math.max(most, endOf(span, now)), this.start + SHORTEST);
    }
    if (changed.has("spans") || changed.has("query")) {
      const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
      this.hits = new Set(
        words.length ? this.spans.filter((span) => words.every((word) => searchText(span).includes(word))) : [],
      );
    }
    this.#layOut();
    if (this.picked !== this.wasPicked) {
      this.wasPicked = this.picked;
      this.#reveal(this.picked);
    }
  }

  chainedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  telling;

  #chainAndLanes() {
    const now = clock.now();
    this.chainedAt = performance.now();
    this.chain = longestChain(this.roots, now);
    this.marks = this.chain.size < this.spans.length; // a mark on everything marks nothing
    this.lanes = lanes(this.roots, now);
  }

  #layOut() {
    if (!this.stale) return;
    this.stale = false;
    const byDefault = this.spans.length > FOLD_OVER;
    this.rows = rows(
      this.roots,
      (node) => this.folds.get(node.span.span_id) ?? (byDefault && node.span.type === "subagent"),
    );
    this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
  }

  /** Unfold what hides a span, and make its row the active one. @param {string} id */
  #reveal(id) {
    if (!id) return;
    let at = this.rows.findIndex((row) => row.node.span.span_id === id);
    if (at < 0) {
      /** @type {Node[]} */
      const all = [...this.roots];
      for (let next = all.pop(); next; next = all.pop()) {
        if (next.span.span_id === id) {
          for (let above = next.parent; above; above = above.parent) this.folds.set(above.span.span_id, false);
        }
        all.push(...next.children);
      }
      this.stale = true;
      this.#layOut();
      at = this.rows.findIndex((row) => row.node.span.span_id === id);
    }
    if (at >= 0) {
      this.active = at;
      this.updateComplete.then(() => this.#show(at));
    }
  }

  updated() {
    this.#paint();
  }

  firstUpdated() {
    this.#measure();
  }

  #measure() {
    const view = this.#view();
    if (!view) return;
    const line = view.querySelector(".line");
    this.rowHigh = line ? line.getBoundingClientRect().height || 26 : this.rowHigh;
    this.high = view.clientHeight || 600;
    this.wide = this.renderRoot.querySelector(".over")?.clientWidth ?? 600;
    this.requestUpdate();
  }

  #view() {
    return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".view"));
  }

  get range() {
    return this.zoom
      ? { from: this.start + this.zoom.from, to: this.start + this.zoom.to }
      : { from: this.start, to: this.end };
  }

  // --- What one can do

  /** @param {number} by factor below 1 zooms in @param {number} [around] 0..1 of the width */
  scaleBy(by, around = 0.5) {
    const { from, to } = this.range;
    const at = from + (to - from) * around;
    const width = Math.max(SHORTEST, (to - from) * by);
    this.#zoomTo(at - width * around, at + width * (1 - around));
  }

  /** @param {number} share of what is shown, to the right */
  pan(share) {
    const { from, to } = this.range;
    const by = Math.max(this.start - from, Math.min(this.end - to, (to - from) * share));
    this.#zoomTo(from + by, to + by);
  }

  /** @param {number} from @param {number} to */
  #zoomTo(from, to) {
    from = Math.max(this.start, from);
    to = Math.min(this.end, to);
    this.zoom =
      from <= this.start && to >= this.end
        ? null
        : { from: from - this.start, to: Math.max(to, from + SHORTEST) - this.start };
    this.#zoomedTo();
  }

  /** Draw it now, and tell a little later: a wheel zooms more often than a browser lets the address change. */
  #zoomedTo() {
    this.requestUpdate();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.dispatchEvent(new CustomEvent("zoom", { detail: this.#zoomText() })), TELL);
  }

  #zoomText() {
    return this.zoom ? `${Math.floor(this.zoom.from)}-${Math.ceil(this.zoom.to)}` : "";
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const track = this.renderRoot.querySelector(".over")?.getBoundingClientRect();
    if (!track) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.scaleBy(
        Math.exp(event.deltaY * 0.004),
        Math.min(1, Math.max(0, (event.clientX - track.left) / track.width)),
      );
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      if (!this.zoom) return;
      event.preventDefault();
      this.pan((event.deltaX || event.deltaY) / track.width);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const what = action("spans", event);
    if (!what) return;
    const row = this.rows[this.active];
    const page = Math.max(1, Math.floor(this.high / this.rowHigh) - 1);
    /** @type {Record<import("../lib/keys.js").Action<"spans">, () => unknown>} */
    const actions = {
      next: () => this.#move(this.active + 1),
      former: () => this.#move(this.active - 1),
      pageDown: () => this.#move(this.active + page),
      pageUp: () => this.#move(this.active - page),
      first: () => this.#move(0),
      last: () => this.#move(this.rows.length - 1),
      unfold: () => (row?.folded ? this.#fold(row, false) : row?.node.children.length && this.#move(this.active + 1)),
      fold: () => (row && row.node.children.length && !row.folded ? this.#fold(row, true) : this.#parent(row)),
      left: () => this.pan(-0.2),
      right: () => this.pan(0.2),
      open: () => row && this.#pick(row),
      zoomIn: () => this.scaleBy(0.6),
      zoomOut: () => this.scaleBy(1 / 0.6),
      fit: () => this.#fit(),
      focus: () => row && this.#focusOn(row.node.span),
      chain: () => this.#toggleChain(),
      nextHit: () => this.#nextHit(1),
      formerHit: () => this.#nextHit(-1),
      unfoldAll: () => this.#foldAll(false),
    };
    event.preventDefault();
    event.stopPropagation();
    actions[what]();
  }

  /** @param {number} to */
  #move(to) {
    this.active = Math.max(0, Math.min(this.rows.length - 1, to));
    this.#show(this.active);
  }

  /** Scroll to a row: the rows in their box, and the page if the box is not wholly seen. @param {number} at */
  async #show(at) {
    const view = this.#view();
    if (!view) return;
    const top = at * this.rowHigh;
    if (top < view.scrollTop) view.scrollTop = top - this.rowHigh;
    else if (top + this.rowHigh * 2 > view.scrollTop + view.clientHeight) {
      view.scrollTop = top + this.rowHigh * 2 - view.clientHeight;
    }
    this.top = view.scrollTop;
    this.requestUpdate();
    await this.updateComplete;
    this.renderRoot.querySelector(`#row-${at}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {Row | undefined} row */
  #parent(row) {
    const at = this.rows.findIndex((one) => one.node === row?.node.parent);
    if (at >= 0) this.#move(at);
  }

  /** @param {Row} row @param {boolean} folded */
  #fold(row, folded) {
    this.folds.set(row.node.span.span_id, folded);
    this.stale = true;
    this.requestUpdate();
  }

  /** @param {boolean} folded subagents; false unfolds everything */
  #foldAll(folded) {
    this.folds.clear();
    for (const span of this.spans) if (!folded || span.type === "subagent") this.folds.set(span.span_id, folded);
    this.stale = true;
    this.requestUpdate();
  }

  /** @param {Row} row */
  #pick(row) {
    this.active = this.rows.indexOf(row);
    this.wasPicked = row.node.span.span_id;
    this.dispatchEvent(new CustomEvent("pick", { detail: row.node.span.span_id }));
    this.requestUpdate();
  }

  #fit() {
    this.zoom = null;
    this.#zoomedTo();
  }

  /** @param {Span} span */
  #focusOn(span) {
    const length = Math.max(lengthOf(span, clock.now()), SHORTEST);
    this.#zoomTo(span.start - length * 0.1, span.start + length * 1.1);
  }

  #toggleChain() {
    this.dispatchEvent(new CustomEvent("chain"));
  }

  /** @param {number} step */
  #nextHit(step) {
    const order = this.rows.map((row, at) => (this.hits.has(row.node.span) ? at : -1)).filter((at) => at >= 0);
    if (!order.length) return;
    const next =
      step > 0
        ? (order.find((at) => at > this.active) ?? order[0])
        : (order.findLast((at) => at < this.active) ?? order.at(-1));
    this.#move(next ?? 0);
  }

  /** @param {string} query */
  #search(query) {
    this.dispatchEvent(new CustomEvent("search", { detail: query }));
  }

  /** @param {PointerEvent} event */
  #brushFrom(event) {
    if (event.button) return;
    const over = /** @type {HTMLElement} */ (event.currentTarget);
    const box = over.getBoundingClientRect();
    /** @param {PointerEvent} one */
    const at = (one) =>
      this.start + (this.end - this.start) * Math.min(1, Math.max(0, (one.clientX - box.left) / box.width));
    const from = at(event);
    over.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} one */
    const move = (one) => {
      this.brush = { from: Math.min(from, at(one)), to: Math.max(from, at(one)) };
      this.requestUpdate();
    };
    const done = () => {
      over.removeEventListener("pointermove", move);
      over.removeEventListener("pointerup", done);
      over.removeEventListener("pointercancel", done);
      if (this.brush && ((this.brush.to - this.brush.from) / (this.end - this.start)) * box.width > 4) {
        this.#zoomTo(this.brush.from, this.brush.to);
      }
      this.brush = null;
      this.requestUpdate();
    };
    over.addEventListener("pointermove", move);
    over.addEventListener("pointerup", done);
    over.addEventListener("pointercancel", done);
  }

  // --- Drawing

  get laneHigh() {
    const count_ = this.lanes.reduce((sum, lane) => sum + lane.spans.length, 0);
    return Math.min(14, Math.max(2, LANES_HIGH / Math.max(1, count_)));
  }

  #repaint() {
    this.painted = "";
    this.#paint();
  }

  /** Scrolling doesn't change the lanes, and ten thousand rectangles cost more than a frame. */
  #paint() {
    const canvas = this.renderRoot.querySelector("canvas");
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    const wide = canvas.clientWidth;
    const high = canvas.clientHeight;
    const density = window.devicePixelRatio || 1;
    const picture = [wide, high, density, this.end, this.chainedAt].join();
    if (picture === this.painted) return;
    this.painted = picture;
    if (canvas.width !== Math.round(wide * density) || canvas.height !== Math.round(high * density)) {
      canvas.width = Math.round(wide * density);
      canvas.height = Math.round(high * density);
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, wide, high);
    const probe = this.renderRoot.querySelector(".probe");
    /** @type {Record<string, string>} */
    const colours = {};
    for (const mark of probe?.children ?? []) {
      colours[/** @type {HTMLElement} */ (mark).dataset["kind"] ?? ""] = getComputedStyle(mark).backgroundColor;
    }
    const now = clock.now();
    const scale = wide / (this.end - this.start);
    let y = 0;
    for (const lane of this.lanes) {
      for (const row of lane.spans) {
        for (const span of row) {
          context.fillStyle = (span.status === "error" ? colours["error"] : colours[span.type]) ?? "#888";
          context.fillRect(
            (span.start - this.start) * scale,
            y + 1,
            Math.max(1, lengthOf(span, now) * scale - 0.5),
            Math.max(1, this.laneHigh - 2),
          );
        }
        y += this.laneHigh;
      }
    }
  }

  /** @param {number} at Unix ms */
  #x(at) {
    const { from, to } = this.range;
    return ((at - from) / (to - from)) * 100;
  }

  render() {
    if (!this.spans.length) return html`<p class="empty">No span yet.</p>`;
    const now = clock.now();
    const { from, to } = this.range;
    const first = Math.max(0, Math.floor(this.top / this.rowHigh) - BEYOND);
    const last = Math.min(this.rows.length, Math.ceil((this.top + this.high) / this.rowHigh) + BEYOND);
    const active = this.rows[this.active]; // drawn wherever it is: what has the focus must be there
    const times = ticks(from - this.start, to - this.start, Math.max(2, Math.floor(this.wide / 90)));
    const step = (times[1] ?? 0) - (times[0] ?? 0);
    const chained = [...this.chain].filter((span) => span.type !== "turn" && span.type !== "session").length;
    return html`
      <div class="row wrap bar">
        <span class="second">${plural(this.spans.length, "span")}</span>
        <button
          class="btn"
          aria-pressed=${this.onlyChain}
          @click=${this.#toggleChain}
          title="The spans that decided how long it took (c)"
        >
          Longest chain <span class="quiet">${count(chained)}</span>
        </button>
        ${
          this.spans.some((span) => span.type === "subagent")
            ? html`<button class="btn" @click=${() => this.#foldAll(!this.rows.some((row) => row.folded))}>
                ${this.rows.some((row) => row.folded) ? "Unfold all" : "Fold subagents"}
              </button>`
            : nothing
        }
        ${this.failed ? html`<button class="btn bad" aria-pressed=${this.query === "failed"} @click=${() => this.#search(this.query === "failed" ? "" : "failed")}>${count(this.failed)} failed</button>` : nothing}
        <label class="push"
          ><span class="hide">Search spans</span
          ><input
            type="search"
            placeholder="Search spans"
            .value=${this.query}
            @input=${(/** @type {any} */ event) => this.#search(event.target.value)}
            @keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.#nextHit(event.shiftKey ? -1 : 1)}
        /></label>
        ${this.query ? html`<span class="quiet" role="status">${count(this.hits.size)} found</span>` : nothing}
        <span class="row" role="group" aria-label="Zoom"
          ><button class="btn" aria-label="Zoom out" @click=${() => this.scaleBy(1 / 0.6)}>−</button
          ><button class="btn" aria-label="Zoom in" @click=${() => this.scaleBy(0.6)}>+</button
          ><button class="btn" ?disabled=${!this.zoom} @click=${this.#fit}>Fit</button></span
        >
      </div>
      <div class="grid lanes">
        <div class="lane-names" aria-hidden="true">${this.#laneNames()}</div>
        <div
          class="over"
          .style=${`height:${Math.max(10, this.lanes.reduce((sum, lane) => sum + lane.spans.length, 0) * this.laneHigh)}px`}
          @pointerdown=${this.#brushFrom}
          @dblclick=${this.#fit}
          @wheel=${this.#wheel}
        >
          <canvas
            role="img"
            aria-label=${`${this.lanes.length} agents in parallel lanes: ${this.lanes
              .map((lane) => lane.name)
              .slice(0, 8)
              .join(", ")}`}
          ></canvas>
          <span class="probe" hidden
            >${["tool", "model", "wait", "compact", "subagent"].map((kind) => html`<i class="k-${kind}" data-kind=${kind}></i>`)}<i
              data-kind="error"
              .style=${"background:var(--error)"}
            ></i
          ></span>
          ${this.#overlay()}
        </div>
      </div>
      <div class="grid axis" aria-hidden="true">
        <div class="head">
          ${this.zoom ? `${duration(to - from)} of ${duration(this.end - this.start)}` : duration(this.end - this.start)}
        </div>
        <div class="ticks">
          ${times.map((at) => html`<span class=${this.#x(at + this.start) > 92 ? "end" : ""} .style=${`left:${this.#x(at + this.start)}%`}>${at ? (step < 1000 ? duration(at) : elapsed(at)) : "0"}</span>`)}
        </div>
      </div>
      <div
        class="view"
        role="tree"
        aria-label="Spans by time"
        tabindex="0"
        aria-activedescendant=${`row-${this.active}`}
        @keydown=${this.#key}
        @wheel=${this.#wheel}
        @scroll=${this.#scrolled}
      >
        <div class="all" role="none" .style=${`height:${this.rows.length * this.rowHigh}px`}>
          <div class="behind" aria-hidden="true">
            ${times.map((at) => html`<i class="tick" .style=${`left:${this.#x(at + this.start)}%`}></i>`)}
            ${this.bands.map((span) => html`<i class="b-${span.type}" .style=${`left:${this.#x(span.start)}%;width:${this.#x(endOf(span, now)) - this.#x(span.start)}%`}></i>`)}
          </div>
          ${this.rows.slice(first, last).map((row, at) => this.#row(row, first + at, now))}
          ${active && (this.active < first || this.active >= last) ? this.#row(active, this.active, now) : nothing}
        </div>
      </div>
      <p class="help">
        <span><kbd>↑</kbd> <kbd>↓</kbd> move</span><span><kbd>←</kbd> <kbd>→</kbd> fold</span
        ><span><kbd>Enter</kbd> details</span><span><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom</span
        ><span><kbd>Shift</kbd> <kbd>←</kbd> pan</span><span><kbd>f</kbd> zoom to it</span
        ><span><kbd>c</kbd> longest chain</span><span><kbd>?</kbd> all keys</span>
      </p>
    `;
  }

  #laneNames() {
    if (this.laneHigh < 9) return html`<span .style=${"top:0.5rem"}>${count(this.lanes.length)} agents</span>`;
    let y = 0;
    return this.lanes.map((lane) => {
      const top = y;
      y += lane.spans.length * this.laneHigh;
      return html`<span class="cut" .style=${`top:calc(0.375rem + ${top + this.laneHigh / 2 - 5.5}px)`}
        >${lane.name}</span
      >`;
    });
  }

  #overlay() {
    const whole = this.end - this.start;
    /** @param {number} at */
    const share = (at) => ((at - this.start) / whole) * 100;
    const { from, to } = this.range;
    return html`${this.zoom ? html`<i class="shade" .style=${`left:0;width:${share(from)}%`}></i><i class="shade" .style=${`left:${share(to)}%;right:0`}></i>` : nothing}
    ${this.brush ? html`<i class="brush" .style=${`left:${share(this.brush.from)}%;width:${share(this.brush.to) - share(this.brush.from)}%`}></i>` : nothing}`;
  }

  #scrolled() {
    this.top = this.#view()?.scrollTop ?? 0;
    this.requestUpdate();
  }

  /** @param {Row} row @param {number} at @param {number} now */
  #row(row, at, now) {
    const { span, children, size } = row.node;
    const left = this.#x(span.start);
    const right = this.#x(endOf(span, now));
    const width = right - left;
    const chained = this.chain.has(span);
    const marked = chained && this.marks && !children.length;
    const never = span.end === span.start && span.type === "tool";
    const dim = (this.onlyChain && !chained) || (this.hits.size > 0 && !this.hits.has(span));
    const names = [
      "line",
      `t-${span.type}`,
      span.status === "error" && "failed",
      span.end === null && "open",
      never && "never",
      marked && "chained",
      dim && "dim",
      this.hits.has(span) && "hit",
      at === this.active && "active",
      span.span_id === this.picked && "picked",
    ];
    const length = never ? "never ran" : duration(endOf(span, now) - span.start);
    const inside = right > 85 && left <= 12;
    const beside = inside
      ? "right:0"
      : right > 85
        ? `right:${100 - Math.max(0, left)}%`
        : `left:${Math.max(0, right)}%`;
    return html`<div
      class=${names.filter(Boolean).join(" ")}
      id=${`row-${at}`}
      role="treeitem"
      aria-level=${row.depth + 1}
      aria-posinset=${at + 1}
      aria-setsize=${this.rows.length}
      aria-expanded=${children.length ? String(!row.folded) : nothing}
      aria-selected=${span.span_id === this.picked}
      .style=${`top:${at * this.rowHigh}px`}
      @click=${() => this.#pick(row)}
      @dblclick=${() => this.#focusOn(span)}
    >
      <div class="name" .style=${`padding-left:${0.375 + Math.min(row.depth, 12) * 0.875}rem`}>
        ${
          children.length
            ? html`<span
                class="twist"
                aria-hidden="true"
                @click=${(/** @type {Event} */ event) => (event.stopPropagation(), this.#fold(row, !row.folded))}
                >${row.folded ? "▶" : "▼"}</span
              >`
            : html`<span class="twist" aria-hidden="true"></span>`
        }
        <i class="mark k-${span.type}" aria-hidden="true"></i
        ><span class="text cut">${spanName(span)}</span
        >${row.folded ? html`<span class="n">+${count(size)}</span>` : nothing}${span.label && (span.type !== "turn" || this.roots.length > 1) ? html`<code class="of cut">${span.label}</code>` : nothing}
        <span class="hide">${span.status === "error" ? ", failed" : ""}, ${length}</span>
      </div>
      <div class="track" aria-hidden="true" .style=${`--l:${left}%;--w:${width}%`}>
        ${right >= 0 && left <= 100 ? html`<i class="b k-${span.type}" .style=${`left:${Math.max(-1, left)}%;width:${Math.min(102, right) - Math.max(-1, left)}%`}></i><span class="len ${inside ? "inside" : ""}" .style=${beside}>${length}</span>` : nothing}
      </div>
    </div>`;
  }
}
customElements.define("span-waterfall", SpanWaterfall);
