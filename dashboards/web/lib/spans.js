/** From a list of spans to what the waterfall draws: tree, rows, lanes, bands, the longest chain. Pure. */

import { spanKind } from "./words.js";

/** @import { Lane, Node, Row } from "./shapes.js" */
/** @import { Span } from "./types.js" */

/** Where a span ends, or has come to. @param {Span} span @param {number} now */
export const endOf = (span, now) => Math.max(span.start, span.end ?? now);

/** How long it takes, or has taken. @param {Span} span @param {number} now */
export const lengthOf = (span, now) => endOf(span, now) - span.start;

/**
 * Spans below their parents, by start. A span whose parent is not among them is a root.
 * @param {Iterable<Span>} spans
 */
export function tree(spans) {
	/** @type {Map<string, Node>} */
	const nodes = new Map();
	for (const span of spans) nodes.set(span.span_id, { span, children: [], parent: null, size: 0 });
	/** @type {Node[]} */
	const roots = [];
	for (const node of nodes.values()) {
		const parent = nodes.get(node.span.parent_id);
		if (parent && parent !== node && !below(parent, node)) {
			node.parent = parent;
			parent.children.push(node);
		} else {
			roots.push(node);
		}
	}
	/** @param {Node} a @param {Node} b */
	const byStart = (a, b) => a.span.start - b.span.start || (b.span.end ?? Infinity) - (a.span.end ?? Infinity);
	roots.sort(byStart);
	const order = [...roots];
	for (let at = 0; at < order.length; at += 1) {
		const node = /** @type {Node} */ (order[at]);
		node.children.sort(byStart);
		order.push(...node.children);
	}
	for (const node of order.reverse()) {
		node.size = node.children.reduce((sum, child) => sum + 1 + child.size, 0);
	}
	return roots;
}

/** Whether a node is below another: ids that point in a circle must not hang the page. @param {Node} node @param {Node} above */
function below(node, above) {
	for (let one = node.parent; one; one = one.parent) if (one === above) return true;
	return false;
}

/**
 * The rows that are seen: all but those below a folded one.
 * @param {Node[]} roots
 * @param {(node: Node) => boolean} isFolded
 */
export function rows(roots, isFolded) {
	/** @type {Row[]} */
	const found = [];
	/** @type {[Node, number][]} */
	const stack = roots.map((node) => /** @type {[Node, number]} */ ([node, 0])).reverse();
	for (let next = stack.pop(); next; next = stack.pop()) {
		const [node, depth] = next;
		const folded = node.children.length > 0 && isFolded(node);
		found.push({ node, depth, folded });
		if (!folded) {
			for (let at = node.children.length - 1; at >= 0; at -= 1) {
				stack.push([/** @type {Node} */ (node.children[at]), depth + 1]);
			}
		}
	}
	return found;
}

/**
 * The spans that hide another one: all that it is below of, unless it has a row.
 * @param {Node[]} roots
 * @param {Row[]} visible
 * @param {string} id
 */
export function hiddenBy(roots, visible, id) {
	if (visible.some((row) => row.node.span.span_id === id)) return [];
	/** @type {Span[]} */
	const above = [];
	const nodes = [...roots];
	for (let node = nodes.pop(); node; node = nodes.pop()) {
		if (node.span.span_id === id) {
			for (let parent = node.parent; parent; parent = parent.parent) above.push(parent.span);
			break;
		}
		nodes.push(...node.children);
	}
	return above;
}

/**
 * The chain of spans that decided how long a turn took: from its end backwards, always the one that ended last.
 * @param {Node[]} roots
 * @param {number} now
 */
export function longestChain(roots, now) {
	/** @type {Set<Span>} */
	const chain = new Set();
	const turns = roots.filter((node) => node.span.type === "turn");
	/** @type {[Node, number][]} */
	const stack = (turns.length ? turns : roots).map((node) => [node, endOf(node.span, now)]);
	for (let next = stack.pop(); next; next = stack.pop()) {
		const [node, until] = next;
		chain.add(node.span);
		let cursor = Math.min(endOf(node.span, now), until);
		for (const child of [...node.children].sort((a, b) => endOf(b.span, now) - endOf(a.span, now))) {
			const end = endOf(child.span, now);
			if (end > cursor + 1 || end === child.span.start) continue; // it ran beside what is on the chain, or never
			stack.push([child, end]);
			cursor = child.span.start;
		}
	}
	return chain;
}

/** Those that do something themselves, and don't only hold others. @param {Node} node */
const works = (node) =>
	spanKind(node.span.type).role === "work" &&
	node.children.every((child) => spanKind(child.span.type).role === "overhead");

/**
 * One lane an agent, the main one first, each with as many rows as it did things at once.
 * @param {Node[]} roots
 * @param {number} now
 */
export function lanes(roots, now) {
	/** @type {Map<string, {name: string, spans: Span[]}>} */
	const agents = new Map([["", { name: "main", spans: [] }]]);
	/** @type {[Node, string][]} */
	const stack = roots.map((node) => /** @type {[Node, string]} */ ([node, ""])).reverse();
	for (let next = stack.pop(); next; next = stack.pop()) {
		const [node, above] = next;
		let agent = above;
		if (spanKind(node.span.type).role === "agent") {
			agent = node.span.span_id;
			const what = node.parent?.span.label || node.span.label; // the call that started it says what for
			agents.set(agent, {
				name: [node.span.name.split(" ").slice(1).join(" "), what].filter(Boolean).join(": "),
				spans: node.children.length ? [] : [node.span],
			});
		} else if (works(node)) {
			agents.get(agent)?.spans.push(node.span);
		}
		for (let at = node.children.length - 1; at >= 0; at -= 1) {
			stack.push([/** @type {Node} */ (node.children[at]), agent]);
		}
	}
	/** @type {Lane[]} */
	const found = [];
	for (const { name, spans } of agents.values()) {
		if (!spans.length) continue;
		/** @type {Span[][]} */
		const packed = [];
		/** @type {number[]} */
		const ends = [];
		for (const span of spans.sort((a, b) => a.start - b.start)) {
			let at = ends.findIndex((end) => end <= span.start + 1);
			if (at < 0) at = packed.push([]) - 1;
			packed[at]?.push(span);
			ends[at] = endOf(span, now);
		}
		found.push({ name, spans: packed });
	}
	return found;
}

/** Waits and compactions, drawn through all rows. @param {Iterable<Span>} spans */
export const bands = (spans) => [...spans].filter((span) => spanKind(span.type).band);

const STEPS = [
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5,
	432e5, 864e5,
];

/**
 * Round times for an axis: at most `most` of them.
 * @param {number} from ms since the start
 * @param {number} to
 * @param {number} most
 */
export function ticks(from, to, most) {
	const step = STEPS.find((one) => (to - from) / one <= most) ?? (to - from) / most;
	const found = [];
	for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
	return found;
}

/** Everything of a span that one may search for, and `failed` and `running`. @param {Span} span */
export function searchText(span) {
	const state = `${span.status === "error" ? "failed" : ""} ${span.end === null ? "running" : ""} ${span.attributes["hookspan.background"] === true ? "background" : ""}`;
	return `${span.name} ${span.label} ${state} ${Object.values(span.attributes).join(" ")}`.toLowerCase();
}
