/** What a turn was asked, and what it answered in the end. */
import { css, html, nothing } from "lit";
import { ConversationFeed, PAGE } from "../lib/conversation.js";
import { href } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { prose, proseStyle } from "./prose-blocks.js";
import { shared } from "./shared-styles.js";

/** @import { Message } from "../lib/types.js" */

const LONG = 600; // characters; a longer text is folded

export class TurnSaid extends BaseComponent {
	static properties = { session: {}, trace: {}, label: {} };
	static styles = [
		shared,
		proseStyle,
		css`
			:host {
				display: block;
				container-type: inline-size;
			}
			div.part {
				display: grid;
				grid-template-columns: 4.5rem minmax(0, 1fr) auto;
				gap: 0.25rem 0.75rem;
				padding: 0.5rem 1rem;
				border-bottom: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			h3 {
				font-size: 0.75rem;
				color: var(--ink-3);
				padding-top: 0.1rem;
			}
			.words {
				white-space: pre-wrap;
				overflow-wrap: anywhere;
				max-width: 60rem;
			}
			.folded {
				max-height: 7.5rem;
				overflow: hidden;
				mask-image: linear-gradient(#000 70%, transparent);
			}
			.error {
				color: var(--error-ink);
			}
			.does {
				display: flex;
				flex-direction: column;
				gap: 0.25rem;
				align-items: end;
			}
			@container (width < 40rem) {
				div.part {
					grid-template-columns: minmax(0, 1fr) auto;
				}
				.does {
					flex-direction: row;
					order: 1;
				}
				.what {
					grid-column: 1 / -1;
					order: 2;
				}
			}
		`,
	];

	constructor() {
		super();
		this.session = "";
		this.trace = "";
		/** What stands above it already: a prompt that is no longer is not repeated. */
		this.label = "";
		/** @type {ConversationFeed | null} */
		this.feed = null;
		/** Ids of messages that are shown whole. @type {Set<string>} */
		this.unfolded = new Set();
	}

	connected() {
		this.later(() => {
			this.feed?.end();
			this.feed = null;
		});
	}

	willUpdate() {
		if (this.feed?.session === this.session && this.feed.part.trace === this.trace) return;
		this.feed?.end();
		this.feed = null;
		if (!store.summary?.content) return;
		this.feed = new ConversationFeed(this.session, { kind: "said", trace: this.trace });
		this.feed.addEventListener("change", () => this.requestUpdate());
		this.feed.grow();
	}

	render() {
		const feed = this.feed;
		if (!feed?.total) return nothing;
		const first = feed.page(0) ?? [];
		const last = feed.page(Math.ceil(feed.total / PAGE) - 1) ?? [];
		const prompt = first.find((one) => one.kind === "prompt");
		const answer = last.findLast((one) => one.kind === "answer" || one.kind === "error");
		return html`${prompt && prompt.text !== this.label ? this.#part("Prompt", prompt) : nothing}${answer ? this.#part(answer.kind === "error" ? "Error" : "Answer", answer) : nothing}`;
	}

	/** @param {string} head @param {Message} message */
	#part(head, message) {
		const { kind, text, id } = message;
		const isFolded = text.length > LONG && !this.unfolded.has(id);
		const to = href("session", {
			id: this.session,
			query: { view: "conversation", message: String(message.number) },
		});
		return html`<div class="part">
			<h3>${head}</h3>
			<div class="what ${isFolded ? "folded" : ""}">
				${kind === "answer" ? html`<div class="prose">${prose(text, { deep: true })}</div>` : html`<p class="words ${kind}">${text}</p>`}
			</div>
			<div class="does">
				<a class="link" href=${to}>In the conversation</a>
				${text.length > LONG ? html`<button class="btn plain" aria-expanded=${!isFolded} @click=${() => this.#fold(id)}>${isFolded ? "Show all" : "Show less"}</button>` : nothing}
			</div>
		</div>`;
	}

	/** @param {string} id */
	#fold(id) {
		if (!this.unfolded.delete(id)) this.unfolded.add(id);
		this.requestUpdate();
	}
}
customElements.define("turn-said", TurnSaid);
