/** A session as a line of a list: who it is, what it does, how full its context is, what it cost, its last half hour. */
import { css, html, nothing, svg } from "lit";
import * as clock from "../lib/clock.js";
import { ago, count, duration, elapsed, model, money, percent, plural, short, tokens } from "../lib/format.js";
import { isPinned } from "../lib/pins.js";
import { href } from "../lib/router.js";
import { store } from "../lib/store.js";
import { headed } from "../lib/names.js";
import { doing } from "../lib/session-words.js";
import { counted, priced, waitedFor } from "./counted.js";
import { contextMeter, meterStyle, stateMark, stateMarkStyle } from "./marks.js";

/** @import { Session } from "../lib/types.js" */

/** Of a list whose container's width is known. */
export const sessionRowStyle = [
	stateMarkStyle,
	meterStyle,
	css`
		li {
			position: relative;
			display: grid;
			align-items: center;
			gap: 0 1.25rem;
			padding: 0.6rem 1rem 0.6rem 1.125rem;
			border-top: 1px solid var(--line);
			grid-template-columns: minmax(10rem, 1.1fr) minmax(14rem, 1.6fr);
			grid-auto-flow: column;
		}
		li:first-child {
			border-top: 0;
			border-radius: var(--r) var(--r) 0 0;
		}
		li:last-child {
			border-radius: 0 0 var(--r) var(--r);
		}
		li:only-child {
			border-radius: var(--r);
		}
		li:hover {
			background: var(--hover);
		}
		li::before {
			content: "";
			position: absolute;
			inset: 0 auto 0 0;
			width: 3px;
			background: transparent;
		}
		li:first-child::before {
			border-top-left-radius: var(--r);
		}
		li:last-child::before {
			border-bottom-left-radius: var(--r);
		}
		li.waiting {
			background: var(--wait-soft);
		}
		li.waiting::before {
			background: var(--wait);
		}
		li.waiting_or_running::before {
			background: linear-gradient(var(--wait) 50%, transparent 0) 0 0 / 3px 8px;
		}
		.who,
		.what {
			min-width: 0;
		}
		.name {
			display: flex;
			gap: 0.45rem;
			align-items: baseline;
			min-width: 0;
		}
		.name a {
			font-weight: 600;
			color: var(--ink);
		}
		.name a::after {
			content: "";
			position: absolute;
			inset: 0;
		}
		.name a:focus-visible {
			outline: none;
		}
		.name a:focus-visible::after {
			outline: 2px solid var(--focus);
			outline-offset: -2px;
			border-radius: var(--r);
		}
		.pin {
			position: relative;
			align-self: center;
			flex: none;
			margin-left: auto;
			width: 1.5rem;
			height: 1.5rem;
			padding: 0.25rem;
			border: 0;
			border-radius: 0.3rem;
			background: none;
			color: var(--ink-3);
			cursor: pointer;
		}
		.pin svg {
			display: block;
			fill: none;
			stroke: currentColor;
			stroke-width: 1.5;
			stroke-linejoin: round;
		}
		.pin:hover {
			background: var(--line);
			color: var(--ink);
		}
		.pin[aria-pressed="true"] svg {
			fill: currentColor;
		}
		@media (hover: hover) {
			li:not(:hover, :focus-within) .pin[aria-pressed="false"] {
				opacity: 0;
			}
		}
		.branch {
			color: var(--ink-3);
			font-size: 0.8125rem;
			flex: 0 1 auto;
		}
		.sub {
			color: var(--ink-2);
			font-size: 0.8125rem;
		}
		.doing {
			display: flex;
			align-items: center;
			gap: 0.5rem;
			min-width: 0;
		}
		.doing .verb {
			flex: none;
		}
		p.asked {
			display: flex;
			flex-wrap: wrap;
			gap: 0.25rem;
			margin: 0.2rem 0;
		}
		.asked .tag {
			display: inline-block;
			padding: 0.05rem 0.45rem;
			max-width: 100%;
			overflow: hidden;
			text-overflow: ellipsis;
		}
		details.asked {
			position: relative;
			font-size: 0.8125rem;
		}
		details.asked summary {
			width: max-content;
			min-height: 1.5rem;
			cursor: pointer;
		}
		details.asked pre {
			max-height: 20rem;
			overflow-y: auto;
			margin: 0.25rem 0;
			padding: 0.5rem 0.75rem;
			background: var(--sunken);
			border: 1px solid var(--line);
			border-radius: 0.35rem;
			white-space: pre-wrap;
			overflow-wrap: anywhere;
		}
		.question {
			display: -webkit-box;
			-webkit-line-clamp: 2;
			-webkit-box-orient: vertical;
			overflow: hidden;
			overflow-wrap: anywhere;
			margin: 0.1rem 0;
			font-size: 0.8125rem;
		}
		.alarm {
			margin: 0.1rem 0;
			font-size: 0.8125rem;
			color: var(--wait-ink);
		}
		.doing code {
			flex: 0 1 auto;
			color: var(--ink);
		}
		.for {
			flex: none;
			margin-left: auto;
			padding-left: 0.5rem;
			color: var(--ink-2);
			font-weight: 500;
		}
		.waiting .for {
			color: var(--wait-ink);
			font-weight: 650;
			font-size: 1rem;
			letter-spacing: -0.01em;
		}
		.waiting .verb {
			color: var(--wait-ink);
			font-weight: 600;
		}
		.context {
			width: 7.5rem;
			font-size: 0.75rem;
			color: var(--ink-2);
		}
		.cost {
			width: 4.25rem;
			text-align: right;
			font-weight: 500;
		}
		.strip {
			display: block;
			width: 9.5rem;
			height: 1.5rem;
			color: var(--tool);
		}
		.strip .base {
			stroke: var(--line-strong);
		}
		.strip .bars {
			fill: currentColor;
		}
		.ended .strip {
			color: var(--ink-3);
		}
		li.ended {
			padding-block: 0.4rem;
		}
		.ended .name a {
			font-weight: 520;
			color: var(--ink-2);
		}
		.meta a,
		.cost .counts {
			position: relative; /* above the row's own link */
		}
		.meta {
			display: flex;
			gap: 0 0.75rem;
			flex-wrap: wrap;
			color: var(--ink-3);
			font-size: 0.75rem;
			line-height: 1.5;
			height: 1.125rem;
			overflow: hidden;
		}
		@container (width < 62rem) {
			li {
				grid-template-columns: minmax(0, 1fr) auto auto;
				grid-auto-flow: row;
				gap: 0.35rem 0;
			}
			.what {
				grid-area: 2 / 1 / auto / -1;
			}
			.cost {
				width: auto;
				margin-left: 1rem;
			}
			.context {
				order: 1;
				width: 6rem;
				margin-left: 1rem;
			}
			.strip {
				display: none;
			}
		}
		@container (width < 34rem) {
			li {
				padding-inline: 0.875rem 0.75rem;
			}
			.context {
				display: none;
			}
		}
	`,
];

