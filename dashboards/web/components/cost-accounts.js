/** Tables of cost: what it was for, and why the prompt cache was missed. */
import { css, html, nothing } from "lit";
import { money, percent, plural, tokens } from "../lib/format.js";
import { causeWord, sourceWord } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { counted, priced, spansHref } from "./counted.js";
import { shared } from "./shared-styles.js";

/** @import { CacheMiss, SourceCost, Unavailable } from "../lib/types.js" */

const LEAST = 0.00005; // dollars: less is not shown as anything

/** What the client counts that no transcript shows. @param {number} unseen dollars */
const unseenWord = (unseen) =>
	unseen < 0 ? "The client counts less, by its own prices" : "In no transcript: summaries, titles, cut-off answers";

/** @param {string} text */
const skillHint = (text) =>
	text === "skill"
		? "From its loading on, all that its turn goes on to cost is the skill's, with the subagents that it starts."
		: nothing;

export class CostAccounts extends BaseComponent {
	static properties = { sources: {}, misses: {}, total: {}, unseen: {}, within: {} };
	static styles = [
		shared,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			td:first-child,
			th:first-child {
				padding-left: 1rem;
			}
			td:last-child,
			th:last-child {
				padding-right: 1rem;
			}
			td.name {
				overflow-wrap: anywhere;
			}
			td.of {
				white-space: nowrap;
				color: var(--ink-2);
			}
			table + .note,
			.note {
				padding: 0.5rem 1rem 0.75rem;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			h3 {
				padding: 0.75rem 1rem 0.25rem;
			}
			tr.rest td {
				color: var(--ink-2);
				border-top: 1px solid var(--line);
			}
			@container (width < 34rem) {
				.if-wide {
					display: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {SourceCost[]} */
		this.sources = [];
		/** @type {CacheMiss[]} */
		this.misses = [];
		/** What all calls cost that transcripts show, dollars. */
		this.total = 0;
		/** What of them is counted, as the search page has it: a session, or a time. @type {Record<string, string>} */
		this.within = {};
		/** What the client's own total has beyond that. */
		this.unseen = 0;
	}

	render() {
		return [this.#sources(), this.#misses()];
	}

	#sources() {
		const { sources, total, unseen } = this;
		const isSeen = Math.abs(unseen) > LEAST;
		if (!sources.length && !isSeen) {
			return html`<p class="note">No skill, plugin, MCP server, subagent or workflow had a part in it.</p>`;
		}
		const whole = total + unseen;
		const dearest = Math.max(0, ...sources.map((one) => one.cost));
		return html`<div class="scroll-x" tabindex="0" role="group" aria-label="Cost by what it was for">
				<table>
					<thead>
						<tr>
							<th scope="col">For</th>
							<th scope="col">Name</th>
							<th scope="col" class="num">Cost</th>
							<th scope="col" class="num">Share</th>
							<th scope="col" class="num if-wide">Calls</th>
						</tr>
					</thead>
					<tbody>
						${sources.map(
							(one) =>
								html`<tr>
									<td class="of" title=${skillHint(one.kind)}>${sourceWord(one.kind)}</td>
									<td class="name">${one.name}</td>
									<td class="num">${this.#cost(one, dearest)}</td>
									<td class="num">${whole > 0 ? percent(one.cost / whole) : "–"}</td>
									<td class="num if-wide">${this.#calls(one)}</td>
								</tr>`,
						)}
						${
							isSeen
								? html`<tr class="rest">
										<td class="name" colspan="2">${unseenWord(unseen)}</td>
										<td class="num">${unseen < 0 ? "−" : ""}${money(Math.abs(unseen), dearest)}</td>
										<td class="num">${whole > 0 && unseen > 0 ? percent(unseen / whole) : "–"}</td>
										<td class="num if-wide">–</td>
									</tr>`
								: nothing
						}
						<tr class="rest">
							<td class="name" colspan="2">All of it</td>
							<td class="num">${money(whole)}</td>
							<td class="num"></td>
							<td class="num if-wide"></td>
						</tr>
					</tbody>
				</table>
			</div>
			<p class="note">
				A skill's cost is that of the rest of the turn after it was loaded, an MCP server's that of the answer that read
				its result. A call counts once for each kind, so kinds overlap.
			</p>`;
	}

	/** @param {SourceCost} one */
	#calls({ kind, name, calls }) {
		return counted(calls, { ...this.within, span: "model", account: `${kind}:${name}` });
	}

	/** @param {SourceCost} one @param {number} dearest */
	#cost({ kind, name, cost }, dearest) {
		return priced(cost, { ...this.within, account: `${kind}:${name}` }, money(cost, dearest));
	}

	/** Tokens and the price of misses, which are parts of what their calls came to. @param {CacheMiss} one @param {string} text */
	#missed({ cause }, text) {
		return html`<a class="counts" href=${spansHref({ ...this.within, waste: `cache_miss:${cause}` })}>${text}</a>`;
	}

	#misses() {
		const { misses } = this;
		if (!misses.length) return nothing;
		const dearest = Math.max(0, ...misses.map((one) => one.cost));
		return html`<h3>Why the prompt cache was missed</h3>
			<div class="scroll-x" tabindex="0" role="group" aria-label="Misses of the prompt cache by cause">
				<table>
					<thead>
						<tr>
							<th scope="col">Cause</th>
							<th scope="col" class="num">Times</th>
							<th scope="col" class="num">Tokens</th>
							<th scope="col" class="num">Price</th>
						</tr>
					</thead>
					<tbody>
						${misses.map(
							(one) =>
								html`<tr>
									<td class="name">${causeWord(one.cause)}</td>
									<td class="num">${counted(one.count, { ...this.within, waste: `cache_miss:${one.cause}` })}</td>
									<td class="num">${this.#missed(one, tokens(one.tokens))}</td>
									<td class="num">${this.#missed(one, money(one.cost, dearest))}</td>
								</tr>`,
						)}
					</tbody>
				</table>
			</div>
			<p class="note">Tokens that were written to the cache again, and what that cost more than reading them.</p>`;
	}
}

/** Why a server could not be used. @param {Unavailable} one */
export const unavailableSentence = (one) =>
	[
		one.failed ? `failed in ${plural(one.failed, "session")}` : "",
		one.needs_auth ? `wanted a login in ${plural(one.needs_auth, "session")}` : "",
	]
		.filter(Boolean)
		.join(", ");

customElements.define("cost-accounts", CostAccounts);
