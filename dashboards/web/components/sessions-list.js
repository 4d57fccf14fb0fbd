/** One row a session, who needs you first. */
import { css, html, nothing, svg } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as clock from "../lib/clock.js";
import { ago, count, duration, elapsed, model, money, percent, plural, short, tokens } from "../lib/format.js";
import { action } from "../lib/keys.js";
import { compare } from "../lib/order.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { STATE_FILTERS, doing, stateOf, statesOf } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { contextMeter, meterStyle, stateMark, stateMarkStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

/** @import { Session } from "../lib/types.js" */

export class SessionsList extends BaseComponent {
	static styles = [
		shared,
		stateMarkStyle,
		meterStyle,
		css`
			:host {
				container-type: inline-size;
			}
			.tools {
				margin: 1.5rem 0 0.5rem;
				gap: 0.5rem;
			}
			section {
				margin-top: 1rem;
			}
			section > h2 {
				display: flex;
				align-items: center;
				gap: 0.5rem;
				padding: 0 0.25rem 0.4rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			section > h2 .n {
				color: var(--ink-3);
				font-weight: 400;
			}
			li {
				position: relative;
				display: grid;
				align-items: center;
				gap: 0 1.25rem;
				padding: 0.6rem 1rem 0.6rem 1.125rem;
				border-top: 1px solid var(--line);
				grid-template:
					"who what context cost strip" auto / minmax(10rem, 1.1fr) minmax(14rem, 1.6fr)
					7.5rem 4.25rem 9.5rem;
			}
			li:first-child {
				border-top: 0;
				border-radius: var(--r) var(--r) 0 0;
			}
			li:last-child {
				border-radius: 0 0 var(--r) var(--r);
			}
			li:only-child {
				border-radius: var(--r);
			}
			li:hover {
				background: var(--hover);
			}
			li::before {
				content: "";
				position: absolute;
				inset: 0 auto 0 0;
				width: 3px;
				background: transparent;
			}
			li:first-child::before {
				border-top-left-radius: var(--r);
			}
			li:last-child::before {
				border-bottom-left-radius: var(--r);
			}
			.waiting li {
				background: var(--wait-soft);
			}
			.waiting li::before {
				background: var(--wait);
			}
			.waiting_or_running li::before {
				background: linear-gradient(var(--wait) 50%, transparent 0) 0 0 / 3px 8px;
			}
			.waiting .card {
				border-color: color-mix(in srgb, var(--wait) 45%, var(--line));
			}
			.who {
				grid-area: who;
				min-width: 0;
			}
			.what {
				grid-area: what;
				min-width: 0;
			}
			.name {
				display: flex;
				gap: 0.45rem;
				align-items: baseline;
				min-width: 0;
			}
			.name a {
				font-weight: 600;
				color: var(--ink);
			}
			.name a::after {
				content: "";
				position: absolute;
				inset: 0;
			}
			.name a:focus-visible {
				outline: none;
			}
			.name a:focus-visible::after {
				outline: 2px solid var(--focus);
				outline-offset: -2px;
				border-radius: var(--r);
			}
			.branch {
				color: var(--ink-3);
				font-size: 0.8125rem;
				flex: 0 1 auto;
			}
			.sub {
				color: var(--ink-2);
				font-size: 0.8125rem;
			}
			.doing {
				display: flex;
				align-items: center;
				gap: 0.5rem;
				min-width: 0;
			}
			.doing .verb {
				flex: none;
			}
			p.asked {
				display: flex;
				flex-wrap: wrap;
				gap: 0.25rem;
				margin: 0.2rem 0;
			}
			.asked .tag {
				display: inline-block;
				padding: 0.05rem 0.45rem;
				max-width: 100%;
				overflow: hidden;
				text-overflow: ellipsis;
			}
			details.asked {
				position: relative;
				font-size: 0.8125rem;
			}
			details.asked summary {
				width: max-content;
				min-height: 1.5rem;
				cursor: pointer;
			}
			details.asked pre {
				max-height: 20rem;
				overflow-y: auto;
				margin: 0.25rem 0;
				padding: 0.5rem 0.75rem;
				background: var(--sunken);
				border: 1px solid var(--line);
				border-radius: 0.35rem;
				white-space: pre-wrap;
				overflow-wrap: anywhere;
			}
			.question {
				display: -webkit-box;
				-webkit-line-clamp: 2;
				-webkit-box-orient: vertical;
				overflow: hidden;
				overflow-wrap: anywhere;
				margin: 0.1rem 0;
				font-size: 0.8125rem;
			}
			.doing code {
				flex: 0 1 auto;
				color: var(--ink);
			}
			.for {
				flex: none;
				margin-left: auto;
				padding-left: 0.5rem;
				color: var(--ink-2);
				font-weight: 500;
			}
			.waiting .for {
				color: var(--wait-ink);
				font-weight: 650;
				font-size: 1rem;
				letter-spacing: -0.01em;
			}
			.waiting .verb {
				color: var(--wait-ink);
				font-weight: 600;
			}
			.context {
				grid-area: context;
				font-size: 0.75rem;
				color: var(--ink-2);
			}
			.cost {
				grid-area: cost;
				text-align: right;
				font-weight: 500;
			}
			.strip {
				grid-area: strip;
				display: block;
				width: 100%;
				height: 1.5rem;
				color: var(--tool);
			}
			.strip .base {
				stroke: var(--line-strong);
			}
			.strip .bars {
				fill: currentColor;
			}
			.ended .strip {
				color: var(--ink-3);
			}
			.ended li {
				padding-block: 0.4rem;
			}
			.ended .name a {
				font-weight: 520;
				color: var(--ink-2);
			}
			.meta {
				display: flex;
				gap: 0 0.75rem;
				flex-wrap: wrap;
				color: var(--ink-3);
				font-size: 0.75rem;
				line-height: 1.5;
				height: 1.125rem;
				overflow: hidden;
			}
			.more {
				padding: 0.6rem 1rem;
				border-top: 1px solid var(--line);
			}
			@container (width < 62rem) {
				li {
					grid-template: "who cost context" auto "what what what" auto / minmax(0, 1fr) auto 6rem;
					gap: 0.35rem 1rem;
				}
				.strip {
					display: none;
				}
			}
			@container (width < 34rem) {
				li {
					grid-template: "who cost" auto "what what" auto / minmax(0, 1fr) auto;
					padding-inline: 0.875rem 0.75rem;
				}
				.context {
					display: none;
				}
				.tools {
					margin: 0.75rem 0 0;
				}
				section {
					margin-top: 0.625rem;
				}
				.tools input {
					width: 100%;
				}
				.tools label {
					flex: 1 1 8rem;
				}
				.tools h2 {
					display: none;
				}
				.tools select {
					max-width: 100%;
					width: 100%;
				}
			}
		`,
	];

