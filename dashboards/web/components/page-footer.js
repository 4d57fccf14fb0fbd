/** The ways to other programs that the settings name. */
import { css, html, nothing } from "lit";
import { BOARDS, grafana, jaeger } from "../lib/outside.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

export class PageFooter extends BaseComponent {
	static styles = [
		shared,
		css`
			footer {
				display: flex;
				flex-wrap: wrap;
				gap: 0.375rem 1rem;
				max-width: 100rem;
				margin: 0 auto;
				padding: 0 clamp(0.75rem, 2.5vw, 2rem) 1.5rem;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
	}

	render() {
		/** @param {string} name @param {string} to */
		const link = (name, to) => html`<a class="link" href=${to} target="_blank" rel="noreferrer">${name}</a>`;
		const boards = grafana("overview")
			? html`<span>Grafana:</span>${Object.entries(BOARDS).map(([board, name]) => link(name, grafana(board)))}`
			: nothing;
		const traces = jaeger() ? link("Jaeger", jaeger()) : nothing;
		return boards === nothing && traces === nothing
			? nothing
			: html`<footer aria-label="Other programs">${boards}${traces}</footer>`;
	}
}
customElements.define("page-footer", PageFooter);
