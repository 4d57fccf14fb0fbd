/** What held agents and you up, with its price: dialogs and rules that would end them, tools that fail; what it cost. */
import { css, html, nothing } from "lit";
import { dayAt } from "../lib/days.js";
import { ago, count, duration, elapsed, model, money, percent, plural, tokens } from "../lib/format.js";
import * as clock from "../lib/clock.js";
import { href, router } from "../lib/router.js";
import { ask } from "../lib/api.js";
import { sumOf } from "../lib/words.js";
import { shared } from "./shared-styles.js";
import { COLOURS, colours } from "./day-columns.js";
import { agentChoice, choice, named } from "./choice.js";
import { counted, spansHref, spentOn, waitedFor } from "./counted.js";
import { FetchedPage } from "./fetched-page.js";
import { splitBar, splitStyle } from "./split-bar.js";
import { store } from "../lib/store.js";
import { unavailableSentence } from "./cost-accounts.js";
import "./copy-button.js";
import "./day-columns.js";
import "./setup.js";
import "./waste-list.js";

/** @import { Asked, Failing, Friction, Rule } from "../lib/types.js" */
/** @typedef {[string, string]} Column text and classes */

const FRESH = 10_000; // ms between fetches while things happen; the answer is of minutes and days
const ROWS = 10; // of a table before the rest is asked for
/** @type {[string, string, string][]} */
const DAYS = [
	["1", "Today", "today"],
	["7", "7 days", "in the last 7 days"],
	["30", "30 days", "in the last 30 days"],
	["90", "90 days", "in the last 90 days"],
];

/** @type {Column[]} */
const ASKED_COLUMNS = [
	["Tool", ""],
	["Asked", "num"],
	["Approved", ""],
	["Waited", "num"],
	["Median", "num if-wide"],
	["Longest", "num if-wide"],
];
/** @type {Column[]} */
const FAILING_COLUMNS = [
	["Tool", ""],
	["Failed", "num"],
	["of", "num"],
	["Share", "num"],
	["Denied", "num if-wide"],
	["Interrupted", "num if-wide"],
	["Average", "num"],
];
/** @type {Column[]} */
const COST_COLUMNS = [
	["Cost", "num"],
	["Share", "num"],
];
/** @type {Column[]} */
const PROJECT_COLUMNS = [["Project", ""], ...COST_COLUMNS];
/** @type {Column[]} */
const MODEL_COLUMNS = [
	["Model", ""],
	...COST_COLUMNS,
	["Input", "num"],
	["Output", "num"],
	["Cache read", "num if-wide"],
	["Cache write", "num if-wide"],
];

/** All rules as Claude Code's settings have them. @param {Rule[]} rules */
export const settingsOf = (rules) =>
	JSON.stringify({ permissions: { allow: rules.map((rule) => rule.rule) } }, null, 2);

