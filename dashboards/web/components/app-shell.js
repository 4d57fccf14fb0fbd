/** The frame: what stands above and below every page, and the page that the address names. */
import { css, html, nothing } from "lit";
import { holdKeys } from "../lib/held-keys.js";
import { EVERYWHERE, action } from "../lib/keys.js";
import { PAGES, loadAhead, loaded, palette } from "../lib/pages.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";
import "./top-bar.js";

const NARROW = matchMedia("(max-width: 42rem)");

export class AppShell extends BaseComponent {
	static properties = {
		loadedPage: { state: true },
		failed: { state: true },
		announced: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				min-height: 100vh;
			}
			main {
				max-width: 100rem;
				margin: 0 auto;
				padding: 1.5rem clamp(0.75rem, 2.5vw, 2rem) 4rem;
				outline: none;
			}
			metrics-panel,
			quota-panel {
				display: block;
				margin-top: 1rem;
			}
			/* Its numbers come a moment later. */
			metrics-panel:not(:defined) {
				min-height: 7.125rem;
			}
			@media (max-width: 70rem) {
				metrics-panel:not(:defined) {
					min-height: 12rem;
				}
			}
			@media (max-width: 42rem) {
				main {
					padding-block: 1rem 3rem;
				}
				metrics-panel {
					margin-top: 1.5rem;
				}
			}
		`,
	];

	constructor() {
		super();
		this.loadedPage = "";
		this.failed = "";
		/** What was last said to those who don't see the page. */
		this.announced = "";
		/** Whether the palette is on its way. */
		this.opens = false;
	}

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.updateOn(NARROW, "change");
		this.listen(router, "route", (event) => this.#routed(event.detail.samePage));
		this.listen(window, "announce", (event) => (this.announced = event.detail));
		this.listen(document, "keydown", (event) => this.#key(event));
		store.load();
		this.#routed(true).then(loadAhead);
	}

	firstUpdated() {
		this.replaceChildren(); // what stood there until now
	}

	/** @param {boolean} samePage */
	async #routed(samePage) {
		const { page } = router.route;
		if (this.loadedPage !== page) {
			await holdKeys(() => this.#load(page));
			if (router.route.page !== page) return;
		}
		if (!samePage) {
			await this.updateComplete;
			this.main?.focus({ preventScroll: true });
			this.announce(PAGES[page].name || "Now");
		}
		const { place } = router;
		if (place) import("../lib/return.js").then(({ returnTo }) => returnTo(place, () => this.main));
	}

	/** @param {import("../lib/router.js").PageName} page */
	async #load(page) {
		let failed = "";
		try {
			PAGES[page].begin?.(router.route.id).catch(() => {}); // nor can the page itself be loaded then
			await loaded(PAGES[page].load);
		} catch (error) {
			failed = String(error); // a file that a newer agent no longer has, or no agent
		}
		if (router.route.page !== page) return;
		this.failed = failed;
		this.loadedPage = page;
		await this.updateComplete;
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const what = customElements.get("command-palette") ? null : action(EVERYWHERE, event);
		if (!what) return;
		event.preventDefault();
		this.#palette(what === "help" ? "help" : "open");
	}

	/** What is typed before it is there goes into it. @param {"open" | "help"} what */
	async #palette(what) {
		if (this.opens) return;
		this.opens = true;
		/** @param {AbortSignal} signal */
		const open = async (signal) => {
			await loaded(palette);
			await this.updateComplete;
			if (!signal.aborted) await /** @type {any} */ (this.renderRoot.querySelector("command-palette"))[what]();
		};
		try {
			await holdKeys(open, { everywhere: false }); // who asks again does not see it yet
		} catch {
			this.announce("The agent does not answer");
		}
		this.opens = false;
	}

	get main() {
		return this.renderRoot.querySelector("main");
	}

	render() {
		return html`
			<top-bar .skip=${() => this.main?.focus()} .find=${() => this.#palette("open")}></top-bar>
			<page-banner></page-banner>
			<main id="main" class=${router.route.page} tabindex="-1">${this.#page()}</main>
			<page-footer></page-footer>
			<command-palette></command-palette>
			<p class="hide" role="status" aria-live="polite">${this.announced}</p>
		`;
	}

	#page() {
		const { page, id } = router.route;
		if (page === "unknown") {
			return html`<h1>There is no such page</h1>
				<p class="second"><a class="link" href="/">To the first page</a></p>`;
		}
		if (!store.loaded) return this.#start();
		if (this.failed && this.loadedPage === page) {
			return html`<h1>This page could not be loaded</h1>
				<p class="second">${this.failed}</p>
				<p><button class="btn" @click=${() => location.reload()}>Reload</button></p>`;
		}
		if (this.loadedPage !== page) return html`<p class="start"></p>`;
		const { draw } = PAGES[page];
		return draw ? draw(id) : this.#now();
	}

	#start() {
		if (!store.error) return html`<p class="start" aria-busy="true"></p>`;
		return html`<agent-away><h1>${store.error.message}</h1></agent-away>`; // the heading until that is there
	}

	#now() {
		const isSetUp = !store.summary?.setup.step;
		if (!store.sessions.size) {
			import("./setup.js");
			return html`<setup-guide></setup-guide>`;
		}
		if (!isSetUp) import("./setup.js");
		const hasQuota = Boolean(store.summary?.quota.length);
		if (hasQuota) import("./quota-panel.js");
		const numbers = html`<metrics-panel></metrics-panel>`;
		return html`${isSetUp ? nothing : html`<setup-step></setup-step>`}<now-header></now-header
			><call-offer></call-offer
			>${hasQuota ? html`<quota-panel></quota-panel>` : nothing}${NARROW.matches ? nothing : numbers}<sessions-list
			></sessions-list>${NARROW.matches ? numbers : nothing}`; // who needs you stands above them
	}
}
customElements.define("app-shell", AppShell);
