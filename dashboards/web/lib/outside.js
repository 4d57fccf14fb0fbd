/** Addresses of other programs, where the settings name them: Grafana's dashboards and Jaeger. Empty without. */
import { store } from "./store.js";

/** Our dashboards, by the end of their uid, in the order in which they lead to each other. @type {Record<string, string>} */
export const BOARDS = {
	overview: "Overview",
	turns: "Turns",
	tools: "Tools",
	waiting: "Waiting and permissions",
	cost: "Tokens and cost",
	pipeline: "Hooks and pipeline",
	fleet: "Fleet",
	client: "Claude Code's own figures",
	host: "Host",
	audit: "Audit",
	security: "Security",
};

/** An address from the settings without its last slash, or nothing if it is not one of the web. @param {string | undefined} url */
const base = (url) => (url && /^https?:\/\//i.test(url) ? url.replace(/(?<!\/)\/+$/, "") : "");

export const jaeger = () => base(store.summary?.links.jaeger);

/**
 * A dashboard, for a project and a time if there are such.
 * @param {string} board
 * @param {{project?: string, from?: number, to?: number}} [of] times: Unix ms; an end that is still to come is left out
 */
export function grafana(board, { project = "", from, to } = {}) {
	const url = base(store.summary?.links.grafana);
	if (!url) return "";
	const query = new URLSearchParams();
	if (project) query.set("var-project", project);
	if (from !== undefined) {
		query.set("from", String(Math.floor(from)));
		query.set("to", to === undefined ? "now" : String(Math.ceil(to)));
	}
	return `${url}/d/hookspan-${board}${query.size ? `?${query}` : ""}`;
}

/** @param {string} trace @param {string} [span] */
export function inJaeger(trace, span = "") {
	const url = jaeger();
	return url ? `${url}/trace/${trace}${span ? `?uiFind=${span}` : ""}` : "";
}
