/**
 * What was said in a session, live; only what is near to what is seen is drawn. The address holds the subagent, the kind,
 * what is searched for and the message that a link is to.
 */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ConversationFeed, PAGE } from "../lib/conversation.js";
import { count, plural } from "../lib/format.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { errorNotice } from "./agent-text.js";
import { BaseComponent } from "./base-component.js";
import { copy } from "../lib/clipboard.js";
import { messageRow, messageStyle } from "./message-row.js";
import { shared } from "./shared-styles.js";

/** @import { Message } from "../lib/types.js" */

const GUESS = 96; // px that a message takes which was never drawn
const BEYOND = "1200px"; // how far beyond what is seen messages are drawn
const TYPED = 300; // ms without a key until a search begins
const AT_END = 40; // px from the end within which what is new is followed
/** @type {[string, string][]} */
const KINDS = [
	["all", "All"],
	["said", "Said"],
	["calls", "Calls"],
	["failed", "Failed"],
];

export class SessionConversation extends BaseComponent {
	static properties = {
		session: {},
		live: { type: Boolean },
		near: { state: true },
		hits: { state: true },
		hit: { state: true },
		lost: { state: true },
	};
	static styles = [
		shared,
		...messageStyle,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			.tools {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem;
				align-items: center;
				padding: 0.625rem 1rem;
				border-bottom: 1px solid var(--line);
			}
			.tools input {
				width: 12rem;
				max-width: 100%;
				min-height: 1.75rem;
				font-size: 0.8125rem;
			}
			.tools select {
				max-width: 14rem;
			}
			.view {
				position: relative;
				height: max(20rem, calc(100vh - 14rem));
				overflow-y: auto;
				overscroll-behavior-y: auto;
			}
			.view.few {
				height: auto;
				max-height: max(20rem, calc(100vh - 14rem));
			}
			.view:focus-visible {
				outline-offset: -2px;
			}
			.chunk > * + * {
				border-top: 1px solid var(--line);
			}
			.chunk + .chunk {
				border-top: 1px solid var(--line);
			}
			.source {
				padding: 0.5rem 1rem;
				border-top: 1px solid var(--line);
				font-size: 0.75rem;
				color: var(--ink-3);
				overflow-wrap: anywhere;
			}
		`,
	];

	constructor() {
		super();
		this.session = "";
		/** Whether the session goes on: then its end is what one wants to see. */
		this.live = false;
		/** Pages that are drawn. @type {ReadonlySet<number>} */
		this.near = new Set([0]);
		/** Where what is searched for is. @type {number[]} */
		this.hits = [];
		this.hit = -1;
		this.lost = "";
		/** @type {ConversationFeed | null} */
		this.feed = null;
		this.shown = "";
		this.searched = "";
		this.sought = "";
		/** Where to scroll to as soon as that is drawn; -1 for nowhere, Infinity for the end. */
		this.goal = -1;
		/** Heights of pages that were drawn once. @type {Map<number, number>} */
		this.heights = new Map();
		/** @type {IntersectionObserver | null} */
		this.observer = null;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.typing = undefined;
		/** Whether the end is seen: then what is new is, too. */
		this.isAtEnd = false;
		this.drawn = 0;
	}

	connected() {
		this.requestUpdate(); // it may have been in the page before
		this.updateOn(router, "route");
		this.updateOn(store, "change");
		this.later(() => {
			this.feed?.end();
			this.feed = null;
			this.shown = "";
			this.observer?.disconnect();
			this.observer = null;
			clearTimeout(this.typing);
		});
	}

	get #query() {
		return router.route.query;
	}

	willUpdate() {
		const { subagent = "", only = "all", q = "", message = "" } = this.#query;
		if (!store.summary?.content || !this.isConnected) return; // it may have left since it was told to
		const wanted = JSON.stringify([this.session, subagent, only]);
		if (wanted !== this.shown) {
			this.feed?.end();
			const feed = (this.feed = new ConversationFeed(this.session, { subagent, kind: only }));
			feed.addEventListener("change", () => this.requestUpdate());
			const isFirst = !this.shown;
			this.shown = wanted;
			this.near = new Set([0]);
			this.heights.clear();
			this.searched = this.sought = this.lost = "";
			this.hits = [];
			feed.grow().then(() => {
				if (this.feed === feed && isFirst && this.live && !message && feed.total > PAGE) {
					this.#go(Number.POSITIVE_INFINITY);
				}
			});
		}
		if (this.searched !== q.trim()) this.#search(q.trim());
		if (message && this.sought !== message) this.#seek(message);
		this.sought = message;
	}

	/** @param {string} q */
	async #search(q) {
		this.searched = q;
		this.hits = [];
		this.hit = -1;
		const feed = this.feed;
		if (!q || !feed) return;
		const found = await feed.search(q);
		if (this.feed !== feed || this.searched !== q) return;
		this.hits = found;
		this.announce(found.length ? plural(found.length, "message") : "Nothing found");
		if (found.length) this.#step(1);
	}

	/** To another hit. @param {1 | -1} by */
	#step(by) {
		if (!this.hits.length) return;
		this.hit = (this.hit + by + this.hits.length) % this.hits.length;
		this.#go(this.hits[this.hit] ?? 0);
	}

	/** @param {string} message */
	async #seek(message) {
		const feed = this.feed;
		this.lost = "";
		const at = (await feed?.find(message)) ?? -1;
		if (this.feed !== feed) return;
		if (at < 0) this.lost = message;
		else this.#go(at);
	}

	/** @param {number} at */
	#go(at) {
		this.goal = at;
		const feed = this.feed;
		if (at !== Number.POSITIVE_INFINITY) this.near = new Set([...this.near, Math.floor(at / PAGE)]);
		else if (feed) this.near = new Set([...this.near, Math.max(0, Math.ceil(feed.total / PAGE) - 1)]);
		this.requestUpdate();
	}

	get #view() {
		return /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".view"));
	}

	updated() {
		const view = this.#view;
		if (!view) return;
		if (this.observer?.root !== view) {
			this.observer?.disconnect();
			this.observer = new IntersectionObserver((entries) => this.#seen(entries), { root: view, rootMargin: BEYOND });
		}
		for (const chunk of view.querySelectorAll(".chunk")) this.observer.observe(chunk);
		const total = this.feed?.total ?? 0;
		if (this.goal < 0 && this.isAtEnd && total > this.drawn) this.#go(Number.POSITIVE_INFINITY);
		this.drawn = total;
		if (this.goal === Number.POSITIVE_INFINITY) {
			view.scrollTop = view.scrollHeight;
			if (view.lastElementChild?.firstElementChild) this.goal = -1;
		} else if (this.goal >= 0) {
			const row = /** @type {HTMLElement | null} */ (view.querySelector(`[data-at="${this.goal}"]`));
			if (row) {
				this.goal = -1;
				view.scrollTop += row.getBoundingClientRect().top - view.getBoundingClientRect().top - 8;
				if (this.#query["message"]) view.scrollIntoView({ block: "nearest" });
			} else {
				const chunk = view.querySelector(`[data-page="${Math.floor(this.goal / PAGE)}"]`);
				if (chunk) view.scrollTop += chunk.getBoundingClientRect().top - view.getBoundingClientRect().top;
			}
		}
	}

	/** @param {IntersectionObserverEntry[]} entries */
	#seen(entries) {
		const near = new Set(this.near);
		for (const { target, isIntersecting, boundingClientRect } of entries) {
			const page = Number(/** @type {HTMLElement} */ (target).dataset["page"]);
			if (target.firstElementChild) this.heights.set(page, boundingClientRect.height);
			if (isIntersecting) near.add(page);
			else if (Math.floor(this.goal / PAGE) !== page) near.delete(page);
		}
		this.near = near;
	}

	/** @param {InputEvent} event */
	#typed(event) {
		clearTimeout(this.typing);
		const field = /** @type {HTMLInputElement} */ (event.target);
		this.typing = setTimeout(() => router.set({ q: field.value }), TYPED);
	}

	/** @param {KeyboardEvent} event */
	#entered(event) {
		if (event.key !== "Enter") return;
		event.preventDefault();
		clearTimeout(this.typing);
		const q = /** @type {HTMLInputElement} */ (event.target).value;
		if (q.trim() === this.searched) this.#step(event.shiftKey ? -1 : 1);
		else router.set({ q });
	}

	render() {
		const feed = this.feed;
		if (store.summary && !store.summary.content) {
			return html`<p class="card empty">Prompts and answers are not shown: <code>content.local</code> is off.</p>`;
		}
		if (!feed) return nothing;
		return html`<section class="card" aria-labelledby="said">
			<h2 id="said" class="hide">Conversation</h2>
			${this.#tools(feed)} ${errorNotice(feed.error)}
			${this.lost ? html`<p class="empty" role="status">Message ${this.lost} is not among these.</p>` : nothing}
			${this.#messages(feed)} ${feed.place ? html`<p class="source">From ${feed.place}</p>` : nothing}
		</section>`;
	}

	/** @param {ConversationFeed} feed */
	#tools(feed) {
		const { subagent = "", only = "all", q = "" } = this.#query;
		return html`<div class="tools">
			<input
				type="search"
				aria-label="Search in the conversation"
				placeholder="Search"
				.value=${q}
				@input=${this.#typed}
				@keydown=${this.#entered}
			/>
			${
				q.trim()
					? html`<span class="quiet"
								>${this.hits.length ? `${this.hit + 1} of ${count(this.hits.length)}` : "nothing found"}</span
							><button
								class="btn plain"
								?disabled=${!this.hits.length}
								@click=${() => this.#step(-1)}
								aria-label="Previous match"
							>
								↑</button
							><button
								class="btn plain"
								?disabled=${!this.hits.length}
								@click=${() => this.#step(1)}
								aria-label="Next match"
							>
								↓
							</button>`
					: nothing
			}
			<div class="segments" role="group" aria-label="Which messages">
				${KINDS.map(([value, word]) => html`<button aria-pressed=${only === value} @click=${() => router.set({ only: value, message: "" })}>${word}</button>`)}
			</div>
			${
				feed.subagents.length
					? html`<select
							aria-label="Whose conversation"
							.value=${subagent}
							@change=${(/** @type {Event} */ event) => router.set({ subagent: /** @type {HTMLSelectElement} */ (event.target).value, message: "" }, { push: true })}
						>
							<option value="" ?selected=${!subagent}>Main conversation</option>
							${feed.subagents.map((one) => html`<option value=${one.subagent} ?selected=${one.subagent === subagent}>${one.type || "Subagent"} ${one.subagent.slice(one.subagent.lastIndexOf("-") + 1).slice(0, 8)}</option>`)}
						</select>`
					: nothing
			}
			<span class="quiet push">${feed.isLoaded ? plural(feed.total, "message") : ""}</span>
		</div>`;
	}

	/** @param {ConversationFeed} feed */
	#messages(feed) {
		if (!feed.isLoaded && feed.error?.status) return nothing;
		if (!feed.isLoaded && feed.error) return html`<p class="empty">Shown once the agent answers.</p>`;
		if (!feed.isLoaded) return html`<p class="empty" aria-busy="true">Loading</p>`;
		if (!feed.total) return html`<p class="empty">${feed.missing || "Nothing was said yet."}</p>`;
		const pages = Array.from({ length: Math.ceil(feed.total / PAGE) }, (_, page) => page);
		const isFew = feed.total <= PAGE;
		return html`<div
			class="view ${isFew ? "few" : ""}"
			tabindex="0"
			role="region"
			aria-label="Messages"
			@scroll=${this.#scrolled}
		>
			${repeat(
				pages,
				(page) => page,
				(page) => this.#page(feed, page),
			)}
		</div>`;
	}

	#scrolled() {
		const view = this.#view;
		if (view) this.isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < AT_END;
	}

	/** @param {ConversationFeed} feed @param {number} page */
	#page(feed, page) {
		const items = this.near.has(page) ? feed.page(page) : undefined;
		const left = Math.min(PAGE, feed.total - page * PAGE);
		const height = items ? "" : `height:${this.heights.get(page) ?? left * GUESS}px`;
		return html`<div class="chunk" data-page=${page} .style=${height}>
			${items?.map((message, at) => this.#row(feed, message, page * PAGE + at, items[at - 1]))}
		</div>`;
	}

	/** All of its text, or what it changes. @param {ConversationFeed} feed @param {Message} message */
	async #copy(feed, message) {
		const { text, diff } = message.cut ? await feed.whole(message.number) : message;
		this.announce((await copy(diff || text)) ? "Copied" : "Copying failed");
	}

	/** @param {ConversationFeed} feed @param {Message} message @param {number} at @param {Message | undefined} before */
	#row(feed, message, at, before) {
		const { subagent = "", only = "all", q = "", message: wanted = "" } = this.#query;
		const started = message.kind === "call" && feed.subagents.find((one) => one.tool_call === message.tool_call);
		/** @param {Record<string, string>} query */
		const here = (query) => href("session", { id: this.session, query: { view: "conversation", ...query } });
		return messageRow(message, {
			at,
			q: q.trim().toLowerCase(),
			isHit: this.hits.includes(at),
			isTarget: Boolean(wanted) && (wanted === message.id || wanted === String(message.number)),
			follows: before?.kind === "call" && before.tool_call === message.tool_call,
			link: here({ only, subagent, message: String(message.number) }),
			inTime: message.span_id ? href("session", { id: this.session, query: { span: message.span_id } }) : "",
			subagent: started && started.tool_call ? here({ subagent: started.subagent }) : "",
			copy: () => this.#copy(feed, message),
			whole: () => feed.whole(message.number),
		});
	}
}
customElements.define("session-conversation", SessionConversation);
