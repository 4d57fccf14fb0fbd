/** Which sessions the first page lists, which is in its address, and what it shows of each, which the browser keeps. */
import { css, html } from "lit";
import { COLUMNS, hiddenColumns, turnColumn } from "../lib/columns.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { STATE_FILTERS } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @typedef {readonly (readonly [value: string, label: string])[]} Choices */

export class SessionsFilter extends BaseComponent {
	static styles = [
		shared,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			.tools {
				margin: 1.5rem 0 0.5rem;
				gap: 0.5rem;
			}
			summary {
				list-style: none;
			}
			summary::-webkit-details-marker {
				display: none;
			}
			details[open] {
				flex-basis: 100%;
				text-align: right;
			}
			details > .row {
				justify-content: flex-end;
				margin-top: 0.5rem;
			}
			details label {
				display: inline-flex;
				align-items: center;
				gap: 0.4rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			input[type="date"] {
				box-sizing: border-box;
				min-height: 1.875rem;
				padding: 0.1rem 0.5rem;
				background: var(--surface);
				color: var(--ink);
				border: 1px solid var(--line-strong);
				border-radius: 0.4rem;
				font-size: 0.8125rem;
			}
			summary svg {
				display: none;
				width: 1rem;
				fill: none;
				stroke: currentColor;
			}
			/* What no row has room for. */
			@container (width < 62rem) {
				.strip {
					display: none;
				}
			}
			@container (width < 34rem) {
				.context {
					display: none;
				}
				.columns {
					flex: none;
				}
				.columns:not([open]) span {
					display: none;
				}
				.columns:not([open]) svg {
					display: block;
				}
				.columns:not([open]) summary {
					padding-inline: 0.4rem;
				}
				.tools {
					margin: 0.75rem 0 0;
				}
				.tools input,
				.tools select {
					width: 100%;
					max-width: 100%;
				}
				.tools label,
				details {
					flex: 1 1 7rem;
				}
				.columns label {
					flex: none;
				}
				.columns input {
					width: auto;
				}
				summary {
					display: flex;
				}
				.tools h2 {
					display: none;
				}
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.updateOn(window, "columns");
	}

	focus() {
		this.renderRoot.querySelector("input")?.focus();
	}

	render() {
		const hidden = hiddenColumns();
		const { q = "", state = "all", project = "", branch = "", since = "", until = "" } = router.route.query;
		return html`<div class="row wrap tools">
			<h2>Sessions</h2>
			<label class="push"
				><span class="hide">Filter sessions</span>
				<input
					type="search"
					placeholder="Filter  /"
					.value=${q}
					@input=${(/** @type {any} */ event) => router.set({ q: event.target.value })}
					@keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && router.set({ q: "" })}
			/></label>
			${this.#choice("project", "Project", named("All projects", store.projects, project), project)}
			${this.#choice("state", "State", STATE_FILTERS, state)}
			<details ?open=${Boolean(branch || since || until)}>
				<summary class="btn">Branch and days</summary>
				<div class="row wrap">
					${this.#choice("branch", "Branch", named("All branches", store.list.branches, branch), branch)}
					${this.#day("since", "From", since, "", until)} ${this.#day("until", "Until", until, since, "")}
				</div>
			</details>
			<details class="columns">
				<summary class="btn" aria-label="Columns" title="Columns">
					<span>Columns</span>
					<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 3.5h12v9H2zM6 3.5v9M10 3.5v9" /></svg>
				</summary>
				<div class="row wrap">
					${COLUMNS.map(
						([name, label]) =>
							html`<label class=${name}
								><input
									type="checkbox"
									.checked=${!hidden.includes(name)}
									@change=${() => turnColumn(name)}
								/>${label}</label
							>`,
					)}
				</div>
			</details>
		</div>`;
	}

	/** @param {string} name of the parameter @param {string} label @param {Choices} choices @param {string} chosen */
	#choice(name, label, choices, chosen) {
		return html`<label
			><span class="hide">${label}</span>
			<select @change=${(/** @type {any} */ event) => router.set({ [name]: event.target.value }, { push: true })}>
				${choices.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
			</select></label
		>`;
	}

	/** @param {string} name of the parameter @param {string} label @param {string} chosen @param {string} min @param {string} max */
	#day(name, label, chosen, min, max) {
		return html`<label
			>${label}
			<input
				type="date"
				min=${min}
				max=${max}
				.value=${chosen}
				@change=${(/** @type {any} */ event) => router.set({ [name]: event.target.value }, { push: true })}
		/></label>`;
	}
}
customElements.define("sessions-filter", SessionsFilter);

/** All, or one of those that there are; what was chosen is always among them. @param {string} all @param {string[]} names @param {string} chosen @returns {Choices} */
function named(all, names, chosen) {
	const known = chosen && !names.includes(chosen) ? [...names, chosen] : names;
	return [["", all], ...known.map((name) => /** @type {const} */ ([name, name]))];
}
