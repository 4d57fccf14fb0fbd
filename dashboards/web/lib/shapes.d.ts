/** What the page's modules hand to each other. What the API answers is in types.d.ts. */
import type { TimeScale } from "./timescale.js";
import type { Span } from "./types.js";

// --- spans.js, timescale.js

export interface Node {
	span: Span;
	children: Node[];
	parent: Node | null;
	/** Spans below it. */
	size: number;
}

export interface Row {
	node: Node;
	depth: number;
	folded: boolean;
}

/** One agent; parallel spans of it lie in several lines. */
export interface Lane {
	name: string;
	spans: Span[][];
}

/** Unix ms, or ms since the start of the axis. */
export interface Range {
	from: number;
	to: number;
}

// --- Templates of the waterfall and of the raw log

export interface SpanRowOptions {
	/** Of all rows. */
	index: number;
	rowCount: number;
	/** px */
	top: number;
	scale: TimeScale;
	/** Unix ms */
	now: number;
	/** The keyboard is at it. */
	isActive: boolean;
	/** Its details are shown. */
	isPicked: boolean;
	/** It is marked as part of the longest chain. */
	isChained: boolean;
	/** The search finds it. */
	isHit: boolean;
	isDim: boolean;
	/** No other trace is shown. */
	isOnlyRoot: boolean;
	pick: () => void;
	fold: () => void;
	zoom: () => void;
}

export interface LogRowOptions {
	/** Of all rows. */
	index: number;
	rowCount: number;
	isPicked: boolean;
	/** What is searched for. */
	words: string[];
	pick: () => void;
}

// --- commands.js, prose.js

/** What the palette offers. */
export interface Choice {
	id: string;
	group: string;
	label: string;
	detail: string;
	/** What it is found by beside its label. */
	words: string;
	/** A session's. */
	state?: string;
	/** It copies its label. */
	isCommand?: boolean;
	/** The part of the label that is cut first. */
	prefix?: string;
}

export interface Part {
	kind: "text" | "code" | "strong" | "em";
	text: string;
}

export interface Item {
	depth: number;
	mark: string;
	parts: Part[];
}

export type Block =
	| { kind: "heading" | "paragraph" | "quote"; parts: Part[] }
	| { kind: "code"; text: string }
	| { kind: "list"; items: Item[] }
	| { kind: "rule" };
