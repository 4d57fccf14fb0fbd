/** The settings in force, with where they come from. */
import { css, html, nothing } from "lit";
import { router } from "../lib/router.js";
import { withCode } from "./agent-text.js";

/** @import { Settings } from "../lib/types.js" */

/** In a container whose width is known. */
export const settingsStyle = css`
	.settings td {
		overflow-wrap: anywhere;
	}
	.settings td:first-child {
		white-space: nowrap;
	}
	.settings tr.default td {
		color: var(--ink-3);
	}
	@container (width < 46rem) {
		.settings table,
		.settings tbody,
		.settings tr,
		.settings td {
			display: block;
		}
		.settings thead {
			display: none;
		}
		.settings td {
			border: 0;
			padding: 0 0.75rem;
		}
		.settings tr {
			padding-block: 0.4rem;
			border-bottom: 1px solid var(--line);
		}
		.settings td:first-child {
			white-space: normal;
			font-weight: 560;
		}
	}
`;

/** @param {Settings} settings */
export function settingsInForce({ settings, warnings }) {
	const { q = "", settings: which = "changed" } = router.route.query;
	const words = q.toLowerCase().split(/\s+/).filter(Boolean);
	const found = settings.filter(
		(one) =>
			(which === "all" || words.length || one.origin !== "default") &&
			words.every((word) => `${one.key} ${shown(one.value)} ${one.origin}`.toLowerCase().includes(word)),
	);
	const changed = settings.filter((one) => one.origin !== "default").length;
	return html`<section class="settings" aria-labelledby="h-settings">
		<div class="row wrap">
			<h2 id="h-settings">Settings in force</h2>
			<label class="push"
				><span class="hide">Find a setting</span
				><input
					type="search"
					placeholder="Find a setting"
					.value=${q}
					@input=${(/** @type {any} */ event) => router.set({ q: event.target.value })}
			/></label>
			<div class="segments" role="group" aria-label="Which settings">
				${[
					["changed", `Changed (${changed})`],
					["all", `All (${settings.length})`],
				].map(
					([value, label]) =>
						html`<button aria-pressed=${value === which} @click=${() => router.set({ settings: value ?? "" })}>
							${label}
						</button>`,
				)}
			</div>
		</div>
		${warnings.map((warning) => html`<div class="card notice"><span class="tag wait">Warning</span><span>${withCode(warning)}</span></div>`)}
		<div class="card">
			${
				found.length
					? html`<table>
							<thead>
								<tr>
									<th scope="col">Setting</th>
									<th scope="col">Value</th>
									<th scope="col">From</th>
								</tr>
							</thead>
							<tbody>
								${found.map(
									(one) =>
										html`<tr class=${one.origin === "default" ? "default" : ""}>
											<td><code>${one.key}</code></td>
											<td><code>${shown(one.value)}</code></td>
											<td>
												${one.origin === "default" ? "default" : html`<code>${one.origin}</code>`}${one.locked ? html` <span class="tag">locked</span>` : nothing}
											</td>
										</tr>`,
								)}
							</tbody>
						</table>`
					: html`<p class="empty">
							${words.length ? "No setting matches." : html`All settings have their defaults. <code>hookspan config set KEY VALUE</code> changes one.`}
						</p>`
			}
		</div>
	</section>`;
}
/** @param {unknown} value */
const shown = (value) => (value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value));
