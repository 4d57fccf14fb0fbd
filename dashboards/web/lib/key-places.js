/** What keys do beside the first page, and how keys are written. */
import { EVERYWHERE, LIST } from "./keys.js";

export const SEARCH = /** @type {const} */ ({
	name: "Search",
	own: false,
	keys: {
		find: { keys: ["/"], text: "To the words" },
		next: { keys: ["j", "ArrowDown"], text: "Next hit" },
		former: { keys: ["k", "ArrowUp"], text: "Previous hit" },
	},
});

export const SESSION = /** @type {const} */ ({
	name: "A session",
	own: false,
	keys: {
		former: { keys: ["["], text: "Previous turn" },
		next: { keys: ["]"], text: "Next turn" },
		close: { keys: ["Escape"], text: "Close the details" },
	},
});

export const LOG = /** @type {const} */ ({
	name: "Raw log",
	own: false,
	keys: {
		find: { keys: ["/"], text: "Search the lines" },
		pause: { keys: ["p"], text: "Pause, continue" },
		follow: { keys: ["f"], text: "Follow" },
		close: { keys: ["Escape"], text: "Close the line" },
	},
});

export const LINES = /** @type {const} */ ({
	name: "Lines of the log, with the focus",
	own: true,
	keys: {
		next: { keys: ["j", "ArrowDown"], text: "Next line" },
		former: { keys: ["k", "ArrowUp"], text: "Previous line" },
		pageDown: { keys: ["PageDown"], text: "A page down" },
		pageUp: { keys: ["PageUp"], text: "A page up" },
		first: { keys: ["Home"], text: "The first loaded" },
		last: { keys: ["End"], text: "The newest" },
	},
});

export const SPANS = /** @type {const} */ ({
	name: "Spans of a session, with the focus",
	own: true,
	keys: {
		next: { keys: ["ArrowDown"], text: "Next span" },
		former: { keys: ["ArrowUp"], text: "Previous span" },
		pageDown: { keys: ["PageDown"], text: "A page down" },
		pageUp: { keys: ["PageUp"], text: "A page up" },
		first: { keys: ["Home"], text: "The first" },
		last: { keys: ["End"], text: "The last" },
		open: { keys: ["Enter", " "], text: "Details" },
		unfold: { keys: ["ArrowRight"], text: "Unfold, or go to the first child" },
		fold: { keys: ["ArrowLeft"], text: "Fold, or go to the parent" },
		unfoldAll: { keys: ["*"], text: "Unfold everything" },
		nextHit: { keys: ["n"], text: "Next match" },
		formerHit: { keys: ["N"], text: "Previous match" },
		chain: { keys: ["c"], text: "Longest chain" },
		focus: { keys: ["f"], text: "Zoom to it" },
		zoomIn: { keys: ["+", "="], text: "Zoom in" },
		zoomOut: { keys: ["-"], text: "Zoom out" },
		fit: { keys: ["0"], text: "All of it" },
		left: { keys: ["Shift+ArrowLeft"], text: "Pan left" },
		right: { keys: ["Shift+ArrowRight"], text: "Pan right" },
	},
});

/** All of them, as the help lists them. @type {readonly import("./keys.js").Place[]} */
export const PLACES = [EVERYWHERE, LIST, SEARCH, SESSION, LOG, LINES, SPANS];

/** @type {Record<string, string>} */
const NAMES = {
	ArrowDown: "↓",
	ArrowUp: "↑",
	ArrowLeft: "←",
	ArrowRight: "→",
	" ": "Space",
	PageDown: "Page Down",
	PageUp: "Page Up",
	"-": "−",
};

/** How a key is written, part by part: `Ctrl`, `K`. @param {string} key @param {string} mod */
export const written = (key, mod) =>
	key.length === 1
		? [NAMES[key] ?? key]
		: key
				.split("+")
				.map((part) => (part === "Mod" ? mod : part.length === 1 ? part.toUpperCase() : (NAMES[part] ?? part)));
