/** The frame: where you are, whether it is live, and the page that the address names. */
import { css, html, nothing } from "lit";
import "../lib/calls.js";
import * as clock from "../lib/clock.js";
import { elapsed } from "../lib/format.js";
import { action } from "../lib/keys.js";
import { BOARDS, grafana, jaeger } from "../lib/outside.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import * as tab from "../lib/tab.js";
import { nextTheme, theme } from "../lib/theme.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";

/** @type {Record<string, () => Promise<unknown>>} */
const PAGES = {
	now: () =>
		Promise.all([
			import("./metrics-panel.js"),
			import("./call-offer.js"),
			import("./now-header.js"),
			import("./quota-panel.js"),
			import("./sessions-list.js"),
		]),
	session: () => import("./session-view.js"),
	search: () => import("./search-page.js"),
	friction: () => import("./friction-report.js"),
	health: () => import("./health-panel.js"),
	log: () => import("./raw-log.js"),
	unknown: async () => {},
};
/** @type {Record<string, string>} */
const NAMES = {
	now: "",
	session: "Session",
	search: "Search",
	friction: "Friction",
	health: "Health",
	log: "Raw log",
	unknown: "Not found",
};
/** @type {Record<import("../lib/live.js").Connection, [string, string]>} */
const CONNECTION = {
	off: ["connecting", "Connecting"],
	connecting: ["connecting", "Connecting"],
	live: ["live", "Live"],
	hidden: ["connecting", "Paused"],
	lost: ["lost", "Reconnecting"],
	full: ["lost", "Too many pages"],
	"signed-out": ["lost", "Signed out"],
};
const CTRL = /Mac/.test(navigator.platform) ? "⌘" : "Ctrl";
const RETRY = 5000; // ms
const RETURN = 3000; // ms in which a page that one comes back to may grow to its former length
const GRACE = 2500; // ms: a connection that is back within that was not worth a word

