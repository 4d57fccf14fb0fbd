/** The way of an event through hookspan, part by part: from the journal to the page and to the exporter. */
import { css, html, nothing } from "lit";
import * as clock from "../lib/clock.js";
import { ago, count, duration, elapsed, percent, plural } from "../lib/format.js";
import { bytes } from "../lib/measure.js";
import { store } from "../lib/store.js";
import { date } from "../lib/times.js";
import { agentTitle } from "../lib/words.js";

/** @import { Health } from "../lib/types.js" */

export const pipelineStyle = css`
	.parts {
		columns: 17rem;
		column-gap: 1rem;
	}
	.parts > div {
		break-inside: avoid;
		margin-bottom: 1rem;
		padding: 0.75rem 1rem 0.85rem;
	}
	.parts h3 {
		display: flex;
		align-items: center;
		gap: 0.5rem;
		margin-bottom: 0.4rem;
	}
	.parts h3 .tag {
		margin-left: auto;
	}
	dl.list {
		display: grid;
		grid-template-columns: minmax(0, 1fr) auto;
		gap: 0.2rem 0.75rem;
		font-size: 0.8125rem;
	}
	dl.list dt {
		color: var(--ink-2);
	}
	dl.list dd {
		text-align: right;
		overflow-wrap: anywhere;
		min-width: 0;
	}
	.parts .note {
		margin-top: 0.5rem;
		font-size: 0.75rem;
		color: var(--ink-3);
		overflow-wrap: anywhere;
	}
	.parts .note.bad {
		color: var(--error-ink);
	}
`;

/** @param {Health} health */
export function pipeline(health) {
	const { agent, ingest, cache, stream, drops, loops } = health;
	const lost = Object.entries(drops);
	const failing = Object.entries(loops).filter(([, loop]) => !loop.alive || loop.failures);
	const clients = new Map();
	for (const session of store.sessions.values()) {
		const client = `${agentTitle(session.agent)} ${session.client_version}`;
		if (session.client_version) clients.set(client, (clients.get(client) ?? 0) + 1);
	}
	return html`<section aria-labelledby="h-pipeline">
		<h2 id="h-pipeline">Pipeline</h2>
		<div class="parts">
			${part(
				"Journal",
				ingest.hold ? ["bad", "waits"] : ingest.behind_seconds > 1 ? ["wait", "catching up"] : ["", "read to its end"],
				[
					["Behind", ingest.behind_seconds ? duration(ingest.behind_seconds * 1000) : "0 s"],
					["To be read", bytes(ingest.backlog_bytes)],
					["Records read", count(ingest.records)],
					["Event to page", duration(ingest.delay_seconds * 1000)],
					["Commit", duration(ingest.commit_seconds * 1000)],
					["Open sessions", count(ingest.open_sessions)],
					["Set aside", plural(ingest.quarantined, "line")],
				],
				ingest.hold?.reason ??
					(ingest.mended
						? `The store ${ingest.mended.text}${ingest.mended.aside ? `; the old one is ${ingest.mended.aside}` : ""}`
						: ""),
			)}
			${exported(health.export)}
			${part(
				"Lost events",
				lost.length ? ["bad", count(lost.reduce((sum, [, drop]) => sum + drop.count, 0))] : ["", "none"],
				lost.map(([reason, drop]) => [
					reason.replaceAll("_", " "),
					html`${count(drop.count)} <span class="quiet">last ${ago(clock.now() - drop.last * 1000)}</span>`,
				]),
				lost.length ? "" : "No relay failed to write an event.",
				false,
			)}
			${part(
				"Page",
				["", stream.connections >= stream.maximum ? "full" : plural(stream.connections, "page")],
				[
					["Live connections", `${count(stream.connections)} of ${count(stream.maximum)}`],
					["Turned away", count(stream.refused)],
					["Too slow", count(stream.slow)],
					[
						"Cache hit rate",
						cache.hits + cache.misses ? `${percent(cache.hit_rate)} of ${count(cache.hits + cache.misses)}` : "–",
					],
					["Cached answers", count(cache.entries)],
					["Oldest of them", cache.entries ? `${duration(cache.oldest)} of ${duration(cache.ttl)}` : "–"],
				],
			)}
			${part(
				"Loops",
				failing.length ? ["bad", `${failing.length} failed`] : ["", "all alive"],
				Object.entries(loops).map(([name, loop]) => [
					name,
					loop.alive
						? loop.failures
							? html`<span class="wait">${plural(loop.failures, "failure")}</span>`
							: "alive"
						: html`<span class="bad">dead</span>`,
				]),
				failing.map(([name, loop]) => `${name}: ${loop.last_failure ?? "ended"}`).join("; "),
			)}
			${part("Versions", store.outdated ? ["wait", "page is old"] : ["", ""], [
				["hookspan", agent.version],
				["This page", store.version || agent.version],
				...[...clients]
					.sort(([a], [b]) => b.localeCompare(a, "en", { numeric: true }))
					.slice(0, 4)
					.map(([client, sessions]) => /** @type {[string, unknown]} */ ([client, plural(sessions, "session")])),
				["Agent up for", elapsed(clock.now() - agent.started * 1000)],
				["Process", String(agent.pid)],
				["When idle", agent.stay ? "stays" : "leaves"],
			])}
		</div>
	</section>`;
}

/**
 * @param {string} title @param {[string, string]} tag class and text @param {[string, unknown][]} rows @param {string} [note]
 * @param {boolean} [bad] whether the note is a trouble
 */
function part(title, [kind, text], rows, note = "", bad = true) {
	return html`<div class="card">
		<h3>${title}${text ? html`<span class="tag ${kind}">${text}</span>` : nothing}</h3>
		${
			rows.length
				? html`<dl class="list">
						${rows.map(
							([name, value]) =>
								html`<dt>${name}</dt>
									<dd>${value}</dd>`,
						)}
					</dl>`
				: nothing
		}
		${note ? html`<p class="note ${bad ? "bad" : ""}">${note}</p>` : nothing}
	</div>`;
}

/** @param {Health["export"]} state */
function exported(state) {
	if (state === null) return part("Export", ["", "off"], [], "No endpoint is set; spans stay on this machine.", false);
	if ("problem" in state) return part("Export", ["bad", "unknown"], [], state.problem);
	const holding = state.state === "holding";
	/** @type {[string, unknown][]} */
	const rows = [
		["Waiting", plural(state.queue, "span")],
		["Oldest", state.queue ? duration(state.oldest_age * 1000) : "–"],
		["Exported", plural(state.exported, "span")],
		["Refused", count(state.refused + state.rejected)],
		["Expired", count(state.expired)],
		["Failures", count(state.failures)],
		["Last success", state.last_success ? date(state.last_success / 1e6) : "never"],
	];
	if (state.state === "off") rows.splice(0);
	rows.push(["Metrics", state.metrics.state]);
	if (holding) rows.push(["Tries again in", elapsed(state.retry_in * 1000)]);
	return part(
		"Export",
		holding ? ["bad", "holding"] : ["", state.state],
		rows,
		[state.endpoint, state.last_error || state.metrics.last_error].filter(Boolean).join(": "),
		Boolean(state.last_error || state.metrics.last_error),
	);
}
