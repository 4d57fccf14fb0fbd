/** The top of every page: where you are, whether it is live, the way to everything else, and the theme. */
import { css, html, nothing } from "lit";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { nextTheme, theme } from "../lib/theme.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

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

export class TopBar extends BaseComponent {
	static properties = { skip: { attribute: false }, find: { attribute: false } };
	static styles = [
		shared,
		css`
			:host {
				position: sticky;
				top: 0;
				z-index: 20;
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
				background: color-mix(in srgb, var(--bg) 88%, transparent);
				backdrop-filter: blur(10px);
				border-bottom: 1px solid var(--line);
			}
			.bar > div {
				display: flex;
				align-items: center;
				gap: 0.25rem;
				height: 3rem;
				max-width: 100rem;
				margin: 0 auto;
				padding-inline: clamp(0.75rem, 2.5vw, 2rem);
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
			@media print {
				:host {
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
				.bar > div {
					gap: 0.125rem;
				}
				.icon,
				.find {
					width: 1.75rem;
				}
			}
			@media (max-width: 30rem) {
				nav :is([href="/search"], [href="/cost"]) {
					display: none; /* the button beside them leads there, too */
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
		/** Goes to the content. */
		this.skip = () => {};
		/** Opens the palette. */
		this.find = () => {};
	}

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.updateOn(window, "theme");
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
		return html`<header class="bar">
			<div>
				<button class="skip btn first" @click=${() => this.skip()}>Skip to the content</button>
				<a class="brand" href="/" aria-label="hookspan, to the first page"
					><svg viewBox="0 0 20 20" stroke-width="2" aria-hidden="true">
						<path d="M3 5h8" stroke="var(--model)" />
						<path d="M6 10h11" stroke="var(--tool)" />
						<path d="M3 15h6" stroke="var(--wait)" /></svg
					><span>hookspan</span></a
				>
				<nav aria-label="Pages">
					${link("now", "/", "Now", waits)}${link("search", "/search", "Search")}${link("cost", "/cost", "Cost")}${link("friction", "/friction", "Friction")}${link("health", "/health", "Health", sick)}${link("log", "/log", "Log")}
				</nav>
				<div class="state ${kind}" role="status"><i aria-hidden="true"></i><span>${word}</span></div>
				<button
					class="btn find"
					@click=${() => this.find()}
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
		</header>`;
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
}
customElements.define("top-bar", TopBar);
