/** Which work went into which commit, by branch and pull request, and what is in none. */
import { css, html, nothing } from "lit";
import { ask } from "../lib/api.js";
import * as clock from "../lib/clock.js";
import { ago, count, duration, money, percent, plural, short, tokens } from "../lib/format.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { agentChoice, choice, named } from "./choice.js";
import { FetchedPage } from "./fetched-page.js";
import { shared } from "./shared-styles.js";
import "./setup.js";

/** @typedef {Readonly<Record<string, string>>} Titles of sessions, by id */
/** @import { BranchReceipts, Commit, LinesByAge, Receipts, Spent } from "../lib/types.js" */

const FRESH = 10_000; // ms between fetches while things happen
const ROWS = 10; // commits of a branch before the rest is asked for
const SHA = 10; // digits of a commit's id
const SESSIONS = 3; // of a commit, by name
/** @type {[string, string][]} */
const DAYS = [
	["7", "7 days"],
	["30", "30 days"],
	["90", "90 days"],
];
/** @type {[string, string][]} */
const COLUMNS = [
	["Commit", ""],
	["Made", "num if-wide"],
	["Calls", "num if-wide"],
	["Input", "num if-wide"],
	["Cached", "num if-wide"],
	["Output", "num if-wide"],
	["Cost", "num"],
];

/** @extends {FetchedPage<Receipts>} */
export class ReceiptsPage extends FetchedPage {
	static properties = { whole: { state: true } };
	static styles = [
		shared,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			header.top {
				display: flex;
				flex-wrap: wrap;
				align-items: end;
				gap: 0.75rem 1rem;
				margin-bottom: 1.25rem;
			}
			header.top > div:first-child {
				flex: 1 1 20rem;
			}
			header.top p {
				margin-top: 0.25rem;
			}
			section.card {
				margin-bottom: 1rem;
			}
			section.card > header {
				display: flex;
				flex-wrap: wrap;
				align-items: baseline;
				gap: 0.25rem 1rem;
				padding: 0.75rem 1rem 0.6rem;
			}
			section.card > header h2 {
				flex: 1 1 auto;
				overflow-wrap: anywhere;
			}
			section.card > header p {
				flex: 1 0 100%;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			td:first-child,
			th:first-child {
				padding-left: 1rem;
			}
			td:last-child,
			th:last-child {
				padding-right: 1rem;
			}
			th.num {
				width: 5.5rem;
			}
			td small {
				display: block;
				font-size: 0.75rem;
				color: var(--ink-3);
			}
			tr.none td:first-child {
				color: var(--ink-2);
			}
			.more {
				padding: 0.5rem 1rem;
				border-top: 1px solid var(--line);
			}
			.start {
				padding: 12vh 0;
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
		/** Branches that are shown to their first commit. @type {ReadonlySet<string>} */
		this.whole = new Set();
	}

	connected() {
		this.listen(router, "route", () => router.route.page === "receipts" && this.fetch());
		this.updateOn(store, "change");
		this.follow(FRESH);
	}

	wanted() {
		const { days, project, agent, session } = router.route.query;
		return `${days} ${project} ${agent} ${session}`;
	}

	/** @param {AbortSignal} signal @returns {Promise<Receipts>} */
	load(signal) {
		const { days, project, agent, session } = router.route.query;
		return ask("/receipts", { days, project, agent, session }, { signal });
	}

	render() {
		const { answer } = this;
		const { days = "30", project = "", agent = "", session = "" } = router.route.query;
		return html`
			<setup-step></setup-step>
			<header class="top">
				<div>
					<h1>Receipts</h1>
					<p class="second">
						What went into each commit, at list price: no bill.
						${session ? html`Of what session <a href=${href("session", { id: session })}>${short(session)}</a> worked for. <a href=${href("receipts")}>Show all</a>` : nothing}
					</p>
				</div>
				<div class="segments" role="group" aria-label="Period">
					${DAYS.map(([value, label]) => html`<button aria-pressed=${value === days} @click=${() => router.set({ days: value }, { push: true })}>${label}</button>`)}
				</div>
				${choice("Project", named("All projects", answer?.projects ?? [], project), project, (value) => router.set({ project: value }, { push: true }))}
				${agentChoice(store.agents, agent, (value) => router.set({ agent: value }, { push: true }))}
			</header>
			${answer ? [this.stale(), this.#branches(answer)] : this.pending()}
		`;
	}

	/** @param {Receipts} answer */
	#branches(answer) {
		const shown = answer.branches.filter(({ total }) => total.calls || Math.abs(total.cost) > 0);
		if (!shown.length) {
			return html`<div class="card empty">
				No work went into a commit in this time. Here you will see what each commit, branch and pull request cost.
				<code>hookspan receipt</code> shows it in a repository.
			</div>`;
		}
		return html`${shown.map((branch, at) => this.#branch(branch, at, answer.titles))}${answer.count > answer.branches.length ? html`<p class="second">And ${plural(answer.count - answer.branches.length, "older branch", "older branches")}.</p>` : nothing}`;
	}

	/** @param {BranchReceipts} branch @param {number} at @param {Titles} titles */
	#branch(branch, at, titles) {
		const name = `${branch.project} ${branch.branch}`;
		const { commits, no_commit: none, total } = branch;
		const isWhole = commits.length <= ROWS || this.whole.has(name);
		const dearest = Math.max(...commits.map(({ spent }) => spent.cost), none.cost);
		return html`<section class="card" aria-labelledby=${`h-${at}`}>
			<header>
				<h2 id=${`h-${at}`}>${branch.project || "(none)"}, ${branch.branch || "no branch"}</h2>
				<strong>${money(total.cost)}${total.unpriced ? "+" : nothing}</strong>
				<p>
					${branch.pulls.map(pullLink)}${summary(total)}${store.agents.length > 1 && branch.agents.length ? `, by ${branch.agents.join(", ")}` : nothing}
				</p>
				${branch.lines.map((lines) => html`<p>${stayedOf(lines)}</p>`)}
			</header>
			<div class="scroll-x" tabindex="0" role="group" aria-labelledby=${`h-${at}`}>
				<table>
					<thead>
						<tr>
							${COLUMNS.map(([text, look]) => html`<th scope="col" class=${look}>${text}</th>`)}
						</tr>
					</thead>
					<tbody>
						${commits.slice(0, isWhole ? commits.length : ROWS).map((commit) => commitRow(commit, dearest, titles))}
						${none.calls || none.cost ? noneRow(none, dearest, titles) : nothing}
					</tbody>
				</table>
			</div>
			${
				isWhole
					? nothing
					: html`<div class="more">
							<button class="btn" @click=${() => (this.whole = new Set([...this.whole, name]))}>
								Show all ${commits.length}
							</button>
						</div>`
			}
		</section>`;
	}
}

