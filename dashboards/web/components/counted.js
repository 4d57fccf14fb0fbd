/** Figures that lead to what they count. */
import { html } from "lit";
import { count, money } from "../lib/format.js";
import { href } from "../lib/router.js";

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
