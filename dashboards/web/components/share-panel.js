/** A session or a turn as one file to give away: what is left out is shown first, and nothing is sent anywhere. */
import { css, html, nothing } from "lit";
import { ApiError, ask } from "../lib/api.js";
import { count, plural } from "../lib/format.js";
import { bytes } from "../lib/measure.js";
import { errorNotice, sentence } from "./agent-text.js";
import { BaseComponent } from "./base-component.js";
import { copy } from "../lib/clipboard.js";
import { shared } from "./shared-styles.js";

/** @import { Shared, SharedRule, Turn } from "../lib/types.js" */

/** @type {[string, string][]} */
const FORMATS = [
	["html", "HTML, opens offline"],
	["markdown", "Markdown"],
];

export class SharePanel extends BaseComponent {
	static properties = {
		session: {},
		turn: {},
		format: { state: true },
		whole: { state: true },
		kept: { state: true },
		file: { state: true },
		error: { state: true },
	};
	static styles = [
		shared,
		css`
			dialog {
				width: min(36rem, calc(100vw - 2rem));
				max-height: calc(100vh - 4rem);
				overflow-y: auto;
				padding: 1rem 1.25rem 1.25rem;
				border: 1px solid var(--line-strong);
				border-radius: var(--r);
				background: var(--surface);
				color: var(--ink);
				box-shadow: var(--shadow-big);
			}
			dialog::backdrop {
				background: #0006;
			}
			fieldset {
				border: 0;
				padding: 0;
				margin: 0.75rem 0 0;
			}
			legend {
				padding: 0;
				font-weight: 620;
				font-size: 0.8125rem;
			}
			label {
				display: grid;
				grid-template-columns: auto minmax(0, 1fr) auto;
				gap: 0.5rem;
				align-items: start;
				padding: 0.25rem 0;
				min-height: 1.5rem;
				font-size: 0.8125rem;
			}
			footer {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem;
				align-items: center;
				margin-top: 1rem;
			}
		`,
	];

	constructor() {
		super();
		this.session = "";
		/** What can be chosen instead of the session. @type {Turn | undefined} */
		this.turn = undefined;
		this.format = "html";
		this.whole = true;
		/** Rules that are not applied. @type {ReadonlySet<string>} */
		this.kept = new Set();
		/** @type {Shared | null} */
		this.file = null;
		/** @type {ApiError | null} */
		this.error = null;
		/** What was asked for last, and what `file` answers: until they agree the file in hand is of another choice. */
		this.asked = "";
		this.answered = "";
	}

	firstUpdated() {
		this.renderRoot.querySelector("dialog")?.showModal();
	}

	willUpdate() {
		const query = {
			format: this.format,
			trace: this.whole ? "" : this.turn?.trace_id,
			paths: !this.kept.has("paths"),
			names: !this.kept.has("names"),
		};
		const wanted = JSON.stringify(query);
		if (wanted !== this.asked) this.#fetch(query, wanted);
	}

	/** @param {Parameters<typeof ask>[1]} query @param {string} wanted */
	async #fetch(query, wanted) {
		this.asked = wanted;
		try {
			const file = /** @type {Shared} */ (await ask(`/sessions/${encodeURIComponent(this.session)}/shared`, query));
			if (this.asked !== wanted) return;
			this.file = file;
			this.answered = wanted;
			this.error = null;
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			if (this.asked === wanted) this.error = error;
		}
	}

	/** @param {Shared} file */
	#save(file) {
		const type = this.format === "html" ? "text/html" : "text/markdown";
		const link = document.createElement("a");
		link.href = URL.createObjectURL(new Blob([file.text], { type: `${type};charset=utf-8` }));
		link.download = file.name;
		link.click();
		setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
		this.announce(`${file.name} is made`);
	}

	/** @param {string} rule */
	#toggle(rule) {
		const kept = new Set(this.kept);
		if (!kept.delete(rule)) kept.add(rule);
		this.kept = kept;
	}

	render() {
		const { file } = this;
		const current = this.answered === this.asked ? file : null;
		return html`<dialog aria-labelledby="share" @close=${() => this.dispatchEvent(new CustomEvent("close"))}>
			<h2 id="share">Share what was said</h2>
			<p class="second">One file, made on this machine. Nothing is sent anywhere.</p>
			${errorNotice(this.error)}
			${
				this.turn
					? html`<fieldset>
							<legend>What</legend>
							${this.#choice("part", "The whole session", this.whole, () => (this.whole = true))}
							${this.#choice("part", `Turn ${this.turn.number}`, !this.whole, () => (this.whole = false))}
						</fieldset>`
					: nothing
			}
			<fieldset>
				<legend>As</legend>
				${FORMATS.map(([value, word]) => this.#choice("format", word, this.format === value, () => (this.format = value)))}
			</fieldset>
			<fieldset>
				<legend>Left out</legend>
				${file?.rules.map((rule) => this.#rule(rule))}
			</fieldset>
			<footer>
				<button class="btn first" ?disabled=${!current?.count} @click=${() => current && this.#save(current)}>
					Download
				</button>
				<button
					class="btn"
					?disabled=${!current?.count}
					@click=${async () => current && this.announce((await copy(current.text)) ? "Copied" : "Copying failed")}
				>
					Copy
				</button>
				<button class="btn plain" @click=${() => this.renderRoot.querySelector("dialog")?.close()}>Close</button>
				<span class="quiet push" role="status"
					>${current ? (current.count ? `${plural(current.count, "message")}, ${bytes(current.text.length)}` : "No transcript of it is there any more.") : ""}</span
				>
			</footer>
		</dialog>`;
	}

	/** @param {string} name @param {string} word @param {boolean} checked @param {() => void} choose */
	#choice(name, word, checked, choose) {
		return html`<label
			><input type="radio" name=${name} .checked=${checked} @change=${choose} /><span>${word}</span></label
		>`;
	}

	/** @param {SharedRule} rule */
	#rule({ name, text, removed }) {
		return html`<label
			><input
				type="checkbox"
				.checked=${removed !== null}
				?disabled=${name === "secrets"}
				@change=${() => this.#toggle(name)}
			/><span><b>${sentence(name)}.</b> ${text}</span
			><span class="quiet">${removed === null ? "kept" : count(removed)}</span></label
		>`;
	}
}
customElements.define("share-panel", SharePanel);