/** @extends {FetchedPage<Friction>} */
export class FrictionReport extends FetchedPage {
	static properties = { whole: { state: true } };
	static styles = [
		shared,
		splitStyle,
		colours,
		css`
			:host {
				container-type: inline-size;
			}
			header {
				display: flex;
				flex-wrap: wrap;
				align-items: end;
				gap: 0.75rem 1rem;
				margin-bottom: 1.25rem;
			}
			header > div:first-child {
				flex: 1 1 20rem;
			}
			header p {
				margin-top: 0.25rem;
			}
			.grid {
				display: grid;
				grid-template-columns: repeat(2, minmax(0, 1fr));
				gap: 1rem;
				align-items: start;
			}
			.wide {
				grid-column: 1 / -1;
			}
			section.card > header {
				margin: 0;
				padding: 0.75rem 1rem 0.6rem;
				align-items: center;
				gap: 0.5rem 1rem;
			}
			section.card > header h2 {
				flex: 1 1 auto;
			}
			section.card > header p {
				flex: 1 0 100%;
				order: 3;
				margin: -0.35rem 0 0;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.body {
				padding: 0.25rem 1rem 1rem;
			}
			.rules li {
				display: grid;
				grid-template: "rule copy" auto "why copy" auto / minmax(0, 1fr) auto;
				align-items: center;
				gap: 0.15rem 1rem;
				padding: 0.7rem 1rem;
				border-top: 1px solid var(--line);
			}
			.rules code.rule {
				font-size: 0.875rem;
				font-weight: 560;
				overflow-wrap: anywhere;
			}
			.rules p {
				grid-area: why;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			.rules p code {
				color: var(--ink-3);
				overflow-wrap: anywhere;
			}
			.rules copy-button {
				grid-area: copy;
			}
			.saves {
				color: var(--wait-ink);
				font-weight: 560;
			}
			td:first-child {
				white-space: nowrap;
				max-width: 16rem;
				overflow: hidden;
				text-overflow: ellipsis;
			}
			td small {
				display: block;
				font-size: 0.75rem;
				color: var(--ink-3);
				white-space: nowrap;
			}
			.card > header + .empty {
				padding-top: 0.25rem;
			}
			td:first-child,
			th:first-child {
				padding-left: 1rem;
			}
			td:last-child,
			th:last-child {
				padding-right: 1rem;
			}
			.bar {
				display: inline-flex;
				width: 4.5rem;
				height: 0.375rem;
				margin-right: 0.5rem;
				border-radius: 0.2rem;
				background: var(--sunken);
				overflow: hidden;
				vertical-align: 0.08em;
			}
			.bar > i {
				background: var(--ok);
			}
			.bar > i.no {
				background: var(--error);
			}
			.more {
				padding: 0.5rem 1rem;
				border-top: 1px solid var(--line);
			}
			.swatch {
				display: inline-block;
				width: 0.625rem;
				height: 0.625rem;
				border-radius: 2px;
				margin-right: 0.5rem;
			}
			.steps {
				padding: 0.6rem 1rem 0.8rem;
				border-top: 1px solid var(--line);
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.start {
				padding: 12vh 0;
			}
			@container (width < 60rem) {
				.grid {
					grid-template-columns: minmax(0, 1fr);
				}
			}
			@container (width < 34rem) {
				.bar,
				.if-wide {
					display: none;
				}
				header select {
					max-width: 9rem;
				}
				td:first-child,
				th:first-child {
					padding-left: 0.75rem;
				}
				td,
				th {
					padding-inline: 0.4rem;
				}
				.rules li,
				.body,
				.steps,
				section.card > header {
					padding-inline: 0.75rem;
				}
			}
		`,
	];

	constructor() {
		super();
		/** Tables that are shown to their end. @type {ReadonlySet<string>} */
		this.whole = new Set();
	}

	connected() {
		this.listen(router, "route", () => router.route.page === "friction" && this.fetch());
		this.updateOn(store, "change");
		this.follow(FRESH);
	}

	wanted() {
		const { days, project, agent } = router.route.query;
		return `${days} ${project} ${agent}`;
	}

	/** @param {AbortSignal} signal @returns {Promise<Friction>} */
	load(signal) {
		const { days, project, agent } = router.route.query;
		return ask("/friction", { days, project, agent }, { signal });
	}

	render() {
		const { answer } = this;
		const { days = "7", project = "", agent = "" } = router.route.query;
		const period = DAYS.find(([value]) => value === days)?.[2] ?? "";
		return html`
			<setup-step></setup-step>
			<header>
				<div>
					<h1>${answer && !isEmpty(answer) ? headline(answer) : "Friction"}</h1>
					<p class="second">${answer && !isEmpty(answer) ? this.#under(answer, period) : nothing}</p>
				</div>
				<div class="segments" role="group" aria-label="Period">
					${DAYS.map(([value, label]) => html`<button aria-pressed=${value === days} @click=${() => router.set({ days: value }, { push: true })}>${label}</button>`)}
				</div>
				${choice("Project", named("All projects", answer?.projects ?? store.projects, project), project, (value) => router.set({ project: value }, { push: true }))}
				${agentChoice(store.agents, agent, (value) => router.set({ agent: value }, { push: true }))}
			</header>
			${answer ? this.stale() : nothing}
			${answer ? html`<div class="grid" aria-busy=${this.busy && !sameAs(answer, days) ? "true" : "false"}>${isEmpty(answer) ? this.#nothing(period, project) : [html`<waste-list class="wide" .rows=${answer.waste} .since=${answer.since}></waste-list>`, this.#rules(answer), this.#waits(answer), this.#asked(answer), this.#failing(answer), this.#cost(answer), this.#accounts(answer), this.#unavailable(answer)]}</div>` : this.pending()}
		`;
	}

	/** @param {string} period @param {string} project */
	#nothing(period, project) {
		return html`<div class="card wide empty">
			Nothing was recorded ${period}${project ? html` in ${project}` : nothing}. Here you will see what made agents wait
			for you, the permission rules that would have saved it, tools that fail, and
			cost.${store.summary?.demo ? " Demo data is in no sum." : nothing}
		</div>`;
	}

	/** @param {Friction} answer @param {string} period */
	#under(answer, period) {
		const saved = answer.rules.reduce((sum, rule) => sum + rule.waited, 0);
		const all = sumOf(answer.time);
		const parts = [];
		const dialogs = plural(answer.waits.count, "dialog");
		const asked = { ...this.#within(answer), waited: "true" };
		parts.push(
			answer.waits.count ? html`${counted(answer.waits.count, asked, dialogs)} ${period}` : html`No dialog ${period}`,
		);
		const wasted = answer.waste.reduce((sum, row) => sum + (row.cost ?? 0), 0);
		if (wasted && answer.cost.total) {
			parts.push(html`${money(wasted)} of ${this.#spent(answer)} was for nothing`);
		}
		if (all && answer.time.wait) parts.push(html`${percent(answer.time.wait / all)} of all time`);
		if (saved) {
			parts.push(
				html`<span class="wait">${plural(answer.rules.length, "rule")} would have saved ${elapsed(saved)}</span>`,
			);
		}
		return parts.map((part, at) => html`${at ? " · " : nothing}${part}`);
	}

	/** What all figures of this page are of, as the search page has it. @param {Friction} answer @returns {Record<string, string>} */
	#within(answer) {
		const { project = "", agent = "" } = router.route.query;
		return { project, agent, ended: String(Math.floor(answer.since)) };
	}