export class AppShell extends BaseComponent {
	static properties = {
		loadedPage: { state: true },
		failed: { state: true },
		announced: { state: true },
		removing: { state: true },
		lostAt: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				min-height: 100vh;
			}
			.skip {
				position: fixed;
				top: 0.5rem;
				left: 0.5rem;
				z-index: 30;
				transform: translateY(-200%);
			}
			.skip:focus {
				transform: none;
			}
			.bar {
				position: sticky;
				top: 0;
				z-index: 20;
				background: color-mix(in srgb, var(--bg) 88%, transparent);
				backdrop-filter: blur(10px);
				border-bottom: 1px solid var(--line);
			}
			.bar > div {
				display: flex;
				align-items: center;
				gap: 0.25rem;
				height: 3rem;
			}
			.bar > div,
			main,
			.banner > div {
				width: 100%;
				max-width: 100rem;
				margin: 0 auto;
				padding-inline: clamp(0.75rem, 2.5vw, 2rem);
			}
			main {
				padding-block: 1.5rem 4rem;
				outline: none;
			}
			.brand {
				display: flex;
				align-items: center;
				gap: 0.5rem;
				font-weight: 650;
				letter-spacing: -0.01em;
				margin-right: 0.75rem;
				border-radius: 0.3rem;
			}
			.brand svg {
				width: 1.25rem;
				height: 1.25rem;
				display: block;
			}
			nav {
				display: flex;
			}
			nav a {
				padding: 0.25rem 0.625rem;
				border-radius: 0.4rem;
				color: var(--ink-2);
				font-size: 0.8125rem;
				white-space: nowrap;
			}
			nav a:hover {
				background: var(--hover);
				color: var(--ink);
			}
			nav a[aria-current] {
				color: var(--ink);
				font-weight: 600;
				background: light-dark(#ebeae6, #202329);
			}
			nav .n {
				display: inline-block;
				margin-left: 0.3rem;
				padding: 0 0.4em;
				line-height: 1.4;
				vertical-align: 0.08em;
				border-radius: 1em;
				background: var(--wait);
				color: #1b1c1f;
				font-size: 0.6875rem;
				font-weight: 700;
			}
			nav .dot {
				display: inline-block;
				margin-left: 0.375rem;
				vertical-align: 0.06em;
				width: 0.4375rem;
				height: 0.4375rem;
			}
			.warning {
				background: var(--wait);
			}
			.critical {
				background: var(--error);
			}
			.state {
				display: flex;
				align-items: center;
				gap: 0.4rem;
				font-size: 0.75rem;
				color: var(--ink-3);
				margin-left: auto;
				padding-right: 0.5rem;
				white-space: nowrap;
			}
			.state i {
				width: 0.5rem;
				height: 0.5rem;
				border-radius: 50%;
				background: var(--ink-3);
			}
			.state.live i {
				background: var(--ok);
			}
			.state.lost {
				color: var(--error-ink);
			}
			.state.lost i {
				background: var(--error);
				border-radius: 1px;
			}
			.icon {
				display: inline-grid;
				place-items: center;
				width: 2rem;
				height: 2rem;
				border: 0;
				background: none;
				border-radius: 0.4rem;
				color: var(--ink-2);
				cursor: pointer;
				padding: 0;
			}
			.icon:hover {
				background: var(--hover);
				color: var(--ink);
			}
			.icon svg {
				width: 1.0625rem;
				height: 1.0625rem;
			}
			.find {
				gap: 0.5rem;
				color: var(--ink-3);
				min-height: 1.75rem;
				padding-right: 0.3rem;
				font-size: 0.75rem;
			}
			.find svg {
				width: 0.875rem;
				height: 0.875rem;
			}
			svg {
				fill: none;
				stroke: currentColor;
				stroke-width: 1.6;
				stroke-linecap: round;
				stroke-linejoin: round;
			}
			footer {
				display: flex;
				flex-wrap: wrap;
				gap: 0.25rem 1rem;
				width: 100%;
				max-width: 100rem;
				margin: 0 auto;
				padding: 0 clamp(0.75rem, 2.5vw, 2rem) 1.5rem;
				font-size: 0.8125rem;
				color: var(--ink-3);
			}
			.banner {
				border-bottom: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			.banner > div {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.25rem 0.75rem;
				padding-block: 0.45rem;
			}
			.banner.lost {
				background: var(--error-soft);
				color: var(--error-ink);
			}
			.banner.new {
				background: var(--accent-soft);
				color: var(--ink);
			}
			.banner .btn {
				min-height: 1.5rem;
			}
			.banner.demo {
				background: var(--sunken);
				color: var(--ink-2);
			}
			.start {
				padding: 15vh 0;
				text-align: center;
				color: var(--ink-3);
			}
			.down {
				max-width: 34rem;
				margin: clamp(1rem, 12vh, 8rem) auto 0;
				padding: 1.75rem 2rem;
				border-top: 3px solid var(--error);
			}
			.down p {
				margin-top: 0.6rem;
				color: var(--ink-2);
			}
			.down .row {
				margin-top: 1.25rem;
			}
			.down code {
				flex: 1;
				padding: 0.45rem 0.75rem;
				background: var(--sunken);
				border: 1px solid var(--line);
				border-radius: 0.4rem;
			}
			metrics-panel,
			quota-panel {
				display: block;
				margin-top: 1rem;
			}
			/* Who needs you stands above the last hour's numbers, which nothing in can be focused. */
			@media (max-width: 42rem) {
				main.now {
					display: flex;
					flex-direction: column;
				}
				main.now > metrics-panel {
					order: 1;
					margin-top: 1.5rem;
				}
			}
			@media print {
				.bar {
					position: static;
				}
				.find,
				.icon,
				.state {
					display: none;
				}
			}
			@media (max-width: 52rem) {
				.find kbd,
				.find span {
					display: none;
				}
				.find {
					border: 0;
					background: none;
					padding: 0;
					width: 2rem;
					height: 2rem;
					justify-content: center;
					color: var(--ink-2);
				}
				.find svg {
					width: 1.0625rem;
					height: 1.0625rem;
				}
			}
			@media (max-width: 42rem) {
				.brand span,
				.state span {
					display: none;
				}
				.brand {
					margin-right: 0.25rem;
				}
				nav a {
					padding: 0.3rem 0.45rem;
				}
				.state {
					padding-right: 0.125rem;
				}
				main {
					padding-block: 1rem 3rem;
				}
				.bar > div {
					gap: 0.125rem;
				}
				.icon,
				.find {
					width: 1.75rem;
				}
			}
			@media (max-width: 26rem) {
				nav a[href="/search"] {
					display: none; /* the button beside it leads there, too */
				}
			}
			@media (max-width: 22rem) {
				.bar > div {
					gap: 0;
					padding-inline: 0.5rem;
				}
				nav a {
					padding-inline: 0.35rem;
				}
				.icon,
				.find {
					width: 1.5rem;
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
		this.removing = false;
		/** When the connection was lost, by performance.now(). @type {number | null} */
		this.lostAt = null;
		/** What was asked of the palette before it was loaded. @type {"open" | "help" | null} */
		this.wish = null;
		this.fetching = false;
	}

	connected() {
		this.listen(store, "change", () => this.#changed());
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.updateOn(window, "theme");
		this.listen(router, "route", (event) => this.#routed(event.detail.samePage));
		this.listen(window, "announce", (event) => (this.announced = event.detail));
		this.tick(1000, () => this.lostAt !== null && this.requestUpdate());
		store.load();
		this.#routed(true);
		const idle = window.requestIdleCallback ?? setTimeout;
		idle(() => this.#fetch());
		this.listen(document, "keydown", (event) => {
			const what = customElements.get("command-palette") ? null : action("all", event);
			if (!what) return;
			event.preventDefault();
			this.#palette(what === "help" ? "help" : "open");
		});
	}

	firstUpdated() {
		this.replaceChildren(); // what stood there until now
	}

	/** @param {boolean} samePage */
	async #routed(samePage) {
		const { page } = router.route;
		this.#title();
		if (this.loadedPage !== page) {
			try {
				// Once more: a network that changes ends what is under way, also on this machine.
				await PAGES[page]?.().catch(() => new Promise((done) => setTimeout(done, 500)).then(PAGES[page]));
				this.failed = "";
			} catch (error) {
				this.failed = String(error); // a file that a newer agent no longer has, or no agent
			}
			if (router.route.page !== page) return;
			this.loadedPage = page;
		}
		if (!samePage) {
			await this.updateComplete;
			this.renderRoot.querySelector("main")?.focus({ preventScroll: true });
			this.announce(NAMES[page] || "Now");
		}
		if (router.place) this.#return(router.place);
	}

	/** Back to where somebody was, as soon as the page is as long again. @param {import("../lib/router.js").Place} place */
	#return(place) {
		const began = performance.now();
		const moves = new AbortController();
		const end = () => {
			moves.abort();
			if (router.place === place) router.place = null;
		};
		for (const what of ["wheel", "touchstart", "pointerdown", "keydown"]) {
			addEventListener(what, end, { passive: true, signal: moves.signal });
		}
		const look = () => {
			if (router.place !== place) return end(); // the user went on, or scrolls already
			const main = this.renderRoot.querySelector("main");
			const link = place.link && main ? linkTo(main, place.link) : null;
			const isLong = document.documentElement.scrollHeight - innerHeight >= place.top;
			if (isLong && (link || !place.link)) {
				link?.focus({ preventScroll: true });
				scrollTo(0, place.top);
				end();
			} else if (performance.now() - began < RETURN) {
				requestAnimationFrame(look);
			} else {
				scrollTo(0, place.top); // as far as it goes
				end();
			}
		};
		requestAnimationFrame(look);
	}

	#changed() {
		const { state } = store.live;
		if (["lost", "full"].includes(state) || (store.error && !store.loaded)) this.lostAt ??= performance.now();
		else if (state === "live") this.lostAt = null;
		this.#title();
	}

	get offline() {
		return this.lostAt !== null && performance.now() - this.lostAt > GRACE;
	}

	#title() {
		const { page, id } = router.route;
		const session = page === "session" ? store.sessions.get(id) : undefined;
		const name = session ? [session.project, session.title].filter(Boolean).join(": ") : (NAMES[page] ?? "");
		document.title = tab.title(store.waiting, name, this.offline);
		tab.icon(store.waiting, this.offline);
	}

	updated() {
		this.#title();
	}

	render() {
		const { page } = router.route;
		const { state } = store.live;
		const [kind, word] = store.error && !store.loaded ? ["lost", "Offline"] : CONNECTION[state];
		const health = store.summary?.health ?? "healthy";
		/** @param {string} name @param {string} to @param {string} label @param {unknown} [more] */
		const link = (name, to, label, more = nothing) =>
			html`<a href=${to} aria-current=${page === name ? "page" : nothing}>${label}${more}</a>`;
		const waits = store.waiting
			? html`<span class="n">${store.waiting}<span class="hide"> waiting</span></span>`
			: nothing;
		const sick =
			health === "warning" || health === "critical"
				? html`<i class="dot ${health}"></i><span class="hide">${health}</span>`
				: nothing;
		return html`
			<header class="bar">
				<div>
					<button class="skip btn first" @click=${this.#skip}>Skip to the content</button>
					<a class="brand" href="/" aria-label="hookspan, to the first page"
						><svg viewBox="0 0 20 20" stroke-width="2" aria-hidden="true">
							<path d="M3 5h8" stroke="var(--model)" />
							<path d="M6 10h11" stroke="var(--tool)" />
							<path d="M3 15h6" stroke="var(--wait)" /></svg
						><span>hookspan</span></a
					>
					<nav aria-label="Pages">
						${link("now", "/", "Now", waits)}${link("search", "/search", "Search")}${link("friction", "/friction", "Friction")}${link("health", "/health", "Health", sick)}${link("log", "/log", "Log")}
					</nav>
					<div class="state ${kind}" role="status"><i aria-hidden="true"></i><span>${word}</span></div>
					<button
						class="btn find"
						@click=${() => this.#palette("open")}
						aria-label=${`Search ${CTRL} K: sessions, pages, commands`}
						aria-haspopup="dialog"
					>
						<svg viewBox="0 0 16 16" aria-hidden="true">
							<circle cx="7" cy="7" r="4.5" />
							<path d="m10.5 10.5 3 3" /></svg
						><span>Search</span> <kbd>${CTRL} K</kbd>
					</button>
					<button
						class="icon"
						@click=${nextTheme}
						aria-label=${`Theme: ${theme()}. Change it`}
						title=${`Theme: ${theme()}`}
					>
						${this.#themeIcon()}
					</button>
				</div>
			</header>
			${this.#banner()}
			<main id="main" class=${page} tabindex="-1">${this.#page()}</main>
			${this.#footer()}
			<command-palette></command-palette>
			<p class="hide" role="status" aria-live="polite">${this.announced}</p>
		`;
	}

	/** The ways to other programs that the settings name. */
	#footer() {
		/** @param {string} name @param {string} to */
		const link = (name, to) => html`<a class="link" href=${to} target="_blank" rel="noreferrer">${name}</a>`;
		const boards = grafana("overview")
			? html`<span>Grafana:</span>${Object.entries(BOARDS).map(([board, name]) => link(name, grafana(board)))}`
			: nothing;
		const traces = jaeger() ? link("Jaeger", jaeger()) : nothing;
		return boards === nothing && traces === nothing
			? nothing
			: html`<footer aria-label="Other programs">${boards}${traces}</footer>`;
	}

	#skip() {
		this.renderRoot.querySelector("main")?.focus();
	}

