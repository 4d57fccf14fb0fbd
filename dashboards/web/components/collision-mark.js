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
				overflow-wrap: anywhere;
				margin-top: 0.2rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			p.serious {
				color: var(--error-ink);
				font-weight: 500;
			}
			svg {
				margin-right: 0.2rem;
				vertical-align: -0.1em;
				fill: none;
				stroke: currentColor;
				stroke-width: 1.5;
			}
			a {
				position: relative; /* above the link that covers a row */
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
					? html`${who} writes in this work tree, too`
					: kind === "tree"
						? html`git rewrites the work tree that it shares with ${who}`
						: html`writes ${kind === "file" ? "other lines" : "the same lines"} of
							${file ? html`<code>${file}</code>` : "a file"} as ${who}`
			}
		</p>`;
	}

	/** @param {Session} session @param {Collision} collision */
	#who({ id }, collision) {
		if (collision.session === id) return "another of its agents";
		const other = store.sessions.get(collision.session);
		return html`<a class="link" href=${href("session", { id: collision.session })}
			>${other?.title || `session ${short(collision.session)}`}</a
		>`;
	}
}
customElements.define("collision-mark", CollisionMark);
