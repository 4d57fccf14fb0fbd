/** The account's quota: how much of each window is used, when it will be full, and which sessions used it. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { percent, short } from "../lib/format.js";
import { timeOfDay } from "../lib/times.js";
import { store } from "../lib/store.js";
import { quotaWindow } from "../lib/words.js";
import { BaseComponent } from "./base-component.js";
import { meter, meterStyle } from "./marks.js";
import { shared } from "./shared-styles.js";

/** @import { Quota, QuotaShare } from "../lib/types.js" */

const HIGH = 0.75;
const FULL = 0.9;

export class QuotaPanel extends BaseComponent {
	static styles = [
		shared,
		meterStyle,
		css`
			.windows {
				display: grid;
				grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr));
				gap: 0.75rem 2rem;
				padding: 0.75rem 1rem 0.8rem;
			}
			.figures {
				display: flex;
				align-items: baseline;
				justify-content: space-between;
				gap: 0.75rem;
			}
			dt {
				color: var(--ink-3);
				font-size: 0.75rem;
			}
			dd b {
				font-weight: 600;
			}
			dd,
			ul {
				font-size: 0.8125rem;
			}
			.meter {
				margin: 0.3rem 0 0.35rem;
				background: light-dark(#e6e5e0, #2a2d33);
			}
			ul {
				display: flex;
				flex-wrap: wrap;
				gap: 0.1rem 1rem;
				margin-top: 0.2rem;
				color: var(--ink-2);
				list-style: none;
			}
			li {
				display: flex;
				gap: 0.4rem;
				min-width: 0;
			}
			li a {
				max-width: 14rem;
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.tick(30_000);
	}

	/** @param {Quota} quota */
	#forecast(quota) {
		const now = clock.now();
		const resets = timeOfDay(quota.resets_at, now);
		if (quota.full_at === null || !quota.too_soon) return html`begins anew at ${resets}`;
		const full = quota.full_at <= now ? "full" : `at this pace full at ${timeOfDay(quota.full_at, now)}`;
		return html`<span class="wait">${full}</span>, begins anew at ${resets}`;
	}

	/** @param {QuotaShare} used */
	#session({ session, share }) {
		const known = store.sessions.get(session);
		const name = known?.title || known?.project || short(session);
		return html`<li>
			<a class="link cut" href="/sessions/${session}">${name}</a> <span class="num">${percent(share)}</span>
		</li>`;
	}

	/** @param {Quota} quota */
	#window(quota) {
		const look = quota.used >= FULL ? "full" : quota.used >= HIGH || quota.too_soon ? "high" : "";
		return html`<div>
			<dt>Quota of ${quotaWindow(quota.window)}</dt>
			<dd>
				<span class="figures"><b>${percent(quota.used)}</b> <span>${this.#forecast(quota)}</span></span>
				${meter(quota.used, look)}
				${
					quota.shares.length
						? html`<ul>
								${quota.shares.map((share) => this.#session(share))}
							</ul>`
						: nothing
				}
			</dd>
		</div>`;
	}

	render() {
		const windows = store.summary?.quota ?? [];
		if (!windows.length) return nothing;
		return html`<dl class="windows card">${windows.map((quota) => this.#window(quota))}</dl>`;
	}
}
customElements.define("quota-panel", QuotaPanel);
