/** How numbers read: durations, ages, tokens, money. Pure; every number has one form on the whole page, and in the terminal (`units.py`). */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Within a figure no line ends. @param {string} text */
const whole = (text) => text.replaceAll(" ", "\u00a0");

/** @param {number} value @param {number} digits */
const fixed = (value, digits) => value.toFixed(digits);

/** @param {number} value */
export const two = (value) => String(value).padStart(2, "0");

/**
 * A measured length: `0.21 ms`, `812 ms`, `4.2 s`, `42.0 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`.
 * @param {number | null | undefined} ms
 * @returns {string}
 */
export function duration(ms) {
	if (ms == null || !Number.isFinite(ms)) return "–";
	if (ms < 0) return `−${duration(-ms)}`;
	if (ms === 0) return whole("0 ms");
	if (ms < 9.995) return whole(ms < 0.005 ? "<0.01 ms" : `${fixed(ms, 2)} ms`);
	if (ms < 999.5) return whole(`${fixed(ms, 0)} ms`);
	return ms < MINUTE - 50 ? whole(`${fixed(ms / SECOND, 1)} s`) : elapsed(ms + SECOND / 2);
}

/**
 * A length in whole seconds, which may tick: `0 s`, `42 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`.
 * @param {number | null | undefined} ms
 */
export function elapsed(ms) {
	if (ms == null || !Number.isFinite(ms)) return "–";
	const seconds = Math.max(0, Math.floor(ms / SECOND));
	if (seconds < 60) return whole(`${seconds} s`);
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) return whole(`${minutes} min ${two(seconds % 60)} s`);
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return whole(`${hours} h ${two(minutes % 60)} min`);
	return whole(`${Math.floor(hours / 24)} d ${hours % 24} h`);
}

/** How long ago, roughly: `42 s`, `5 min`, `3 h`, `2 d`. @param {number} ms */
export function age(ms) {
	const [unit, length] =
		ms >= DAY ? ["d", DAY] : ms >= HOUR ? ["h", HOUR] : ms >= MINUTE ? ["min", MINUTE] : ["s", SECOND];
	return whole(`${Math.max(0, Math.floor(ms / length))} ${unit}`);
}

/** The same in words: `now`, `42 s ago`. @param {number} ms */
export const ago = (ms) => (ms < 5 * SECOND ? "now" : `${age(ms)} ago`);

// Not by Intl: the browser needs 20 ms to make its first formatters.
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"];

/** @param {string} digits @returns {string} */
const grouped = (digits) => (digits.length > 3 ? `${grouped(digits.slice(0, -3))},${digits.slice(-3)}` : digits);

/** `1,234`. @param {number} value */
export const count = (value) => `${value < 0 ? "-" : ""}${grouped(String(Math.round(Math.abs(value))))}`;

/** `1 turn`, `3 turns`. @param {number} value @param {string} one @param {string} [many] */
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** `0`, `950`, `9.9k`, `84k`, `1.2M`. @param {number} value */
export function tokens(value) {
	if (value < 1000) return String(Math.round(value));
	if (value < 9950) return `${fixed(value / 1000, 1)}k`;
	if (value < 999_500) return `${Math.round(value / 1000)}k`;
	return `${fixed(value / 1e6, value < 9.95e6 ? 1 : 0)}M`;
}

/**
 * US dollars: `$0.004`, `$0.110`, `$1.23`, `$1,234.50`. `of` is the largest of a column: all of it has as many decimals,
 * three below a dollar and two above.
 * @param {number} value
 * @param {number} [of]
 * @returns {string}
 */
export function money(value, of = value) {
	of = Math.max(of, value);
	const digits = of < 0.9995 ? 3 : 2;
	if (value < 0) return `−${money(-value, of)}`;
	if (of === 0) return "$0";
	const least = 10 ** -digits;
	if (value > 0 && value < least / 2) return `<$${fixed(least, digits)}`;
	const [dollars = "", cents] = fixed(value, digits).split(".");
	return `$${grouped(dollars)}.${cents}`;
}

/** `42 %`; what is there but small is not 0: `<1 %`. @param {number} share of 1 */
export function percent(share) {
	if (share > 0 && share < 0.005) return whole("<1 %");
	if (share < 1 && share >= 0.995) return whole("99 %");
	return whole(`${Math.round(share * 100)} %`);
}

/** `Fri`. @param {number} at Unix ms */
export const weekday = (at) => WEEKDAYS[new Date(at).getDay()] ?? "";

/** `25 Nov`. @param {Date} moment */
export const dayOf = (moment) => `${moment.getDate()} ${MONTHS[moment.getMonth()]}`;

/** `25 Nov` of `2026-11-25`. @param {string} iso */
export function day(iso) {
	const at = new Date(`${iso}T12:00:00`);
	return Number.isNaN(at.getTime()) ? iso : dayOf(at);
}

/** The first characters of an id: 8, or as many as one of version 7, which begins with its time, needs. @param {string} id */
export const short = (id) => id.slice(0, /^[0-9a-f]{8}-?[0-9a-f]{4}-?7/.test(id) ? 13 : 8);

/** `claude-opus-4-6` without what every model's name begins with. @param {string} name */
export const model = (name) => name.replace(/^claude-/, "").replace(/-\d{8}$/, "");
