/** Which sessions the first page lists, which is in its address. */
import { css, html } from "lit";
import { router } from "../lib/router.js";
import { STATE_FILTERS } from "../lib/session-words.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { agentChoice, choice, named } from "./choice.js";
import { shared } from "./shared-styles.js";

export class SessionsFilter extends BaseComponent {
	static styles = [
		shared,
		css`
			:host {
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
				order: 1;
				text-align: right;
			}
			details > :last-child {
				margin-top: 0.5rem;
			}
			summary svg {
				display: none;
				width: 1rem;
				fill: none;
				stroke: currentColor;
			}
			@container (width < 34rem) {
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
	}

	focus() {
		this.renderRoot.querySelector("input")?.focus();
	}

	render() {
		const { q = "", state = "all", project = "", agent = "", branch = "", since = "", until = "" } = router.route.query;
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
			${choice("Project", named("All projects", store.projects, project), project, choose("project"))}
			${agentChoice(store.agents, agent, choose("agent"))} ${choice("State", STATE_FILTERS, state, choose("state"))}
			<details ?open=${Boolean(branch || since || until)}>
				<summary class="btn">Branch and days</summary>
				<days-filter></days-filter>
			</details>
			<details class="columns">
				<summary class="btn" aria-label="Columns" title="Columns">
					<span>Columns</span>
					<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 3.5h12v9H2zM6 3.5v9M10 3.5v9" /></svg>
				</summary>
				<columns-choice></columns-choice>
			</details>
		</div>`;
	}
}
customElements.define("sessions-filter", SessionsFilter);

/** @param {string} name of the parameter */
const choose = (name) => (/** @type {string} */ value) => router.set({ [name]: value }, { push: true });
