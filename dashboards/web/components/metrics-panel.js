/** Today in numbers, beside yesterday and a week ago, and the last hour. */
import { css, html, nothing } from "lit";
import { ask } from "../lib/api.js";
import { duration, elapsed, money, percent, weekday } from "../lib/format.js";
import { store } from "../lib/store.js";
import { counted, spentOn, waitedFor } from "./counted.js";
import { FetchedPage } from "./fetched-page.js";
import { meter, meterStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

/** @import { Figures, Today } from "../lib/types.js" */

const FRESH = 10_000; // ms between fetches while things happen
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** @param {number} at Unix ms */
const whole = (at) => String(Math.floor(at));

/** @param {Figures} day */
const within = (day) => ({ from: whole(day.since), until: whole(day.until) });

/** Calls of which no transcript tells are in it, too, so it leads to the page of cost. @param {Figures} day @param {Record<string, string>} time */
const spent = (day, time) => {
	const text = `${money(day.spent)}${day.unpriced ? "+" : ""}`;
	const query = time["until"] ? time : { days: "1" };
	return spentOn(day.spent, query, text);
};

/** @extends {FetchedPage<Today>} */
export class MetricsPanel extends FetchedPage {
	static styles = [
		shared,
		meterStyle,
		css`
			:host {
				container-type: inline-size;
			}
			.numbers {
				display: grid;
				grid-template-columns: repeat(4, minmax(6.5rem, 1fr)) minmax(11.5rem, 1.2fr) minmax(15rem, 1.8fr);
			}
			.numbers > div {
				padding: 0.75rem 1rem 0.8rem;
				border-left: 1px solid var(--line);
				min-width: 0;
			}
			.numbers > div:first-child {
				border-left: 0;
			}
			dt {
				color: var(--ink-3);
				font-size: 0.75rem;
				white-space: nowrap;
			}
			dd {
				font-size: 1.25rem;
				line-height: 1.3;
				font-weight: 600;
				letter-spacing: -0.015em;
				white-space: nowrap;
			}
			dd small {
				font-size: 0.75rem;
				font-weight: 400;
				letter-spacing: 0;
				color: var(--ink-3);
			}
			.under {
				display: block;
				font-size: 0.75rem;
				font-weight: 400;
				letter-spacing: 0;
				color: var(--ink-3);
				line-height: 1.4;
				white-space: normal;
			}
			.tools dd {
				display: grid;
				grid-template-columns: minmax(3rem, auto) 1fr auto;
				gap: 0 0.6rem;
				align-items: center;
				font-size: 0.75rem;
				font-weight: 400;
				letter-spacing: 0;
				line-height: 1.35;
				margin-top: 0.15rem;
			}
			.tools .counts {
				display: inline-block;
				min-width: 1.5rem;
				line-height: 1.5rem;
			}
			.tools .meter {
				height: 0.375rem;
			}
			.tools .meter > i {
				background: var(--tool);
			}
			.budget {
				height: 0.25rem;
				margin: 0.3rem 0 0.1rem;
			}
			.budget > i {
				background: var(--ok);
			}
			@container (width < 66rem) {
				.numbers {
					grid-template-columns: repeat(5, 1fr);
				}
				.tools {
					grid-column: 1 / -1;
					border-left: 0 !important;
					border-top: 1px solid var(--line);
				}
				.tools dd {
					grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr));
				}
				.tools dd > span {
					display: flex;
					gap: 0.5rem;
				}
				.tools .meter {
					display: none;
				}
			}
			@container (width < 44rem) {
				.numbers {
					grid-template-columns: 1fr 1fr;
				}
				.numbers > div {
					border-left: 0;
					border-top: 1px solid var(--line);
					padding: 0.55rem 0.875rem;
				}
				.numbers > div:nth-child(-n + 2) {
					border-top: 0;
				}
				.numbers > div:nth-child(even) {
					border-left: 1px solid var(--line);
				}
				.numbers > .tools {
					border-left: 0;
				}
				.numbers > .hooks {
					grid-column: 1 / -1;
				}
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.follow(FRESH);
	}

	/** @param {AbortSignal} signal @returns {Promise<Today>} */
	load(signal) {
		return ask("/today", {}, { signal });
	}

	/** A figure of today, the same until now of the days to compare it with below. @param {(day: Figures, time: Record<string, string>) => unknown} show */
	#today(show) {
		if (!this.answer) return html`<dd>–<span class="under">&nbsp;</span></dd>`;
		const { now, today, yesterday, week } = this.answer;
		return html`<dd>
			${show(today, { from: whole(today.since) })}<span class="under" title="until this time of day"
				>yesterday ${show(yesterday, within(yesterday))}</span
			><span class="under" title="until this time of day">last ${weekday(now)} ${show(week, within(week))}</span>
		</dd>`;
	}

	render() {
		const summary = store.summary;
		if (!summary) return nothing;
		const { top_tools: tools, hooks } = summary;
		const used = hooks ? hooks.average / hooks.threshold : 0; // of what a hook may take
		const most = Math.max(1, ...tools.map((tool) => tool.calls));
		return html`
			<dl class="numbers card">
				<div>
					<dt>Spent today</dt>
					${this.#today(spent)}
				</div>
				<div>
					<dt>Waited for you today</dt>
					${this.#today((day, time) => waitedFor(day.waited, time, elapsed(day.waited)))}
				</div>
				<div>
					<dt>Turns today</dt>
					${this.#today((day, time) => counted(day.turns, { ...time, span: "turn" }))}
				</div>
				<div>
					<dt>Failed turns today</dt>
					${this.#today((day, time) => counted(day.failed, { ...time, span: "turn", outcome: "error" }))}
				</div>
				<div class="hooks">
					<dt>Hook time</dt>
					${
						hooks
							? html`<dd>
									${duration(hooks.average)}${meter(used, used > 1 ? "budget full" : "budget")}<span class="under"
										>${percent(used)} of ${hooks.threshold} ms · p99 ${duration(hooks.p99)}</span
									><span class="under"
										>${hooks.start === null ? "without its process's start" : `its process starts in ${duration(hooks.start)}`}</span
									>
								</dd>`
							: html`<dd>–<span class="under">none since the agent began</span></dd>`
					}
				</div>
				<div class="tools">
					<dt>Top tools of the last hour</dt>
					<dd>
						${
							tools.length
								? tools.map(
										({ tool, calls }) =>
											html`<span class="cut">${tool}</span> ${meter(calls / most)}<span class="num"
													>${counted(calls, { tool, ended: whole(Math.floor(summary.now / MINUTE) * MINUTE - HOUR) })}</span
												>`,
									)
								: html`<span class="quiet">none</span>`
						}
					</dd>
				</div>
			</dl>
		`;
	}
}
customElements.define("metrics-panel", MetricsPanel);
