/** Another writes the same as a session at the same time: what, and a link to it. Gone once that is half an hour ago. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { short } from "../lib/format.js";
import { href } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @import { Collision, Session } from "../lib/types.js" */

export class CollisionMark extends BaseComponent {
	static properties = { session: { attribute: false } };
	static styles = [
		shared,
		css`
			p {
				display: flex;
				flex-wrap: wrap;
				align-items: baseline;
				gap: 0 0.3rem;
				margin-top: 0.2rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			p.serious {
				color: var(--error-ink);
				font-weight: 500;
			}
			svg {
				align-self: center;
				flex: none;
				fill: none;
				stroke: currentColor;
				stroke-width: 1.5;
			}
			code,
			a {
				max-width: 100%;
			}
			a {
				position: relative; /* above the link that covers a row */
				min-height: 1.5rem;
				line-height: 1.5rem;
			}
		`,
	];

	constructor() {
		super();
		/** @type {Session | null} */
		this.session = null;
	}

	connected() {
		this.tick(10_000);
		this.updateOn(store, "change");
	}

	render() {
		const { session } = this;
		const collision = session?.collision;
		if (!session || !collision || session.state === "ended" || clock.now() > collision.until) return nothing;
		const { kind, file } = collision;
		const who = this.#who(session, collision);
		return html`<p class=${kind === "lines" || kind === "tree" ? "serious" : ""}>
			<svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true"><path d="M1 1l10 10M11 1 1 11" /></svg>
			${
				kind === "beside"
					? html`${who} <span>writes in this work tree, too</span>`
					: kind === "tree"
						? html`<span>git rewrites the work tree that it shares with</span> ${who}`
						: html`<span>writes ${kind === "file" ? "other lines" : "the same lines"} of</span>
								${file ? html`<code class="cut">${file}</code>` : html`<span>a file</span>`} <span>as</span> ${who}`
			}
		</p>`;
	}

	/** @param {Session} session @param {Collision} collision */
	#who({ id }, collision) {
		if (collision.session === id) return html`<span>another of its agents</span>`;
		const other = store.sessions.get(collision.session);
		return html`<a class="link cut" href=${href("session", { id: collision.session })}
			>${other?.title || `session ${short(collision.session)}`}</a
		>`;
	}
}
customElements.define("collision-mark", CollisionMark);
