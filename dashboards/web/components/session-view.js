/** Where nine minutes went: a session's turns as bars, and under them the spans of the one that is chosen. */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as clock from "../lib/clock.js";
import { feedOf } from "../lib/feed.js";
import { count, duration, elapsed, plural } from "../lib/format.js";
import { SESSION } from "../lib/key-places.js";
import { action, typing } from "../lib/keys.js";
import { sessionMarkdown } from "../lib/markdown.js";
import { grafana, inJaeger } from "../lib/outside.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import {
	currentSplit,
	outcome,
	outcomeTone,
	resumeCommand,
	spanKind,
	spanName,
	sumOf,
	timeKind,
	timeKinds,
	totalSplit,
	worked,
} from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { counted, priced } from "./counted.js";
import { shared } from "./shared-styles.js";
import "./asking-card.js";
import "./copy-button.js";
import "./session-cost.js";
import "./session-header.js";
import "./span-details.js";
import "./span-waterfall.js";
import { splitBar, splitStyle } from "./split-bar.js";
import "./turn-bar.js";
import "./turn-said.js";

/** @import { SessionFeed } from "../lib/feed.js" */
/** @import { Session, Span, TimeKind, Turn } from "../lib/types.js" */

const AROUND = 300_000; // ms: metrics come once in a while, and a rate needs two of them

export class SessionView extends BaseComponent {
	static properties = { session: {}, lost: { state: true }, isSharing: { state: true } };
	static styles = [
		shared,
		splitStyle,
		css`
			:host {
				container-type: inline-size;
			}
			.actions {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem;
			}
			.card {
				margin-top: 1.25rem;
				min-width: 0;
			}
			.views {
				margin-top: 1.25rem;
			}
			.views + * {
				margin-top: 0.75rem;
			}
			.time {
				padding: 0.875rem 1rem 1rem;
			}
			.time h2 {
				margin-bottom: 0.6rem;
			}
			.bar {
				display: flex;
				flex-wrap: wrap;
				gap: 0.375rem 0.75rem;
				align-items: center;
				padding: 0.625rem 1rem;
				border-bottom: 1px solid var(--line);
			}
			.turns ol {
				max-height: 24rem;
				overflow-y: auto;
				padding: 0.25rem 0;
			}
			.beside {
				padding: 0.625rem 1rem;
				border-bottom: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			.beside li {
				display: flex;
				gap: 0.6rem;
				align-items: center;
				min-width: 0;
				padding: 0.125rem 0;
			}
			.beside h3 {
				margin-bottom: 0.25rem;
				color: var(--ink-2);
			}
			.beside i {
				width: 0.5rem;
				height: 0.5rem;
				border-radius: 2px;
				flex: none;
			}
			.what {
				flex: 1 1 12rem;
				min-width: 0;
			}
			.what h2 {
				display: -webkit-box;
				-webkit-line-clamp: 2;
				-webkit-box-orient: vertical;
				overflow: hidden;
				overflow-wrap: anywhere;
			}
			.figures {
				padding: 0.5rem 1rem 0;
				font-size: 0.8125rem;
				color: var(--ink-2);
			}
			.spans > .time {
				border-bottom: 1px solid var(--line);
			}
			.both {
				display: grid;
				grid-template-columns: minmax(0, 1fr);
			}
			.both.picked {
				grid-template-columns: minmax(0, 1fr) minmax(20rem, 27rem);
			}
			span-waterfall {
				min-width: 0;
			}
			span-details {
				border-left: 1px solid var(--line);
				max-height: max(24rem, calc(100vh - 8rem));
				overflow-y: auto;
				position: sticky;
				top: 3.25rem;
				align-self: start;
			}
			.legend-turns {
				display: flex;
				flex-wrap: wrap;
				gap: 0.25rem 0.875rem;
				font-size: 0.75rem;
				color: var(--ink-2);
			}
			.legend-turns span {
				display: inline-flex;
				align-items: center;
				gap: 0.3rem;
			}
			.legend-turns i {
				width: 0.625rem;
				height: 0.625rem;
				border-radius: 2px;
			}
			.legend-turns i.line {
				height: 3px;
			}
			.note {
				padding: 0.5rem 1rem;
				font-size: 0.8125rem;
				color: var(--ink-2);
				border-bottom: 1px solid var(--line);
			}
			progress {
				width: 10rem;
				height: 0.5rem;
				accent-color: var(--accent);
			}
			@container (width < 58rem) {
				.both.picked {
					grid-template-columns: minmax(0, 1fr);
				}
				span-details {
					border-left: 0;
					border-top: 2px solid var(--accent);
					position: static;
					max-height: none;
				}
			}
		`,
	];

