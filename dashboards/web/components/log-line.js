/** One line of the journal: as a row of the raw log, and whole. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { short } from "../lib/format.js";
import { bytes } from "../lib/measure.js";
import { date, timeExact } from "../lib/times.js";
import { inShort, marked, toolOf } from "../lib/loglines.js";
import { href } from "../lib/router.js";
import { eventTone, lineWord } from "../lib/words.js";
import "./copy-button.js";
import "./json-view.js";

/** @import { ApiError } from "../lib/api.js" */
/** @import { LogRowOptions } from "../lib/shapes.js" */
/** @import { LogItem } from "../lib/types.js" */

export const ROW_HEIGHT = 28; // px

export const logRowStyle = css`
	.line {
		position: absolute;
		inset: 0 0 auto;
		height: ${ROW_HEIGHT}px;
		display: grid;
		align-items: center;
		gap: 0.75rem;
		padding: 0 0.875rem;
		font: 0.75rem/1 var(--mono);
		cursor: pointer;
		border-left: 3px solid transparent;
		grid-template-columns: 6.75rem 9.5rem 6rem minmax(0, 1fr) 5rem 4rem;
	}
	.line > span {
		padding-block: 0.2rem;
	}
	.line:hover {
		background: var(--hover);
	}
	.line.picked {
		background: var(--accent-soft);
		border-color: var(--accent);
	}
	.line .event {
		color: var(--model-ink);
		font-weight: 560;
	}
	.line.fact .event {
		color: var(--ink-3);
		font-weight: 400;
	}
	.line .tool {
		color: var(--tool-ink);
	}
	.line.failed .event {
		color: var(--error-ink);
	}
	.line.asks .event {
		color: var(--wait-ink);
	}
	mark {
		background: var(--wait-soft);
		color: inherit;
		outline: 1px solid var(--wait);
		border-radius: 2px;
	}
	@container list (width < 52rem) {
		.line {
			grid-template-columns: 6.75rem 9.5rem minmax(0, 6rem) minmax(0, 1fr);
		}
		.line .session,
		.line .size {
			display: none;
		}
	}
	@container list (width < 40rem) {
		.line {
			grid-template-columns: 6.75rem 9rem minmax(0, 1fr);
		}
		.line .tool {
			display: none;
		}
	}
	@container list (width < 30rem) {
		.line {
			grid-template-columns: 3.75rem minmax(0, 7.5rem) minmax(0, 1fr);
			gap: 0.5rem;
			padding-inline: 0.5rem;
		}
		.ms {
			display: none;
		}
	}
`;

/** @param {LogItem} line @param {LogRowOptions} options */
export function logRow(line, { index, rowCount, isPicked, words, pick }) {
	const highlit = (/** @type {string} */ text) =>
		marked(text, words).map((part, at) => (at % 2 ? html`<mark>${part}</mark>` : part));
	return html`<div
		class="line ${line.kind} ${eventTone(line.event)} ${isPicked ? "picked" : ""}"
		id=${`r${line.record}`}
		role="option"
		aria-selected=${isPicked}
		aria-posinset=${index + 1}
		aria-setsize=${rowCount}
		.style=${`transform:translateY(${index * ROW_HEIGHT}px)`}
		@click=${pick}
	>
		<span class="quiet cut">${line.at === null ? nothing : timeOf(line.at)}</span
		><span class="event cut">${highlit(line.event || line.kind)}</span
		><span class="tool cut">${highlit(toolOf(line))}</span> <span class="cut second">${highlit(inShort(line))}</span
		><span class="session quiet cut">${highlit(short(line.session))}</span
		><span class="size num quiet">${bytes(line.size)}</span>
	</div>`;
}

/** The time of a line; of another day, the day too. @param {number} at Unix ms */
function timeOf(at) {
	if (new Date(at).toDateString() !== new Date(clock.now()).toDateString()) return date(at);
	const [seconds, ms] = timeExact(at).split(".");
	return html`${seconds}<span class="ms">.${ms}</span>`;
}

export const logDetailStyle = css`
	.detail {
		position: sticky;
		top: 4rem;
		max-height: calc(100dvh - 5.5rem);
		overflow: auto;
		padding: 0.875rem 1rem 1rem;
	}
	.detail dl {
		display: grid;
		grid-template-columns: auto minmax(0, 1fr);
		gap: 0.15rem 0.75rem;
		margin: 0.6rem 0 0.75rem;
		font-size: 0.8125rem;
	}
	.detail dt {
		color: var(--ink-3);
	}
	.detail dd {
		overflow-wrap: anywhere;
	}
	.detail pre {
		white-space: pre-wrap;
		overflow-wrap: anywhere;
		margin: 0;
		font-size: 0.75rem;
	}
	@container (width < 62rem) {
		.detail {
			position: static;
			max-height: none;
		}
	}
`;

/** @param {LogItem} line @param {{close: () => void, onlySession: () => void}} actions */
export function logDetail(line, { close, onlySession }) {
	const { record, at, kind, event, size, session, json, text, cut } = line;
	return html`<aside class="card detail" aria-label="The open line">
		<div class="row">
			<h2 class="cut">${event || kind}</h2>
			<copy-button
				class="push"
				.text=${json === null ? text : JSON.stringify(json, null, 2)}
				what="the line"
			></copy-button>
			<button class="btn" @click=${close}>Close</button>
		</div>
		<dl>
			<dt>Record</dt>
			<dd>${record}</dd>
			${
				at === null
					? nothing
					: html`<dt>At</dt>
							<dd>${date(at).split(",")[0]}, ${timeExact(at)}</dd>`
			}
			<dt>Kind</dt>
			<dd>${lineWord(kind)}, ${bytes(size)}</dd>
			${
				session
					? html`<dt>Session</dt>
							<dd>
								<a class="link mono" href=${href("session", { id: session })}>${short(session)}</a>
								<button class="btn plain" @click=${onlySession}>Only this one</button>
							</dd>`
					: nothing
			}
		</dl>
		${json === null ? html`<pre>${text}</pre>` : html`<json-view .value=${json} depth="3"></json-view>`}
		${cut ? html`<p class="quiet">Cut: the line is longer than what is shown.</p>` : nothing}
	</aside>`;
}

/** The same of a line that is not there. @param {number} record @param {ApiError} error @param {() => void} close */
export function missingDetail(record, error, close) {
	return html`<aside class="card detail" aria-label="The open line">
		<h2>Record ${record}</h2>
		<p class="second">${error.message}</p>
		<p class="quiet">${error.hint}</p>
		<p><button class="btn" @click=${close}>Close</button></p>
	</aside>`;
}
