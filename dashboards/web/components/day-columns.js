/** One column a day, of parts on top of each other; a list of sentences to those who don't see it. */
import { css, html, nothing } from "lit";
import { day as dayName } from "../lib/format.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** A day; `to`: where what it counts is listed. @typedef {{day: string, text: string, parts: {name: string, value: number}[], to?: string}} Day */

const FEW = 10; // columns that are each named

/** How many parts have a colour of their own; all others share the last one. */
export const COLOURS = 6;

export const colours = css`
	.c0 {
		background: light-dark(#3f6fd1, #6f9bf5);
	}
	.c1 {
		background: light-dark(#8a9a2b, #b3c254);
	}
	.c2 {
		background: light-dark(#b0568f, #dd87bd);
	}
	.c3 {
		background: light-dark(#2f9585, #56c2b1);
	}
	.c4 {
		background: light-dark(#a8632f, #d79868);
	}
	.c5 {
		background: light-dark(#6a6fae, #9da2e0);
	}
	.c6 {
		background: var(--other);
	}
`;

export class DayColumns extends BaseComponent {
	static properties = { days: { attribute: false }, names: { attribute: false }, label: {}, top: {} };
	static styles = [
		shared,
		colours,
		css`
			:host {
				container-type: inline-size;
			}
			ol {
				display: flex;
				align-items: stretch;
				gap: 2px;
				height: 7rem;
				padding-top: 1.1rem;
				border-bottom: 1px solid var(--line-strong);
				position: relative;
			}
			.few {
				gap: clamp(0.25rem, 2cqi, 1.5rem);
			}
			.top {
				position: absolute;
				inset: 0 0 auto;
				height: 1.1rem;
				font-size: 0.6875rem;
				line-height: 1.05rem;
				color: var(--ink-3);
				border-bottom: 1px dashed var(--line-strong);
			}
			li {
				flex: 1 1 0;
				min-width: 0;
				display: flex;
				flex-direction: column-reverse;
				position: relative;
			}
			li:hover {
				background: var(--hover);
			}
			li > a {
				position: absolute;
				inset: 0;
			}
			li > i {
				display: block;
				min-height: 1px;
			}
			li > i + i {
				border-bottom: 1px solid var(--surface);
			}
			li > i:last-of-type {
				border-radius: 2px 2px 0 0;
			}
			.axis {
				display: flex;
				justify-content: space-between;
				gap: 2px;
			}
			.axis.few {
				gap: clamp(0.25rem, 2cqi, 1.5rem);
			}
			.axis.few span {
				flex: 1 1 0;
				text-align: center;
				overflow: hidden;
				text-overflow: clip;
				white-space: nowrap;
			}
			.axis {
				font-size: 0.6875rem;
				color: var(--ink-3);
				margin-top: 0.25rem;
			}
		`,
	];

	constructor() {
		super();
		/** @type {Day[]} */
		this.days = [];
		/** Parts in the order of their colours. @type {string[]} */
		this.names = [];
		this.label = "";
		/** The highest column's value in words. */
		this.top = "";
	}

	render() {
		const sums = this.days.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
		const most = Math.max(...sums);
		const isFew = this.days.length <= FEW;
		const named = isFew ? this.days : [this.days[0], this.days.at(-1)];
		return html`
			<ol class=${isFew ? "few" : ""} aria-label=${this.label}>
				${most > 0 ? html`<span class="top" aria-hidden="true">${this.top}</span>` : nothing}
				${this.days.map(
					({ day, text, parts, to }) =>
						html`<li title=${`${dayName(day)}: ${text}`}>
							${to ? html`<a href=${to} aria-label=${`${dayName(day)}: ${text}`}></a>` : html`<span class="hide">${dayName(day)}: ${text}</span>`}${this.names.map(
								(name, at) => {
									const value = parts.find((part) => part.name === name)?.value ?? 0;
									return value > 0
										? html`<i class="c${Math.min(at, COLOURS)}" .style=${`height:${(value / most) * 100}%`}></i>`
										: nothing;
								},
							)}
						</li>`,
				)}
			</ol>
			<div class="axis ${isFew ? "few" : ""}" aria-hidden="true">
				${named.map((one) => html`<span>${one && dayName(one.day)}</span>`)}
			</div>
		`;
	}
}
customElements.define("day-columns", DayColumns);
