/** Which branch's sessions the first page lists, and of which days. */
import { css, html } from "lit";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { choice, named } from "./choice.js";
import { shared } from "./shared-styles.js";

export class DaysFilter extends BaseComponent {
	static styles = [
		shared,
		css`
			.row {
				justify-content: flex-end;
			}
			label {
				display: inline-flex;
				align-items: center;
				gap: 0.4rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			input {
				min-height: 1.875rem;
				padding: 0.1rem 0.5rem;
				background: var(--surface);
				color: var(--ink);
				border: 1px solid var(--line-strong);
				border-radius: 0.4rem;
				font-size: 0.8125rem;
			}
			@container (width < 34rem) {
				label {
					flex: 1 1 7rem;
				}
				input,
				select {
					width: 100%;
					max-width: 100%;
				}
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
	}

	render() {
		const { branch = "", since = "", until = "" } = router.route.query;
		return html`<div class="row wrap">
			${choice("Branch", named("All branches", store.list.branches, branch), branch, (value) => router.set({ branch: value }, { push: true }))}
			${this.#day("since", "From", since, "", until)} ${this.#day("until", "Until", until, since, "")}
		</div>`;
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
customElements.define("days-filter", DaysFilter);
