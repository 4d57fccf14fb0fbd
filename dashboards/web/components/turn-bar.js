/** One turn as a bar: to the left of the axis how long it waited for your prompt, to the right what it did. */
import { css, html, nothing } from "lit";
import { count, duration, elapsed, money, plural, tokens } from "../lib/format.js";
import { time } from "../lib/times.js";
import { currentSplit, outcome, outcomeTone, promptWord, timeKind, timeKinds } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @import { TimeKind, Turn } from "../lib/types.js" */

const LEFT = 16; // % of the bar's width in front of the axis

export class TurnBar extends BaseComponent {
	static properties = {
		turn: { attribute: false },
		scale: { type: Number },
		now: { type: Number },
		doing: {},
		dearest: { type: Number },
		selected: { type: Boolean, reflect: true },
		to: {},
	};
	static styles = [
		shared,
		css`
			:host {
				container-type: inline-size;
				content-visibility: auto;
				contain-intrinsic-size: auto 2.125rem;
			}
			a {
				display: grid;
				grid-template-columns: 1.75rem minmax(8rem, 1fr) minmax(12rem, 2.4fr) 5.5rem 6.5rem 4.25rem;
				gap: 0 0.875rem;
				align-items: center;
				min-height: 2.125rem;
				padding: 0.2rem 1rem 0.2rem 0.5rem;
				font-size: 0.8125rem;
			}
			a:hover {
				background: var(--hover);
			}
			a:focus-visible {
				outline-offset: -2px;
			}
			:host([selected]) a {
				background: var(--accent-soft);
				box-shadow: inset 3px 0 var(--accent);
			}
			.n {
				color: var(--ink-3);
				text-align: right;
				font-size: 0.75rem;
			}
			:host([selected]) .label {
				font-weight: 560;
			}
			.bar {
				position: relative;
				height: 0.875rem;
			}
			.bar i {
				position: absolute;
				top: 0;
				bottom: 0;
				min-width: 2px;
			}
			.bar .axis {
				left: ${LEFT}%;
				top: -0.3rem;
				bottom: -0.3rem;
				width: 1px;
				min-width: 1px;
				background: var(--line-strong);
			}
			.bar .before {
				top: 0.3125rem;
				bottom: 0.3125rem;
				border-radius: 0.2rem 0 0 0.2rem;
			}
			.bar .before.much {
				mask-image: linear-gradient(90deg, transparent, #000 60%);
			}
			.bar .k-subagent {
				top: auto;
				bottom: -0.25rem;
				height: 2px;
			}
			.bar .last {
				border-radius: 0 0.2rem 0.2rem 0;
			}
			.took {
				text-align: right;
				font-weight: 560;
				white-space: nowrap;
			}
			.cost {
				text-align: right;
				color: var(--ink-2);
			}
			.calls {
				color: var(--ink-3);
				font-size: 0.75rem;
				white-space: nowrap;
			}
			@container (width < 52rem) {
				a {
					grid-template-columns: 1.5rem minmax(0, 1fr) 5.25rem 4rem;
					padding-block: 0.4rem;
				}
				.bar {
					grid-column: 2 / -1;
					grid-row: 2;
					margin-top: 0.35rem;
					height: 0.625rem;
				}
				.bar .before {
					top: 0.2rem;
					bottom: 0.2rem;
				}
				.calls {
					display: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Turn | null} */
		this.turn = null;
		/** ms that the whole width right of the axis stands for. */
		this.scale = 1;
		this.now = 0;
		/** What an open turn spends its time on now. @type {TimeKind} */
		this.doing = "model";
		/** The cost of the dearest turn: all of them have its decimals. */
		this.dearest = 0;
		this.selected = false;
		this.to = "";
	}

	render() {
		const turn = this.turn;
		if (!turn) return nothing;
		const took = (turn.end ?? Math.max(this.now, turn.start)) - turn.start;
		const split = currentSplit(turn, took, this.doing);
		const room = (100 - LEFT) / this.scale;
		const kinds = timeKinds(split).filter((kind) => split[kind] > 0);
		const words = kinds.map((kind) => `${timeKind(kind).word.toLowerCase()} ${duration(split[kind])}`);
		let at = LEFT;
		const parts = kinds
			.filter((kind) => kind !== "user")
			.map((kind) => {
				const left = at;
				at += split[kind] * room;
				return { kind, left, width: split[kind] * room };
			});
		if (turn.delegated) words.push(`of it in subagents ${duration(turn.delegated)}`);
		const before = Math.min(LEFT, split.user * room);
		const ended = outcome(turn);
		return html`<a
			href=${this.to}
			aria-current=${this.selected ? "true" : nothing}
			title=${`${time(turn.start)}\n${words.join("\n")}`}
		>
			<span class="n">${turn.number}</span>
			<span class="label cut"
				>${turn.label || html`<span class="quiet">${promptWord(turn.prompt_kind) || `turn at ${time(turn.start)}`}</span>`}</span
			>
			<span class="bar" aria-hidden="true">
				${
					before > 0.05
						? html`<i
								class="before kind k-user ${split.user * room > LEFT ? "much" : ""}"
								.style=${`left:${LEFT - before}%;width:${before}%`}
							></i>`
						: nothing
				}
				<i class="axis"></i>
				${
					turn.delegated
						? html`<i class="kind k-subagent" .style=${`left:${LEFT}%;width:${turn.delegated * room}%`}></i>`
						: nothing
				}
				${parts.map(({ kind, left, width }, index) => this.#part(kind, left, width, index === parts.length - 1))}
			</span>
			<span class="took">${turn.open ? elapsed(took) : duration(took)}</span>
			<span class="calls cut"
				>${ended ? html`<span class=${outcomeTone(turn)}>${ended}</span>` : this.#calls(turn)}</span
			>
			<span class="cost" title=${`${tokens(turn.input_tokens)} tokens in, ${tokens(turn.output_tokens)} out`}
				>${turn.model_calls ? money(turn.cost, this.dearest) : html`<span class="quiet">–</span>`}</span
			>
			<span class="hide">${words.join(", ")}</span>
		</a>`;
	}

	/** @param {TimeKind} kind @param {number} left % @param {number} width % @param {boolean} isLast */
	#part(kind, left, width, isLast) {
		const { colour, striped } = timeKind(kind);
		const end = isLast ? `last ${this.turn?.open ? "breathes" : ""}` : "";
		return html`<i
			class="kind k-${colour} ${striped ? "striped" : ""} ${end}"
			.style=${`left:${left}%;width:${width}%`}
		></i>`;
	}

	/** @param {Turn} turn */
	#calls({ tools, tools_failed }) {
		const failed = tools_failed ? html`, <span class="bad">${count(tools_failed)} failed</span>` : nothing;
		return html`${plural(tools, "tool")}${failed}`;
	}
}

customElements.define("turn-bar", TurnBar);
