/** Search: what was said in all sessions, and spans by what they are. */
import { css, html, nothing } from "lit";
import { ApiError, ask } from "../lib/api.js";
import * as clock from "../lib/clock.js";
import { duration, money, percent, plural, short, tokens } from "../lib/format.js";
import { date, timeOfDay } from "../lib/times.js";
import { SPAN_KINDS } from "../lib/catalogue.js";
import { SEARCH } from "../lib/key-places.js";
import { action } from "../lib/keys.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { FOUND_KINDS, OUTCOME_FILTERS, hitHref, kindOfHit } from "../lib/hits.js";
import { sourceWord } from "../lib/words.js";
import { withCode } from "./agent-text.js";
import { BaseComponent } from "./base-component.js";
import { agentChoice, choice } from "./choice.js";
import { shared } from "./shared-styles.js";

/** @import { Found, FoundItem } from "../lib/types.js" */

const TYPED = 200; // ms after a key, before the agent is asked
const DAY = 86_400_000; // ms
const SAME = 300_000; // ms of one question
/** @type {[string, string][]} */
const TIMES = [
	["all", "Any time"],
	["1", "Last day"],
	["7", "Last 7 days"],
	["30", "Last 30 days"],
	["365", "Last year"],
];
/** @type {[string, string][]} */
const LENGTHS = [
	["0", "Any duration"],
	["10", "Over 10 s"],
	["30", "Over 30 s"],
	["120", "Over 2 min"],
	["600", "Over 10 min"],
];
/** @type {[string, string][]} */
const COLLIDED = [
	["all", "All calls"],
	["true", "Collisions"],
];
/** @type {[string, string][]} */
const COSTS = [
	["0", "Any cost"],
	["10", "Over $0.10"],
	["100", "Over $1"],
	["1000", "Over $10"],
];

/** @type {[string, string][]} */
const SPAN_TYPES = [
	["all", "All spans"],
	...Object.entries(SPAN_KINDS)
		.filter(([name, { role }]) => name === "child" || (role !== "overhead" && name !== "session"))
		.map(([name, { word }]) => /** @type {[string, string]} */ ([name, word])),
];

/** A time in the address, Unix ms; empty for anything else. @param {string} text */
const moment = (text) => (/^\d{1,15}$/.test(text) ? text : "");

