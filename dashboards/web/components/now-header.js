/** The top of the first page: who needs you. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { elapsed, plural } from "../lib/format.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

export class NowHeader extends BaseComponent {
	static styles = [
		shared,
		css`
			header {
				display: flex;
				flex-wrap: wrap;
				align-items: baseline;
				gap: 0.25rem 0.875rem;
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.tick(1000);
	}

	#headline() {
		const { waiting, waiting_or_running: maybe, working, idle } = store.states;
		if (waiting) return waiting === 1 ? "1 session waits for you" : `${waiting} sessions wait for you`;
		if (maybe) return maybe === 1 ? "1 session may wait for you" : `${maybe} sessions may wait for you`;
		if (working) return working === 1 ? "1 session is working" : `${working} sessions are working`;
		if (idle) return "Nobody needs you";
		return "No session is open";
	}

	#beside() {
		const { waiting, waiting_or_running: maybe, working, idle } = store.states;
		const oldest = store.oldestWait;
		const parts = [];
		if (waiting && oldest) parts.push(html`<span class="wait">longest ${elapsed(clock.now() - oldest)}</span>`);
		if (maybe && waiting) parts.push(html`${maybe} may wait`);
		if (working && (waiting || maybe)) parts.push(html`${working} working`);
		if (idle) parts.push(html`${idle} idle, your turn`);
		return parts.map((part, at) => html`${at ? " · " : nothing}${part}`);
	}

	render() {
		return html`
			<header>
				<h1>${this.#headline()}</h1>
				<p class="second">${this.#beside()}</p>
			</header>
			<p class="hide" role="status">
				${store.waiting ? `${plural(store.waiting, "session waits", "sessions wait")} for you` : ""}
			</p>
		`;
	}
}
customElements.define("now-header", NowHeader);
