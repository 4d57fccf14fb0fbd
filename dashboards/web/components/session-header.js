/** The top of a session's page: what it is, what it does now, and what it took. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { ago, count, duration, elapsed, model, money, percent, plural, short, tokens } from "../lib/format.js";
import { date, time } from "../lib/times.js";
import { href } from "../lib/router.js";
import { store } from "../lib/store.js";
import { headed } from "../lib/names.js";
import { doing } from "../lib/session-words.js";
import { BaseComponent } from "./base-component.js";
import "./collision-mark.js";

import { counted, priced, tokensOf } from "./counted.js";
import { contextMeter, meterStyle, stateMark, stateMarkStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

import "./copy-button.js";

/** @import { Session } from "../lib/types.js" */

/** What a session does, for those who hear the page, who are not told of each tool. @param {Session} session */
const calling = (session) => (session.state === "working" ? "works" : doing(session).verb);

export class SessionHeader extends BaseComponent {
	static properties = { session: { attribute: false } };
	static styles = [
		shared,
		stateMarkStyle,
		meterStyle,
		css`
			:host {
				container-type: inline-size;
			}
			.where {
				display: flex;
				flex-wrap: wrap;
				gap: 0.125rem 0.5rem;
				align-items: baseline;
				font-size: 0.8125rem;
				color: var(--ink-2);
				margin-bottom: 0.25rem;
			}
			.where b {
				font-weight: 600;
				color: var(--ink);
			}
			.head {
				display: flex;
				flex-wrap: wrap;
				gap: 0.5rem 1.5rem;
				align-items: start;
			}
			.head > div:first-child {
				flex: 1 1 20rem;
				min-width: 0;
			}
			h1 {
				overflow-wrap: anywhere;
				display: -webkit-box;
				-webkit-line-clamp: 3;
				-webkit-box-orient: vertical;
				overflow: hidden;
			}
			.doing {
				display: flex;
				flex-wrap: wrap;
				align-items: baseline;
				gap: 0.25rem 0.5rem;
				margin-top: 0.375rem;
				min-width: 0;
			}
			.doing code {
				max-width: 100%;
			}
			.doing b {
				font-weight: 600;
			}
			.state {
				--size: 0.5625rem;
				align-self: center;
			}
			.waiting {
				color: var(--wait-ink);
			}
			.waiting code {
				color: var(--ink);
			}
			.unhooked,
			.alarm {
				margin-top: 0.75rem;
			}
			.alarm.now {
				padding: 0.5rem 0.75rem;
				border-left: 3px solid var(--wait);
				background: var(--wait-soft);
			}
			.facts {
				display: flex;
				flex-wrap: wrap;
				gap: 0.75rem 2rem;
				margin-top: 1rem;
			}
			dt {
				color: var(--ink-3);
				font-size: 0.75rem;
			}
			dd {
				font-weight: 560;
				white-space: nowrap;
			}
			dd .counts {
				display: inline-block;
				min-width: 1.5rem;
				line-height: 1.5rem;
			}
			dd small {
				font-weight: 400;
				color: var(--ink-3);
				font-size: 0.75rem;
			}
			.meter.filled {
				width: 8rem;
				margin-top: 0.25rem;
			}
			.meter > i {
				border-radius: 0;
			}
			@container (width < 34rem) {
				.facts {
					display: grid;
					grid-template-columns: 1fr 1fr;
					gap: 0.6rem 1rem;
				}
				dd {
					white-space: normal;
				}
				.meter.filled {
					width: auto;
					max-width: 8rem;
				}
			}
		`,
	];

	constructor() {
		super();
		/** @type {Session | null} */
		this.session = null;
	}

	connected() {
		this.tick(1000);
	}

	/** What the watchdog has noticed, with links to the calls that it is about. @param {Session} session @param {number} now */
	alarm({ id, alarm }, now) {
		if (!alarm) return nothing;
		const { kind, agent, since, ended, calls, cost, first, last } = alarm;
		/** @param {string} span @param {string} words */
		const link = (span, words) => html` <a class="link" href=${href("session", { id, query: { span } })}>${words}</a>`;
		return html`<p class="alarm ${ended === null ? "now" : "quiet"}">
			${ended === null ? nothing : html`${time(ended)}: `}<b>${headed(kind)}</b>${agent ? html` of ${agent}` : nothing}:
			${plural(calls, "call")} in ${elapsed((ended ?? now) - since)}${cost ? html`, ${money(cost)}` : nothing}.
			${first ? link(first, "First call") : nothing}${last && last !== first ? link(last, "Last call") : nothing}
		</p>`;
	}

