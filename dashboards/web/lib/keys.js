/**
 * What keys do: tables, which the components ask and the help shows. Shortcuts of one character can be turned off, for
 * speech input, or whose hands slip.
 */

const KEY = "hookspan-shortcuts";

/**
 * Where keys work and what they do there: as `KeyboardEvent.key` has them, after `Mod+` for Ctrl or ⌘ and `Shift+`
 * beside a named key. `own`: only while that place has the focus, where shortcuts of one character are no danger.
 * @typedef {{name: string, own: boolean, keys: Readonly<Record<string, {keys: readonly string[], text: string}>>}} Place
 */
/** @template {Place} P @typedef {Extract<keyof P["keys"], string>} Action */

export const EVERYWHERE = /** @type {const} */ ({
	name: "Everywhere",
	own: false,
	keys: {
		palette: { keys: ["Mod+k"], text: "Search and commands" },
		help: { keys: ["?"], text: "These keys" },
	},
});

export const LIST = /** @type {const} */ ({
	name: "Now",
	own: false,
	keys: {
		find: { keys: ["/"], text: "Filter sessions" },
		next: { keys: ["j", "ArrowDown"], text: "Next session" },
		former: { keys: ["k", "ArrowUp"], text: "Previous session" },
		pin: { keys: ["p"], text: "Pin the session, or unpin it" },
	},
});

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
	if (!place.own && isCharacter && !mod && (!shortcuts() || typing(event))) return null;
	const name = `${mod ? "Mod+" : ""}${event.shiftKey && (!isCharacter || mod) ? "Shift+" : ""}${mod ? event.key.toLowerCase() : event.key}`;
	for (const [what, { keys }] of Object.entries(place.keys)) {
		if (keys.includes(name)) return /** @type {Action<P>} */ (what);
	}
	return null;
}

// What composes a character, and the Enter that ends it (229), is for the input method alone.
addEventListener(
	"keydown",
	(event) => (event.isComposing || event.keyCode === 229) && event.stopImmediatePropagation(),
	true,
);

/** Whether a key press is meant for a field in which one types. @param {Event} event */
export function typing(event) {
	const target = event.composedPath()[0];
	return (
		target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName))
	);
}

/** Whether shortcuts of one character work outside of what has the focus. */
export const shortcuts = () => localStorage.getItem(KEY) !== "off";

/** @param {boolean} on */
export function setShortcuts(on) {
	if (on) localStorage.removeItem(KEY);
	else localStorage.setItem(KEY, "off");
}