	constructor() {
		super();
		/** The session's id. */
		this.session = "";
		/** @type {SessionFeed | null} */
		this.feed = null;
		this.lost = "";
		this.isSharing = false;
		/** The turn that can be shared: the one that was shown when the dialog opened. @type {Turn | undefined} */
		this.offered = undefined;
		this.searched = "";
		/** The turn that the list was scrolled to. */
		this.seen = "";
	}

	connected() {
		import("./session-told.js");
		this.updateOn(router, "route");
		this.updateOn(store, "change");
		this.listen(document, "keydown", (event) => this.#key(event));
		this.tick(1000);
		this.later(() => {
			this.feed?.end();
			this.feed = null;
		});
	}

	willUpdate() {
		if (!this.isConnected) return; // it has left since it was told to
		if (this.feed?.id !== this.session) {
			this.feed?.end();
			this.feed = feedOf(this.session);
			this.feed.addEventListener("change", () => this.requestUpdate());
			this.lost = this.searched = this.seen = "";
			this.isSharing = false;
		}
		const { feed } = this;
		if (!feed.loaded) return;
		feed.show();
		this.#find(feed);
	}

	get all() {
		return router.route.query["view"] === "all";
	}

	get isConversation() {
		return router.route.query["view"] === "conversation";
	}

	/** The turn that the address names, else the newest one. @returns {Turn | undefined} */
	get turn() {
		return this.feed?.turn;
	}

	/** An address that names a span and no turn: find the turn. @param {SessionFeed} feed */
	async #find(feed) {
		const { span = "", turn } = router.route.query;
		if (
			!span ||
			turn ||
			this.all ||
			!feed.complete ||
			span === this.searched ||
			feed.spans.some((one) => one.span_id === span)
		) {
			return;
		}
		this.searched = span;
		this.lost = "";
		const trace = await feed.traceOf(span);
		if (this.feed !== feed || router.route.query["span"] !== span) return;
		const found = feed.turns.find((one) => one.trace_id === trace);
		if (found) router.set({ turn: String(found.number) });
		else if (trace) router.set({ view: "all" });
		else this.lost = span;
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = action(SESSION, event);
		if (!what || typing(event)) return;
		if (what === "close") {
			if (!router.route.query["span"]) return;
			this.#close();
		} else {
			const turns = this.feed?.turns ?? [];
			const next = turns[turns.findIndex((turn) => turn === this.turn) + (what === "former" ? -1 : 1)];
			if (next) this.#choose(next);
		}
		event.preventDefault();
	}

	/** The chosen turn is seen in the list, whoever chose it; the page itself stays. */
	updated() {
		const turn = this.all ? "" : (this.turn?.span_id ?? "");
		if (turn === this.seen) return;
		const list = this.renderRoot.querySelector(".turns ol");
		const line = list?.querySelector("turn-bar[selected]")?.parentElement;
		if (turn && list && !line) return; // not drawn yet
		this.seen = turn;
		if (!list || !line) return;
		const [outer, inner] = [list.getBoundingClientRect(), line.getBoundingClientRect()];
		if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top + inner.height;
		else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom + inner.height;
	}

