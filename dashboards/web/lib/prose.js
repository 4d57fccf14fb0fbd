/**
 * The part of Markdown that plans are written in, as blocks of plain texts: headings, paragraphs, lists, quotes, code;
 * in a line bold, italic and code. Whatever else there is (links, images, HTML) stays the text that it is. Pure.
 */

/** @import { Block, Part } from "./shapes.js" */

const LINE_MAX = 2000; // characters in which marks are looked for
const PART = /`([^`]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*/g;
const ITEM = /^([ \t]*)([-*+]|\d{1,4}[.)])[ \t]+(.*)$/;

/** @param {string} line @returns {Part[]} */
export function parts(line) {
	if (line.length > LINE_MAX) return [{ kind: "text", text: line }];
	/** @type {Part[]} */
	const found = [];
	let at = 0;
	for (const match of line.matchAll(PART)) {
		if (match.index > at) found.push({ kind: "text", text: line.slice(at, match.index) });
		const [whole, code, strong, underlined, em] = match;
		found.push(
			code
				? { kind: "code", text: code }
				: em
					? { kind: "em", text: em }
					: { kind: "strong", text: strong ?? underlined ?? "" },
		);
		at = match.index + whole.length;
	}
	if (at < line.length) found.push({ kind: "text", text: line.slice(at) });
	return found;
}

/** @param {string} text @returns {Block[]} */
export function blocks(text) {
	/** @type {Block[]} */
	const found = [];
	const lines = text.replaceAll("\r\n", "\n").split("\n");
	let isOpen = false; // whether a line goes on with the block before it
	for (let at = 0; at < lines.length; at += 1) {
		const line = lines[at] ?? "";
		const last = found.at(-1);
		const fence = /^[ \t]*(```+|~~~+)/.exec(line)?.[1];
		const item = ITEM.exec(line);
		if (fence) {
			const end = lines.findIndex((one, index) => index > at && one.trim().startsWith(fence));
			found.push({ kind: "code", text: lines.slice(at + 1, end < 0 ? undefined : end).join("\n") });
			at = end < 0 ? lines.length : end;
			isOpen = false;
		} else if (!line.trim()) {
			isOpen = false;
		} else if (/^#{1,6}[ \t]/.test(line)) {
			found.push({ kind: "heading", parts: parts(line.replace(/^#+[ \t]+/, "")) });
			isOpen = false;
		} else if (/^[ \t]*([-*_])[ \t]*(\1[ \t]*){2,}$/.test(line.slice(0, LINE_MAX))) {
			found.push({ kind: "rule" });
			isOpen = false;
		} else if (item) {
			const [, indent = "", mark = "", rest = ""] = item;
			const one = {
				depth: Math.min(4, Math.floor(indent.replaceAll("\t", "  ").length / 2)),
				mark: /\d/.test(mark) ? mark : "•",
				parts: parts(rest),
			};
			if (last?.kind === "list") last.items.push(one);
			else found.push({ kind: "list", items: [one] });
			isOpen = true;
		} else if (/^[ \t]*>/.test(line)) {
			found.push({ kind: "quote", parts: parts(line.replace(/^[ \t]*>[ \t]?/, "")) });
			isOpen = false;
		} else if (isOpen && last && "parts" in last) {
			last.parts.push({ kind: "text", text: " " }, ...parts(line.trim()));
		} else if (isOpen && last?.kind === "list") {
			last.items.at(-1)?.parts.push({ kind: "text", text: " " }, ...parts(line.trim()));
		} else {
			found.push({ kind: "paragraph", parts: parts(line.trim()) });
			isOpen = true;
		}
	}
	return found;
}
