/** What model calls cost in a time, by what they have in common. */
import { css, html, nothing } from "lit";
import { ask } from "../lib/api.js";
import { count, model, money, percent, plural, short, tokens } from "../lib/format.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { date } from "../lib/times.js";
import { agentChoice, choice, named } from "./choice.js";
import { counted, priced, spansHref, sumOf, tokensOf } from "./counted.js";
import "./day-columns.js";
import { FetchedPage } from "./fetched-page.js";
import "./setup.js";
import { shared } from "./shared-styles.js";

/** @import { CostRow, Costs, Tokens } from "../lib/types.js" */

const FRESH = 10_000; // ms between fetches while things happen
const ROWS = 50; // before the rest is asked for
/** @type {[string, string][]} */
const DAYS = [
	["1", "Today"],
	["7", "7 days"],
	["30", "30 days"],
	["90", "90 days"],
];
/** Columns of tokens; the first has them all. @type {(keyof Tokens)[][]} */
const KINDS = [["input", "cache_read", "cache_write"], ["output"], ["cache_read"], ["cache_write"]];
/** What a row stands for: how it is called, and what calls are that have none. @type {Record<string, [name: string, none: string]>} */
const GROUPS = {
	day: ["Day", ""],
	project: ["Project", "(none)"],
	branch: ["Branch", "(none)"],
	agent: ["Agent", ""],
	model: ["Model", "(unknown)"],
	session: ["Session", ""],
	prompt: ["Prompt", "Of no prompt"],
	skill: ["Skill", "No skill"],
	plugin: ["Plugin", "No plugin"],
	mcp_server: ["MCP server", "No MCP server"],
	subagent: ["Subagent", "(unknown)"],
	workflow: ["Workflow", "No workflow"],
};

/** @extends {FetchedPage<Costs>} */
export class CostPage extends FetchedPage {
	static properties = { isWhole: { state: true } };
	static styles = [
		shared,
		css`
			:host {
				container-type: inline-size;
			}
			header {
				display: flex;
				flex-wrap: wrap;
				align-items: end;
				gap: 0.75rem;
				margin-bottom: 1.25rem;
			}
			header > div:first-child {
				flex: 1 1 18rem;
			}
			header p {
				margin-top: 0.25rem;
			}
			.days {
				padding: 0.5rem 1rem 1rem;
			}
			td:first-child,
			th:first-child {
				padding-left: 1rem;
				max-width: 28rem;
			}
			td:last-child,
			th:last-child {
				padding-right: 1rem;
			}
			td:first-child {
				overflow-wrap: anywhere;
			}
			td small {
				display: block;
				color: var(--ink-3);
				font-size: 0.75rem;
			}
			.num small {
				max-width: 9rem;
				margin-left: auto;
				white-space: normal;
			}
			.rest td {
				color: var(--ink-2);
			}
			.more {
				padding: 0.5rem 1rem;
				border-top: 1px solid var(--line);
			}
			.start {
				padding: 12vh 0;
			}
			@container (width < 44rem) {
				.if-wide {
					display: none;
				}
				td,
				th {
					padding-inline: 0.4rem;
				}
				td:first-child,
				th:first-child {
					padding-left: 0.75rem;
				}
			}
		`,
	];

	constructor() {
		super();
		this.isWhole = false;
	}

	connected() {
		this.listen(router, "route", () => {
			if (router.route.page !== "cost") return;
			this.requestUpdate();
			this.fetch();
		});
		this.updateOn(store, "change");
		this.follow(FRESH);
	}

	get query() {
		return /** @type {Record<"by" | "days" | "project" | "agent" | "from" | "until", string>} */ (router.route.query);
	}

	wanted() {
		return JSON.stringify(this.query);
	}

	/** @param {AbortSignal} signal @returns {Promise<Costs>} */
	load(signal) {
		const { by, days, project, agent, from, until } = this.query;
		return ask("/cost", { by, days, project, agent, since: from, until }, { signal });
	}