	/** @param {Turn} turn */
	#choose(turn) {
		router.set({ turn: String(turn.number), span: "", view: "turn", zoom: "" });
		this.announce(`Turn ${turn.number}`);
	}

	#close() {
		router.set({ span: "" });
		/** @type {HTMLElement | null | undefined} */ (
			this.renderRoot.querySelector("span-waterfall")?.shadowRoot?.querySelector(".view")
		)?.focus();
	}

	/** Change parameters that are of the turn that is shown: it stays when a newer one begins. @param {Record<string, string>} change */
	#here(change) {
		router.set({ ...change, ...(this.all ? {} : { turn: String(this.turn?.number ?? "") }) });
	}

	/** What an open turn spends its time on. @returns {TimeKind} */
	get doing() {
		const session = this.feed?.session;
		if (session?.state === "waiting") return "wait";
		return session?.tool ? "tool" : "model";
	}

	/** @param {Turn} turn */
	#split(turn) {
		return currentSplit(turn, this.#took(turn), this.doing);
	}

	/** @param {Turn} turn */
	#took(turn) {
		return (turn.end ?? Math.max(clock.now(), turn.start)) - turn.start;
	}

	render() {
		const { feed } = this;
		if (!feed?.session) return this.#nothing();
		const { session, turns } = feed;
		const split = totalSplit(turns.map((turn) => this.#split(turn)));
		const delegated = turns.reduce((sum, turn) => sum + turn.delegated, 0);
		return html`
			<session-header .session=${session}>
				<div class="actions">
					<copy-button
						label="Copy as Markdown"
						what="the session"
						.text=${() => sessionMarkdown(session, turns, { turn: this.turn, spans: feed.spans.filter((span) => span.trace_id === this.turn?.trace_id), now: clock.now() })}
					></copy-button>
					${
						resumeCommand(session)
							? html`<copy-button
									label="Copy resume command"
									what="to resume it"
									.text=${resumeCommand(session)}
								></copy-button>`
							: nothing
					}
					${store.summary?.content && !session.unhooked ? html`<button class="btn" @click=${this.#share}>Share</button>` : nothing}
					${this.#dashboard(session)}
				</div>
			</session-header>
			${
				this.isSharing
					? html`<share-panel
							.session=${session.id}
							.turn=${this.offered}
							@close=${() => (this.isSharing = false)}
						></share-panel>`
					: nothing
			}
			${feed.asking.map((asking) => html`<asking-card .asking=${asking}></asking-card>`)} ${this.#beside()}
			${this.#views()}
			${
				this.isConversation
					? html`<session-conversation
							.session=${session.id}
							?live=${session.state !== "ended" && session.state !== "idle"}
						></session-conversation>`
					: turns.length
						? html`<section class="card time" aria-labelledby="time">
									<h2 id="time">
										Where the time went
										<span class="quiet">${duration(sumOf(split))}</span>
									</h2>
									${splitBar(split, { delegated })}
								</section>
								${turns.length > 1 ? this.#turns() : nothing}${this.#spans()}${
									feed.settled
										? html`<session-cost .session=${session.id}></session-cost
												><session-told .session=${session.id}></session-told>`
										: nothing
								}`
						: session.unhooked
							? nothing
							: html`<p class="card empty">No turn yet: it has had no prompt.</p>`
			}
		`;
	}

	#share() {
		import("./share-panel.js");
		this.isSharing = true;
		this.offered = (this.feed?.turns.length ?? 0) > 1 ? this.turn : undefined;
	}

	#views() {
		if (this.feed?.session?.unhooked) return nothing;
		if (this.isConversation) import("./session-conversation.js");
		/** @param {string} view */
		const show = (view) => () => router.set({ view, message: "", span: "", q: "" }, { push: true });
		return html`<div class="segments views" role="group" aria-label="Views of the session">
			<button aria-pressed=${!this.isConversation} @click=${show("turn")}>Timeline</button
			><button aria-pressed=${this.isConversation} @click=${show("conversation")}>Conversation</button>
		</div>`;
	}

	/** The turns of its project and time in Grafana. @param {Session} session */
	#dashboard({ project, started, ended }) {
		const to = grafana("turns", { project, from: started - AROUND, ...(ended === null ? {} : { to: ended + AROUND }) });
		return to ? html`<a class="btn" href=${to} target="_blank" rel="noreferrer">Turns in Grafana</a>` : nothing;
	}

	#nothing() {
		const error = this.feed?.error;
		if (!error) return html`<p aria-busy="true" class="hide">Loading</p>`;
		return html`<h1>${error.status === 404 ? "There is no such session" : "The session can't be shown"}</h1>
			<p class="second">${error.message} ${error.hint}</p>
			<p><a class="link" href="/">All sessions</a></p>`;
	}

	/** What still runs though its turn is over. */
	#beside() {
		const feed = this.feed;
		const over = new Set(feed?.turns.filter((turn) => !turn.open).map((turn) => turn.trace_id));
		const running =
			feed?.open.filter((span) => span.end === null && spanKind(span.type).outlives && over.has(span.trace_id)) ?? [];
		if (!running.length || feed?.session?.state === "ended") return nothing;
		return html`<section class="card beside" aria-labelledby="beside">
			<h3 id="beside">Runs in the background</h3>
			<ul>
				${running.map((span) => this.#runningRow(span))}
			</ul>
		</section>`;
	}

	/** @param {Span} span */
	#runningRow(span) {
		const { colour } = spanKind(span.type);
		return html`<li>
			<i class="kind k-${colour}" aria-hidden="true"></i
			><a class="link" href=${this.#to(span)}>${spanName(span)}</a
			>${span.label ? html`<code class="cut quiet">${span.label}</code>` : nothing}<span class="push"
				>${elapsed(clock.now() - span.start)}</span
			>
		</li>`;
	}

	/** @param {string} colour @param {string} word */
	#legendEntry(colour, word) {
		return html`<span><i class="kind k-${colour}"></i>${word}</span>`;
	}

	/** @param {Span} span */
	#to(span) {
		const turn = this.feed?.turns.find((one) => one.trace_id === span.trace_id);
		return href("session", { id: this.session, query: { turn: String(turn?.number ?? ""), span: span.span_id } });
	}

	#turns() {
		const turns = this.feed?.turns ?? [];
		const { q = "", chain = "" } = router.route.query;
		const now = clock.now();
		const dearest = turns.reduce((most, turn) => Math.max(most, turn.cost), 0);
		const longest = turns.reduce((most, turn) => Math.max(most, (turn.end ?? now) - turn.start, worked(turn)), 1);
		return html`<section class="card turns" aria-labelledby="turns">
			<div class="bar">
				<h2 id="turns">${plural(turns.length, "turn")}</h2>
				<p class="legend-turns push" aria-hidden="true">
					${timeKinds().map((kind) => this.#legendEntry(timeKind(kind).colour, timeKind(kind).word))}${
						turns.some((turn) => turn.delegated) ? this.#legendEntry("subagent line", "in subagents") : nothing
					}
				</p>
			</div>
			<ol tabindex="-1">
				${repeat(
					turns,
					(turn) => turn.span_id,
					(turn) =>
						html`<li>
							<turn-bar
								.turn=${turn}
								.scale=${longest}
								.now=${turn.open ? now : 0}
								.doing=${this.doing}
								.dearest=${dearest}
								?selected=${!this.all && turn === this.turn}
								.to=${href("session", { id: this.session, query: { turn: String(turn.number), q, chain } })}
							></turn-bar>
						</li>`,
				)}
			</ol>
		</section>`;
	}

	#spans() {
		const feed = /** @type {SessionFeed} */ (this.feed);
		const { q = "", chain, zoom = "", span: wanted = "", turn: named = "" } = router.route.query;
		const turn = this.all ? undefined : this.turn;
		const unknown = turn && named && String(turn.number) !== named ? named : "";
		const ended = turn ? outcome(turn) : "";
		const span = feed.whole(wanted);
		const begin = turn?.start ?? feed.session?.started ?? 0;
		const trace = turn ? inJaeger(turn.trace_id) : "";
		return html`<section class="card spans" aria-label="Spans">
			<div class="bar">
				<div class="what">
					<h2>${turn ? (turn.label ? `Turn ${turn.number}: ${turn.label}` : `Turn ${turn.number}`) : "All turns"}</h2>
				</div>
				${turn && ended ? html`<span class="tag ${outcomeTone(turn)}">${ended}</span>` : nothing}
				${trace ? html`<a class="btn" href=${trace} target="_blank" rel="noreferrer">Open in Jaeger</a>` : nothing}
				${
					feed.turns.length > 1
						? html`<div class="segments" role="group" aria-label="Spans of">
								<button
									aria-pressed=${!this.all}
									@click=${() => router.set({ view: "turn", zoom: "" }, { push: true })}
								>
									One turn</button
								><button aria-pressed=${this.all} @click=${() => router.set({ view: "all", zoom: "" }, { push: true })}>
									All turns
								</button>
							</div>`
						: nothing
				}
			</div>
			${turn ? this.#figures(turn) : nothing}
			${turn && unknown ? html`<p class="note" role="status">There is no turn ${unknown}. This is the newest one.</p>` : nothing}
			${turn && feed.turns.length > 1 ? html`<div class="time">${splitBar(this.#split(turn), { delegated: turn.delegated, kinds: timeKinds(turn.split).filter((kind) => kind !== "user") })}</div>` : nothing}
			${turn ? html`<turn-said .session=${this.session} .trace=${turn.trace_id} .label=${turn.label}></turn-said>` : nothing}
			${this.lost && this.lost === wanted ? html`<p class="note" role="status">No span ${wanted} is in this session any more.</p>` : nothing}
			${feed.complete ? nothing : html`<p class="note" aria-busy="true"><span role="status">Loading spans</span>${feed.expected > feed.spans.length ? html` <progress max=${feed.expected} value=${feed.spans.length} aria-label="Spans loaded"></progress> ${count(feed.spans.length)} of ${count(feed.expected)}` : nothing}</p>`}
			${
				feed.spans.length
					? html`<div class="both ${span ? "picked" : ""}" aria-busy=${span === null}>
							<span-waterfall
								.spans=${feed.spans}
								.picked=${wanted}
								.query=${q}
								.zoomed=${zoom}
								?chain=${chain === "only"}
								@pick=${(/** @type {CustomEvent<string>} */ event) => this.#here({ span: event.detail })}
								@search=${(/** @type {CustomEvent<string>} */ event) => router.set({ q: event.detail })}
								@zoom=${(/** @type {CustomEvent<string>} */ event) => this.#here({ zoom: event.detail })}
								@chain=${() => router.set({ chain: chain === "only" ? "all" : "only" })}
							></span-waterfall>
							${span ? html`<span-details .span=${span} .begin=${begin} .record=${this.#record(span)} .near=${this.#near(span)} @close=${this.#close}></span-details>` : nothing}
						</div>`
					: feed.complete
						? html`<p class="empty">No span of it has been written yet.</p>`
						: nothing
			}
		</section>`;
	}

	/** What a turn came to; of calls those that are its own, not its subagents'. @param {Turn} turn */
	#figures(turn) {
		const those = { session: this.session, trace: turn.trace_id };
		const tools = { ...those, span: "tool", own: "true" };
		const parts = [
			turn.tools && counted(turn.tools, tools, plural(turn.tools, "tool call")),
			turn.tools_failed &&
				html`<span class="bad"
					>${counted(turn.tools_failed, { ...tools, outcome: "error" }, `${count(turn.tools_failed)} failed`)}</span
				>`,
			turn.model_calls &&
				counted(turn.model_calls, { ...those, span: "model", own: "true" }, plural(turn.model_calls, "model call")),
			turn.subagents && counted(turn.subagents, { ...those, span: "subagent" }, plural(turn.subagents, "subagent")),
			turn.cost && priced(turn.cost, { ...those, own: "true" }),
		].filter(Boolean);
		if (!parts.length || turn.open) return nothing; // those of an open one change with each call
		return html`<p class="figures">${parts.map((part, at) => html`${at ? " · " : nothing}${part}`)}</p>`;
	}

	/** The journal's record that tells of a span: the one that ended it, or that began it. @param {Span} span */
	#record(span) {
		if (span.key) return Number(span.key.split(".")[0]);
		const call = span.attributes["gen_ai.tool.call.id"] ?? span.attributes["hookspan.tool.call.id"];
		return this.feed?.events.find((event) => call && event.tool_use_id === call)?.record ?? 0;
	}

	/** The spans that one links to, as far as they are shown. @param {Span} span */
	#near(span) {
		const wanted = new Set(span.links.map((link) => link.span_id));
		return new Map(
			wanted.size ? this.feed?.spans.filter((one) => wanted.has(one.span_id)).map((one) => [one.span_id, one]) : [],
		);
	}
}
customElements.define("session-view", SessionView);
