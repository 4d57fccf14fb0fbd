/** What Claude Code itself says of a tool call or a model call: who decided, attempts, exact times. */
import { css, html, nothing } from "lit";
import { duration } from "../lib/format.js";
import { timeExact } from "../lib/times.js";
import { latestTold, tells } from "../lib/told.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @import { Span, Told, ToldCall, ToldRequest } from "../lib/types.js" */

const APART = 1000; // ms: a transcript's line is written a little after the answer's end

export class SpanTold extends BaseComponent {
	static properties = { span: { attribute: false }, told: { state: true } };
	static styles = [
		shared,
		css`
			section {
				padding: 0.5rem 1rem 0.75rem;
				border-top: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			h3 {
				color: var(--ink-2);
				margin-bottom: 0.375rem;
			}
			th,
			td {
				padding: 0.25rem 0.75rem 0.25rem 0;
				overflow-wrap: anywhere;
			}
			tbody tr:last-child > * {
				border-bottom: 0;
			}
		`,
	];

	constructor() {
		super();
		/** @type {Span | null} */
		this.span = null;
		/** @type {Told | null} */
		this.told = null;
		this.fetched = "";
	}

	willUpdate() {
		const span = this.span;
		if (span && span.span_id !== this.fetched) {
			this.fetched = span.span_id;
			this.told = null;
			if (tells(span.session)) this.#fetch(span);
		}
	}

	/** @param {Span} span */
	async #fetch(span) {
		try {
			const told = await latestTold(span.session);
			if (span.span_id === this.fetched) this.told = told;
		} catch {
			this.told = null; // what is beside it says that the agent is away
		}
	}

	render() {
		const { span, told } = this;
		if (!span || !told) return nothing;
		const attributes = span.attributes;
		const call = attributes["gen_ai.tool.call.id"] ?? attributes["hookspan.tool.call.id"];
		const said =
			rows(told.calls.find((one) => call && one.id === call)) ??
			(span.type === "model" ? requestRows(nearest(told.requests, span.end)) : undefined);
		if (!said?.length) return nothing;
		return html`<section>
			<h3>Claude Code says</h3>
			<table>
				<tbody>
					${said.map(
						([name, value]) =>
							html`<tr>
								<th scope="row">${name}</th>
								<td>${value}</td>
							</tr>`,
					)}
				</tbody>
			</table>
		</section>`;
	}
}

/** @param {ToldCall | undefined} call @returns {[string, string][] | undefined} */
const rows = (call) =>
	call &&
	/** @type {[string, string][]} */ (
		[
			["decision", call.decision],
			["by", call.source],
			["permission mode", call.mode],
			["asked", call.asked === null || call.answered === null ? "" : stretch(call.asked, call.answered)],
			["ran", call.start === null || call.end === null ? "" : stretch(call.start, call.end)],
		].filter(([, value]) => value)
	);

/** The two have no id in common: the request that ended when the call did. @param {ToldRequest[]} requests @param {number | null} end */
const nearest = (requests, end) => {
	const away = (/** @type {ToldRequest} */ one) => Math.abs(one.end - (end ?? 0));
	const found = requests.reduce(
		(best, one) => (best && away(best) <= away(one) ? best : one),
		/** @type {ToldRequest | undefined} */ (undefined),
	);
	return found && away(found) < APART ? found : undefined;
};

/** @param {ToldRequest | undefined} request @returns {[string, string][] | undefined} */
const requestRows = (request) =>
	request &&
	/** @type {[string, string][]} */ (
		[
			["attempts", String(request.attempts)],
			["first token after", request.first_token ? duration(request.first_token) : ""],
			["asked by", request.query_source],
			["ran", stretch(request.start, request.end)],
		].filter(([, value]) => value)
	);

/** @param {number} start @param {number} end */
const stretch = (start, end) => `${timeExact(start)} to ${timeExact(end)}, ${duration(end - start)}`;

customElements.define("span-told", SpanTold);
