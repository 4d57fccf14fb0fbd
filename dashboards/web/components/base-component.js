/** What all components share: their style, listeners that end with the element, and one clock. */
import { LitElement } from "lit";
import * as clock from "../lib/clock.js";
import { shared } from "./shared-styles.js";

export class BaseComponent extends LitElement {
	static styles = /** @type {import("lit").CSSResultGroup} */ (shared);

	/** @type {(() => void)[]} */
	#ends = [];

	connectedCallback() {
		super.connectedCallback();
		this.connected();
	}

	disconnectedCallback() {
		super.disconnectedCallback();
		for (const end of this.#ends.splice(0)) end();
	}

	/** For subclasses: each time the element comes into the page. */
	connected() {}

	/**
	 * Listen for as long as the element is in the page.
	 * @param {EventTarget} target
	 * @param {string} type
	 * @param {(event: any) => void} listener
	 */
	listen(target, type, listener) {
		target.addEventListener(type, listener);
		this.#ends.push(() => target.removeEventListener(type, listener));
	}

	/** Draw again whenever something tells of it. @param {EventTarget} target @param {string} type */
	updateOn(target, type) {
		this.listen(target, type, () => this.requestUpdate());
	}

	/** Do something every so often while it can be seen. @param {number} every ms @param {() => void} [what] default: draw again */
	tick(every, what = () => this.requestUpdate()) {
		this.#ends.push(clock.onTick(what, every));
	}

	/** Undo something when the element leaves the page. @param {() => void} end */
	later(end) {
		this.#ends.push(end);
	}

	/** Say something to those who don't see the page. @param {string} text */
	announce(text) {
		dispatchEvent(new CustomEvent("announce", { detail: text }));
	}
}