	/** @param {"open" | "help"} what */
	#palette(what) {
		const palette = /** @type {any} */ (this.renderRoot.querySelector("command-palette"));
		if (palette?.[what]) palette[what]();
		else {
			this.wish = what;
			this.#fetch(); // a busy browser may not have come to it
		}
	}

	#fetch() {
		if (this.fetching) return;
		this.fetching = true;
		const again = () => {
			this.fetching = false;
			this.#fetch();
		};
		import("./command-palette.js").then(
			() => this.#loaded(),
			() => setTimeout(again, RETRY),
		); // no agent just now
	}

	/** The palette is there: do what was asked of it before. */
	async #loaded() {
		await this.updateComplete;
		if (this.wish) this.#palette(this.wish);
		this.wish = null;
	}

	#themeIcon() {
		const chosen = theme();
		if (chosen === "light") {
			return html`<svg viewBox="0 0 16 16" aria-hidden="true">
				<circle cx="8" cy="8" r="3" />
				<path d="M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7" />
			</svg>`;
		}
		if (chosen === "dark") {
			return html`<svg viewBox="0 0 16 16" aria-hidden="true">
				<path d="M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z" />
			</svg>`;
		}
		return html`<svg viewBox="0 0 16 16" aria-hidden="true">
			<circle cx="8" cy="8" r="5.5" />
			<path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
		</svg>`;
	}

	#banner() {
		const { state } = store.live;
		if (state === "signed-out" || store.error?.status === 401) {
			return html`<div class="banner lost" role="alert">
				<div>
					<strong>This browser is signed out.</strong><span>Run <code>hookspan open</code> in a terminal.</span>
				</div>
			</div>`;
		}
		if (this.offline && store.loaded) {
			const why = state === "full" ? "Too many pages are open; close one." : "The agent does not answer.";
			return html`<div class="banner lost" role="alert">
				<div>
					<strong>${why}</strong>
					<span
						>What you see is ${elapsed(performance.now() - (this.lostAt ?? 0))} old.
						${state === "full" ? "" : html`<code>hookspan up</code> starts it; this`} page reconnects by itself.</span
					>
				</div>
			</div>`;
		}
		if (store.outdated) {
			return html`<div class="banner new" role="status">
				<div>
					<span>hookspan ${store.live.version} is running now; this page is of ${store.version}.</span
					><button class="btn" @click=${() => location.reload()}>Reload</button>
				</div>
			</div>`;
		}
		if (store.summary?.demo) {
			return html`<section class="banner demo" aria-label="Demo data">
				<div>
					<span>Demo data is shown: three sessions that are made up, in no sum, and never exported.</span
					><button class="btn" ?disabled=${this.removing} @click=${this.#removeDemo}>Remove them</button>
				</div>
			</section>`;
		}
		return nothing;
	}

	async #removeDemo() {
		this.removing = true;
		try {
			await store.demo("DELETE");
			this.announce("Demo data removed");
		} catch (error) {
			this.announce(error instanceof Error ? error.message : "That failed");
		}
		this.removing = false;
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
		switch (page) {
			case "session":
				return html`<session-view .session=${id}></session-view>`;
			case "friction":
				return html`<friction-report></friction-report>`;
			case "search":
				return html`<search-page></search-page>`;
			case "health":
				return html`<health-panel></health-panel>`;
			case "log":
				return html`<raw-log></raw-log>`;
			default:
				return this.#now();
		}
	}

	#start() {
		if (!store.error) return html`<p class="start" aria-busy="true">${clock.now() && nothing}</p>`;
		const isSignedOut = store.error.status === 401;
		const command = isSignedOut ? "hookspan open" : "hookspan up";
		return html`<div class="card down">
			<h1>${isSignedOut ? "This browser is signed out" : store.error.message}</h1>
			<p>
				${isSignedOut ? "A new login is made in a terminal:" : "Hooks go on recording meanwhile; nothing is lost. In a terminal:"}
			</p>
			<div class="row">
				<code>${command}</code><copy-button .text=${command} what=${`the command ${command}`}></copy-button>
			</div>
			${isSignedOut ? nothing : html`<p class="quiet">This page tries again by itself${this.lostAt === null ? "" : `, for ${elapsed(performance.now() - this.lostAt)} now`}.</p>`}
		</div>`;
	}

	#now() {
		const isSetUp = !store.summary?.setup.step;
		if (!store.sessions.size || !(isSetUp || store.summary?.demo)) {
			import("./setup.js");
			return html`<setup-guide></setup-guide>`;
		}
		if (!isSetUp) import("./setup.js");
		return html`${isSetUp ? nothing : html`<setup-step></setup-step>`}<now-header></now-header
			><call-offer></call-offer
			>${store.summary?.quota.length ? html`<quota-panel></quota-panel>` : nothing}<metrics-panel></metrics-panel
			><sessions-list></sessions-list>`;
	}
}
/** The first link to an address, wherever it is. @param {ParentNode} root @param {string} to @returns {HTMLElement | null} */
function linkTo(root, to) {
	for (const element of root.querySelectorAll("*")) {
		if (element instanceof HTMLAnchorElement && element.getAttribute("href") === to) return element;
		const inner = element.shadowRoot && linkTo(element.shadowRoot, to);
		if (inner) return inner;
	}
	return null;
}
customElements.define("app-shell", AppShell);
