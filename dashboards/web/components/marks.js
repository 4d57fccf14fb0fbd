/** Small signs beside words and figures: what a session does, and how much of something there is. */
import { css, html } from "lit";
import { stateOf } from "../lib/session-words.js";

/** @import { Session } from "../lib/types.js" */

export const stateMarkStyle = css`
	.state {
		flex: none;
		width: var(--size, 0.5rem);
		height: var(--size, 0.5rem);
		border-radius: 50%;
		background: var(--ink-3);
	}
	.state.diamond {
		background: var(--wait);
		border-radius: 1px;
		transform: rotate(45deg);
	}
	.state.pulse {
		--breath: 0.35;
		background: var(--tool);
		animation: breathe 2.4s ease-in-out infinite;
	}
	.state.ring {
		background: none;
		border: 2px solid var(--ok);
	}
	.state.circle {
		background: none;
		border: 1.5px solid var(--ink-3);
	}
`;

/** @param {string} state */
export const stateMark = (state) => html`<i class="state ${stateOf(state).mark}" aria-hidden="true"></i>`;

const HIGH = 0.75; // of the context window: soon to be compacted
const FULL = 0.9;

export const meterStyle = css`
	.meter {
		display: block;
		height: 0.3125rem;
		border-radius: 0.2rem;
		background: var(--sunken);
		overflow: hidden;
	}
	.meter > i {
		display: block;
		height: 100%;
		border-radius: inherit;
		background: var(--ink-3);
	}
	.meter.filled {
		margin-top: 0.3rem;
		background: light-dark(#e6e5e0, #2a2d33);
	}
	.meter.high > i {
		background: var(--wait);
	}
	.meter.full > i {
		background: var(--error);
	}
`;

/** @param {number} share of 1; what is over it fills the bar @param {string} [look] classes */
export const meter = (share, look = "") =>
	html`<span class="meter ${look}" aria-hidden="true"><i .style=${`width:${Math.min(100, share * 100)}%`}></i></span>`;

/** @param {Session["context"]} context */
export const contextMeter = ({ share }) =>
	meter(share, `filled ${share >= FULL ? "full" : share >= HIGH ? "high" : ""}`);
