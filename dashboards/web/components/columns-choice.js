/** What the first page shows of each session, which the browser keeps. */
import { css, html } from "lit";
import { hiddenColumns, turnColumn } from "../lib/columns.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** By the names that a row has them under. @type {readonly (readonly [name: string, label: string])[]} */
const COLUMNS = [
	["branch", "Branch"],
	["counts", "Turns and tools"],
	["model", "Model"],
	["context", "Context"],
	["waited", "Waited"],
	["cost", "Cost"],
	["strip", "Last 30 minutes"],
];

export class ColumnsChoice extends BaseComponent {
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
			}
		`,
	];

	connected() {
		this.updateOn(window, "columns");
	}

	render() {
		const hidden = hiddenColumns();
		return html`<div class="row wrap">
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
		</div>`;
	}
}
customElements.define("columns-choice", ColumnsChoice);
