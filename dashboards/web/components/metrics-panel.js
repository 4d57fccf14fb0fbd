/** The last hour in numbers. */
import { css, html, nothing } from "lit";
import { count, duration, elapsed, percent } from "../lib/format.js";
import { store } from "../lib/store.js";
import { BaseComponent } from "./base-component.js";
import { meter, meterStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

export class MetricsPanel extends BaseComponent {
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
				gap: 0.1rem 0.6rem;
				align-items: center;
				font-size: 0.75rem;
				font-weight: 400;
				letter-spacing: 0;
				line-height: 1.35;
				margin-top: 0.15rem;
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
	}

	render() {
		const summary = store.summary;
		if (!summary) return nothing;
		const { metrics, hooks } = summary;
		const used = hooks ? hooks.average / hooks.threshold : 0; // of what a hook may take
		const most = Math.max(1, ...metrics.top_tools.map((tool) => tool.calls));
		return html`
			<dl class="numbers card">
				<div>
					<dt>Active sessions</dt>
					<dd>
						${count(metrics.active_sessions)}<span class="under"
							>in the last hour, of ${count(metrics.total_sessions)}</span
						>
					</dd>
				</div>
				<div>
					<dt>Events</dt>
					<dd>${count(metrics.events_last_hour)}<span class="under">in the last hour</span></dd>
				</div>
				<div>
					<dt>Messages</dt>
					<dd>${count(metrics.messages_last_hour)}<span class="under">in the last hour</span></dd>
				</div>
				<div>
					<dt>Average session</dt>
					<dd>
						${metrics.average_session ? elapsed(metrics.average_session) : "–"}<span class="under">start to end</span>
					</dd>
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
							metrics.top_tools.length
								? metrics.top_tools.map(
										({ tool, calls }) =>
											html`<span class="cut">${tool}</span> ${meter(calls / most)}<span class="num"
													>${count(calls)}</span
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
