/** A session as Markdown, for an issue or a note. Pure. */
import { count, duration, money, percent, plural, tokens } from "./format.js";
import { date } from "./times.js";
import { endOf, lengthOf } from "./spans.js";
import { outcome, spanKind, spanName, sumOf, timeKind, timeKinds, totalSplit } from "./words.js";

/** @import { Session, Span, Turn } from "./types.js" */

const LONGEST = 10;

/** Text from people and programs, so that it stays text. @param {string} text */
const plain = (text) => text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]<>|#~]/g, "\\$&");

/** As code, whatever backticks are in it. @param {string} text */
function code(text) {
	const flat = text.replace(/\s+/g, " ").replaceAll("|", "\\|");
	const runs = [...flat.matchAll(/`+/g)].map((run) => run[0].length);
	const fence = "`".repeat(Math.max(0, ...runs) + 1);
	return flat.includes("`") ? `${fence} ${flat} ${fence}` : `\`${flat}\``;
}

/**
 * @param {Session} session
 * @param {Turn[]} turns
 * @param {{turn: Turn | undefined, spans: Span[], now: number}} shown the turn that is open on the page
 */
export function sessionMarkdown(session, turns, { turn, spans, now }) {
	const name = [session.project, session.branch].filter(Boolean).map(plain).join(" / ");
	const lines = [
		`## ${session.title ? plain(session.title) : `Session ${session.id.slice(0, 8)}`}`,
		"",
		`${name || "(no project)"}, ${date(session.started)}, ${duration((session.ended ?? now) - session.started)}, ${plain(session.model) || "no model call"}`,
		"",
		`${plural(session.turns, "turn")}, ${plural(session.tools, "tool call")} (${count(session.tools_failed)} failed), ` +
			`${tokens(session.tokens.input + session.tokens.cache_read + session.tokens.cache_write)} tokens in, ${tokens(session.tokens.output)} out, ` +
			`${money(session.cost)} at list price`,
		"",
		"### Where the time went",
		"",
		"| | time | share |",
		"|---|--:|--:|",
	];
	const split = totalSplit(turns.map((turn) => turn.split));
	const whole = sumOf(split) || 1;
	for (const kind of timeKinds(split)) {
		lines.push(`| ${timeKind(kind).word} | ${duration(split[kind])} | ${percent(split[kind] / whole)} |`);
	}
	lines.push(
		"",
		"### Turns",
		"",
		"| # | prompt | took | model | tools | waited | calls | cost | |",
		"|--:|---|--:|--:|--:|--:|--:|--:|---|",
	);
	const dearest = Math.max(0, ...turns.map((one) => one.cost));
	for (const one of turns) {
		const { model, tool, wait } = one.split;
		lines.push(
			`| ${one.number} | ${plain(one.label) || one.prompt_kind} | ${duration((one.end ?? now) - one.start)} | ${duration(model)} | ${duration(tool)} | ${duration(wait)} | ` +
				`${one.tools} | ${money(one.cost, dearest)} | ${one.open ? "open" : outcome(one)} |`,
		);
	}
	if (turn && spans.length) {
		const longest = spans
			.filter((span) => !["root", "overhead"].includes(spanKind(span.type).role))
			.sort((a, b) => lengthOf(b, now) - lengthOf(a, now))
			.slice(0, LONGEST);
		lines.push("", `### Longest in turn ${turn.number}`, "", "| at | what | took |", "|--:|---|--:|");
		for (const span of longest) {
			const label = span.label ? ` ${code(span.label)}` : "";
			lines.push(
				`| +${duration(span.start - turn.start)} | ${plain(spanName(span))}${label}${span.status === "error" ? " (failed)" : ""} | ${duration(endOf(span, now) - span.start)} |`,
			);
		}
	}
	return `${lines.join("\n").replaceAll("\u00a0", " ")}\n`;
}