/**
 * @param {Session} session
 * @param {{dearest: number, hidden: string[], waited: number | undefined, pin: (event: MouseEvent) => void}} list `dearest`: the
 * largest cost in it; `hidden`: columns that it does without; `waited`: how long the session waited for you in all, ms
 */
export function sessionRow(session, { dearest, hidden, waited, pin }) {
	/** @param {string} column */
	const has = (column) => !hidden.includes(column);
	const { verb, about, isSentence } = doing(session);
	const now = clock.now();
	const { context, alarm } = session;
	const ended = session.state === "ended";
	const name = session.title || session.project || short(session.id);
	const since = ended
		? ago(now - (session.ended ?? session.last))
		: elapsed(now - (session.waiting_since ?? session.since));
	const tools = { span: "tool", session: session.id };
	const facts = [
		store.agentOf(session) && html`<span>${session.agent}</span>`,
		waited && has("waited") && html`<span class="wait">waited ${waitedFor(waited, { session: session.id })}</span>`,
		session.subagents_running && !ended && html`<span>${plural(session.subagents_running, "subagent")}</span>`,
		session.unhooked
			? html`<span title="None of its hooks was heard: no turns, tools or cost are known"
					>only in Claude Code's registry</span
				>`
			: has("counts") &&
				html`<span
						>${ended ? counted(session.turns, { session: session.id, span: "turn" }, plural(session.turns, "turn")) : plural(session.turns, "turn")}</span
					>
					<span
						>${counted(session.tools, tools, plural(session.tools, "tool"))}${session.tools_failed ? html`, <span class="bad">${counted(session.tools_failed, { ...tools, outcome: "error" }, `${count(session.tools_failed)} failed`)}</span>` : nothing}</span
					>`,
		ended && html`<span>${duration((session.ended ?? session.last) - session.started)} long</span>`,
		session.model && has("model") && html`<span>${model(session.model)}</span>`,
	].filter(Boolean);
	return html`<li class=${session.state} data-id=${session.id}>
		<div class="who">
			<div class="name">
				<a class="cut" href=${href("session", { id: session.id })}>${session.project || short(session.id)}</a
				>${session.branch && has("branch") ? html`<span class="branch cut">${session.branch}</span>` : nothing}
				<button
					class="pin"
					title="Pin"
					aria-label=${`Pin ${name}`}
					aria-pressed=${isPinned(session.id) ? "true" : "false"}
					@click=${pin}
				>
					<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 1.5h5l-.75 5 2.25 2.5H4L6.25 6.5zM8 9v5.5" /></svg>
				</button>
			</div>
			<div class="sub cut">
				${session.title || html`<span class="quiet">${session.prompts || session.unhooked ? short(session.id) : "no prompt"}</span>`}
			</div>
		</div>
		<div class="what">
			<div class="doing">
				${stateMark(session.state)}<span class="verb ${session.failure ? "bad" : ""}">${verb}</span
				>${about && !isSentence ? html`<code class="cut">${about}</code>` : nothing}<span class="for">${since}</span>
			</div>
			${
				alarm && alarm.ended === null
					? html`<p class="alarm">
							<b>${headed(alarm.kind)}</b>: ${plural(alarm.calls, "call")} in
							${elapsed(now - alarm.since)}${alarm.cost ? html`, ${money(alarm.cost)}` : nothing}
						</p>`
					: nothing
			}
			${isSentence && about ? html`<p class="question">${about}</p>` : nothing} ${asked(session)}
			${session.collision && !ended ? collides(session) : nothing}
			${facts.length ? html`<div class="meta">${facts}</div>` : nothing}
		</div>
		${
			has("context")
				? html`<div class="context">
						${
							context.tokens && !ended
								? html`<span class="hide">Context filled: </span>${percent(context.share)}
										<span class="quiet">of ${tokens(context.window)}</span>
										${contextMeter(context)}`
								: nothing
						}
					</div>`
				: nothing
		}
		${
			has("cost")
				? html`<div class="cost">
						<span class="hide">List price: </span
						>${session.cost || session.tokens.output ? priced(session.cost, { session: session.id }, money(session.cost, dearest)) : html`<span class="quiet">–</span>`}
					</div>`
				: nothing
		}
		${has("strip") ? activity(session) : nothing}
	</li>`;
}

