/** Keys that are pressed while what they are meant for is still on its way: they are held, and given to it then. */
import { EVERYWHERE, action } from "./keys.js";

/** Held beside characters; Tab and the browser's own shortcuts do what they always do. */
const NAMED = ["Enter", "Backspace", "ArrowDown", "ArrowUp"];

/**
 * Hold keys until what is awaited is there and has the focus, then give them to it in their order. Escape gives up.
 * @param {(signal: AbortSignal) => Promise<unknown>} come brings it, unless the signal says that nobody waits any more
 * @param {{everywhere: boolean}} [which] whether keys that work everywhere are held, too; they are dropped without
 */
export async function holdKeys(come, { everywhere } = { everywhere: true }) {
	/** @type {KeyboardEvent[]} */
	const held = [];
	/** @type {KeyboardEvent | undefined} */
	let given;
	const ends = new AbortController();
	/** @param {KeyboardEvent} event */
	const hold = (event) => {
		if (event === given) return;
		const isOurs = action(EVERYWHERE, event) !== null;
		const isTyped = !event.ctrlKey && !event.metaKey && !event.altKey;
		if (event.key === "Escape") ends.abort();
		else if (isOurs ? everywhere : isTyped && (event.key.length === 1 || NAMED.includes(event.key))) held.push(event);
		else if (!isOurs) return;
		event.preventDefault();
		event.stopImmediatePropagation();
	};
	addEventListener("keydown", hold, { capture: true, signal: ends.signal });
	try {
		await come(ends.signal);
		while (held.length && !ends.signal.aborted) {
			given = again(/** @type {KeyboardEvent} */ (held.shift()));
			press(given);
			await new Promise((done) => setTimeout(done)); // until what it changed is drawn
		}
	} finally {
		ends.abort();
	}
}

/** @param {KeyboardEvent} event */
const again = ({ key, shiftKey, ctrlKey, metaKey }) =>
	new KeyboardEvent("keydown", { key, shiftKey, ctrlKey, metaKey, bubbles: true, composed: true, cancelable: true });

/** Press a key where the focus is now. @param {KeyboardEvent} event */
function press(event) {
	let at = document.activeElement ?? document.body;
	while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
	if (!at.dispatchEvent(event) || !(at instanceof HTMLInputElement)) return;
	// Deprecated, and the one way to type for somebody.
	if (event.key.length === 1) document.execCommand("insertText", false, event.key);
	if (event.key === "Backspace") document.execCommand("delete");
}
