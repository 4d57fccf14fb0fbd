/** Where time went, as one bar and as a legend with numbers: the bar alone says nothing to those who don't see it. */
import { css, html, nothing } from "lit";
import { duration, percent } from "../lib/format.js";
import { sumOf, timeKind, timeKinds } from "../lib/words.js";

/** @import { Split, TimeKind } from "../lib/types.js" */

export const splitStyle = css`
	.split {
		display: flex;
		gap: 2px;
		height: 0.625rem;
		border-radius: 0.25rem;
		overflow: hidden;
		background: var(--sunken);
	}
	.split > i {
		min-width: 2px;
	}
	.legend {
		display: flex;
		flex-wrap: wrap;
		gap: 0.375rem 1.5rem;
		margin-top: 0.6rem;
		font-size: 0.8125rem;
	}
	.legend > div {
		display: flex;
		align-items: baseline;
		gap: 0.4rem;
	}
	.legend i {
		width: 0.625rem;
		height: 0.625rem;
		border-radius: 2px;
		align-self: center;
	}
	.legend .line {
		height: 3px;
	}
	.legend .none dd {
		font-weight: 400;
		color: var(--ink-3);
	}
	.legend dt {
		color: var(--ink-2);
	}
	.legend dd {
		font-weight: 560;
	}
	.legend small {
		color: var(--ink-3);
		font-weight: 400;
		font-size: 0.75rem;
	}
`;

/**
 * @param {Split} split
 * @param {{delegated?: number, kinds?: readonly TimeKind[]}} [options] `delegated`: ms of it left to subagents
 */
export function splitBar(split, { delegated = 0, kinds = timeKinds(split) } = {}) {
	const whole = sumOf(split, kinds);
	return html`
		<div class="split" aria-hidden="true">
			${kinds.filter((kind) => split[kind] > 0).map((kind) => part(kind, split[kind] / whole))}
		</div>
		<dl class="legend">
			${kinds.map((kind) => entry(kind, split[kind], whole))}
			${
				delegated
					? html`<div title="The numbers before include the calls, tools and waits of subagents">
							<i class="kind k-subagent line" aria-hidden="true"></i>
							<dt>of it in subagents</dt>
							<dd>${duration(delegated)}</dd>
						</div>`
					: nothing
			}
		</dl>
	`;
}

/** @param {TimeKind} kind @param {number} share */
function part(kind, share) {
	const { colour, striped } = timeKind(kind);
	return html`<i class="kind k-${colour} ${striped ? "striped" : ""}" .style=${`flex:${share} 0 0`}></i>`;
}

/** @param {TimeKind} kind @param {number} ms @param {number} whole ms of all kinds */
function entry(kind, ms, whole) {
	const { word, hint, colour } = timeKind(kind);
	return html`<div class=${ms ? "" : "none"} title=${hint}>
		<i class="kind k-${colour}" aria-hidden="true"></i>
		<dt>${word}</dt>
		<dd>${ms ? html`${duration(ms)} <small>${percent(ms / whole)}</small>` : "0"}</dd>
	</div>`;
}
