/** Whether hookspan itself is well: its checks, how they went before, its pipeline, and the settings in force. */
import { css, html, nothing } from "lit";
import { ask } from "../lib/api.js";
import * as clock from "../lib/clock.js";
import { ago, duration, elapsed, plural } from "../lib/format.js";
import { measure } from "../lib/measure.js";
import { time } from "../lib/times.js";
import { router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { chartOf, severity, statusOf } from "../lib/words.js";
import { shared } from "./shared-styles.js";
import { FetchedPage } from "./fetched-page.js";
import { pipeline, pipelineStyle } from "./health-pipeline.js";
import { settingsInForce, settingsStyle } from "./health-settings.js";
import { commandIn, sentence, withCode } from "./agent-text.js";
import "./copy-button.js";
import "./history-chart.js";
import "./setup.js";

/** @import { Check, Health, HealthStatus, Round, Settings } from "../lib/types.js" */
/** @typedef {{health: Health, rounds: Round[], settings: Settings}} Answer */

const FRESH = 5000; // ms between looks: between two rounds of checks, and while things happen
const STRIP = 60; // rounds in the strip beside a check: half an hour

/** @extends {FetchedPage<Answer>} */
export class HealthPanel extends FetchedPage {
	static styles = [
		shared,
		pipelineStyle,
		settingsStyle,
		css`
			:host {
				container-type: inline-size;
			}
			header {
				margin-bottom: 1.25rem;
			}
			header h1 {
				display: flex;
				align-items: center;
				gap: 0.6rem;
			}
			header p {
				margin-top: 0.25rem;
			}
			.mark {
				flex: none;
				display: inline-grid;
				place-items: center;
				width: 1.25rem;
				height: 1.25rem;
				border-radius: 50%;
				font: 700 0.75rem/1 var(--sans);
				color: var(--surface);
				background: var(--ink-3);
			}
			.mark.healthy {
				background: var(--ok);
			}
			.mark.warning {
				background: var(--wait);
				border-radius: 0.3rem;
				color: #1b1c1f;
			}
			.mark.critical {
				background: var(--error);
				border-radius: 0.15rem;
			}
			h1 .mark {
				width: 1.625rem;
				height: 1.625rem;
				font-size: 0.9375rem;
			}
			section {
				margin-top: 1.5rem;
			}
			section > h2,
			section > .row {
				margin-bottom: 0.5rem;
				padding-inline: 0.25rem;
			}
			.checks li {
				display: grid;
				grid-template: "mark name value strip" auto "mark what what strip" auto / 1.25rem minmax(0, 1fr) auto 15rem;
				align-items: center;
				gap: 0.1rem 0.875rem;
				padding: 0.65rem 1rem;
				border-top: 1px solid var(--line);
			}
			.checks li:first-child {
				border-top: 0;
			}
			.checks .mark {
				grid-area: mark;
				align-self: start;
				margin-top: 0.05rem;
			}
			.checks li.warning {
				background: var(--wait-soft);
			}
			.checks li.critical {
				background: var(--error-soft);
			}
			.name {
				grid-area: name;
				display: flex;
				flex-wrap: wrap;
				align-items: baseline;
				gap: 0 0.6rem;
			}
			.name h3 {
				font-size: 0.875rem;
			}
			.name h3::first-letter {
				text-transform: uppercase;
			}
			.value {
				grid-area: value;
				align-self: start;
				text-align: right;
				white-space: nowrap;
				font-size: 0.8125rem;
			}
			.what {
				grid-area: what;
				font-size: 0.8125rem;
				color: var(--ink-2);
				overflow-wrap: anywhere;
			}
			.todo {
				display: flex;
				flex-wrap: wrap;
				gap: 0.25rem 0.6rem;
				align-items: center;
				margin-top: 0.2rem;
				color: var(--ink);
				font-weight: 520;
			}
			.strip {
				grid-area: strip;
				display: flex;
				justify-content: end;
				gap: 1px;
				height: 1.25rem;
			}
			.strip > i {
				flex: 0 1 3px;
				background: var(--ink-3);
				border-radius: 1px;
				align-self: end;
				height: 35%;
			}
			.strip > .none {
				background: var(--line);
				height: 15%;
			}
			.strip > .healthy {
				background: var(--ok);
			}
			.strip > .warning {
				background: var(--wait);
				height: 70%;
			}
			.strip > .critical {
				background: var(--error);
				height: 100%;
			}
			.charts {
				display: grid;
				grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
				gap: 1rem;
			}
			.charts > div {
				padding: 0.75rem 1rem;
			}
			.charts h3 {
				margin-bottom: 0.35rem;
			}
			.start {
				padding: 12vh 0;
			}
			@container (width < 46rem) {
				.checks li {
					grid-template:
						"mark name value" auto "mark what what" auto "mark strip strip" auto / 1.25rem minmax(0, 1fr)
						auto;
					padding-inline: 0.75rem;
				}
				.strip {
					justify-content: start;
					margin-top: 0.3rem;
					height: 0.875rem;
				}
			}
		`,
	];

	connected() {
		this.updateOn(store, "change");
		this.updateOn(router, "route");
		this.tick(FRESH, () => this.fetch());
		this.tick(1000);
		this.follow(FRESH);
	}

	/** @param {AbortSignal} signal @returns {Promise<Answer>} */
	async load(signal) {
		const [health, history, settings] = await Promise.all([
			/** @type {Promise<Health>} */ (ask("/health", {}, { signal })),
			/** @type {Promise<{rounds: Round[]}>} */ (ask("/health/history", { limit: 100 }, { signal })),
			/** @type {Promise<Settings>} */ (ask("/settings", {}, { signal })),
		]);
		return { health, rounds: history.rounds.reverse(), settings };
	}

	render() {
		const { answer } = this;
		if (!answer) {
			return html`<setup-step></setup-step>
				<h1>Health</h1>
				${this.pending()}`;
		}
		const { health, rounds } = answer;
		return html`
			<setup-step></setup-step>
			<header>
				<h1>
					${this.error ? html`${mark("critical")}${this.error.message}` : html`${mark(health.status)}${headline(health)}`}
				</h1>
				<p class="second">
					${health.at ? html`Checked ${ago(clock.now() - health.at)}, in ${duration(health.took)}${rounds.length > 1 ? html` · ${plural(rounds.length, "round")} kept` : nothing}` : "Not checked yet."}
				</p>
			</header>
			${this.stale()}
			<section class="checks" aria-labelledby="h-checks">
				<h2 id="h-checks" class="hide">Checks</h2>
				${
					health.checks.length
						? html`<ol class="card">
								${[...health.checks].sort((a, b) => severity(a.status) - severity(b.status)).map((check) => this.#check(check, rounds))}
							</ol>`
						: html`<div class="card empty">The first round of checks comes within seconds.</div>`
				}
			</section>
			${this.#charts(health, rounds)}${pipeline(health)}${settingsInForce(answer.settings)}
		`;
	}

	/** @param {Check} check @param {Round[]} rounds */
	#check(check, rounds) {
		const command = commandIn(check.todo);
		const strip = rounds.slice(-STRIP);
		const before = Array.from({ length: STRIP - strip.length }, () => html`<i class="none"></i>`);
		const bad = strip.filter((round) => ["warning", "critical"].includes(round.checks[check.name] ?? "")).length;
		return html`<li class=${check.status}>
			${mark(check.status)}
			<div class="name">
				<h3>${check.name}</h3>
				<span class="quiet">${statusOf(check.status).word} for ${elapsed(clock.now() - check.since)}</span>
			</div>
			<div class="value">${check.value === null ? nothing : ofThreshold(check)}</div>
			<div class="what">
				${withCode(sentence(check.message))}
				${check.todo ? html`<div class="todo"><span>${withCode(sentence(check.todo))}</span>${command ? html`<copy-button .text=${command} what=${`the command ${command}`}></copy-button>` : nothing}</div>` : nothing}
			</div>
			<div
				class="strip"
				role="img"
				aria-label=${`${bad ? `${bad} of the` : "None of the"} last ${strip.length} rounds found something`}
			>
				${before}${strip.map((round) => html`<i class=${round.checks[check.name] ?? "none"} title=${`${time(round.at)} ${round.checks[check.name] ?? ""}`}></i>`)}
			</div>
		</li>`;
	}

	/** @param {Health} health @param {Round[]} rounds */
	#charts(health, rounds) {
		const shown = health.checks.filter(
			(check) => chartOf(check.name) && rounds.some((round) => round.values[check.name] != null),
		);
		if (!shown.length) return nothing;
		return html`<section aria-labelledby="h-history">
			<h2 id="h-history">History</h2>
			<div class="charts">
				${shown.map((check) => {
					const points = rounds.map((round) => ({ at: round.at, value: round.values[check.name] ?? null }));
					const label = chartOf(check.name);
					return html`<div class="card">
						<h3>${label}</h3>
						<history-chart
							.points=${points}
							.threshold=${check.threshold}
							unit=${check.unit}
							label=${label}
						></history-chart>
					</div>`;
				})}
			</div>
		</section>`;
	}
}

/** @param {Check} check */
function ofThreshold({ value, threshold, unit }) {
	if (!threshold) return measure(value, unit);
	const isMeasure = ["s", "%", "bytes", ""].includes(unit);
	return html`${measure(value, isMeasure ? unit : "")} <span class="quiet">of ${measure(threshold, unit)}</span>`;
}

/** @param {HealthStatus} status */
const mark = (status) =>
	html`<span class="mark ${status}" role="img" aria-label=${statusOf(status).word}>${statusOf(status).mark}</span>`;

/** @param {Health} health */
function headline({ status, checks }) {
	const bad = checks.filter((check) => check.status === "warning" || check.status === "critical");
	if (status === "healthy") return "All is well";
	if (!bad.length) return checks.length ? "No problem found, but not all is known" : "Not checked yet";
	return bad.length === 1 ? `One check needs attention: ${bad[0]?.name}` : `${bad.length} checks need attention`;
}

customElements.define("health-panel", HealthPanel);
