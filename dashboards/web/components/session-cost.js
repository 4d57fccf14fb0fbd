/** What a session cost: what it was for, and why the prompt cache was missed. Nothing where there is nothing to tell. */
import { css, html, nothing } from "lit";
import { ask } from "../lib/api.js";
import { href } from "../lib/router.js";
import { FetchedPage } from "./fetched-page.js";
import { shared } from "./shared-styles.js";
import "./cost-accounts.js";

/** @import { SessionCost as Answer } from "../lib/types.js" */

const FRESH = 10_000; // ms between fetches while things happen
const LEAST = 0.00005; // dollars

/** @extends {FetchedPage<Answer>} */
export class SessionCost extends FetchedPage {
	static properties = { session: {} };
	static styles = [
		shared,
		css`
			.card {
				margin-top: 1.25rem;
			}
			h2 {
				padding: 0.75rem 1rem 0.25rem;
			}
			.commits {
				margin-top: 0.75rem;
				font-size: 0.8125rem;
			}
		`,
	];

	constructor() {
		super();
		/** The session's id. */
		this.session = "";
	}

	connected() {
		this.follow(FRESH);
	}

	/** @param {Map<string, unknown>} changed */
	updated(changed) {
		if (changed.has("session") && changed.get("session")) {
			this.answer = null;
			this.fetch();
		}
	}

	wanted() {
		return this.session;
	}

	/** @param {AbortSignal} signal @returns {Promise<Answer>} */
	load(signal) {
		return ask(`/sessions/${encodeURIComponent(this.session)}/cost`, {}, { signal });
	}

	render() {
		const { answer } = this;
		if (!answer) return nothing;
		const commits = answer.total
			? html`<p class="commits">
					<a href=${href("receipts", { query: { session: this.session } })}>Commits that it worked for</a>
				</p>`
			: nothing;
		if (!answer.sources.length && !answer.misses.length && Math.abs(answer.unseen) < LEAST) return commits;
		return html`<section class="card" aria-labelledby="cost">
				<h2 id="cost">What it was for</h2>
				<cost-accounts
					.sources=${answer.sources}
					.misses=${answer.misses}
					.within=${{ session: this.session }}
					.total=${answer.total}
					.unseen=${answer.unseen}
				></cost-accounts>
			</section>
			${commits}`;
	}
}

customElements.define("session-cost", SessionCost);
