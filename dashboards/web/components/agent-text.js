/** What the agent says in words: errors, and texts in which `commands and names` stand between backticks. */
import { html, nothing } from "lit";

/** @import { ApiError } from "../lib/api.js" */

/** @param {string} text */
export const withCode = (text) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** As a sentence begins, unless it begins with a name. @param {string} text */
export const sentence = (text) =>
	/^(`|hookspan|https?:|p\d)/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

/** The first command between backticks, to copy. @param {string} text */
export const commandIn = (text) => text.match(/`(hookspan [^`]*)`/)?.[1] ?? "";

/**
 * Why an answer did not come. That no agent answers, and that nobody is logged in, the frame says.
 * @param {ApiError | null} error
 * @param {unknown} [more] what stands after it; by default what to do
 */
export function errorNotice(error, more = error?.hint) {
	if (!error?.status || error.status === 401) return nothing;
	return html`<div class="card notice lost" role="alert">
		<strong>${error.message}</strong><span class="second">${more}</span>
	</div>`;
}