	render() {
		const session = this.session;
		if (!session) return nothing;
		const now = clock.now();
		const { verb, about, isSentence } = doing(session);
		const ended = session.state === "ended";
		const since = ended
			? ago(now - (session.ended ?? session.last))
			: elapsed(now - (session.waiting_since ?? session.since));
		const { input, output, cache_read, cache_write } = session.tokens;
		const read = input + cache_read + cache_write;
		const { context } = session;
		const those = { session: session.id };
		const tools = { ...those, span: "tool" };
		return html`
			<p class="where">
				<a class="link" href="/">Sessions</a><span aria-hidden="true">/</span
				><b>${session.project || "(no project)"}</b>
				${session.branch ? html`<span><span class="hide">branch </span>${session.branch}</span>` : nothing}
				${store.hosts > 1 && session.host ? html`<span class="tag"><span class="hide">host </span>${session.host}</span>` : nothing}
				${session.permission_mode && session.permission_mode !== "default" ? html`<span class="tag">${session.permission_mode}</span>` : nothing}
				${store.agentOf(session) ? html`<span class="tag">${session.agent}</span>` : nothing}
				${session.job ? html`<span class="tag">background job ${session.job}</span>` : nothing}
				${session.remote ? html`<span class="tag">remote</span>` : nothing}
				<code class="quiet" title=${session.id}>${short(session.id)}</code>
			</p>
			<div class="head">
				<div>
					<h1>${session.title || `Session ${short(session.id)}`}</h1>
					<p class="hide" role="status">${calling(session)}</p>
					<p class="doing ${session.state}">
						${stateMark(session.state)}<b class=${session.failure ? "bad" : ""}>${verb}</b
						>${about && !isSentence ? html`<code class="cut">${about}</code>` : nothing}<span
							>${since}${session.state === "working" ? html` <span class="quiet">into the turn</span>` : nothing}</span
						>
					</p>
					<collision-mark .session=${session}></collision-mark>
				</div>
				<slot></slot>
			</div>
			${
				session.unhooked
					? html`<p class="quiet unhooked">
							Only Claude Code's own registry tells of this session. None of its hooks was heard, so no turns, tools or
							cost are known.
						</p>`
					: nothing
			}
			${this.alarm(session, now)}
			<dl class="facts">
				${
					session.model
						? html`<div>
								<dt>Model</dt>
								<dd>${model(session.model)}</dd>
							</div>`
						: nothing
				}
				<div>
					<dt>Started</dt>
					<dd>${date(session.started)}</dd>
				</div>
				<div>
					<dt>Length</dt>
					<dd>${duration((session.ended ?? (ended ? session.last : now)) - session.started)}</dd>
				</div>
				${
					session.unhooked
						? nothing
						: html`<div>
								<dt>Tool calls</dt>
								<dd>
									${counted(session.tools, tools)}${session.tools_failed ? html` <small class="bad">${counted(session.tools_failed, { ...tools, outcome: "error" }, html`${count(session.tools_failed)} failed`)}</small>` : nothing}
								</dd>
							</div>`
				}
				${
					session.subagents
						? html`<div>
								<dt>Subagents</dt>
								<dd>
									${session.subagents_running ? count(session.subagents) : counted(session.subagents, { ...those, span: "subagent" })}${session.subagents_running && !ended ? html` <small>${count(session.subagents_running)} at work</small>` : nothing}
								</dd>
							</div>`
						: nothing
				}
				${
					read || output
						? html`<div>
								<dt>Tokens</dt>
								<dd>
									${tokensOf(session.tokens, ["input", "cache_read", "cache_write"], those)}
									<small
										>in, ${tokensOf(session.tokens, ["cache_read"], those, read ? percent(cache_read / read) : "0 %")}
										cached</small
									>
									${tokensOf(session.tokens, ["output"], those)} <small>out</small>
								</dd>
							</div>`
						: nothing
				}
				${
					read || session.cost
						? html`<div>
								<dt>List price</dt>
								<dd>
									${priced(session.cost, those)}${session.residual > 0.00005 ? html` <small>and ${money(session.residual)} in no transcript</small>` : nothing}${session.unpriced ? html` <small>and ${plural(session.unpriced, "call")} without a known price</small>` : nothing}
								</dd>
							</div>`
						: nothing
				}
				${
					context.tokens
						? html`<div>
								<dt>Context</dt>
								<dd>
									${percent(context.share)} <small>${tokens(context.tokens)} of ${tokens(context.window)}</small>
									${contextMeter(context)}
								</dd>
							</div>`
						: nothing
				}
				${
					session.cache_misses
						? html`<div>
								<dt>Prompt cache</dt>
								<dd>
									${counted(session.cache_misses, { ...those, waste: "cache_miss:" }, plural(session.cache_misses, "miss", "misses"))}
									<small
										>${session.cache_cause ? `the last: ${session.cache_cause.replaceAll("_", " ")}` : "no cause known"}${
											session.cache_expires === null
												? ""
												: session.cache_expires > now
													? `, kept until ${time(session.cache_expires)}`
													: ", expired"
										}</small
									>
								</dd>
							</div>`
						: nothing
				}
			</dl>
		`;
	}
}
customElements.define("session-header", SessionHeader);
