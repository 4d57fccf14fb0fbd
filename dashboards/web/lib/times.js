/** How moments read. Pure. */
import { dayOf, two } from "./format.js";

/** `14:03`. @param {Date} moment */
const minutes = (moment) => `${two(moment.getHours())}:${two(moment.getMinutes())}`;

/** `14:03:09` of this machine's day. @param {number} at Unix ms */
export function time(at) {
	const moment = new Date(at);
	return `${minutes(moment)}:${two(moment.getSeconds())}`;
}

/** `14:03:09.123`. @param {number} at Unix ms */
export const timeExact = (at) => `${time(at)}.${String(Math.floor(at % 1000)).padStart(3, "0")}`;

/** `25 Nov, 14:03`. @param {number} at Unix ms */
export function date(at) {
	const moment = new Date(at);
	return `${dayOf(moment)}, ${minutes(moment)}`;
}

/** `14:03`; of another day than `now`, `27 Nov, 14:03`. @param {number} at Unix ms @param {number} now */
export function timeOfDay(at, now) {
	const moment = new Date(at);
	return moment.toDateString() === new Date(now).toDateString() ? minutes(moment) : date(at);
}
