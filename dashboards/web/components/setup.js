/** First use: what is missing until an event comes, as a page of its own and as a line above the others. */
import { css, html, nothing } from "lit";
import { ApiError } from "../lib/api.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";

/** Which step is missing, the command for it, and what it will look like. */
export class SetupGuide extends BaseComponent {
	static properties = { isLoading: { state: true }, trouble: { state: true } };
	static styles = [
		shared,
		css`
			:host {
				max-width: 40rem;
				margin: clamp(1rem, 8vh, 5rem) auto 0;
			}
			h1 {
				font-size: 1.625rem;
				margin-bottom: 0.5rem;
			}
			.lead {
				color: var(--ink-2);
				font-size: 1rem;
				margin-bottom: 1.75rem;
			}
			ol {
				overflow: hidden;
			}
			li {
				display: grid;
				grid-template-columns: 1.75rem minmax(0, 1fr);
				gap: 0 0.75rem;
				padding: 1rem 1.25rem;
				border-top: 1px solid var(--line);
			}
			li:first-child {
				border-top: 0;
			}
			.mark {
				display: grid;
				place-items: center;
				width: 1.5rem;
				height: 1.5rem;
				border-radius: 50%;
				border: 1.5px solid var(--line-strong);
				font-size: 0.75rem;
				font-weight: 600;
				color: var(--ink-3);
			}
			.done .mark {
				background: var(--ok);
				border-color: var(--ok);
				color: var(--bg);
			}
			.next .mark {
				border-color: var(--accent);
				color: var(--accent);
			}
			.done h2 {
				color: var(--ink-3);
				font-weight: 500;
			}
			li p {
				color: var(--ink-2);
				margin-top: 0.15rem;
				font-size: 0.8125rem;
			}
			.command {
				display: flex;
				align-items: center;
				gap: 0.75rem;
				margin-top: 0.6rem;
				padding: 0.4rem 0.5rem 0.4rem 0.75rem;
				background: var(--sunken);
				border: 1px solid var(--line);
				border-radius: 0.4rem;
			}
			.command code {
				flex: 1;
				overflow-x: auto;
				white-space: nowrap;
			}
			.demo {
				margin-top: 1.25rem;
				padding: 1rem 1.25rem;
				display: flex;
				flex-wrap: wrap;
				gap: 0.75rem 1rem;
				align-items: center;
				justify-content: space-between;
			}
			.demo p {
				color: var(--ink-2);
				font-size: 0.8125rem;
				flex: 1 1 16rem;
			}
		`,
	];

	constructor() {
		super();
		this.isLoading = false;
		this.trouble = "";
	}

	connected() {
		this.updateOn(store, "change");
	}

	async #demo() {
		this.isLoading = true;
		this.trouble = "";
		try {
			await store.demo("POST");
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			this.trouble = `${error.message} ${error.hint}`;
		}
		this.isLoading = false;
	}

	/** @param {string} command */
	#command(command) {
		return html`<div class="command">
			<code>${command}</code><copy-button .text=${command} what=${`the command ${command}`}></copy-button>
		</div>`;
	}

	render() {
		const setup = store.summary?.setup ?? { step: null, detail: "", command: "" };
		const installed = setup.step !== "install";
		return html`
			<h1>${installed ? "Waiting for the first event" : "Nearly there"}</h1>
			<p class="lead">
				${installed ? "The hooks are in place. As soon as a session does something, it appears here." : "This page shows what your agents are doing, who needs you, and where time and money go."}
			</p>
			<ol class="card">
				<li class="done">
					<span class="mark" aria-hidden="true">✓</span>
					<div>
						<h2>The agent runs</h2>
						<p>It serves this page and reads the journal.</p>
					</div>
				</li>
				<li class=${installed ? "done" : "next"}>
					<span class="mark" aria-hidden="true">${installed ? "✓" : "2"}</span>
					<div>
						<h2>${installed ? "The hooks are installed" : "Install the hooks"}</h2>
						${
							installed
								? nothing
								: html`<p>
											${setup.detail || "It shows what it changes in the settings of your coding agents, and asks."}
										</p>
										${this.#command(setup.command || "hookspan install")}`
						}
					</div>
				</li>
				<li class=${installed ? "next" : ""}>
					<span class="mark" aria-hidden="true">3</span>
					<div>
						<h2>Start a session</h2>
						<p>
							${installed && setup.detail ? setup.detail : "Sessions that are open get the hooks within seconds, too."}
						</p>
						${installed ? this.#command(setup.command || "claude") : nothing}
					</div>
				</li>
			</ol>
			<div class="demo card">
				<p role="status">
					${this.trouble ? html`<span class="bad">${this.trouble}</span>` : "Or look around first: three made-up sessions, one waiting, one fanning out, one failing. They are never exported, and gone when you remove them."}
				</p>
				<button class="btn" ?disabled=${this.isLoading} @click=${this.#demo}>
					${this.isLoading ? "Loading …" : "Load demo data"}
				</button>
			</div>
		`;
	}
}
customElements.define("setup-guide", SetupGuide);

/** The missing step in one line, for pages that have nothing yet. */
export class SetupStep extends BaseComponent {
	static styles = [
		shared,
		css`
			p {
				flex: 1 1 18rem;
				color: var(--ink-2);
				font-size: 0.8125rem;
			}
			.card {
				display: flex;
				flex-wrap: wrap;
				align-items: center;
				gap: 0.5rem 1rem;
				padding: 0.75rem 1rem;
				margin-bottom: 1rem;
				border-left: 3px solid var(--accent);
			}
			code {
				background: var(--sunken);
				padding: 0.15rem 0.4rem;
				border-radius: 0.3rem;
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
	}

	render() {
		const setup = store.summary?.setup;
		if (!setup?.step) return nothing;
		const text =
			setup.step === "install"
				? "No event has been recorded yet: the hooks are not installed."
				: "No event has been recorded yet. The hooks are installed; start a session of your coding agent.";
		return html`<div class="card">
			<p>${text}${store.sessions.size ? nothing : html` <a class="link" href="/">All steps</a>`}</p>
			<div class="row">
				<code>${setup.command}</code
				><copy-button .text=${setup.command} what=${`the command ${setup.command}`}></copy-button>
			</div>
		</div>`;
	}
}
customElements.define("setup-step", SetupStep);
