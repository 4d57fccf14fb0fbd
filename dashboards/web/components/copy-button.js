/** A button that copies a text and says that it did. */
import { css, html } from "lit";
import { copy } from "../lib/clipboard.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

const SHOWN = 1600; // ms

export class CopyButton extends BaseComponent {
	static properties = { text: { attribute: false }, label: {}, what: {}, result: { state: true } };
	static styles = [
		shared,
		css`
			:host {
				display: inline-block;
			}
			button {
				min-height: 1.625rem;
				padding: 0.1rem 0.55rem;
				font-size: 0.75rem;
			}
		`,
	];

	constructor() {
		super();
		/** What is copied, or what makes it. @type {string | (() => string | Promise<string>)} */
		this.text = "";
		this.label = "Copy";
		/** What it is, for those who don't see what stands beside it. */
		this.what = "";
		/** What came of it, for a moment. */
		this.result = "";
	}

	async #copy() {
		const text = typeof this.text === "function" ? await this.text() : this.text;
		this.result = (await copy(text)) ? "Copied" : "Copying failed";
		this.announce(this.result);
		setTimeout(() => (this.result = ""), SHOWN);
	}

	render() {
		return html`<button class="btn" @click=${this.#copy}>
			<span>${this.result || this.label}</span><span class="hide"> ${this.what}</span>
		</button>`;
	}
}
customElements.define("copy-button", CopyButton);
