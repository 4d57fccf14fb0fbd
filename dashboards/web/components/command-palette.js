/** Ctrl/Cmd-K: to any session or page, commands to copy, and what the page can do. `?`: the keys. */
import { css, html, nothing } from "lit";
import { ApiError, ask } from "../lib/api.js";
import { find } from "../lib/commands.js";
import { short } from "../lib/format.js";
import { hitHref, kindOfHit } from "../lib/hits.js";
import { EVERYWHERE, action } from "../lib/keys.js";
import { actions } from "../lib/palette-actions.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { keysHelp, keysHelpStyle } from "./keys-help.js";
import { stateMark, stateMarkStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

/** @import { Found, FoundItem } from "../lib/types.js" */
/** @typedef {import("../lib/palette-actions.js").Action} Action */

const MOST = 7; // of a group
const SAID = 4; // messages that are found
const SAID_FROM = 2; // characters
const TYPED = 150; // ms after a key, before the agent is asked
export class CommandPalette extends BaseComponent {
	static properties = {
		query: { state: true },
		index: { state: true },
		isOpen: { state: true },
		isHelp: { state: true },
		foundIds: { state: true },
		said: { state: true },
	};
	static styles = [
		shared,
		stateMarkStyle,
		keysHelpStyle,
		css`
			dialog {
				width: min(40rem, calc(100vw - 1.5rem));
				max-height: min(32rem, 80dvh);
				padding: 0;
				margin: 10dvh auto auto;
				border: 1px solid var(--line-strong);
				border-radius: 0.75rem;
				background: var(--surface);
				color: var(--ink);
				box-shadow: var(--shadow-big);
				overflow: hidden;
			}
			dialog[aria-label="Keys"] {
				max-height: 86dvh;
			}
			dialog[open] {
				display: flex;
				flex-direction: column;
			}
			dialog::backdrop {
				background: light-dark(#1b1c1f4d, #0009);
			}
			.ask {
				display: flex;
				align-items: center;
				gap: 0.6rem;
				padding: 0 1rem;
				border-bottom: 1px solid var(--line);
			}
			.ask svg {
				flex: none;
				width: 1.1rem;
				height: 1.1rem;
				fill: none;
				stroke: var(--ink-3);
				stroke-width: 1.6;
				stroke-linecap: round;
			}
			input {
				flex: 1;
				min-width: 0;
				height: 3rem;
				border: 0;
				background: none;
				font-size: 1rem;
			}
			input:focus-visible {
				outline: none;
			}
			.ask:focus-within {
				box-shadow: inset 0 -2px 0 var(--focus);
			}
			.found {
				overflow-y: auto;
				padding: 0.375rem;
				overscroll-behavior: contain;
			}
			.group {
				padding: 0.5rem 0.625rem 0.2rem;
				font-size: 0.75rem;
				color: var(--ink-3);
			}
			.choice {
				display: grid;
				grid-template-columns: 0.5rem minmax(0, auto) minmax(0, 1fr) auto;
				min-height: 2rem;
				gap: 0.625rem;
				align-items: center;
				padding: 0.4rem 0.625rem;
				border-radius: 0.4rem;
				cursor: pointer;
			}
			.choice[aria-selected="true"] {
				background: var(--accent-soft);
			}
			.choice[aria-selected="true"] .enter {
				visibility: visible;
			}
			.choice .detail {
				color: var(--ink-3);
				font-size: 0.8125rem;
			}
			.choice.command .label {
				font-family: var(--mono);
				font-size: 0.8125rem;
			}
			.named {
				display: flex;
				min-width: 0;
				white-space: pre;
			}
			.named > :first-child {
				flex: none;
				max-width: min(12rem, 40%);
			}
			.named > :last-child {
				flex: 0 1 auto;
			}
			.detail:empty {
				display: none;
			}
			.enter {
				grid-column: 4;
				visibility: hidden;
				font-size: 0.75rem;
				color: var(--ink-2);
				white-space: nowrap;
			}
			.state.diamond,
			.state.pulse {
				transform: none;
				animation: none;
			}
			.state.circle {
				border-color: var(--line-strong);
			}
			.none {
				background: none;
			}
			@media (max-width: 40rem) {
				dialog {
					margin-top: 0.75rem;
				}
				.choice {
					grid-template-columns: 0.5rem minmax(0, 1fr);
				}
				.choice .detail {
					grid-column: 2;
				}
				.enter {
					display: none;
				}
			}
		`,
	];

	constructor() {
		super();
		this.query = "";
		this.index = 0;
		this.isHelp = false;
		this.isOpen = false;
		/** Sessions in which the agent found the query: it knows more of them, and more about them. @type {Set<string>} */
		this.foundIds = new Set();
		/** Messages of all sessions in which it was found. @type {FoundItem[]} */
		this.said = [];
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.typed = undefined;
	}

	connected() {
		this.listen(document, "keydown", (event) => this.#key(event));
		this.updateOn(store, "change");
		this.listen(router, "route", () => this.#close());
		this.later(() => clearTimeout(this.typed));
	}

	/** @param {string} query */
	#ask(query) {
		this.query = query;
		this.index = 0;
		this.foundIds = new Set();
		this.said = [];
		clearTimeout(this.typed);
		if (query.trim()) {
			this.typed = setTimeout(async () => {
				const [foundIds, said] = await Promise.all([store.find(query.trim(), MOST), this.#said(query.trim())]);
				if (query !== this.query) return;
				this.foundIds = foundIds;
				this.said = said;
			}, TYPED);
		}
	}

	/** What was said with these words; nothing where content is not shown. @param {string} q @returns {Promise<FoundItem[]>} */
	async #said(q) {
		if (q.length < SAID_FROM || !store.summary?.content) return [];
		try {
			const found = /** @type {Found} */ (await ask("/search", { q, limit: SAID }));
			return found.items;
		} catch (error) {
			if (error instanceof ApiError) return [];
			throw error;
		}
	}

	/** Done when one can type. */
	open() {
		return this.#show(false);
	}

	help() {
		return this.#show(true);
	}

	/** @param {boolean} help */
	async #show(help) {
		this.isHelp = help;
		this.isOpen = true;
		this.query = "";
		this.index = 0;
		await this.updateComplete;
		const { dialog } = this;
		if (dialog && !dialog.open) dialog.showModal(); // gives the focus back to where it was when it closes
		this.renderRoot.querySelector("input")?.focus();
	}

	#close() {
		this.dialog?.close();
	}

	get dialog() {
		return this.renderRoot.querySelector("dialog");
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = action(EVERYWHERE, event);
		if (!what) return;
		event.preventDefault();
		if (what === "help") this.help();
		else if (this.dialog?.open && !this.isHelp) this.#close();
		else this.open();
	}

	#actions() {
		return actions({
			found: this.foundIds,
			query: this.query,
			help: () => this.help(),
			say: (text) => this.announce(text),
		});
	}

	// --- View

	/** @param {Action | undefined} action */
	async #run(action) {
		if (!action) return;
		if (action.id !== "keys") this.#close();
		try {
			await action.run();
		} catch (error) {
			this.announce(error instanceof Error ? error.message : "That failed");
		}
	}

	/** @param {KeyboardEvent} event @param {Action[]} flat all that are offered @param {number} index of the chosen one */
	#typed(event, flat, index) {
		const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
		if (event.key === "Enter") {
			event.preventDefault();
			this.#run(flat[index]);
		} else if (step !== undefined && (Number.isFinite(step) || !this.query)) {
			event.preventDefault();
			this.index = Number.isFinite(step)
				? (index + step + flat.length) % Math.max(1, flat.length)
				: step > 0
					? flat.length - 1
					: 0;
			this.updateComplete.then(() =>
				this.renderRoot.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }),
			);
		}
	}

	render() {
		return html`<dialog
			aria-label=${this.isHelp ? "Keys" : "Search and commands"}
			@close=${() => (this.isOpen = this.dialog?.open ?? false) /* it comes late, maybe after another Ctrl K */}
			@click=${(/** @type {Event} */ event) => event.target === this.dialog && this.#close()}
		>
			${this.isOpen ? (this.isHelp ? keysHelp(() => this.#close()) : this.#search()) : nothing}
		</dialog>`;
	}

	/** Messages of all sessions, below what the page knows by name. @returns {Action[]} */
	#messages() {
		const q = this.query.trim();
		if (!q) return [];
		const found = this.said.map((item) => ({
			id: `${item.session}${item.message}`,
			group: "Said",
			label: item.snippet.map(({ text }) => text).join(""),
			detail: `${kindOfHit(item)}, ${item.project || short(item.session)}${store.agentOf(item) && `, ${item.agent}`}`,
			words: "",
			run: () => router.go(hitHref(item)),
		}));
		const search = {
			id: "search",
			group: "Said",
			label: "Search all messages",
			detail: `for “${q}”`,
			words: "",
			run: () => router.go(href("search", { query: { q } })),
		};
		return [...found, search];
	}

	#search() {
		const messages = this.#messages();
		const groups = [
			...find(this.#actions(), this.query, this.query ? MOST : 5),
			...(messages.length ? [{ name: "Said", choices: messages }] : []),
		];
		const flat = /** @type {Action[]} */ (groups.flatMap((group) => group.choices));
		const index = Math.min(this.index, Math.max(0, flat.length - 1));
		return html` <div class="ask">
				<svg viewBox="0 0 16 16" aria-hidden="true">
					<circle cx="7" cy="7" r="4.5" />
					<path d="m10.5 10.5 3 3" />
				</svg>
				<input
					type="text"
					role="combobox"
					aria-expanded="true"
					aria-controls="found"
					aria-autocomplete="list"
					aria-label="Search sessions, pages and commands"
					aria-activedescendant=${flat.length ? `c${index}` : nothing}
					autocomplete="off"
					spellcheck="false"
					placeholder="Session, page or command"
					.value=${this.query}
					@input=${(/** @type {any} */ event) => this.#ask(event.target.value)}
					@keydown=${(/** @type {KeyboardEvent} */ event) => this.#typed(event, flat, index)}
				/><kbd>Esc</kbd>
			</div>
			<div class="found" id="found" role="listbox" aria-label="Found">
				${groups.map(
					({ name, choices }, number) =>
						html`<div role="group" aria-labelledby=${`g${number}`}>
							<div class="group" id=${`g${number}`} role="presentation">${name}</div>
							${choices.map((choice) => {
								const at = flat.indexOf(/** @type {Action} */ (choice));
								return this.#choice(/** @type {Action} */ (choice), at, at === index);
							})}
						</div>`,
				)}
				${flat.length ? nothing : html`<p class="empty" role="option" aria-selected="false" aria-disabled="true">Nothing matches.</p>`}
			</div>
			<p class="hide" role="status">${flat.length} found</p>`;
	}

	/** A project is cut before what its session is called. @param {Action} action */
	#label({ label, prefix = "" }) {
		if (!prefix) return html`<span class="label cut">${label}</span>`;
		return html`<span class="label named"
			><span class="cut">${prefix}</span><span class="cut">: ${label.slice(prefix.length + 2)}</span></span
		>`;
	}

	/** @param {Action} action @param {number} at of all @param {boolean} isChosen */
	#choice(action, at, isChosen) {
		const { state, isCommand } = action;
		return html`<div
			class="choice ${isCommand ? "command" : ""}"
			id=${`c${at}`}
			role="option"
			aria-selected=${isChosen}
			@click=${() => this.#run(action)}
			@pointermove=${() => (this.index = at)}
		>
			${state ? stateMark(state) : html`<i class="dot none" aria-hidden="true"></i>`}${this.#label(action)}<span
				class="detail cut"
				>${action.detail}</span
			><span class="enter" aria-hidden="true">${isCommand ? "Copy" : "Go"} ↵</span>
		</div>`;
	}
}
customElements.define("command-palette", CommandPalette);
