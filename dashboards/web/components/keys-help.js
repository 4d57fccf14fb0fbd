/** All keys that do something, by where they do it. */
import { css, html, nothing } from "lit";
import { PLACES, written } from "../lib/key-places.js";
import { shortcuts } from "../lib/keys.js";

const MOD = /Mac/.test(navigator.platform) ? "⌘" : "Ctrl";

export const keysHelpStyle = css`
	.keys {
		padding: 1.25rem 1.5rem 1.5rem;
		overflow-y: auto;
	}
	.places {
		columns: 2;
		column-gap: 2rem;
	}
	.places section {
		margin-top: 1rem;
		break-inside: avoid;
	}
	.places h3 {
		color: var(--ink-3);
		font-weight: 500;
		font-size: 0.75rem;
	}
	.keys dl {
		display: grid;
		grid-template-columns: auto 1fr;
		gap: 0.375rem 1rem;
		margin-top: 0.375rem;
		align-items: baseline;
	}
	.keys dd {
		color: var(--ink-2);
	}
	.keys dt {
		white-space: nowrap;
	}
	@media (max-width: 40rem) {
		.places {
			columns: 1;
		}
	}
`;

/** @param {() => unknown} close */
export const keysHelp = (close) =>
	html`<div class="keys">
		<div class="row">
			<h2>Keys</h2>
			<button class="btn push" autofocus @click=${close}>Close</button>
		</div>
		<div class="places">
			${PLACES.map(
				({ name, keys }) =>
					html`<section>
						<h3>${name}</h3>
						<dl>
							${Object.values(keys).map(
								(/** @type {{keys: readonly string[], text: string}} */ one) =>
									html`<dt>
											${one.keys.map((key, at) => html`${at ? html` <span class="quiet">or</span> ` : nothing}${written(key, MOD).map((part) => html`<kbd>${part}</kbd> `)}`)}
										</dt>
										<dd>${one.text}</dd>`,
							)}
						</dl>
					</section>`,
			)}
		</div>
		${shortcuts() ? nothing : html`<p class="second">Single-key shortcuts are off, except in the part of the page that has the focus.</p>`}
	</div>`;
