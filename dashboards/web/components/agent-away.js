/** Instead of a page that has nothing to show: no agent answers, or nobody is signed in. */
import { css, html, nothing } from "lit";
import { elapsed } from "../lib/format.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import "./copy-button.js";
import { shared } from "./shared-styles.js";

export class AgentAway extends BaseComponent {
	static styles = [
		shared,
		css`
			.card {
				max-width: 34rem;
				margin: clamp(1rem, 12vh, 8rem) auto 0;
				padding: 1.75rem 2rem;
				border-top: 3px solid var(--error);
			}
			p {
				margin-top: 0.6rem;
				color: var(--ink-2);
			}
			.row {
				margin-top: 1.25rem;
			}
			code {
				flex: 1;
				padding: 0.45rem 0.75rem;
				background: var(--sunken);
				border: 1px solid var(--line);
				border-radius: 0.4rem;
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.tick(1000);
	}

	render() {
		if (!store.error) return nothing;
		const isSignedOut = store.error.status === 401;
		const command = isSignedOut ? "hookspan open" : "hookspan up";
		return html`<div class="card">
			<h1>${isSignedOut ? "This browser is signed out" : store.error.message}</h1>
			<p>
				${isSignedOut ? "A new login is made in a terminal:" : "Hooks go on recording meanwhile; nothing is lost. In a terminal:"}
			</p>
			<div class="row">
				<code>${command}</code><copy-button .text=${command} what=${`the command ${command}`}></copy-button>
			</div>
			${isSignedOut ? nothing : html`<p class="quiet">This page tries again by itself${store.lostAt === null ? "" : `, for ${elapsed(performance.now() - store.lostAt)} now`}.</p>`}
		</div>`;
	}
}
customElements.define("agent-away", AgentAway);
