/**
 * What agents did at once: one lane an agent, on the whole time axis. To drag over it zooms. Events: `zoom` with a range
 * in Unix ms, `fit` for everything.
 */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { count } from "../lib/format.js";
import { lengthOf } from "../lib/spans.js";
import { TimeScale } from "../lib/timescale.js";
import { SPAN_COLOURS, spanKind } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @import { Lane } from "../lib/shapes.js" */
/** @import { Range } from "../lib/shapes.js" */

const HEIGHT_MAX = 112; // px of all lanes, as long as each line keeps 2
const LINE_MIN = 2; // px
const LINE_MAX = 14;
const NAMED_MIN = 9; // px of a line beside which a name can be read
const NAMES_MAX = 8; // that are read out
const DRAG_MIN = 4; // px; less was a click

export class SpanLanes extends BaseComponent {
	static properties = {
		lanes: { attribute: false },
		scale: { attribute: false },
		dragged: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				position: relative;
				display: grid;
				grid-template-columns: var(--names) minmax(0, 1fr);
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
			.lines {
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
			.dragged,
			.unseen {
				position: absolute;
				top: 0;
				bottom: 0;
				pointer-events: none;
			}
			.dragged {
				background: color-mix(in srgb, var(--accent) 22%, transparent);
				border-inline: 1px solid var(--accent);
			}
			.unseen {
				background: color-mix(in srgb, var(--sunken) 72%, transparent);
			}
			@container (width < 40rem) {
				:host {
					grid-template-columns: minmax(0, 1fr);
				}
				.lane-names {
					display: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Lane[]} */
		this.lanes = [];
		this.scale = new TimeScale(0, 1);
		/** What the pointer is being dragged over. @type {Range | null} */
		this.dragged = null;
		this.painted = "";
	}

	connected() {
		const repaint = () => {
			this.painted = "";
			this.#paint();
		};
		this.listen(window, "theme", repaint);
		this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
		const watch = new ResizeObserver(() => this.#paint());
		watch.observe(this);
		this.later(() => watch.disconnect());
	}

	/** @param {Map<string, unknown>} changed */
	updated(changed) {
		if (changed.has("lanes")) this.painted = "";
		this.#paint();
	}

	get lineCount() {
		return this.lanes.reduce((sum, lane) => sum + lane.spans.length, 0);
	}

	/** px of one line. */
	get lineHeight() {
		return Math.min(LINE_MAX, Math.max(LINE_MIN, HEIGHT_MAX / Math.max(1, this.lineCount)));
	}

	render() {
		const names = this.lanes.slice(0, NAMES_MAX).map((lane) => lane.name);
		return html`
			<div class="lane-names" aria-hidden="true">${this.#names()}</div>
			<div
				class="lines"
				.style=${`height:${Math.max(10, this.lineCount * this.lineHeight)}px`}
				@pointerdown=${this.#drag}
				@dblclick=${() => this.dispatchEvent(new CustomEvent("fit"))}
			>
				<canvas role="img" aria-label=${`${this.lanes.length} agents in parallel lanes: ${names.join(", ")}`}></canvas>
				<span class="probe" hidden
					>${SPAN_COLOURS.map((colour) => html`<i class="kind k-${colour}" data-colour=${colour}></i>`)}<i
						data-colour="error"
						.style=${"background:var(--error)"}
					></i
				></span>
				${this.#unseen()}${this.#mark("dragged", this.dragged)}
			</div>
		`;
	}

	#names() {
		const height = this.lineHeight;
		if (height < NAMED_MIN) return html`<span .style=${"top:0.5rem"}>${count(this.lanes.length)} agents</span>`;
		let y = 0;
		return this.lanes.map(({ name, spans }) => {
			const middle = y + height / 2 - 5.5;
			y += spans.length * height;
			return html`<span class="cut" .style=${`top:calc(0.375rem + ${middle}px)`}>${name}</span>`;
		});
	}

	/** Shades what is not zoomed to. */
	#unseen() {
		const { scale } = this;
		if (!scale.zoom) return nothing;
		return html`<i class="unseen" .style=${`left:0;width:${scale.xOfWhole(scale.from)}%`}></i
			><i class="unseen" .style=${`left:${scale.xOfWhole(scale.to)}%;right:0`}></i>`;
	}

	/** @param {string} name @param {Range | null} range */
	#mark(name, range) {
		if (!range) return nothing;
		const left = this.scale.xOfWhole(range.from);
		return html`<i class=${name} .style=${`left:${left}%;width:${this.scale.xOfWhole(range.to) - left}%`}></i>`;
	}

	/** @param {PointerEvent} event */
	#drag(event) {
		if (event.button) return;
		const lines = /** @type {HTMLElement} */ (event.currentTarget);
		const box = lines.getBoundingClientRect();
		/** @param {PointerEvent} pointer */
		const timeAt = ({ clientX }) =>
			this.scale.start + this.scale.length * Math.min(1, Math.max(0, (clientX - box.left) / box.width));
		const from = timeAt(event);
		/** @param {PointerEvent} pointer */
		const move = (pointer) => {
			this.dragged = { from: Math.min(from, timeAt(pointer)), to: Math.max(from, timeAt(pointer)) };
		};
		const end = () => {
			lines.removeEventListener("pointermove", move);
			lines.removeEventListener("pointerup", end);
			lines.removeEventListener("pointercancel", end);
			const { dragged } = this;
			this.dragged = null;
			if (dragged && ((dragged.to - dragged.from) / this.scale.length) * box.width > DRAG_MIN) {
				this.dispatchEvent(new CustomEvent("zoom", { detail: dragged }));
			}
		};
		lines.setPointerCapture(event.pointerId);
		lines.addEventListener("pointermove", move);
		lines.addEventListener("pointerup", end);
		lines.addEventListener("pointercancel", end);
	}

	/** Only if it would look different: ten thousand rectangles cost more than a frame. */
	#paint() {
		const canvas = this.renderRoot.querySelector("canvas");
		const context = canvas?.getContext("2d");
		if (!canvas || !context) return;
		const { clientWidth: width, clientHeight: height } = canvas;
		const density = window.devicePixelRatio || 1;
		const picture = [width, height, density, this.scale.end].join();
		if (picture === this.painted) return;
		this.painted = picture;
		if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
			canvas.width = Math.round(width * density);
			canvas.height = Math.round(height * density);
		}
		context.setTransform(density, 0, 0, density, 0, 0);
		context.clearRect(0, 0, width, height);
		const colours = this.#colours();
		const now = clock.now();
		const pixels = width / this.scale.length; // a ms
		let y = 0;
		for (const line of this.lanes.flatMap((lane) => lane.spans)) {
			for (const span of line) {
				context.fillStyle = colours[span.status === "error" ? "error" : spanKind(span.type).colour] ?? "#888";
				context.fillRect(
					(span.start - this.scale.start) * pixels,
					y + 1,
					Math.max(1, lengthOf(span, now) * pixels - 0.5),
					Math.max(1, this.lineHeight - 2),
				);
			}
			y += this.lineHeight;
		}
	}

	/** The catalogue's colours, which a canvas can't take from the style by itself. */
	#colours() {
		/** @type {Record<string, string>} */
		const colours = {};
		for (const probe of this.renderRoot.querySelectorAll(".probe > i")) {
			colours[/** @type {HTMLElement} */ (probe).dataset["colour"] ?? ""] = getComputedStyle(probe).backgroundColor;
		}
		return colours;
	}
}
customElements.define("span-lanes", SpanLanes);
