/** What Claude Code itself says of a session: what its hooks cost, by name. Nothing where it is not received. */
import { css, html, nothing } from "lit";
import { count, duration } from "../lib/format.js";
import { askTold, tells } from "../lib/told.js";
import { FetchedPage } from "./fetched-page.js";
import { shared } from "./shared-styles.js";

/** @import { Told as Answer, HookSource } from "../lib/types.js" */

const FRESH = 10_000; // ms between fetches while things happen

/** @extends {FetchedPage<Answer>} */
export class SessionTold extends FetchedPage {
	static properties = { session: {} };
	static styles = [
		shared,
		css`
			.card {
				margin-top: 1.25rem;
				padding-bottom: 0.5rem;
			}
			h2 {
				padding: 0.75rem 1rem 0.25rem;
			}
			p {
				padding: 0.25rem 1rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			.scroll {
				overflow-x: auto;
				padding: 0 1rem;
			}
			td,
			th {
				padding-right: 1rem;
			}
			th[scope="row"] {
				overflow-wrap: anywhere;
			}
			tbody tr:last-child > * {
				border-bottom: 0;
			}
			summary {
				cursor: pointer;
				min-height: 1.5rem;
				padding: 0.25rem 1rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
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

	/** An element that was there before its code has no id at first. @override */
	async fetch() {
		if (this.session && tells(this.session)) await super.fetch();
	}

	/** @param {Map<string, unknown>} changed */
	updated(changed) {
		if (changed.has("session")) {
			this.answer = null;
			this.fetch();
		}
	}

	wanted() {
		return this.session;
	}

	/** @param {AbortSignal} signal @returns {Promise<Answer>} */
	load(signal) {
		return askTold(this.session, signal);
	}

	render() {
		const { answer } = this;
		if (!answer?.hooks.length) return nothing;
		return html`<section class="card" aria-labelledby="told">
			<h2 id="told">What hooks cost, as Claude Code measured</h2>
			<div class="scroll" tabindex="0" role="region" aria-label="Times of hooks">
				<table>
					<thead>
						<tr>
							<th scope="col">Hooks of</th>
							<th scope="col" class="num">Runs</th>
							<th scope="col" class="num">Side by side</th>
							<th scope="col" class="num">Failed</th>
							<th scope="col" class="num">Mean</th>
							<th scope="col" class="num">Longest</th>
							<th scope="col" class="num">All</th>
						</tr>
					</thead>
					<tbody>
						${answer.hooks.map(
							(hook) =>
								html`<tr>
									<th scope="row">${hook.name}</th>
									<td class="num">${count(hook.runs)}</td>
									<td class="num">${count(hook.hooks)}</td>
									<td class="num">${hook.failed ? html`<span class="bad">${count(hook.failed)}</span>` : "0"}</td>
									<td class="num">${duration(hook.time / hook.runs)}</td>
									<td class="num">${duration(hook.longest)}</td>
									<td class="num">${duration(hook.time)}</td>
								</tr>`,
						)}
					</tbody>
				</table>
			</div>
			<p>
				All hooks of an event run side by side, hookspan's among them: a time is from the first one's start to the last
				one's end.
			</p>
			${this.#sources(answer.sources)}
		</section>`;
	}

	/** Where the hooks come from, by event. @param {HookSource[]} sources */
	#sources(sources) {
		if (!sources.length) return nothing;
		/** @type {Map<string, Map<string, number>>} */
		const from = new Map();
		for (const { event, source, plugin, count: number } of sources) {
			const events = from.get(plugin ? `plugin ${plugin}` : source) ?? new Map();
			from.set(plugin ? `plugin ${plugin}` : source, events.set(event, (events.get(event) ?? 0) + number));
		}
		return html`<details>
			<summary>Where they come from</summary>
			${[...from].map(
				([source, events]) =>
					html`<p>
						<strong>${source}</strong>:
						${[...events].map(([event, number]) => (number > 1 ? `${event} (${number})` : event)).join(", ")}
					</p>`,
			)}
		</details>`;
	}
}

customElements.define("session-told", SessionTold);
