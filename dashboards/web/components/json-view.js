/** JSON, folded: what is inside of an object is drawn when it is opened. All of it is text. */
import { css, html, nothing } from "lit";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

const PART = 100; // entries that are drawn at once

export class JsonView extends BaseComponent {
	static properties = {
		value: { attribute: false },
		depth: { type: Number },
		open: { state: true },
		shown: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				font-family: var(--mono);
				font-size: 0.75rem;
				line-height: 1.55;
				overflow-wrap: anywhere;
			}
			details > div {
				padding-left: 1rem;
				border-left: 1px solid var(--line);
				margin-left: 0.3rem;
			}
			summary {
				min-height: 1.5rem;
				cursor: pointer;
				list-style: none;
			}
			summary::before {
				content: "▸";
				display: inline-block;
				width: 1em;
				color: var(--ink-3);
			}
			details[open] > summary::before {
				content: "▾";
			}
			.leaf {
				padding-left: 1em;
				white-space: pre-wrap;
			}
			.key {
				color: var(--ink-2);
			}
			.string {
				color: var(--ok-ink);
			}
			.number {
				color: var(--tool-ink);
			}
			.word {
				color: var(--model-ink);
			}
		`,
	];

	constructor() {
		super();
		/** @type {unknown} */
		this.value = null;
		/** How many levels are open at first. */
		this.depth = 1;
		/** What the user opened and closed, by its path. @type {ReadonlyMap<string, boolean>} */
		this.open = new Map();
		/** How many entries are shown where it is more than usual, by path. @type {ReadonlyMap<string, number>} */
		this.shown = new Map();
	}

	/** @param {Map<string, unknown>} changed */
	willUpdate(changed) {
		if (!changed.has("value")) return;
		this.open = new Map();
		this.shown = new Map();
	}

	render() {
		return this.#draw("", this.value, 0, "");
	}

	/** @param {string} key @param {unknown} value @param {number} level @param {string} path @returns {unknown} */
	#draw(key, value, level, path) {
		const name = key ? html`<span class="key">${key}: </span>` : nothing;
		if (value === null || typeof value !== "object") return html`<div class="leaf">${name}${leaf(value)}</div>`;
		const entries = Object.entries(value);
		const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
		if (!entries.length) return html`<div class="leaf">${name}${left}${right}</div>`;
		const open = this.open.get(path) ?? level < this.depth;
		const most = this.shown.get(path) ?? PART;
		return html`<details .open=${open} @toggle=${(/** @type {any} */ event) => this.#toggle(path, event.target.open)}>
			<summary>${name}<span class="quiet">${left} ${entries.length} ${right}</span></summary>
			${
				open
					? html`<div>
							${entries.slice(0, most).map(([inner, entry]) => this.#draw(inner, entry, level + 1, `${path}/${inner}`))}
							${this.#rest(path, entries.length, most)}
						</div>`
					: nothing
			}
		</details>`;
	}

	/** @param {string} path @param {boolean} open */
	#toggle(path, open) {
		if (this.open.get(path) === open) return;
		this.open = new Map(this.open).set(path, open);
	}

	/** @param {string} path @param {number} size @param {number} most */
	#rest(path, size, most) {
		if (size <= most) return nothing;
		return html`<button class="btn" @click=${() => this.#more(path, most)}>${size - most} more</button>`;
	}

	/** @param {string} path @param {number} most */
	#more(path, most) {
		this.shown = new Map(this.shown).set(path, most + PART * 5);
	}
}

/** @param {unknown} value */
function leaf(value) {
	if (typeof value === "string") return html`<span class="string">"${value}"</span>`;
	if (typeof value === "number") return html`<span class="number">${value}</span>`;
	return html`<span class="word">${String(value)}</span>`;
}
customElements.define("json-view", JsonView);
