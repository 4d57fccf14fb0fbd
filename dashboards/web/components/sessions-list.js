/** All sessions in groups: those that are pinned, who needs you first, and those that have ended by day. */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as clock from "../lib/clock.js";
import { hiddenColumns } from "../lib/columns.js";
import { byDay, dayName } from "../lib/days.js";
import { count, money, plural } from "../lib/format.js";
import { LIST, action } from "../lib/keys.js";
import { isPinned, turnPin } from "../lib/pins.js";
import { PARAMETERS, href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { SORTS, stateOf, statesOf } from "../lib/session-words.js";
import { BaseComponent } from "./base-component.js";
import { sessionRow, sessionRowStyle } from "./session-row.js";
import "./sessions-filter.js";
import { shared } from "./shared-styles.js";

/** @import { Session } from "../lib/types.js" */
/** @import { DayGroup } from "../lib/days.js" */

export class SessionsList extends BaseComponent {
	static styles = [
		shared,
		sessionRowStyle,
		css`
			:host {
				container-type: inline-size;
			}
			section {
				margin-top: 1rem;
			}
			.head {
				padding: 0 0.25rem 0.4rem;
				font-size: 0.8125rem;
			}
			.head label {
				min-width: 0;
			}
			.head select {
				max-width: 100%;
			}
			h2,
			h3 {
				font-size: 0.8125rem;
				color: var(--ink-2);
				white-space: nowrap;
			}
			h3 {
				font-weight: 520;
			}
			.n {
				margin-left: 0.25rem;
				color: var(--ink-3);
				font-weight: 400;
			}
			.waiting .card {
				border-color: color-mix(in srgb, var(--wait) 45%, var(--line));
			}
			.day + .day {
				margin-top: 0.875rem;
			}
			.day {
				margin-top: 0;
			}
			.more {
				padding: 0.6rem 0.25rem;
			}
			@container (width < 34rem) {
				section {
					margin-top: 0.625rem;
				}
			}
		`,
	];

	dearest = 0;

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.updateOn(window, "pins");
		this.updateOn(window, "columns");
		this.listen(document, "keydown", (event) => this.#key(event));
		this.tick(1000);
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = action(LIST, event);
		if (!what) return;
		if (what === "find") {
			event.preventDefault();
			this.renderRoot.querySelector(/** @type {"input"} */ ("sessions-filter"))?.focus();
			return;
		}
		const links = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("li .name a")]);
		const active = this.renderRoot instanceof ShadowRoot ? this.renderRoot.activeElement : null;
		const row = active?.closest("li");
		const at = links.findIndex((link) => link.closest("li") === row);
		if (what === "pin") {
			if (row) this.#pin(row.dataset["id"] ?? "", true);
			return;
		}
		const step = { next: 1, former: -1 }[what];
		const field = event.composedPath()[0];
		// Arrows scroll the page unless a row or the search field has the focus.
		if (event.key.length > 1 && at < 0 && !(field instanceof HTMLInputElement && field.type === "search")) return;
		const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
		if (!next) return;
		event.preventDefault();
		next.focus();
		next.closest("li")?.scrollIntoView({ block: "nearest" });
	}

	/** The row goes to another group and takes the focus along. @param {string} id @param {boolean} follow scroll to it */
	async #pin(id, follow) {
		const isButton =
			this.renderRoot instanceof ShadowRoot && this.renderRoot.activeElement instanceof HTMLButtonElement;
		turnPin(id);
		await this.updateComplete;
		const rows = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("li")]);
		const row = rows.find(({ dataset }) => dataset["id"] === id) ?? rows[0]; // an old one may be on no page yet
		row?.querySelector(isButton ? "button" : "a")?.focus({ preventScroll: true });
		if (follow) row?.scrollIntoView({ block: "nearest" });
	}

	get filter() {
		return { ...PARAMETERS.now, ...router.route.query };
	}

	willUpdate() {
		if (router.route.page === "now") store.show(this.filter);
	}

	render() {
		const { list } = store;
		const sessions = list.sessions();
		this.dearest = Math.max(0, ...sessions.map((session) => session.cost));
		const pinned = sessions.filter(({ id }) => isPinned(id));
		const others = sessions.filter(({ id }) => !isPinned(id));
		return html`
			<sessions-filter></sessions-filter>
			<p class="hide" role="status">
				${list.pending || !list.isFiltered ? nothing : `${plural(this.#total(sessions), "session")} found`}
			</p>
			<div aria-busy=${list.pending ? "true" : "false"}>
				${
					sessions.length
						? html`${this.#group("pinned", "Pinned", pinned)}${statesOf(others).map((state) => {
								const those = others.filter((session) => session.state === state);
								return state === "ended" ? this.#ended(those) : this.#group(state, stateOf(state).word, those);
							})}`
						: html`<div class="card empty">
								${list.pending ? "Searching …" : html`${list.error ? `${list.error.message} ${list.error.hint}` : "No session matches."} <a class="link" href="/">Show all</a>`}
							</div>`
				}
			</div>
		`;
	}

	/** How many there are, loaded or not. @param {Session[]} sessions */
	#total(sessions) {
		const ended = sessions.filter((session) => session.state === "ended").length;
		return sessions.length - ended + (ended ? Math.max(ended, store.list.counts.ended) : 0);
	}

	/** @param {string} name @param {string} word @param {Session[]} sessions */
	#group(name, word, sessions) {
		if (!sessions.length) return nothing;
		return html`<section class=${name} aria-labelledby=${`group-${name}`}>
			<div class="head">
				<h2 id=${`group-${name}`}>${word} <span class="n">${count(sessions.length)}</span></h2>
			</div>
			${this.#rows(sessions)}
		</section>`;
	}

	/** By day in the order of time; any other order has no days. @param {Session[]} sessions */
	#ended(sessions) {
		const { list } = store;
		if (!sessions.length && !list.next) return nothing;
		const { sort } = list.filter;
		return html`<section class="ended" aria-labelledby="group-ended">
			<div class="row head">
				<h2 id="group-ended">Ended <span class="n">${count(this.#total(sessions))}</span></h2>
				${list.cost ? html`<span class="n"><span class="hide">List price: </span>${money(list.cost)}</span>` : nothing}
				<label class="push"
					><span class="hide">Order of ended sessions</span>
					<select @change=${(/** @type {any} */ event) => router.set({ sort: event.target.value }, { push: true })}>
						${SORTS.map(([value, label]) => html`<option value=${value} .selected=${value === sort}>${label}</option>`)}
					</select></label
				>
			</div>
			${
				sort === "newest"
					? repeat(
							byDay(sessions, list.days),
							({ date }) => date,
							(day) => this.#day(day),
						)
					: this.#rows(sessions)
			}
			${
				list.next
					? html`<div class="more">
							<button class="btn" @click=${() => list.more()}>
								${sort === "newest" ? "Show older ones" : "Show more"}
							</button>
						</div>`
					: nothing
			}
		</section>`;
	}

	/** @param {DayGroup} day */
	#day({ date, sums, sessions }) {
		return html`<section class="day" aria-labelledby=${`day-${date}`}>
			<div class="head">
				<h3 id=${`day-${date}`}>
					${dayName(date, clock.now())}
					${
						sums
							? html`<span class="n"
									>${this.#ofDay(date, "newest", plural(sums.sessions, "session"), sums.sessions)}${
										sums.cost ? html` · ${this.#ofDay(date, "cost", money(sums.cost), sums.sessions)}` : nothing
									}</span
								>`
							: nothing
					}
				</h3>
			</div>
			${this.#rows(sessions)}
		</section>`;
	}

	/** The sessions of a day, which a figure is of. @param {string} date @param {string} sort @param {string} shown @param {number} sessions */
	#ofDay(date, sort, shown, sessions) {
		const query = { ...router.route.query, state: "ended", since: date, until: date, sort };
		return html`<a class="counts" data-sessions=${sessions} href=${href("now", { query })}>${shown}</a>`;
	}

	/** @param {Session[]} sessions */
	#rows(sessions) {
		const { dearest } = this;
		const hidden = hiddenColumns();
		return html`<ol class="card">
			${repeat(
				sessions,
				({ id }) => id,
				(session) => {
					const waited = store.list.waited[session.id];
					// A click by keyboard has no detail.
					const pin = (/** @type {MouseEvent} */ event) => this.#pin(session.id, event.detail === 0);
					return sessionRow(session, { dearest, hidden, waited, pin });
				},
			)}
		</ol>`;
	}
}
customElements.define("sessions-list", SessionsList);
