/** All that holds agents and people up, largest first: its price and time, what to do about it, and what is behind it. */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ask } from "../lib/api.js";
import { count, duration, money, short, tokens } from "../lib/format.js";
import { href, router } from "../lib/router.js";
import { BaseComponent } from "./base-component.js";
import { withCode } from "./agent-text.js";
import { counted, spansHref } from "./counted.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";

/** @import { Waste, WastedSession } from "../lib/types.js" */

const ROWS = 8; // before the rest is asked for

/** @type {Record<string, (a: Waste, b: Waste) => number>} */
const ORDERS = {
	cost: (a, b) => (b.cost ?? 0) - (a.cost ?? 0) || b.time - a.time,
	time: (a, b) => b.time - a.time || (b.cost ?? 0) - (a.cost ?? 0),
};

/** What of it has no price. @param {Waste} one */
const unpriced = (one) => (one.price && one.priced < one.count ? one.count - one.priced : 0);

/** @param {Waste} one */
const key = (one) => `${one.kind}:${one.what}`;

export class WasteList extends BaseComponent {
	static properties = { rows: {}, since: {}, whole: { state: true }, behind: { state: true } };
	static styles = [
		shared,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			header {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.5rem 1rem;
				padding: 0.75rem 1rem 0.6rem;
			}
			h2 {
				flex: 1 1 auto;
			}
			header p {
				flex: 1 0 100%;
				order: 3;
				margin-top: -0.35rem;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.rows > li {
				display: grid;
				grid-template: "title figures" auto "told told" auto / minmax(0, 1fr) auto;
				gap: 0.2rem 1rem;
				padding: 0.7rem 1rem;
				border-top: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			h3 {
				font-size: 0.875rem;
				font-weight: 560;
				overflow-wrap: anywhere;
			}
			.figures {
				display: flex;
				gap: 0 1rem;
				text-align: right;
				color: var(--ink-2);
				font-variant-numeric: tabular-nums;
			}
			.figures > div {
				min-width: 3.75rem;
			}
			.figures strong {
				font-size: 0.875rem;
				font-weight: 560;
				color: var(--ink);
			}
			.told {
				grid-area: told;
				display: grid;
				gap: 0.35rem;
				color: var(--ink-2);
			}
			.copied {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.35rem 0.75rem;
			}
			.copied code {
				white-space: pre-wrap;
				overflow-wrap: anywhere;
				color: var(--ink);
			}
			details > * + * {
				margin-top: 0.35rem;
			}
			details a {
				overflow-wrap: anywhere;
			}
			summary {
				width: fit-content;
				cursor: pointer;
				color: var(--ink-3);
			}
			.more {
				padding: 0.5rem 1rem;
				border-top: 1px solid var(--line);
			}
			@container (width < 34rem) {
				header,
				.rows > li {
					padding-inline: 0.75rem;
				}
				.rows > li {
					grid-template: "title" auto "figures" auto "told" auto / minmax(0, 1fr);
				}
				.figures {
					text-align: left;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Waste[]} */
		this.rows = [];
		/** The moment from which on they count. */
		this.since = 0;
		this.whole = false;
		/** The sessions that have most of what was opened, as far as they are known. @type {ReadonlyMap<string, WastedSession[]>} */
		this.behind = new Map();
	}

	get query() {
		const { days = "7", project = "", agent = "" } = router.route.query;
		return { days, project, agent };
	}

	connected() {
		const asked = () => JSON.stringify(this.query);
		let before = asked();
		this.listen(router, "route", (event) => {
			if (event.detail.samePage && asked() !== before) {
				this.behind = new Map();
				for (const one of this.renderRoot.querySelectorAll("details[open]")) one.dispatchEvent(new Event("toggle"));
			}
			before = asked();
		});
	}

	render() {
		const { order = "cost" } = router.route.query;
		const rows = this.rows.toSorted(ORDERS[order]);
		const dearest = Math.max(0, ...rows.map((row) => row.cost ?? 0));
		const shown = this.whole ? rows : rows.slice(0, ROWS);
		return html`<section class="card" aria-labelledby="h-waste">
			<header>
				<h2 id="h-waste">What holds agents and people up</h2>
				<div class="segments" role="group" aria-label="Largest">
					${Object.keys(ORDERS).map((name) => html`<button aria-pressed=${order === name} @click=${() => router.set({ order: name })}>By ${name}</button>`)}
				</div>
				<p>
					Prices are list prices of what was for nothing. No token is counted twice, so their sum is a part of the cost
					below. Approvals, hooks and failed attempts take time alone.
				</p>
			</header>
			${
				rows.length
					? html`<ol class="rows">
							${repeat(shown, key, (row) => this.#row(row, dearest))}
						</ol>`
					: html`<p class="empty">Nothing did.</p>`
			}
			${
				shown.length < rows.length
					? html`<div class="more">
							<button class="btn" @click=${() => (this.whole = true)}>Show all ${rows.length}</button>
						</div>`
					: nothing
			}
		</section>`;
	}

	/** @param {Waste} row @param {number} dearest */
	#row(row, dearest) {
		return html`<li>
			<h3>${row.title}</h3>
			<div class="figures">
				<div>
					${row.cost === null ? (row.price ? "no price" : "") : html`<strong>${money(row.cost, dearest)}</strong>`}
				</div>
				<div>${row.time ? html`<span class="wait">${duration(row.time)}</span>` : ""}</div>
				<div>
					${row.searched ? counted(row.count, this.#those(row), html`${count(row.count)}×`) : html`${count(row.count)}×`}
				</div>
			</div>
			<div class="told">
				<p>${withCode(row.todo)}</p>
				${
					row.copy
						? html`<div class="copied">
								<span class="quiet">${row.into}</span><code>${row.copy}</code
								><copy-button .text=${row.copy} what=${`for ${row.title}`}></copy-button>
							</div>`
						: nothing
				}
				<details @toggle=${(/** @type {any} */ event) => event.target.open && this.#look(row)}>
					<summary>Behind it</summary>
					${this.#behind(row, dearest)}
					${
						row.price
							? html`<p>
									${row.price} ${row.tokens ? `Here ${tokens(row.tokens)} tokens.` : nothing}
									${unpriced(row) ? html`<span class="wait">Of ${count(unpriced(row))} no price is known.</span>` : nothing}
								</p>`
							: nothing
					}
				</details>
			</div>
		</li>`;
	}

	/** @param {Waste} row */
	async #look(row) {
		const { query } = this;
		try {
			const { items } = await ask("/friction/sessions", { ...query, kind: row.kind, what: row.what });
			const isMeant = JSON.stringify(query) === JSON.stringify(this.query);
			if (isMeant) this.behind = new Map([...this.behind, [key(row), items]]);
		} catch {
			// The page says elsewhere that the agent does not answer; opening it again asks again.
		}
	}

	/** The spans that were counted, and the sessions that have most of it. @param {Waste} row @param {number} dearest */
	#behind(row, dearest) {
		const most = (this.behind.get(key(row)) ?? []).map((one) => {
			const figure = one.cost ? money(one.cost, dearest) : one.time ? duration(one.time) : `${count(one.count)}×`;
			return html`<li>
				<a class="link" href=${href("session", { id: one.id })}>${one.title || short(one.id)}</a>
				<span class="quiet">${one.project}</span> ${figure}
			</li>`;
		});
		return html`${
			most.length
				? html`<ol>
						${most}
					</ol>`
				: nothing
		}
		${row.searched ? html`<a class="link" href=${spansHref(this.#those(row))}>All of it, one by one</a>` : nothing}`;
	}

	/** What its spans are, as the search page has it. @param {Waste} row @returns {Record<string, string>} */
	#those(row) {
		const { project = "", agent = "" } = router.route.query;
		return { waste: key(row), project, agent, from: String(Math.floor(this.since)) };
	}
}

customElements.define("waste-list", WasteList);