/** The answers to choose from, or the plan to approve. @param {Session} session */
function asked({ asking }) {
	if (!asking) return nothing;
	const { questions, plan } = asking;
	if (plan) {
		return html`<details class="asked">
			<summary>Its plan</summary>
			<pre tabindex="0" role="group" aria-label="The plan">${plan}</pre>
		</details>`;
	}
	return questions.map(
		({ question, options }, at) =>
			html`${at ? html`<p class="question">${question}</p>` : nothing}
				<p class="asked">
					${options.map(({ label, description }) => html`<span class="tag" title=${description}>${label}</span>`)}
				</p>`,
	);
}

/** Who else writes the same; its code comes with the first that there is. @param {Session} session */
function collides(session) {
	import("./collision-mark.js").catch(() => {}); // asked for again with the next change
	return html`<collision-mark .session=${session}></collision-mark>`;
}

/** @param {Session} session */
function activity(session) {
	const strip = store.strip(session.id);
	const total = strip.reduce((sum, events) => sum + events, 0);
	if (!total && session.state === "ended") return html`<span class="strip"></span>`;
	const most = Math.max(6, ...strip);
	const bars = strip
		.map((events, at) =>
			events
				? `M${at * 5} 22v${-Math.max(2, Math.round((events / most) * 20))}h4v${Math.max(2, Math.round((events / most) * 20))}z`
				: "",
		)
		.join("");
	return html`<svg
		class="strip"
		viewBox="0 0 149 24"
		preserveAspectRatio="none"
		role="img"
		aria-label=${`${plural(total, "event")} in the last 30 minutes`}
	>
		${svg`<path class="base" d="M0 23h149" vector-effect="non-scaling-stroke"/><path class="bars" d=${bars}/>`}
	</svg>`;
}
