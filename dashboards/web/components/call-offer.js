/** Asks once whether you want to be called when a session waits. */
import { css, html, nothing } from "lit";
import { calls } from "../lib/calls.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

export class CallOffer extends BaseComponent {
	static styles = [
		shared,
		css`
			.card {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.5rem 1rem;
				margin-top: 0.75rem;
				padding: 0.6rem 1rem;
			}
			p {
				flex: 1 1 16rem;
			}
			div {
				display: flex;
				gap: 0.5rem;
			}
		`,
	];

	connected() {
		this.updateOn(calls, "change");
	}

	render() {
		if (!calls.isOffered) return nothing;
		return html`<section class="card" aria-label="Calls">
			<p>
				Shall this page call you when a session waits for you? A notification and a quiet sound, also while the tab is
				hidden. Nothing leaves this machine.
			</p>
			<div>
				<button class="btn" @click=${() => calls.turn(true)}>Call me</button
				><button class="btn" @click=${() => calls.turn(false)}>No</button>
			</div>
		</section>`;
	}
}
customElements.define("call-offer", CallOffer);