	render() {
		const { answer } = this;
		const { by, days, project, agent, from } = this.query;
		const kinds = Object.entries(GROUPS).filter(([name]) => name !== "agent" || by === name || store.agents.length > 1);
		const groups = kinds.map(([name, [word]]) => /** @type {const} */ ([name, `By ${small(word)}`]));
		return html`
			<setup-step></setup-step>
			<header>
				<div>
					<h1>Cost${answer ? html` <span class="quiet">${money(answer.total.cost)}</span>` : nothing}</h1>
					<p class="second">
						At list price, which is no bill: a subscription is not billed by tokens. By commit:
						<a href=${href("receipts")}>Receipts</a
						>.${answer?.total.unpriced ? html` <span class="wait">${plural(answer.total.unpriced, "call")} of models without a known price ${answer.total.unpriced === 1 ? "is" : "are"} not in it.</span>` : nothing}
					</p>
				</div>
				${choice("Cost by", groups, by, (value) => this.#set({ by: value }))}
				${choice("Project", named("All projects", answer?.projects ?? store.projects, project), project, (value) => this.#set({ project: value }))}
				${agentChoice(store.agents, agent, (value) => this.#set({ agent: value }))}
				${
					from
						? html`<button class="btn" title="Whole days" @click=${() => this.#set({ from: "", until: "" })}>
								${this.#time()} <span aria-hidden="true">✕</span><span class="hide">, whole days</span>
							</button>`
						: html`<div class="segments" role="group" aria-label="Period">
								${DAYS.map(([value, label]) => html`<button aria-pressed=${value === days} @click=${() => this.#set({ days: value })}>${label}</button>`)}
							</div>`
				}
			</header>
			${answer ? this.stale() : nothing} ${answer ? this.#groups(answer) : this.pending()}
		`;
	}

	/** @param {Record<string, string>} change */
	#set(change) {
		this.isWhole = false;
		router.set(change, { push: true });
	}

	#time() {
		const { from, until } = this.query;
		return `From ${date(Number(from))}${until ? ` to ${date(Number(until))}` : ""}`;
	}