export class SearchPage extends BaseComponent {
	static properties = {
		answer: { state: true },
		error: { state: true },
		busy: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			.ask {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem;
				align-items: center;
			}
			.ask h1 {
				margin-right: 0.5rem;
			}
			.ask label:first-of-type {
				flex: 1 1 18rem;
			}
			.ask label:first-of-type input {
				width: 100%;
			}
			.filters {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem;
				margin: 0.5rem 0 1rem;
			}
			.filters label {
				min-width: 0;
			}
			.filters input {
				width: 6.25rem;
			}
			li {
				position: relative;
				padding: 0.6rem 1rem;
				border-top: 1px solid var(--line);
			}
			li:first-child {
				border-top: 0;
			}
			li:hover {
				background: var(--hover);
			}
			.head {
				display: flex;
				flex-wrap: wrap;
				gap: 0 0.75rem;
				align-items: baseline;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.head a {
				font-weight: 600;
				color: var(--ink);
			}
			.head a::after {
				content: "";
				position: absolute;
				inset: 0;
			}
			.head a:focus-visible {
				outline: none;
			}
			.head a:focus-visible::after {
				outline: 2px solid var(--focus);
				outline-offset: -2px;
			}
			.failed {
				color: var(--error-ink);
			}
			time {
				margin-left: auto;
				white-space: nowrap;
			}
			.text {
				margin-top: 0.15rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
				overflow-wrap: anywhere;
				display: -webkit-box;
				-webkit-line-clamp: 3;
				-webkit-box-orient: vertical;
				overflow: hidden;
			}
			mark {
				background: var(--wait-soft);
				color: var(--ink);
				font-weight: 600;
				border-radius: 0.15rem;
			}
			.more {
				padding: 0.6rem 1rem;
				border-top: 1px solid var(--line);
			}
			.sums {
				margin-bottom: 0.4rem;
				padding-inline: 0.25rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			.filters .btn {
				max-width: min(20rem, 100%);
			}
			.kept,
			.empty {
				margin-top: 1rem;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.empty {
				padding: 1.5rem 0;
				color: var(--ink-2);
			}
			.error {
				margin-top: 0.5rem;
			}
			@container (width < 44rem) {
				.filters label,
				.filters select,
				.filters input {
					flex: 1 1 8rem;
					width: 100%;
					max-width: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Found | null} */
		this.answer = null;
		/** @type {ApiError | null} */
		this.error = null;
		this.busy = false;
		/** @type {AbortController | null} */
		this.request = null;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
		this.asked = "";
	}

	connected() {
		this.listen(store, "change", () => this.#again());
		this.listen(store.live, "reset", () => {
			this.asked = ""; // not all that was found need be there any more
			this.#fetch();
		});
		this.updateOn(store, "change");
		this.listen(router, "route", () => router.route.page === "search" && this.#soon());
		this.listen(document, "keydown", (event) => this.#key(event));
		this.later(() => {
			clearTimeout(this.timer);
			this.request?.abort();
		});
		this.#fetch();
	}

	firstUpdated() {
		if (!this.query.q) this.renderRoot.querySelector("input")?.focus();
	}

	get query() {
		return /** @type {Record<"q" | "what" | "type" | "project" | "agent" | "branch" | "tool" | "model" | "outcome" | "collided" | "time" | "from" | "longer" | "cost" | "session" | "waste" | "span" | "until" | "ended" | "trace" | "account" | "own" | "waited" | "decision" | "call", string>} */ (
			router.route.query
		);
	}

	/** Whether messages may not be shown. */
	get isHidden() {
		return this.query.what !== "spans" && store.summary?.content === false;
	}

	/** What the agent is asked; null for nothing yet. */
	get wanted() {
		const {
			q,
			what,
			type,
			project,
			agent,
			branch,
			tool,
			model,
			outcome,
			collided,
			time,
			from,
			longer,
			cost,
			session,
			waste,
		} = this.query;
		const { span, until, ended, trace, account, own, waited, decision, call } = this.query;
		const ofSpans = {
			type: span === "all" ? "" : span,
			ended: moment(ended),
			trace,
			account,
			own,
			waited,
			decision,
			call,
		};
		const filters = {
			project,
			agent,
			branch,
			tool,
			model,
			session,
			waste: what === "spans" ? waste : "",
			outcome: outcome === "all" ? "" : outcome,
			collisions: what === "spans" && collided === "true" ? "true" : "",
			kind: what === "spans" || type === "all" ? "" : type,
			longer: Number(longer) ? Number(longer) * 1000 : "",
			cents: Number(cost) ? cost : "",
			until: moment(until),
			...(what === "spans" ? ofSpans : {}),
			since: moment(from) ? from : time === "all" ? "" : Math.floor((clock.now() - Number(time) * DAY) / SAME) * SAME,
		};
		if (this.isHidden || !store.summary) return null; // whether messages are shown is known in a moment
		if (!q.trim() && !Object.values(filters).some(Boolean)) return null;
		return { q: q.trim(), what: what === "spans" ? what : "", ...filters };
	}

	#soon() {
		this.requestUpdate();
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.#fetch(), TYPED);
	}

	/** Whether something else is to be asked now: not for the moment that "the last days" begin at, nor what was refused. */
	#again() {
		const { wanted, error } = this;
		const former = this.asked && JSON.parse(this.asked);
		const isSame = wanted && former && JSON.stringify({ ...wanted, since: former.since }) === this.asked;
		const mayCome = error && (!error.status || error.status >= 500 || (error.status === 401 && !store.error));
		if (!isSame || mayCome) this.#fetch();
	}

	async #fetch(before = "") {
		const { wanted } = this;
		const asked = JSON.stringify(wanted);
		if (asked === this.asked && !before && !this.error) return;
		this.asked = asked;
		this.request?.abort();
		this.request = null;
		this.busy = false;
		if (!wanted) {
			this.answer = null;
			this.error = null;
			return;
		}
		const request = (this.request = new AbortController());
		this.busy = true;
		try {
			const answer = await ask("/search", { ...wanted, before }, { signal: request.signal });
			if (request !== this.request) return;
			const former = before && this.answer ? this.answer.items : [];
			const sums = before ? (this.answer?.sums ?? null) : answer.sums;
			this.answer = { ...answer, sums, items: [...former, ...answer.items] };
			this.error = null;
			if (!before) this.announce(plural(answer.items.length, "hit"));
		} catch (error) {
			if (request !== this.request) return;
			if (!(error instanceof ApiError)) throw error;
			this.error = error;
			if (!before) this.answer = null;
		}
		this.busy = false;
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = action(SEARCH, event);
		if (!what) return;
		if (what === "find") {
			event.preventDefault();
			this.renderRoot.querySelector("input")?.focus();
			return;
		}
		const links = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("li a")]);
		const active = this.renderRoot instanceof ShadowRoot ? this.renderRoot.activeElement : null;
		const at = links.findIndex((link) => link === active);
		if (event.key.length > 1 && at < 0 && !(active instanceof HTMLInputElement)) return;
		const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + (what === "next" ? 1 : -1)))];
		if (!next) return;
		event.preventDefault();
		next.focus();
		next.closest("li")?.scrollIntoView({ block: "nearest" });
	}

	// --- View

	/** @param {keyof SearchPage["query"]} name @param {string} label @param {import("./choice.js").Choices} choices */
	#choice(name, label, choices) {
		return choice(label, choices, this.query[name], (value) => router.set({ [name]: value }, { push: true }));
	}

	/** Since when, unless a figure that led here counts from a moment on. */
	#time() {
		return moment(this.query.from) ? nothing : this.#choice("time", "Time", TIMES);
	}

	/** What a figure that led here counts beside that; each can be taken away. */
	#counted() {
		const { from, until, ended, trace, account, own, waited, decision, call, waste, session, what } = this.query;
		const at = (/** @type {string} */ text) => date(Number(text));
		const [kind = "", name] = account.split(/:(.*)/s);
		const [sort = "", of] = waste.replaceAll("_", " ").split(/:(.*)/s);
		/** @type {[keyof SearchPage["query"], unknown][]} */
		const found = [
			["from", moment(from) && `Since ${at(from)}`],
			["until", moment(until) && `Before ${at(until)}`],
			["session", session && `Session ${store.sessions.get(session)?.title || short(session)}`],
		];
		/** @type {[keyof SearchPage["query"], unknown][]} */
		const ofSpans = [
			["ended", moment(ended) && `Ended since ${at(ended)}`],
			["trace", trace && `Turn ${short(trace)}`],
			["account", account && `${sourceWord(kind)}: ${name}`],
			["own", own && "Without subagents"],
			["waited", waited && "Waited for you"],
			["decision", decision && `Decided: ${decision.replaceAll("_", " ")}`],
			["call", call && (call.includes(" ") ? call : `${call}, no program`)],
			["waste", sort && (of ? `${sort}: ${of}` : sort)],
		];
		return [...found, ...(what === "spans" ? ofSpans : [])]
			.filter(([, text]) => text)
			.map(
				([parameter, text]) =>
					html`<button class="btn" title="Take it away" @click=${() => router.set({ [parameter]: "" }, { push: true })}>
						<span class="cut">${text}</span> <span aria-hidden="true">✕</span><span class="hide">, take it away</span>
					</button>`,
			);
	}

	/** @param {keyof SearchPage["query"]} name @param {string} label @param {string[]} [known] */
	#text(name, label, known = []) {
		return html`<label
			><span class="hide">${label}</span
			><input
				type="search"
				placeholder=${label}
				list=${known.length ? `known-${name}` : nothing}
				.value=${this.query[name]}
				@input=${(/** @type {any} */ event) => router.set({ [name]: event.target.value })}
			/>${
				known.length
					? html`<datalist id=${`known-${name}`}>
							${known.map((value) => html`<option value=${value}></option>`)}
						</datalist>`
					: nothing
			}</label
		>`;
	}

	render() {
		const { what } = this.query;
		const isSpans = what === "spans";
		return html`<search>
				<div class="ask">
					<h1>Search</h1>
					<label
						><span class="hide">Words to search for</span
						><input
							type="search"
							placeholder=${isSpans ? "Command, file, attribute  /" : "Prompts, answers, commands, paths, errors  /"}
							.value=${this.query.q}
							@input=${(/** @type {any} */ event) => router.set({ q: event.target.value })}
							@keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && router.set({ q: "" })}
					/></label>
					${this.#choice("what", "What is looked for", [
						["messages", "Messages"],
						["spans", "Spans"],
					])}
				</div>
				<div class="filters">
					${isSpans ? this.#choice("span", "Which spans", SPAN_TYPES) : this.#choice("type", "Kind", FOUND_KINDS)}${this.#choice("outcome", "Outcome", OUTCOME_FILTERS)}${isSpans ? this.#choice("collided", "Collisions", COLLIDED) : nothing}${this.#time()}${this.#choice("longer", "Duration", LENGTHS)}${this.#choice("cost", "Cost", COSTS)}${this.#text("project", "Project", store.projects)}${agentChoice(store.agents, this.query.agent, (agent) => router.set({ agent }))}${this.#text("branch", "Branch")}${this.#text("tool", "Tool")}${this.#text("model", "Model")}${this.#counted()}
				</div>
			</search>
			${this.#found()}`;
	}

	#found() {
		const { answer, error, wanted } = this;
		if (error) {
			return html`<div class="card notice lost error" role="alert">
				<strong>${withCode(error.message)}</strong><span class="second">${withCode(error.hint)}</span
				><button class="btn" @click=${() => this.#fetch()}>Try again</button>
			</div>`;
		}
		if (this.isHidden) {
			return html`<div class="card notice less" role="status">
				<strong>Messages are neither kept nor shown, since <code>content.local</code> is off.</strong
				><span class="second"
					>${withCode("`hookspan config set content.local true` shows them to you alone; spans can be found.")}</span
				>
			</div>`;
		}
		if (!wanted) {
			return html`<p class="empty">
				Words, <code>"several in a row"</code>, <code>beginning*</code> or <code>-unwanted</code>; or choose a filter.
			</p>`;
		}
		if (!answer) return html`<p class="start" aria-busy="true"></p>`;
		const { items, next } = answer;
		return html`<div aria-busy=${this.busy ? "true" : "false"}>
				${this.#sums(answer)}${
					items.length
						? html`<ul class="card">
								${items.map((item) => this.#hit(item))}
							</ul>`
						: html`<p class="empty">Nothing found.</p>`
				}
			</div>
			${next ? html`<p class="more"><button class="btn" ?disabled=${this.busy} @click=${() => this.#fetch(next)}>Older ones</button></p>` : nothing}
			${this.#kept(answer)}`;
	}

	/** What all spans come to. @param {Found} answer */
	#sums({ sums }) {
		if (!sums?.spans) return nothing;
		const { spans, cost, waited } = sums;
		const { input, output, cache_read: cached, cache_write } = sums.tokens;
		const read = input + cached + cache_write;
		return html`<p class="sums">
			${plural(spans, "span")}${read || output ? html` · ${tokens(read)} tokens in${cached ? html`, ${percent(cached / read)} cached` : nothing}, ${tokens(output)} out` : nothing}${cost ? html` · ${money(cost)}` : nothing}${waited ? html` · <span class="wait">waited ${duration(waited)}</span>` : nothing}
		</p>`;
	}

	/** From when on there is anything to find. @param {Found} answer */
	#kept(answer) {
		if (this.query.what === "spans") return nothing;
		const since = date(answer.since);
		const { unread } = answer;
		return html`<p class="kept">
			${unread ? html`<strong>${plural(unread, "session")} still to be read: what was said there is found in a moment.</strong>` : nothing}
			${
				answer.archive
					? html`Searched: what was archived since ${since}.`
					: html`Searched: what was said since ${since}. Longer with
						${withCode("`hookspan config set archive.enabled true`")}.`
			}
		</p>`;
	}

	/** @param {FoundItem} item */
	#hit(item) {
		return html`<li>
			<div class="head">
				<a href=${hitHref(item)}>${kindOfHit(item)}</a
				><span class="cut">${[item.project, item.branch, store.agentOf(item)].filter(Boolean).join(" · ")}</span>${
					item.failed ? html`<span class="failed">failed</span>` : nothing
				}${item.outcome && !item.failed ? html`<span>${item.outcome}</span>` : nothing}${
					item.duration == null ? nothing : html`<span>${duration(item.duration)}</span>`
				}<time datetime=${new Date(item.at).toISOString()}>${timeOfDay(item.at, clock.now())}</time>
			</div>
			${
				item.snippet.length
					? html`<div class="text">
							${item.snippet.map(({ text, hit }) => (hit ? html`<mark>${text}</mark>` : text))}
						</div>`
					: nothing
			}
			${item.error ? html`<div class="text failed">${item.error}</div>` : nothing}
		</li>`;
	}
}
customElements.define("search-page", SearchPage);