	dearest = 0;

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.listen(document, "keydown", (event) => this.#key(event));
		this.tick(1000);
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = action("list", event);
		if (!what) return;
		if (what === "find") {
			event.preventDefault();
			this.renderRoot.querySelector("input")?.focus();
			return;
		}
		const step = { next: 1, former: -1 }[what];
		const links = /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("li a")]);
		const active = this.renderRoot instanceof ShadowRoot ? this.renderRoot.activeElement : null;
		const at = links.findIndex((link) => link === active);
		// Arrows scroll the page unless a row or the search field has the focus.
		if (event.key.length > 1 && at < 0 && !(active instanceof HTMLInputElement)) return;
		const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
		if (!next) return;
		event.preventDefault();
		next.focus();
		next.closest("li")?.scrollIntoView({ block: "nearest" });
	}

	get filter() {
		const { q = "", state = "all", project = "" } = router.route.query;
		return { q, state, project };
	}

	willUpdate() {
		if (router.route.page === "now") store.show(this.filter);
	}

	render() {
		const { filter } = this;
		const { list } = store;
		const sessions = list.sessions().sort(compare);
		this.dearest = Math.max(0, ...sessions.map((session) => session.cost));
		const projects =
			filter.project && !store.projects.includes(filter.project) ? [...store.projects, filter.project] : store.projects;
		return html`
			<div class="row wrap tools">
				<h2>Sessions</h2>
				<label class="push"
					><span class="hide">Filter sessions</span>
					<input
						type="search"
						placeholder="Filter  /"
						.value=${filter.q}
						@input=${(/** @type {any} */ event) => router.set({ q: event.target.value })}
						@keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && router.set({ q: "" })}
				/></label>
				<label
					><span class="hide">Project</span>
					<select @change=${(/** @type {any} */ event) => router.set({ project: event.target.value }, { push: true })}>
						<option value="" ?selected=${!filter.project}>All projects</option>
						${projects.map((project) => html`<option value=${project} ?selected=${project === filter.project}>${project || "(none)"}</option>`)}
					</select></label
				>
				<label
					><span class="hide">State</span>
					<select @change=${(/** @type {any} */ event) => router.set({ state: event.target.value }, { push: true })}>
						${STATE_FILTERS.map(
							([value, label]) => html`<option value=${value} ?selected=${value === filter.state}>${label}</option>`,
						)}
					</select></label
				>
			</div>
			<p class="hide" role="status">
				${list.pending || !this.#isFiltered ? nothing : `${plural(this.#total(sessions), "session")} found`}
			</p>
			<div aria-busy=${list.pending ? "true" : "false"}>
				${
					sessions.length
						? statesOf(sessions).map((state) =>
								this.#group(
									state,
									sessions.filter((session) => session.state === state),
								),
							)
						: html`<div class="card empty">
								${list.pending ? "Searching …" : html`No session matches. <a class="link" href="/">Show all</a>`}
							</div>`
				}
			</div>
		`;
	}

	get #isFiltered() {
		const { q, state, project } = this.filter;
		return q || project || state !== "all";
	}

	/** How many there are, loaded or not. @param {Session[]} sessions */
	#total(sessions) {
		const ended = sessions.filter((session) => session.state === "ended").length;
		return sessions.length - ended + (ended ? Math.max(ended, store.list.counts.ended) : 0);
	}

	/** @param {string} state @param {Session[]} sessions those in it */
	#group(state, sessions) {
		if (!sessions.length) return nothing;
		const older = state === "ended" && store.list.next;
		return html`<section class=${state} aria-labelledby=${`group-${state}`}>
			<h2 id=${`group-${state}`}>${stateOf(state).word} <span class="n">${count(this.#total(sessions))}</span></h2>
			<div class="card">
				<ol>
					${repeat(
						sessions,
						(session) => session.id,
						(session) => this.#row(session),
					)}
				</ol>
				${older ? html`<div class="more"><button class="btn" @click=${() => store.list.more()}>Show older ones</button></div>` : nothing}
			</div>
		</section>`;
	}

	/** @param {Session} session */
	#row(session) {
		const { verb, about, isSentence } = doing(session);
		const now = clock.now();
		const { context } = session;
		const ended = session.state === "ended";
		const since = ended
			? ago(now - (session.ended ?? session.last))
			: elapsed(now - (session.waiting_since ?? session.since));
		return html`<li>
			<div class="who">
				<div class="name">
					<a class="cut" href=${href("session", { id: session.id })}>${session.project || short(session.id)}</a
					>${session.branch ? html`<span class="branch cut">${session.branch}</span>` : nothing}
				</div>
				<div class="sub cut">
					${session.title || html`<span class="quiet">${session.prompts || session.unhooked ? short(session.id) : "no prompt"}</span>`}
				</div>
			</div>
			<div class="what">
				<div class="doing">
					${stateMark(session.state)}<span class="verb ${session.failure ? "bad" : ""}">${verb}</span
					>${about && !isSentence ? html`<code class="cut">${about}</code>` : nothing}<span class="for">${since}</span>
				</div>
				${isSentence && about ? html`<p class="question">${about}</p>` : nothing} ${this.#asked(session)}
				<div class="meta">
					${session.subagents_running && !ended ? html`<span>${plural(session.subagents_running, "subagent")}</span>` : nothing}
					${
						session.unhooked
							? html`<span title="None of its hooks was heard: no turns, tools or cost are known"
									>only in Claude Code's registry</span
								>`
							: html`<span>${plural(session.turns, "turn")}</span>
									<span
										>${plural(session.tools, "tool")}${session.tools_failed ? html`, <span class="bad">${count(session.tools_failed)} failed</span>` : nothing}</span
									>`
					}
					${ended ? html`<span>${duration((session.ended ?? session.last) - session.started)} long</span>` : nothing}
					${session.model ? html`<span>${model(session.model)}</span>` : nothing}
				</div>
			</div>
			<div class="context">
				${
					context.tokens && !ended
						? html`<span class="hide">Context filled: </span>${percent(context.share)}
								<span class="quiet">of ${tokens(context.window)}</span>
								${contextMeter(context)}`
						: nothing
				}
			</div>
			<div class="cost">
				<span class="hide">List price: </span
				>${session.cost || session.tokens.output ? money(session.cost, this.dearest) : html`<span class="quiet">–</span>`}
			</div>
			${this.#strip(session)}
		</li>`;
	}

	/** The answers to choose from, or the plan to approve. @param {Session} session */
	#asked({ asking }) {
		if (!asking) return nothing;
		const { questions, plan } = asking;
		if (plan) {
			return html`<details class="asked">
				<summary>Its plan</summary>
				<pre tabindex="0" role="group" aria-label="The plan">${plan}</pre>
			</details>`;
		}
		return questions.map(
			({ question, options }, at) =>
				html`${at ? html`<p class="question">${question}</p>` : nothing}
					<p class="asked">
						${options.map(({ label, description }) => html`<span class="tag" title=${description}>${label}</span>`)}
					</p>`,
		);
	}

	/** @param {Session} session */
	#strip(session) {
		const strip = store.strip(session.id);
		const total = strip.reduce((sum, events) => sum + events, 0);
		if (!total && session.state === "ended") return nothing;
		const most = Math.max(6, ...strip);
		const bars = strip
			.map((events, at) =>
				events
					? `M${at * 5} 22v${-Math.max(2, Math.round((events / most) * 20))}h4v${Math.max(2, Math.round((events / most) * 20))}z`
					: "",
			)
			.join("");
		return html`<svg
			class="strip"
			viewBox="0 0 149 24"
			preserveAspectRatio="none"
			role="img"
			aria-label=${`${plural(total, "event")} in the last 30 minutes`}
		>
			${svg`<path class="base" d="M0 23h149" vector-effect="non-scaling-stroke"/><path class="bars" d=${bars}/>`}
		</svg>`;
	}
}
customElements.define("sessions-list", SessionsList);
