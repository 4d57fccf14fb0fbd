/** What an open dialog asks beside yes or no: questions with their answers, a plan, or an MCP server's words. */
import { css, html, nothing } from "lit";
import { BaseComponent } from "./base-component.js";
import { prose, proseStyle } from "./prose-blocks.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";

/** @import { Asking } from "../lib/types.js" */

export class AskingCard extends BaseComponent {
	static properties = { asking: { attribute: false } };
	static styles = [
		shared,
		proseStyle,
		css`
			section {
				margin-top: 1.25rem;
				border-color: color-mix(in srgb, var(--wait) 45%, var(--line));
				overflow: hidden;
			}
			header {
				display: flex;
				align-items: center;
				gap: 0.5rem;
				padding: 0.625rem 1rem;
				background: var(--wait-soft);
			}
			header h2 {
				flex: 1;
				color: var(--wait-ink);
			}
			.where {
				font-size: 0.8125rem;
				text-align: right;
			}
			.question {
				padding: 0.75rem 1rem;
			}
			.question + .question {
				border-top: 1px solid var(--line);
			}
			.question h3 {
				font-size: 0.9375rem;
				overflow-wrap: anywhere;
				white-space: pre-wrap;
			}
			.question h3 .tag {
				margin-right: 0.5rem;
				vertical-align: 0.1em;
			}
			.question p {
				margin-top: 0.25rem;
				font-size: 0.8125rem;
			}
			.options {
				display: grid;
				grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr));
				gap: 0.5rem;
				margin-top: 0.6rem;
			}
			.options li {
				padding: 0.5rem 0.75rem;
				border: 1px solid var(--line);
				border-radius: 0.4rem;
				background: var(--sunken);
				overflow-wrap: anywhere;
				font-size: 0.8125rem;
			}
			.options b {
				display: block;
				font-weight: 600;
			}
			.plan {
				padding: 0.25rem 1rem 1rem;
				max-height: 32rem;
				overflow-y: auto;
			}
			.message {
				padding: 0.75rem 1rem;
				white-space: pre-wrap;
				overflow-wrap: anywhere;
			}
		`,
	];

	constructor() {
		super();
		/** @type {Asking | null} */
		this.asking = null;
	}

	render() {
		const { asking } = this;
		if (!asking) return nothing;
		const title = asking.plan
			? "Its plan, for you to approve"
			: asking.message
				? "An MCP server asks you"
				: asking.questions.length > 1
					? `It asks you ${asking.questions.length} questions`
					: "It asks you";
		return html`<section class="card" aria-labelledby="asks">
			<header>
				<h2 id="asks">${title}</h2>
				${asking.plan ? html`<copy-button .text=${asking.plan} what="the plan"></copy-button>` : html`<span class="quiet where">Answer it in the terminal</span>`}
			</header>
			${asking.questions.map(
				({ header, question, options, multiple }) =>
					html`<div class="question">
						<h3>${header ? html`<span class="tag">${header}</span>` : nothing}${question}</h3>
						${multiple ? html`<p class="quiet">Several may be chosen.</p>` : nothing}
						<ul class="options">
							${options.map(({ label, description }) => html`<li><b>${label}</b>${description}</li>`)}
						</ul>
					</div>`,
			)}
			${asking.plan ? html`<div class="plan prose" tabindex="0" role="group" aria-label="The plan">${prose(asking.plan)}</div>` : nothing}
			${asking.message ? html`<p class="message">${asking.message}</p>` : nothing}
		</section>`;
	}
}

customElements.define("asking-card", AskingCard);
