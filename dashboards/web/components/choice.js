/** A choice of one among some, as the tools above a list have it. */
import { html, nothing } from "lit";

/** @typedef {readonly (readonly [value: string, text: string])[]} Choices */

/** @param {string} label @param {Choices} choices @param {string} chosen @param {(value: string) => void} choose */
export const choice = (label, choices, chosen, choose) =>
	html`<label
		><span class="hide">${label}</span
		><select @change=${(/** @type {any} */ event) => choose(event.target.value)}>
			${choices.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
		</select></label
	>`;

/** One of the coding agents, if there are several. @param {string[]} agents @param {string} chosen @param {(value: string) => void} choose */
export const agentChoice = (agents, chosen, choose) =>
	agents.length > 1 || chosen ? choice("Agent", named("All agents", agents, chosen), chosen, choose) : nothing;

/** All, or one of those that there are; what was chosen is always among them. @param {string} all @param {string[]} names @param {string} chosen @returns {Choices} */
export function named(all, names, chosen) {
	const known = chosen && !names.includes(chosen) ? [...names, chosen] : names;
	return [["", all], ...known.map((name) => /** @type {const} */ ([name, name]))];
}