/** @param {import("../lib/types.js").PullRequest} pull */
const pullLink = ({ number, place }) =>
	html`${place ? html`<a href=${`https://github.com/${place}/pull/${number}`} target="_blank" rel="noreferrer">#${number}</a>` : html`#${number}`}, `;

/** @param {Spent} spent */
const summary = (spent) =>
	[
		plural(spent.calls, "call"),
		plural(spent.turns, "turn"),
		plural(Object.keys(spent.sessions).length, "session"),
		`${duration(spent.model_time)} model`,
		`${duration(spent.tool_time)} tools`,
		spent.waited ? `${duration(spent.waited)} waited for you` : "",
	]
		.filter(Boolean)
		.join(", ");

/** @param {LinesByAge} lines */
const stayedOf = ({ days, commits, written, stayed, cost }) =>
	`After ${plural(days, "day")} ${count(stayed)} of ${plural(written, "line")} of ${plural(commits, "commit")} stayed (${percent(stayed / written)})${stayed ? `, ${money(cost / stayed)} each` : ""}`;

/** @param {Commit} commit @param {number} dearest @param {Titles} titles */
function commitRow({ sha, at, replaces, origin, lines, spent }, dearest, titles) {
	const notes = [
		replaces.length ? `in place of ${replaces.map((old) => old.slice(0, SHA)).join(", ")}` : "",
		origin ? `picked from ${origin.slice(0, SHA)}, whose work stays there` : "",
		lines.length
			? `lines there ${lines.map(({ days, branch, written, stayed }) => `after ${plural(days, "day")}: ${count(stayed)} of ${count(written)} (${branch})`).join(", ")}`
			: "",
	].filter(Boolean);
	return html`<tr>
		<td>
			<code title=${sha}>${sha.slice(0, SHA)}</code> ${sessionLinks(spent, titles)}
			${notes.map((note) => html`<small>${note}</small>`)}
		</td>
		<td class="num if-wide">${ago(clock.now() - at)}</td>
		${figures(spent, dearest)}
	</tr>`;
}

/** @param {Spent} none @param {number} dearest @param {Titles} titles */
const noneRow = (none, dearest, titles) =>
	html`<tr class="none">
		<td>
			No commit ${sessionLinks(none, titles)}
			${none.unseen ? html`<small>${money(none.unseen)} of it is in no transcript</small>` : nothing}
		</td>
		<td class="num if-wide"></td>
		${figures(none, dearest)}
	</tr>`;

/** The dearest sessions first. @param {Spent} spent @param {Titles} titles */
function sessionLinks({ sessions }, titles) {
	const ids = Object.keys(sessions).sort((a, b) => (sessions[b] ?? 0) - (sessions[a] ?? 0));
	const links = ids.slice(0, SESSIONS).map((id) => {
		const title = titles[id];
		return html`<a class="link" href=${href("session", { id })} aria-label=${`Session ${title || short(id)}`}
			>${title || short(id)}</a
		>`;
	});
	const rest = ids.length - links.length;
	return html`${links.map((link, at) => (at ? html`, ${link}` : link))}${rest > 0 ? ` and ${count(rest)} more` : nothing}`;
}

/** @param {Spent} spent @param {number} dearest */
const figures = (spent, dearest) =>
	html`<td class="num if-wide">${count(spent.calls)}</td>
		<td class="num if-wide">${tokens(spent.input)}</td>
		<td class="num if-wide">${spent.input ? percent(spent.cache_read / spent.input) : "–"}</td>
		<td class="num if-wide">${tokens(spent.output)}</td>
		<td class="num">${money(spent.cost, dearest)}${spent.unpriced ? "+" : nothing}</td>`;

customElements.define("receipts-page", ReceiptsPage);
