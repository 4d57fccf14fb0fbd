/** One message of a conversation: a prompt, an answer, a call with what it changes or runs, its output as a terminal has it. */
import { css, html, nothing } from "lit";
import { count, plural } from "../lib/format.js";
import { time, timeExact } from "../lib/times.js";
import { prose, proseStyle } from "./prose-blocks.js";

/** @import { Message } from "../lib/types.js" */

const LONG = 12; // lines; a longer output is folded
const HEADS = /** @type {Record<string, string>} */ ({
	prompt: "Prompt",
	answer: "Answer",
	thinking: "Thinking",
	error: "Error",
	compaction: "Compaction",
	note: "Note",
});

export const messageStyle = [
	proseStyle,
	css`
		.message {
			position: relative;
			padding: 0.5rem 1rem 0.625rem 1.25rem;
			font-size: 0.8125rem;
			min-width: 0;
		}
		.message::before {
			content: "";
			position: absolute;
			inset: 0.5rem auto 0.5rem 0.5rem;
			width: 3px;
			border-radius: 2px;
			background: var(--kind, transparent);
		}
		.message header {
			display: flex;
			flex-wrap: wrap;
			align-items: center;
			gap: 0 0.625rem;
			min-width: 0;
			margin-bottom: 0.2rem;
		}
		.message h3 {
			flex: none;
			font-size: 0.75rem;
			font-weight: 620;
			color: var(--ink-2);
		}
		.message .about {
			color: var(--ink-2);
		}
		.message .at {
			margin-left: auto;
			flex: none;
			font-size: 0.6875rem;
			color: var(--ink-3);
		}
		.message .does {
			flex: none;
			display: flex;
			gap: 0.25rem 0.75rem;
			align-items: center;
			font-size: 0.75rem;
		}
		.message .does > * {
			display: inline-flex;
			align-items: center;
			min-height: 1.5rem;
			min-width: 1.5rem;
		}
		.message .does button {
			padding: 0;
			border: 0;
			background: none;
			color: var(--ink-3);
			cursor: pointer;
		}
		.message .does button:hover {
			color: var(--ink);
			text-decoration: underline;
		}
		.message.prompt {
			background: var(--sunken);
		}
		.message.hit {
			background: color-mix(in srgb, var(--wait) 9%, transparent);
		}
		.message.target {
			box-shadow: inset 0 0 0 2px var(--accent);
			border-radius: 0.35rem;
		}
		.message.error {
			background: var(--error-soft);
			color: var(--error-ink);
		}
		.message.note,
		.message.thinking,
		.message.compaction {
			color: var(--ink-3);
		}
		.words {
			white-space: pre-wrap;
			overflow-wrap: anywhere;
			max-width: 60rem;
		}
		.message pre {
			font-size: 0.75rem;
			line-height: 1.5;
			margin: 0;
		}
		.message .block {
			padding: 0.4rem 0.75rem;
			background: var(--sunken);
			border: 1px solid var(--line);
			border-radius: 0.35rem;
			white-space: pre-wrap;
			overflow-wrap: anywhere;
			max-height: 30rem;
			overflow-y: auto;
		}
		.message .failed {
			border-color: color-mix(in srgb, var(--error) 45%, var(--line));
		}
		.block b {
			color: var(--tool-ink);
			user-select: none;
		}
		.diff span {
			display: block;
		}
		.diff .gone {
			background: color-mix(in srgb, var(--error) 13%, transparent);
		}
		.diff .come {
			background: color-mix(in srgb, var(--ok) 13%, transparent);
		}
		.diff .between {
			color: var(--ink-3);
		}
		.message summary {
			cursor: pointer;
			min-height: 1.5rem;
			color: var(--ink-2);
		}
		.message mark {
			background: color-mix(in srgb, var(--wait) 40%, transparent);
			color: inherit;
			border-radius: 2px;
		}
		.options {
			margin-top: 0.25rem;
		}
		.options li {
			padding: 0.1rem 0 0.1rem 0.75rem;
		}
	`,
];

/** A text in which what is searched for is marked. @param {string} text @param {string} q casefolded @returns {unknown} */
export function marked(text, q) {
	if (!q || text.length > 200_000) return text;
	const low = text.toLowerCase();
	if (low.length !== text.length) return text; // letters whose capitals are longer: places would be wrong
	const found = [];
	let at = 0;
	for (let hit = low.indexOf(q); hit >= 0; hit = low.indexOf(q, at)) {
		found.push(text.slice(at, hit), html`<mark>${text.slice(hit, hit + q.length)}</mark>`);
		at = hit + q.length;
	}
	return found.length ? [...found, text.slice(at)] : text;
}

/**
 * @typedef {object} MessageOptions
 * @property {number} at its place in what is shown
 * @property {string} q what is searched for, in small letters
 * @property {boolean} isHit
 * @property {boolean} isTarget the address names it
 * @property {boolean} follows whether its call stands right above it
 * @property {string} link its own address
 * @property {string} inTime its span's address; empty for none
 * @property {string} subagent the address of the conversation of the subagent that it started; empty for none
 * @property {() => void} copy copies its text
 * @property {() => void} whole has the rest of its texts
 */