	/** @param {Friction} answer @param {string} [project] @param {number} [cost] @param {string} [shown] */
	#spent(answer, project = router.route.query["project"] ?? "", cost = answer.cost.total, shown = money(cost)) {
		return spentOn(cost, { days: String(answer.days), project, agent: router.route.query["agent"] ?? "" }, shown);
	}

	/** @param {Friction} answer */
	#rules(answer) {
		const { rules, content } = answer;
		if (!content) {
			const command = "hookspan config set content.local true";
			return html`<section class="card wide" aria-labelledby="h-rules">
				<header><h2 id="h-rules">Rules that would have saved you the wait</h2></header>
				<div class="body">
					<p class="second">
						Rules are made from commands, and <code>content.local</code> is off: commands are not kept. To keep them,
						for you alone:
					</p>
					<p class="row wrap">
						<code>${command}</code><copy-button .text=${command} what=${`the command ${command}`}></copy-button>
					</p>
				</div>
			</section>`;
		}
		return html`<section class="card wide rules" aria-labelledby="h-rules">
			<header>
				<h2 id="h-rules">Rules that would have saved you the wait</h2>
				${rules.length > 1 ? html`<copy-button label="Copy all for settings.json" .text=${settingsOf(rules)} what=""></copy-button>` : nothing}
				<p>What you approved at least 3 times and never refused.</p>
			</header>
			${
				rules.length
					? html`<ol>
								${rules.map((rule) => this.#rule(rule, this.#within(answer)))}
							</ol>
							<p class="steps">
								In Claude Code, <code>/permissions</code> adds a rule; or put it into <code>permissions.allow</code> of
								<code>~/.claude/settings.json</code>, or of the project's <code>.claude/settings.json</code>.
							</p>`
					: html`<p class="empty">Nothing was approved often enough without a refusal, or no narrow rule covers it.</p>`
			}
		</section>`;
	}

	/** @param {Rule} rule @param {Record<string, string>} within */
	#rule(rule, within) {
		const words = /^\w+\((?:domain:)?(.*?)(?::\*)?\)$/.exec(rule.rule)?.[1] ?? "";
		const calls = spansHref({ ...within, q: words, tool: rule.tool, waited: "true", decision: "approved" });
		return html`<li>
			<code class="rule">${rule.rule}</code>
			<p>
				Asked <a class="counts" href=${calls}>${plural(rule.count, "time")}</a>, always approved,
				<span class="saves">${duration(rule.waited)} waited</span>, last ${ago(clock.now() - rule.last)}.
				${rule.examples.length ? html`<span class="quiet">Such as</span> ${rule.examples.map((example, at) => html`${at ? ", " : nothing}<code>${example}</code>`)}` : nothing}
			</p>
			<copy-button .text=${rule.rule} what=${`the rule ${rule.rule}`}></copy-button>
		</li>`;
	}

	/** @param {Friction} answer */
	#waits(answer) {
		const days = answer.waits.days.map(({ day, count: dialogs, waited, projects }) => ({
			day,
			text: dialogs ? `${plural(dialogs, "dialog")}, ${duration(waited)} waited` : "no dialog",
			parts: Object.entries(projects).map(([name, value]) => ({ name, value })),
		}));
		const total = sums(answer.waits.days.map((day) => day.projects));
		const names = projectsOf(answer);
		const most = Math.max(...answer.waits.days.map((day) => day.waited));
		return html`<section class="card wide" aria-labelledby="h-waits">
			<header>
				<h2 id="h-waits">Where the time went</h2>
				<p>
					Of turns that have ended and their subagents, each moment of a turn once. Striped: an agent stood still until
					you answered.
				</p>
			</header>
			<div class="body">${splitBar(answer.time)}</div>
			${
				answer.waits.count && days.length > 1
					? html`<header><h2>Waited for you, by day</h2></header>
							<div class="body">
								${this.#columns(days, names, "Time waited for you, by day", duration(most))}${this.#legend(names, total)}
							</div>`
					: nothing
			}
		</section>`;
	}

	/** @param {import("./day-columns.js").Day[]} days @param {string[]} names @param {string} label @param {string} top */
	#columns(days, names, label, top) {
		return html`<day-columns .days=${days} .names=${names} label=${label} top=${top}></day-columns>`;
	}

	/** @param {string[]} names in the order of their colours @param {Record<string, number>} total ms */
	#legend(names, total) {
		const rows = names.map((name, at) => ({ name, at, value: total[name] ?? 0 })).filter(({ value }) => value);
		const [own, others] = [rows.filter(({ at }) => at < COLOURS), rows.filter(({ at }) => at >= COLOURS)];
		return html`<dl class="legend">
			${own.map(
				({ name, at, value }) =>
					html`<div>
						<i class="c${at}" aria-hidden="true"></i>
						<dt>${name || "(none)"}</dt>
						<dd>${duration(value)}</dd>
					</div>`,
			)}
			${
				others.length
					? html`<div>
							<i class="c${COLOURS}" aria-hidden="true"></i>
							<dt>${others.length} more</dt>
							<dd>${duration(others.reduce((sum, { value }) => sum + value, 0))}</dd>
						</div>`
					: nothing
			}
		</dl>`;
	}

	/** @param {Friction} answer */
	#asked(answer) {
		const { asked } = answer;
		const within = this.#within(answer);
		return html`<section class="card" aria-labelledby="h-asked">
			<header><h2 id="h-asked">What you were asked</h2></header>
			${this.#table("asked", ASKED_COLUMNS, asked, (one) => askedRow(one, within), "Nobody was asked for anything.")}
		</section>`;
	}

	/** @param {Friction} answer */
	#failing(answer) {
		const { failing } = answer;
		const failed = failing.filter((tool) => tool.failed || tool.denied || tool.interrupted);
		const calls = failing.reduce((sum, tool) => sum + tool.calls, 0);
		const why = calls ? `None of ${plural(calls, "tool call")} failed.` : "No tool was called.";
		const within = this.#within(answer);
		return html`<section class="card" aria-labelledby="h-failing">
			<header><h2 id="h-failing">Tools that fail</h2></header>
			${this.#table("failing", FAILING_COLUMNS, failed, (one) => failingRow(one, within), why)}
		</section>`;
	}

	/** @param {Friction} answer */
	#cost(answer) {
		const { cost } = answer;
		const { by = "project" } = router.route.query;
		const byModel = by === "model";
		const rows = byModel
			? cost.models.map((one) => ({ ...one, label: model(one.name) }))
			: cost.projects.map((one) => ({ ...one, label: one.name || "(none)" }));
		const days = cost.days.map((day) => ({
			day: day.day,
			text: money(day.cost),
			parts: Object.entries(byModel ? day.models : day.projects).map(([name, value]) => ({ name, value })),
		}));
		const dearest = Math.max(0, ...rows.map((row) => row.cost));
		const names = byModel ? cost.models.map(({ name }) => name) : projectsOf(answer);
		const most = Math.max(...cost.days.map((day) => day.cost));
		const within = this.#within(answer);
		/** The sessions of a project, the calls of a model. @param {string} name */
		const to = (name) =>
			byModel
				? spansHref({ ...within, model: name })
				: href("now", { query: { project: name, since: dayAt(answer.since), sort: "cost" } });
		const spent = (/** @type {(typeof rows)[number]} */ row, /** @type {string} */ text) =>
			byModel
				? html`<a class="counts" href=${to(row.name)}>${text}</a>`
				: this.#spent(answer, row.name, row.cost, text);
		const costRow = (/** @type {(typeof rows)[number]} */ row, /** @type {number} */ at) =>
			html`<tr>
				<td>
					<i class="swatch c${Math.min(names.indexOf(row.name), COLOURS)}" aria-hidden="true"></i
					>${row.name ? html`<a class="link" href=${to(row.name)}>${row.label}</a>` : row.label}
				</td>
				<td class="num">${row.name ? spent(row, money(row.cost, dearest)) : money(row.cost, dearest)}</td>
				<td class="num">${cost.total ? percent(row.cost / cost.total) : "–"}</td>
				${byModel ? tokenCells(cost.models[at], { ...within, model: row.name }) : nothing}
			</tr>`;
		return html`<section class="card wide" aria-labelledby="h-cost">
			<header>
				<h2 id="h-cost">Cost <span class="quiet">${this.#spent(answer)}</span></h2>
				<a href=${href("receipts")}>By commit</a>
				<div class="segments" role="group" aria-label="Cost by">
					${["project", "model"].map((name) => html`<button aria-pressed=${by === name} @click=${() => router.set({ by: name })}>By ${name}</button>`)}
				</div>
				<p>
					At list price, which is no bill: a subscription is not billed by
					tokens.${cost.unpriced ? html` <span class="wait">${plural(cost.unpriced, "call")} of models without a known price ${cost.unpriced === 1 ? "is" : "are"} not in it.</span>` : nothing}
				</p>
			</header>
			${
				cost.total && days.length > 1
					? html`<div class="body">${this.#columns(days, names, `Cost by day and ${by}`, money(most))}</div>`
					: nothing
			}
			${this.#table("cost", byModel ? MODEL_COLUMNS : PROJECT_COLUMNS, rows, costRow, "No model was called.")}
		</section>`;
	}

	/** @param {Friction} answer */
	#accounts(answer) {
		const { cost } = answer;
		if (!cost.sources.length && !cost.unseen) return nothing;
		return html`<section class="card wide" aria-labelledby="h-accounts">
			<header><h2 id="h-accounts">What it was for</h2></header>
			<cost-accounts
				.sources=${cost.sources}
				.within=${this.#within(answer)}
				.total=${cost.total - cost.unseen}
				.unseen=${cost.unseen}
			></cost-accounts>
		</section>`;
	}

	/** MCP servers that could not be used. @param {Friction} answer */
	#unavailable({ unavailable }) {
		if (!unavailable.length) return nothing;
		return html`<section class="card wide" aria-labelledby="h-unavailable">
			<header><h2 id="h-unavailable">MCP servers that were not available</h2></header>
			<p class="steps">
				${unavailable.map((one, at) => html`${at ? "; " : nothing}<code>${one.server}</code> ${unavailableSentence(one)}`)}.
			</p>
		</section>`;
	}

	/**
	 * A table of which the first rows are shown, all of them when that is asked for.
	 * @template R
	 * @param {string} name
	 * @param {Column[]} columns
	 * @param {R[]} rows
	 * @param {(row: R, at: number) => unknown} draw
	 * @param {string} empty what stands there without any
	 */
	#table(name, columns, rows, draw, empty) {
		if (!rows.length) return html`<p class="empty">${empty}</p>`;
		const isWhole = rows.length <= ROWS || this.whole.has(name);
		const show = () => (this.whole = new Set([...this.whole, name]));
		return html`<div class="scroll-x" tabindex="0" role="group" aria-labelledby=${`h-${name}`}>
				<table>
					<thead>
						<tr>
							${columns.map(([text, look]) => html`<th scope="col" class=${look}>${text}</th>`)}
						</tr>
					</thead>
					<tbody>
						${rows.slice(0, isWhole ? rows.length : ROWS).map(draw)}
					</tbody>
				</table>
			</div>
			${
				isWhole
					? nothing
					: html`<div class="more"><button class="btn" @click=${show}>Show all ${rows.length}</button></div>`
			}`;
	}
}

/** @param {Asked} one @param {Record<string, string>} within */
function askedRow(one, within) {
	const those = { ...within, call: `${one.tool} ${one.program}`.trim(), waited: "true" };
	/** @param {number} times @param {string} decision @param {string} word */
	const decided = (times, decision, word) =>
		times ? counted(times, { ...those, decision }, `${count(times)} ${word}`) : null;
	const others = [
		decided(one.refused, "refused", "refused"),
		decided(one.aborted, "aborted", "aborted"),
		decided(one.auto_denied, "auto_denied", "denied by a rule"),
	].filter(Boolean);
	return html`<tr>
		<td title=${one.tool}>${one.tool}${one.program ? html` <code class="quiet">${one.program}</code>` : nothing}</td>
		<td class="num">${counted(one.count, those)}</td>
		<td>
			<span class="bar" aria-hidden="true"
				><i .style=${`width:${one.approved_share * 100}%`}></i
				><i class="no" .style=${`width:${(1 - one.approved_share) * 100}%`}></i></span
			>${percent(one.approved_share)}${others.length ? html`<small>${others.map((other, at) => html`${at ? ", " : nothing}${other}`)}</small>` : nothing}
		</td>
		<td class="num wait">${waitedFor(one.waited.total, those)}</td>
		<td class="num if-wide">${duration(one.waited.median)}</td>
		<td class="num if-wide">${duration(one.waited.max)}</td>
	</tr>`;
}

/** @param {Failing} one @param {Record<string, string>} within */
function failingRow({ tool, failed, calls, share, denied, interrupted, average }, within) {
	const those = { ...within, tool };
	return html`<tr>
		<td title=${tool}>${tool}</td>
		<td class="num ${failed ? "bad" : "quiet"}">${counted(failed, { ...those, outcome: "error" })}</td>
		<td class="num">${counted(calls, those)}</td>
		<td class="num">${percent(share)}</td>
		<td class="num if-wide">${counted(denied, { ...those, outcome: "denied" })}</td>
		<td class="num if-wide">${counted(interrupted, { ...those, outcome: "interrupted" })}</td>
		<td class="num">${average ? duration(average) : "–"}</td>
	</tr>`;
}

/** @param {Friction} answer */
function headline({ waits }) {
	return waits.count ? `Agents waited ${elapsed(waits.waited)} for you` : "Nothing held your agents up";
}

/** @param {Friction} answer */
const isEmpty = ({ waits, failing, cost, time }) =>
	!waits.count && !failing.length && !cost.total && !cost.unpriced && !sumOf(time);

/** Whether an answer is of the period that the address names. @param {Friction} answer @param {string} days */
const sameAs = (answer, days) => answer.days === Number(days);

/** @param {Record<string, number>[]} all */
function sums(all) {
	/** @type {Record<string, number>} */
	const found = {};
	for (const one of all) for (const [name, value] of Object.entries(one)) found[name] = (found[name] ?? 0) + value;
	return found;
}

/** Projects in the order of their colours, which are the same in all charts: who has most of the waits or of the cost first. @param {Friction} answer */
function projectsOf({ waits, cost }) {
	const waited = sums(waits.days.map((day) => day.projects));
	const paid = Object.fromEntries(cost.projects.map((one) => [one.name, one.cost]));
	/** @param {string} name */
	const part = (name) => Math.max((waited[name] ?? 0) / (waits.waited || 1), (paid[name] ?? 0) / (cost.total || 1));
	return [...new Set([...Object.keys(waited), ...Object.keys(paid)])].sort((a, b) => part(b) - part(a));
}

/** @param {import("../lib/types.js").Friction["cost"]["models"][number] | undefined} one @param {Record<string, string>} those */
function tokenCells(one, those) {
	if (!one) return nothing;
	const calls = spansHref({ span: "model", ...those });
	/** Of those that are in no transcript, too, so the list may come to less. @param {keyof import("../lib/types.js").Tokens} kind */
	const figure = (kind) =>
		one[kind] ? html`<a class="counts" href=${calls}>${tokens(one[kind])}</a>` : tokens(one[kind]);
	return html`<td class="num">${figure("input")}</td>
		<td class="num">${figure("output")}</td>
		<td class="num if-wide">${figure("cache_read")}</td>
		<td class="num if-wide">${figure("cache_write")}</td>`;
}

customElements.define("friction-report", FrictionReport);
