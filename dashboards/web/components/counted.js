/** Figures that lead to what they count. */
import { html } from "lit";
import { count, duration, money, tokens } from "../lib/format.js";
import { href } from "../lib/router.js";

/** @import { Tokens } from "../lib/types.js" */

/** The list of spans that are so. @param {Record<string, string>} query of the search page */
export const spansHref = (query) => href("search", { query: { what: "spans", ...query } });

/**
 * A number that leads to as many rows; none leads nowhere.
 * @param {number} value
 * @param {Record<string, string>} query what its spans are
 * @param {unknown} [shown] default: the number
 */
export const counted = (value, query, shown = count(value)) =>
	value ? html`<a class="counts" data-counts=${value} href=${spansHref(query)}>${shown}</a>` : shown;

/**
 * What model calls cost; leads to them.
 * @param {number} cost USD
 * @param {Record<string, string>} query what they are beside that
 * @param {unknown} [shown] default: the cost
 */
export const priced = (cost, query, shown = money(cost)) =>
	cost ? html`<a class="counts" data-costs=${cost} href=${spansHref({ span: "model", ...query })}>${shown}</a>` : shown;

/**
 * How long tool calls waited for somebody; leads to them.
 * @param {number} ms
 * @param {Record<string, string>} query what they are beside that
 * @param {unknown} [shown] default: the duration
 */
export const waitedFor = (ms, query, shown = duration(ms)) =>
	ms ? html`<a class="counts" data-waited=${ms} href=${spansHref({ ...query, waited: "true" })}>${shown}</a>` : shown;

/** @param {Tokens} used @param {(keyof Tokens)[]} kinds */
export const sumOf = (used, kinds) => kinds.reduce((sum, kind) => sum + used[kind], 0);

/**
 * Tokens of model calls; lead to them.
 * @param {Tokens} used
 * @param {(keyof Tokens)[]} kinds those that the figure adds up
 * @param {Record<string, string>} query what they are beside that
 * @param {unknown} [shown] default: how many
 */
export const tokensOf = (used, kinds, query, shown = undefined) => {
	const sum = sumOf(used, kinds);
	const text = shown ?? tokens(sum);
	return sum
		? html`<a
				class="counts"
				data-tokens=${sum}
				data-kinds=${kinds.join(" ")}
				href=${spansHref({ span: "model", ...query })}
				>${text}</a
			>`
		: text;
};

/**
 * What was spent, with what is in no transcript; leads to the cost of each session.
 * @param {number} cost USD
 * @param {Record<string, string>} query of the page of cost
 * @param {unknown} [shown] default: the cost
 */
export const spentOn = (cost, query, shown = money(cost)) =>
	cost
		? html`<a class="counts" data-spent=${cost} href=${href("cost", { query: { by: "session", ...query } })}
				>${shown}</a
			>`
		: shown;
