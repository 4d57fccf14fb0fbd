/** What the waterfall draws on the time axis: the times, and a row a span, with its name in the tree and its bar. */
import { css, html, nothing } from "lit";
import { count, duration, elapsed } from "../lib/format.js";
import { endOf } from "../lib/spans.js";
import { rowWords, spanKind } from "../lib/words.js";

/** @import { SpanLook } from "../lib/looks.js" */
/** @import { Row, SpanRowOptions } from "../lib/shapes.js" */
/** @import { TimeScale } from "../lib/timescale.js" */
/** @import { Span } from "../lib/types.js" */

const INDENT = 0.875; // rem a level
const INDENTED_MAX = 12; // levels
const RIGHT = 85; // %: what ends after it has its length before its bar, or on it
const LAST = 92; // %: after it there is no room for a time
const LEFT = 12; // %: before what begins here there is no room for it

export const spanRowsStyle = css`
	.axis {
		position: relative;
		display: grid;
		grid-template-columns: var(--names) minmax(0, 1fr);
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
	.behind .band {
		background: color-mix(in srgb, var(--kind) var(--band), transparent);
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
	.line.active {
		box-shadow: inset 2px 0 var(--accent);
	}
	.line.dim .bar {
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
	.mark.circle {
		border-radius: 50%;
	}
	.mark.diamond {
		transform: rotate(45deg) scale(0.9);
		border-radius: 1px;
	}
	.text {
		flex: none;
		max-width: 70%;
	}
	.root .text,
	.agent .text {
		font-weight: 600;
	}
	.failed .text {
		color: var(--error-ink);
	}
	.of {
		flex: 0 1 auto;
		color: var(--ink-3);
		font-size: 0.75rem;
	}
	.below {
		flex: none;
		color: var(--ink-3);
		font-size: 0.6875rem;
	}
	.track {
		position: relative;
		overflow: hidden;
	}
	.bar {
		position: absolute;
		top: 22%;
		bottom: 22%;
		min-width: 2px;
		border-radius: 2px;
	}
	.bar.thin {
		top: 33%;
		bottom: 33%;
	}
	.bar.thread {
		top: 44%;
		bottom: 44%;
	}
	.bar.outline {
		background: color-mix(in srgb, var(--kind) 22%, transparent);
		box-shadow: inset 0 0 0 1.5px var(--kind);
	}
	.bar.striped {
		--stripe: 58%;
	}
	.failed .bar {
		background: var(--error);
	}
	.open .bar {
		--breath: 0.65;
		border-radius: 2px 0 0 2px;
		border-right: 3px solid var(--ink);
		animation: breathe 2.4s ease-in-out infinite;
	}
	.never .bar {
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
		left: var(--left);
		width: var(--width);
		min-width: 2px;
		background: var(--ink-2);
		border-radius: 1px;
	}
	.length {
		position: absolute;
		top: 0;
		line-height: var(--row);
		font-size: 0.6875rem;
		color: var(--ink-2);
		white-space: nowrap;
		padding: 0 0.35rem;
		pointer-events: none;
	}
	.length.inside {
		background: color-mix(in srgb, var(--surface) 82%, transparent);
		border-radius: 0.25rem;
		line-height: 1rem;
		top: calc((var(--row) - 1rem) / 2);
	}
	@container (width < 40rem) {
		.axis {
			grid-template-columns: minmax(0, 1fr);
		}
		.axis .head {
			display: none;
		}
		.behind {
			inset-inline-start: 0;
		}
		.line {
			grid-template-columns: minmax(0, 1fr);
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
	}
`;

/** @param {Row} row @param {SpanRowOptions} options */
export function spanRow(row, options) {
	const { span, children } = row.node;
	const { index, now } = options;
	const kind = spanKind(span.type);
	const hasNeverRun = span.end === span.start && span.type === "tool";
	const length = hasNeverRun ? "never ran" : duration(endOf(span, now) - span.start);
	const classes = [
		"line",
		`t-${span.type}`,
		kind.role,
		span.status === "error" && "failed",
		span.end === null && "open",
		hasNeverRun && "never",
		options.isChained && "chained",
		options.isDim && "dim",
		options.isHit && "hit",
		options.isActive && "active",
		options.isPicked && "picked",
	];
	return html`<div
		class=${classes.filter(Boolean).join(" ")}
		id=${`row-${index}`}
		role="treeitem"
		aria-level=${row.depth + 1}
		aria-posinset=${index + 1}
		aria-setsize=${options.rowCount}
		aria-expanded=${children.length ? String(!row.folded) : nothing}
		aria-selected=${options.isPicked}
		.style=${`top:${options.top}px`}
		@click=${options.pick}
		@dblclick=${options.zoom}
	>
		${name(row, kind, length, options)}${track(row, kind, length, options)}
	</div>`;
}

