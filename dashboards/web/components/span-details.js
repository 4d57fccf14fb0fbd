/** Everything about one span: times, what it was about, input and output, attributes, links, the raw JSON. */
import { css, html, nothing } from "lit";
import { ApiError, ask } from "../lib/api.js";
import * as clock from "../lib/clock.js";
import { duration, short } from "../lib/format.js";
import { timeExact } from "../lib/times.js";
import { inJaeger } from "../lib/outside.js";
import { href } from "../lib/router.js";
import { endOf } from "../lib/spans.js";
import { store } from "../lib/store.js";
import { causeWord, eventWord, linkWord, spanKind, spanName } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";
import "./copy-button.js";
import "./json-view.js";

/** @import { LogItem, Span } from "../lib/types.js" */

export class SpanDetails extends BaseComponent {
	static properties = {
		span: { attribute: false },
		begin: { type: Number },
		record: { type: Number },
		near: { attribute: false },
		raw: { state: true },
		trouble: { state: true },
	};
	static styles = [
		shared,
		css`
			:host {
				container-type: inline-size;
				font-size: 0.8125rem;
			}
			header {
				display: flex;
				align-items: start;
				gap: 0.5rem;
				padding: 0.75rem 0.75rem 0.5rem 1rem;
				position: sticky;
				top: 0;
				background: var(--surface);
				z-index: 1;
			}
			header div {
				flex: 1;
				min-width: 0;
			}
			h2 {
				overflow-wrap: anywhere;
			}
			.close {
				width: 1.75rem;
				min-height: 1.75rem;
				padding: 0;
				justify-content: center;
			}
			section {
				padding: 0.5rem 1rem 0.75rem;
			}
			section + section {
				border-top: 1px solid var(--line);
			}
			section > h3 {
				display: flex;
				align-items: center;
				gap: 0.5rem;
				color: var(--ink-2);
				margin-bottom: 0.375rem;
				min-height: 1.625rem;
			}
			h3 copy-button,
			h3 a {
				margin-left: auto;
				font-weight: 400;
			}
			.times {
				display: grid;
				grid-template-columns: auto minmax(0, 1fr);
				gap: 0.125rem 1rem;
			}
			dt {
				color: var(--ink-3);
			}
			dd {
				overflow-wrap: anywhere;
			}
			.about {
				display: block;
				padding: 0.5rem 0.625rem;
				background: var(--sunken);
				border: 1px solid var(--line);
				border-radius: 0.35rem;
				white-space: pre-wrap;
				overflow-wrap: anywhere;
				max-height: 12rem;
				overflow-y: auto;
			}
			table {
				table-layout: fixed;
			}
			th,
			td {
				padding: 0.25rem 0;
			}
			th {
				white-space: normal;
				overflow-wrap: anywhere;
				width: 50%;
				padding-right: 0.75rem;
			}
			td {
				overflow-wrap: anywhere;
				font-family: var(--mono);
				font-size: 0.75rem;
			}
			.ids {
				display: grid;
				grid-template-columns: auto minmax(0, 1fr) auto;
				gap: 0.25rem 0.75rem;
				align-items: center;
			}
			.ids code {
				overflow-wrap: anywhere;
			}
			summary {
				cursor: pointer;
				color: var(--ink-2);
				font-weight: 620;
				min-height: 1.5rem;
			}
			details > *:not(summary) {
				margin-top: 0.375rem;
			}
		`,
	];

	constructor() {
		super();
		/** @type {Span | null} */
		this.span = null;
		/** When what is shown began, Unix ms. */
		this.begin = 0;
		/** The journal's record that tells of it, 0 if none is known. */
		this.record = 0;
		/** Spans that are shown, by id: links to them stay on this page. @type {Map<string, Span>} */
		this.near = new Map();
		/** @type {LogItem | null} */
		this.raw = null;
		this.trouble = "";
		this.fetched = 0;
	}

	connected() {
		import("./span-told.js");
		this.tick(1000, () => this.span?.end === null && this.requestUpdate());
	}

	willUpdate() {
		if (this.record !== this.fetched) this.#fetch();
	}