	/** @param {Costs} answer */
	#groups(answer) {
		const { rows, total, by } = answer;
		const busy = this.busy && by !== this.query.by ? "true" : "false";
		if (!rows.length) return html`<div class="card empty" aria-busy=${busy}>No model was called.</div>`;
		const dearest = Math.max(...rows.map((row) => row.cost));
		const shown = this.isWhole ? rows : rows.slice(0, ROWS);
		const [word] = GROUPS[by] ?? [by];
		return html`<section class="card" aria-busy=${busy} aria-label=${`Cost by ${small(word)}`}>
			${by === "day" && rows.length > 1 ? this.#days(answer) : nothing}
			<div class="scroll-x" tabindex="0" role="group" aria-label=${`Cost by ${small(word)}, as a table`}>
				<table>
					<thead>
						<tr>
							<th scope="col">${word}</th>
							<th scope="col" class="num">Cost</th>
							<th scope="col" class="num if-wide">Share</th>
							<th scope="col" class="num">Calls</th>
							<th scope="col" class="num if-wide">Input</th>
							<th scope="col" class="num if-wide">Output</th>
							<th scope="col" class="num if-wide">Cache read</th>
							<th scope="col" class="num if-wide">Cache write</th>
						</tr>
					</thead>
					<tbody>
						${shown.map((row) => this.#row(answer, row, dearest))}
					</tbody>
				</table>
			</div>
			${shown.length < rows.length ? html`<div class="more"><button class="btn" @click=${() => (this.isWhole = true)}>Show all ${count(rows.length)}</button></div>` : nothing}
			<p class="hide" role="status">${plural(rows.length, "row")}, ${money(total.cost)}</p>
		</section>`;
	}

	/** @param {Costs} answer */
	#days({ rows }) {
		const days = rows.map((row) => ({
			day: row.name,
			text: `${money(row.cost)}, ${plural(row.calls, "call")}`,
			parts: [{ name: "cost", value: row.cost }],
			...(row.calls ? { to: spansHref({ span: "model", ...this.#those(row, "day") }) } : {}),
		}));
		const most = Math.max(...rows.map((row) => row.cost));
		return html`<div class="days">
			<day-columns .days=${days} .names=${["cost"]} label="Cost by day" top=${money(most)}></day-columns>
		</div>`;
	}

	/** @param {Costs} answer @param {CostRow} row @param {number} dearest */
	#row({ total, by }, row, dearest) {
		const those = this.#those(row, by);
		const used = { ...row, input: row.input - row.cache_read - row.cache_write };
		return html`<tr class=${row.name && !row.is_unseen ? "" : "rest"}>
			<td>${this.#name(row, by)}</td>
			<td class="num">
				${this.#cost(row, those, money(row.cost, dearest))}${row.unseen && !row.is_unseen ? html`<small>${money(row.unseen)} in no transcript</small>` : nothing}
			</td>
			<td class="num if-wide">${total.cost > 0 ? percent(row.cost / total.cost) : "–"}</td>
			<td class="num">
				${row.is_unseen ? "–" : row.name ? counted(row.calls, { span: "model", ...those }) : count(row.calls)}
			</td>
			${KINDS.map((kinds) => html`<td class="num if-wide">${row.name && !row.is_unseen ? tokensOf(used, kinds, those) : tokens(sumOf(used, kinds))}</td>`)}
		</tr>`;
	}

	/** What a row's calls cost; with some of it in no transcript they come to less. @param {CostRow} row @param {Record<string, string>} those @param {string} text */
	#cost(row, those, text) {
		if (!row.name || row.is_unseen) return text;
		if (!row.unseen) return priced(row.cost, those, text);
		const to =
			row.calls || !row.session ? spansHref({ span: "model", ...those }) : href("session", { id: row.session });
		return html`<a class="counts" href=${to}>${text}</a>`;
	}

	/** @param {CostRow} row @param {string} by */
	#name(row, by) {
		if (row.is_unseen) return "In no transcript: summaries, titles, cut-off answers";
		if (!row.name) return GROUPS[by]?.[1];
		const text =
			by === "model" ? model(row.name) : by === "session" || by === "prompt" ? row.title || short(row.name) : row.name;
		const to = ["project", "branch", "agent"].includes(by)
			? href("now", { query: { [by]: row.name, sort: "cost" } })
			: row.session
				? href("session", { id: row.session })
				: "";
		return html`${to ? html`<a class="link" href=${to}>${text}</a>` : text}${row.project && row.project !== text ? html`<small>${row.project}</small>` : nothing}`;
	}

	/** What a row's calls have in common, as the search page has it. @param {CostRow} row @param {string} by @returns {Record<string, string>} */
	#those(row, by) {
		const { project, agent, until } = this.query;
		const within = { project, agent, from: String(Math.floor(this.answer?.since ?? 0)), until };
		if (by === "day") {
			// The first one may begin later than its day, and the last one end earlier.
			const begin = Math.max(row.since ?? 0, Number(within.from));
			const end = Math.min(row.until ?? Infinity, Number(until) || Infinity);
			return { project, agent, from: String(begin), until: Number.isFinite(end) ? String(end) : "" };
		}
		if (by === "prompt") return { ...within, trace: row.trace };
		if (["project", "branch", "agent", "model", "session"].includes(by)) return { ...within, [by]: row.name };
		return { ...within, account: `${by}:${row.name}` };
	}
}

/** Within a sentence. @param {string} word */
const small = (word) => (/^[A-Z]{2}/.test(word) ? word : word.toLowerCase());

customElements.define("cost-page", CostPage);
