/** The server's clock, as the page knows it: ages must not depend on the browser's own date. */

let base = Date.now();
let at = performance.now();

/** Every answer carries the server's `now`. @param {number} serverNow Unix ms */
export function set(serverNow) {
	base = serverNow;
	at = performance.now();
}

/** The server's time, Unix ms. */
export const now = () => base + performance.now() - at;

/** @type {Map<number, {timer: ReturnType<typeof setInterval> | undefined, listeners: Set<() => void>}>} */
const beats = new Map();

/**
 * Call back every `every` ms while the page can be seen. One timer serves all, so everything ticks together.
 * @param {() => void} listener
 * @param {number} every
 * @returns {() => void} ends it
 */
export function onTick(listener, every = 1000) {
	let beat = beats.get(every);
	if (!beat) {
		beat = { timer: undefined, listeners: new Set() };
		beats.set(every, beat);
	}
	const mine = beat;
	mine.listeners.add(listener);
	mine.timer ??= setInterval(() => {
		if (document.hidden) return;
		for (const one of mine.listeners) one();
	}, every);
	return () => {
		mine.listeners.delete(listener);
		if (!mine.listeners.size) {
			clearInterval(mine.timer);
			mine.timer = undefined;
		}
	};
}
