/** Sessions that somebody keeps at hand: this browser's, in all of its tabs. `pins` on the window tells of a change. */

const KEY = "hookspan-pins";
const PINS_MAX = 50; // the oldest gives way

/** Ids, the newest pin last. @returns {string[]} */
export function pins() {
	return localStorage.getItem(KEY)?.split(" ") ?? []; // no id has a space
}

/** @param {string} id */
export const isPinned = (id) => pins().includes(id);

/** Pin a session, or take its pin away. @param {string} id */
export function turnPin(id) {
	const others = pins().filter((one) => one !== id);
	const now = isPinned(id) ? others : [...others, id].slice(-PINS_MAX);
	if (now.length) localStorage.setItem(KEY, now.join(" "));
	else localStorage.removeItem(KEY);
	dispatchEvent(new Event("pins"));
}

if (typeof window !== "undefined") {
	addEventListener("storage", ({ key }) => {
		if (key === KEY || key === null) dispatchEvent(new Event("pins")); // another tab did it
	});
}