/** @param {Message} message @param {MessageOptions} options */
export function messageRow(message, options) {
	const { kind, tool, about, failed, at } = message;
	const colour = { prompt: "user", answer: "model", thinking: "model", call: "tool", compaction: "compact" }[
		/** @type {string} */ (kind)
	];
	const isOfCall = kind === "call" || kind === "result";
	const head = isOfCall
		? kind === "call"
			? tool || "Call"
			: options.follows
				? "Output"
				: `Output of ${tool || "a call"}`
		: (HEADS[kind] ?? kind);
	const classes = ["message", kind, colour ? `k-${colour}` : "", options.isHit && "hit", options.isTarget && "target"];
	return html`<article class=${classes.filter(Boolean).join(" ")} data-at=${options.at} tabindex="-1">
		<header>
			<h3>${head}</h3>
			${kind === "result" && !options.follows && about ? html`<code class="cut about">${about}</code>` : nothing}
			${failed ? html`<span class="tag bad">failed</span>` : nothing}
			${options.subagent ? html`<span class="does"><a class="link" href=${options.subagent}>Its conversation</a></span>` : nothing}
			${at === null ? nothing : html`<time class="at" title=${timeExact(at)}>${time(at)}</time>`}
			<span class="does">
				<button @click=${options.copy}>Copy</button>
				${options.inTime ? html`<a class="link" href=${options.inTime} title="Its span in the timeline">Span</a>` : nothing}
				<a class="link" href=${options.link} title="A link to this message">#${message.number + 1}</a>
			</span>
		</header>
		${body(message, options)}
		${message.attached.map((what) => html`<p><span class="tag">${what}, not shown</span></p>`)}
		${message.cut ? html`<p><button class="btn plain" @click=${options.whole}>Show all of it${message.size > 0 ? ` (${count(message.size)} characters)` : ""}</button></p>` : nothing}
	</article>`;
}

/** @param {Message} message @param {MessageOptions} options */
function body(message, options) {
	const { kind, text, diff } = message;
	/** @param {string} part */
	const show = (part) => marked(part, options.q);
	switch (kind) {
		case "answer":
			return html`<div class="prose">${prose(text, { show, deep: true })}</div>`;
		case "call":
			return html`${call(message, show)}${diff ? diffBlock(diff, show) : nothing}`;
		case "result":
			return result(message, options, show);
		case "thinking":
		case "compaction":
			return text.includes("\n") || text.length > 200
				? html`<details ?open=${options.isHit}>
						<summary>${first(text)}</summary>
						<div class="prose">${prose(text, { show, deep: true })}</div>
					</details>`
				: html`<p class="words">${show(text)}</p>`;
		case "note":
			return text.split("\n").length > 4
				? html`<details ?open=${options.isHit}>
						<summary>${first(text)}</summary>
						<p class="words">${show(text)}</p>
					</details>`
				: html`<p class="words">${show(text)}</p>`;
		default:
			return html`<p class="words">${show(text)}</p>`;
	}
}

/** The first line, shortened. @param {string} text */
const first = (text) => {
	const line = text.trim().split("\n", 1)[0] ?? "";
	return line.length > 120 ? `${line.slice(0, 119)}…` : line;
};

/** @param {Message} message @param {(text: string) => unknown} show */
function call({ tool, text, given, diff }, show) {
	const input = /** @type {Record<string, any>} */ (given && typeof given === "object" ? given : {});
	if (tool === "Bash") {
		return html`<pre
			class="block"
			tabindex="0"
			role="group"
			aria-label="Command"
		><b aria-hidden="true">$ </b>${show(text)}</pre>`;
	}
	if (Array.isArray(input["questions"])) return input["questions"].map((one) => question(one, show));
	if (typeof input["plan"] === "string") {
		return html`<div class="prose">${prose(input["plan"], { show, deep: true })}</div>`;
	}
	const rest = Object.entries(input).filter(([, value]) => value !== text);
	return html`${text ? html`<p class="words"><code>${show(text)}</code></p>` : nothing}${
		rest.length && !diff
			? html`<details>
					<summary>Input</summary>
					<pre class="block" tabindex="0" role="group" aria-label="Input">
${rest.map(([name, value], at) => [at ? "\n" : "", name, ": ", show(typeof value === "string" ? value : JSON.stringify(value, null, 2))])}</pre>
				</details>`
			: nothing
	}`;
}

/** @param {any} one of the client's own form @param {(text: string) => unknown} show */
function question(one, show) {
	const options = Array.isArray(one?.options) ? one.options : [];
	return html`<div>
		<p class="words">${show(String(one?.question ?? ""))}</p>
		<ul class="options">
			${options.map((/** @type {any} */ option) => html`<li><strong>${show(String(option?.label ?? ""))}</strong> ${show(String(option?.description ?? ""))}</li>`)}
		</ul>
	</div>`;
}

/** @param {string} diff @param {(text: string) => unknown} show */
function diffBlock(diff, show) {
	const lines = diff.split("\n");
	const come = lines.filter((line) => line.startsWith("+")).length;
	const gone = lines.filter((line) => line.startsWith("-")).length;
	const kinds = /** @type {Record<string, string>} */ ({ "+": "come", "-": "gone", "@": "between" });
	return html`<pre
		class="block diff"
		tabindex="0"
		role="group"
		aria-label=${`Change: ${plural(come, "line")} added, ${plural(gone, "line")} removed`}
	>
${lines.map((line) => html`<span class=${kinds[line.charAt(0)] ?? ""}>${show(line) || " "}</span>`)}</pre>`;
}

/** @param {Message} message @param {MessageOptions} options @param {(text: string) => unknown} show */
function result({ text, failed, tool }, options, show) {
	if (!text.trim()) return html`<p class="quiet">no output</p>`;
	const lines = text.split("\n").length;
	const block = html`<pre class="block ${failed ? "failed" : ""}" tabindex="0" role="group" aria-label="Output">
${show(text)}</pre>`;
	const isShown = failed || options.isHit || (tool === "Bash" && lines <= LONG);
	return isShown
		? block
		: html`<details>
				<summary>${lines > 1 ? plural(lines, "line") : first(text)}</summary>
				${block}
			</details>`;
}