	async #fetch() {
		const record = (this.fetched = this.record);
		this.raw = null;
		this.trouble = "";
		if (!record || !store.summary?.content) return;
		try {
			const raw = /** @type {LogItem} */ (await ask(`/log/${record}`));
			if (record === this.fetched) this.raw = raw;
		} catch (error) {
			if (!(error instanceof ApiError)) throw error;
			this.trouble = error.message;
		}
	}

	#close() {
		this.dispatchEvent(new CustomEvent("close"));
	}

	render() {
		const span = this.span;
		if (!span) return nothing;
		const kind = spanKind(span.type);
		const end = endOf(span, clock.now());
		const jaeger = inJaeger(span.trace_id, span.span_id);
		return html`
			<header>
				<div>
					<h2>${spanName(span)}</h2>
					<p class="row wrap">
						<i class="dot kind k-${kind.colour}" aria-hidden="true"></i><span class="quiet">${kind.word}</span>
						${span.status === "error" ? html`<span class="tag bad">failed</span>` : nothing}${span.end === null ? html`<span class="tag">running</span>` : nothing}
						${span.attributes["hookspan.background"] === true ? html`<span class="tag">in the background</span>` : nothing}
					</p>
				</div>
				<button class="btn plain close" @click=${this.#close} aria-label="Close details" title="Esc">✕</button>
			</header>
			<section>
				<dl class="times">
					<dt>${span.end === null ? "So far" : "Took"}</dt>
					<dd><strong>${duration(end - span.start)}</strong></dd>
					<dt>Start</dt>
					<dd>
						${timeExact(span.start)}
						<span class="quiet">${span.start >= this.begin ? `+${duration(span.start - this.begin)}` : ""}</span>
					</dd>
					${
						span.end === null
							? nothing
							: html`<dt>End</dt>
									<dd>${timeExact(span.end)}</dd>`
					}
				</dl>
			</section>
			${
				span.label
					? html`<section>
							<h3>${kind.about}<copy-button .text=${span.label} what="what it was about"></copy-button></h3>
							<code class="about" tabindex="0" role="region" aria-label="What it was about">${span.label}</code>
						</section>`
					: nothing
			}
			${this.#content(span)}
			${span.type === "tool" || span.type === "model" ? html`<span-told .span=${span}></span-told>` : nothing}
			${span.events.map(
				(event) =>
					html`<section>
						<h3>${eventTitle(event)}</h3>
						${attributeTable(event.attributes)}
					</section>`,
			)}
			${
				span.links.length
					? html`<section>
							<h3>Links</h3>
							<ul>
								${span.links.map((link) => this.#link(link))}
							</ul>
						</section>`
					: nothing
			}
			<section>
				<h3>Attributes</h3>
				${attributeTable(span.attributes)}
			</section>
			<section>
				<h3>
					Ids${jaeger ? html`<a class="link" href=${jaeger} target="_blank" rel="noreferrer">Open in Jaeger</a>` : nothing}
				</h3>
				<div class="ids">
					<span class="quiet">span</span><code>${span.span_id}</code
					><copy-button .text=${span.span_id} what="the span's id"></copy-button> <span class="quiet">trace</span
					><code>${span.trace_id}</code><copy-button .text=${span.trace_id} what="the trace's id"></copy-button>
				</div>
			</section>
			<section>
				<details>
					<summary>Span as JSON</summary>
					<copy-button .text=${() => JSON.stringify(span, null, 2)} what="the span as JSON"></copy-button
					><json-view .value=${span} depth="1"></json-view>
				</details>
			</section>
		`;
	}

	/** Input and output of a call, from the journal. @param {Span} span */
	#content(span) {
		if (!store.summary?.content) {
			return html`<section class="quiet">
				Commands, inputs and outputs are not shown: <code>content.local</code> is off.
			</section>`;
		}
		if (!this.record) return nothing;
		if (this.trouble) return html`<section class="quiet">${this.trouble}</section>`;
		const event = /** @type {any} */ (this.raw?.json)?.event;
		if (!event || typeof event !== "object") return nothing;
		const log = html`<a class="link" href=${href("log", { query: { record: String(this.record) } })}>In the log</a>`;
		if (span.type !== "tool" || event.tool_input === undefined) {
			return html`<section>
				<h3>${event.hook_event_name} event${log}</h3>
				<json-view .value=${event} depth="1"></json-view>
			</section>`;
		}
		const answer = event.tool_response ?? event.error;
		return html`<section>
				<h3>Input${log}</h3>
				<json-view .value=${event.tool_input} depth="1"></json-view>
			</section>
			${
				answer === undefined
					? nothing
					: html`<section>
							<h3>${event.error === undefined ? "Output" : "Error"}</h3>
							<json-view .value=${answer} depth="1"></json-view>
						</section>`
			}`;
	}

	/** @param {Span["links"][number]} link */
	#link(link) {
		const known = this.near.get(link.span_id);
		const name = known ? spanName(known) : link.span_id;
		const own = this.span?.session ?? "";
		const id = link.session || own;
		const to = href("session", { id, query: { span: link.span_id } });
		const where = id === own ? nothing : html` <span class="quiet">of session ${short(id)}</span>`;
		return html`<li>${linkWord(link.type)}: <a class="link" href=${to}>${name}</a>${where}</li>`;
	}
}
/** What happened during a span, as a heading. @param {Span["events"][number]} event */
const eventTitle = ({ name, attributes }) =>
	name === "hookspan.cache.missed"
		? `The cache was missed: ${causeWord(String(attributes["hookspan.cache.cause"]))}`
		: eventWord(name);

/** @param {Span["attributes"]} attributes */
const attributeTable = (attributes) =>
	html`<table>
		<tbody>
			${Object.entries(attributes)
				.sort(([a], [b]) => a.localeCompare(b))
				.map(
					([key, value]) =>
						html`<tr>
							<th scope="row">${key}</th>
							<td>${Array.isArray(value) ? value.join(", ") : String(value)}</td>
						</tr>`,
				)}
		</tbody>
	</table>`;

customElements.define("span-details", SpanDetails);
