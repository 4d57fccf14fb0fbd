/**
 * What keys do: one table, which the components ask and the help shows, so that a key that does something is told of.
 * Shortcuts of one character can be turned off, for speech input, or whose hands slip.
 */

const KEY = "hookspan-shortcuts";

/**
 * By where they work: keys as `KeyboardEvent.key` has them, after `Mod+` for Ctrl or ⌘ and `Shift+` beside a named key.
 * `own`: only while that has the focus, where shortcuts of one character are no danger.
 */
export const PLACES = /** @type {const} */ ({
	all: {
		name: "Everywhere",
		own: false,
		keys: {
			palette: { keys: ["Mod+k"], text: "Search and commands" },
			help: { keys: ["?"], text: "These keys" },
		},
	},
	list: {
		name: "Now",
		own: false,
		keys: {
			find: { keys: ["/"], text: "Filter sessions" },
			next: { keys: ["j", "ArrowDown"], text: "Next session" },
			former: { keys: ["k", "ArrowUp"], text: "Previous session" },
			pin: { keys: ["p"], text: "Pin the session, or unpin it" },
		},
	},
	search: {
		name: "Search",
		own: false,
		keys: {
			find: { keys: ["/"], text: "To the words" },
			next: { keys: ["j", "ArrowDown"], text: "Next hit" },
			former: { keys: ["k", "ArrowUp"], text: "Previous hit" },
		},
	},
	session: {
		name: "A session",
		own: false,
		keys: {
			former: { keys: ["["], text: "Previous turn" },
			next: { keys: ["]"], text: "Next turn" },
			close: { keys: ["Escape"], text: "Close the details" },
		},
	},
	log: {
		name: "Raw log",
		own: false,
		keys: {
			find: { keys: ["/"], text: "Search the lines" },
			pause: { keys: ["p"], text: "Pause, continue" },
			follow: { keys: ["f"], text: "Follow" },
			close: { keys: ["Escape"], text: "Close the line" },
		},
	},
	lines: {
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
	},
	spans: {
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
	},
});

/** @typedef {keyof typeof PLACES} Place */
/** @template {Place} P @typedef {Extract<keyof (typeof PLACES)[P]["keys"], string>} Action */

/**
 * What a key press is to do there; null for nothing of ours.
 * @template {Place} P
 * @param {P} place
 * @param {KeyboardEvent} event
 * @returns {Action<P> | null}
 */
export function action(place, event) {
	const mod = event.ctrlKey || event.metaKey;
	const isCharacter = event.key.length === 1;
	if (event.altKey || event.defaultPrevented) return null;
	if (!PLACES[place].own && isCharacter && !mod && (!shortcuts() || typing(event))) return null;
	const name = `${mod ? "Mod+" : ""}${event.shiftKey && (!isCharacter || mod) ? "Shift+" : ""}${mod ? event.key.toLowerCase() : event.key}`;
	for (const [what, { keys }] of Object.entries(PLACES[place].keys)) {
		if (keys.includes(name)) return /** @type {Action<P>} */ (what);
	}
	return null;
}

/** Whether a key press is meant for a field in which one types. @param {Event} event */
export function typing(event) {
	const target = event.composedPath()[0];
	return (
		target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName))
	);
}

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

/** Whether shortcuts of one character work outside of what has the focus. */
export const shortcuts = () => localStorage.getItem(KEY) !== "off";

/** @param {boolean} on */
export function setShortcuts(on) {
	if (on) localStorage.removeItem(KEY);
	else localStorage.setItem(KEY, "off");
}