/** @param {Row} row @param {SpanLook} kind @param {string} length @param {SpanRowOptions} options */
function name({ node: { span, children, size }, depth, folded }, kind, length, { isOnlyRoot, fold }) {
	const indent = 0.375 + Math.min(depth, INDENTED_MAX) * INDENT;
	/** @param {Event} event */
	const twisted = (event) => {
		event.stopPropagation();
		fold();
	};
	const { text, about } = rowWords(span);
	return html`<div class="name" .style=${`padding-left:${indent}rem`}>
		${
			children.length
				? html`<span class="twist" aria-hidden="true" @click=${twisted}>${folded ? "▶" : "▼"}</span>`
				: html`<span class="twist" aria-hidden="true"></span>`
		}
		<i class="mark ${kind.mark} kind k-${kind.colour}" aria-hidden="true"></i
		><span class="text cut">${text}</span>${folded ? html`<span class="below">+${count(size)}</span>` : nothing}${
			about && !(isOnlyRoot && span.type === "turn") ? html`<code class="of cut">${about}</code>` : nothing
		}
		<span class="hide">${span.status === "error" ? ", failed" : ""}, ${length}</span>
	</div>`;
}

/** @param {Row} row @param {SpanLook} kind @param {string} length @param {SpanRowOptions} options */
function track({ node: { span } }, kind, length, { scale, now }) {
	const left = scale.x(span.start);
	const right = scale.x(endOf(span, now));
	return html`<div class="track" aria-hidden="true" .style=${`--left:${left}%;--width:${right - left}%`}>
		${
			right >= 0 && left <= 100
				? html`<i class="bar ${kind.bar} kind k-${kind.colour}" .style=${barPlace(left, right)}></i
						><span class="length ${isInside(left, right) ? "inside" : ""}" .style=${lengthPlace(left, right)}
							>${length}</span
						>`
				: nothing
		}
	</div>`;
}

/** A bar that goes far beyond what is seen is cut. @param {number} left % @param {number} right % */
const barPlace = (left, right) => `left:${Math.max(-1, left)}%;width:${Math.min(102, right) - Math.max(-1, left)}%`;

/** Whether neither side has room for the length. @param {number} left % @param {number} right % */
const isInside = (left, right) => right > RIGHT && left <= LEFT;

/** @param {number} left % @param {number} right % */
function lengthPlace(left, right) {
	if (isInside(left, right)) return "right:0";
	return right > RIGHT ? `right:${100 - Math.max(0, left)}%` : `left:${Math.max(0, right)}%`;
}

// --- What is above the rows, and behind them

/** @param {TimeScale} scale @param {number[]} times ms since the start */
export function timeAxis(scale, times) {
	const step = (times[1] ?? 0) - (times[0] ?? 0);
	return html`<div class="axis" aria-hidden="true">
		<div class="head">
			${scale.zoom ? `${duration(scale.width)} of ${duration(scale.length)}` : duration(scale.length)}
		</div>
		<div class="ticks">
			${times.map((time) => {
				const left = scale.x(time + scale.start);
				const text = step < 1000 ? duration(time) : elapsed(time);
				return left > LAST ? "" : html`<span .style=${`left:${left}%`}>${time ? text : "0"}</span>`;
			})}
		</div>
	</div>`;
}

/** A line at each time, and a band for each of these spans. @param {TimeScale} scale @param {number[]} times @param {Span[]} bands @param {number} now */
export function gridLines(scale, times, bands, now) {
	return html`<div class="behind" aria-hidden="true">
		${times.map((time) => html`<i class="tick" .style=${`left:${scale.x(time + scale.start)}%`}></i>`)}
		${bands.map((span) => {
			const { colour, band } = spanKind(span.type);
			const left = scale.x(span.start);
			const width = scale.x(endOf(span, now)) - left;
			return html`<i class="band k-${colour}" .style=${`--band:${band};left:${left}%;width:${width}%`}></i>`;
		})}
	</div>`;
}
