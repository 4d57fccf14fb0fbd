/** Markdown as far as `prose.js` reads it: plans, and what agents answer. All of it is text in elements of the page's own. */
import { css, html } from "lit";
import { blocks } from "../lib/prose.js";

/** @import { Block, Part } from "../lib/shapes.js" */
/** @typedef {(text: string) => unknown} Show how a text is shown, by default as it is */

export const proseStyle = css`
	.prose {
		overflow-wrap: anywhere;
		max-width: 60rem;
	}
	.prose > * + * {
		margin-top: 0.6rem;
	}
	.prose h3,
	.prose h4 {
		font-size: 0.9375rem;
		margin-top: 1rem;
	}
	.prose pre {
		padding: 0.5rem 0.75rem;
		background: var(--sunken);
		border: 1px solid var(--line);
		border-radius: 0.35rem;
		white-space: pre-wrap;
	}
	.prose p code,
	.prose li code {
		padding: 0 0.25em;
		background: var(--sunken);
		border-radius: 0.2rem;
	}
	.prose li {
		display: flex;
		gap: 0.5rem;
	}
	.prose li > span:first-child {
		flex: none;
		min-width: 1em;
		color: var(--ink-3);
	}
	.prose li + li {
		margin-top: 0.2rem;
	}
	.prose blockquote {
		margin-inline: 0;
		padding-left: 0.75rem;
		border-left: 3px solid var(--line-strong);
		color: var(--ink-2);
	}
	.prose hr {
		border: 0;
		border-top: 1px solid var(--line);
	}
`;

/** What stands within `.prose`; `deep`: below a heading of the third level. @param {string} text @param {{show?: Show, deep?: boolean}} [how] */
export const prose = (text, { show = (part) => part, deep = false } = {}) =>
	blocks(text).map((one) => block(one, show, deep));

/** @param {Block} one @param {Show} show @param {boolean} deep */
function block(one, show, deep) {
	/** @param {Part} from */
	const part = (from) => inline(from, show);
	switch (one.kind) {
		case "heading":
			return deep ? html`<h4>${one.parts.map(part)}</h4>` : html`<h3>${one.parts.map(part)}</h3>`;
		case "code":
			return html`<pre>${show(one.text)}</pre>`;
		case "list":
			return html`<ul>
				${one.items.map(({ depth, mark, parts }) => html`<li .style=${`padding-left:${depth * 1.25}rem`}><span>${mark}</span><span>${parts.map(part)}</span></li>`)}
			</ul>`;
		case "quote":
			return html`<blockquote>${one.parts.map(part)}</blockquote>`;
		case "rule":
			return html`<hr />`;
		default:
			return html`<p>${one.parts.map(part)}</p>`;
	}
}

/** @param {Part} part @param {Show} show */
function inline({ kind, text }, show) {
	if (kind === "code") return html`<code>${show(text)}</code>`;
	if (kind === "strong") return html`<strong>${show(text)}</strong>`;
	return kind === "em" ? html`<em>${show(text)}</em>` : show(text);
}
