/** What holds for the whole page and stands above it: nobody is signed in, no agent answers, a newer one does, demo data. */
import { css, html, nothing } from "lit";
import { elapsed } from "../lib/format.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

export class PageBanner extends BaseComponent {
	static properties = { removing: { state: true } };
	static styles = [
		shared,
		css`
			.banner {
				border-bottom: 1px solid var(--line);
				font-size: 0.8125rem;
			}
			.banner > div {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.25rem 0.75rem;
				max-width: 100rem;
				margin: 0 auto;
				padding: 0.45rem clamp(0.75rem, 2.5vw, 2rem);
			}
			.lost {
				background: var(--error-soft);
				color: var(--error-ink);
			}
			.new {
				background: var(--accent-soft);
				color: var(--ink);
			}
			.btn {
				min-height: 1.5rem;
			}
			.demo {
				background: var(--sunken);
				color: var(--ink-2);
			}
		`,
	];

	constructor() {
		super();
		this.removing = false;
	}

	connected() {
		this.updateOn(store, "change");
		this.tick(1000, () => store.lostAt !== null && this.requestUpdate());
	}

	render() {
		const { state } = store.live;
		if (state === "signed-out" || store.error?.status === 401) {
			return html`<div class="banner lost" role="alert">
				<div>
					<strong>This browser is signed out.</strong><span>Run <code>hookspan open</code> in a terminal.</span>
				</div>
			</div>`;
		}
		if (store.isOffline && store.loaded) {
			const why = state === "full" ? "Too many pages are open; close one." : "The agent does not answer.";
			return html`<div class="banner lost" role="alert">
				<div>
					<strong>${why}</strong>
					<span
						>What you see is ${elapsed(performance.now() - (store.lostAt ?? 0))} old.
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
					<span>Demo data is shown: three made-up sessions, never exported. Now and Cost count them.</span
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
}
customElements.define("page-banner", PageBanner);
