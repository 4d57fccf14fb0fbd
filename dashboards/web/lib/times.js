/** How moments read. Pure. */

const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayTime = new Intl.DateTimeFormat("en-GB", {
	day: "numeric",
	month: "short",
	hour: "2-digit",
	minute: "2-digit",
});

/** `14:03:09` of this machine's day. @param {number} at Unix ms */
export const time = (at) => clockTime.format(at);

const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** `14:03`; of another day than `now`, `27 Nov, 14:03`. @param {number} at Unix ms @param {number} now */
export const timeOfDay = (at, now) =>
	new Date(at).toDateString() === new Date(now).toDateString() ? minutes.format(at) : dayTime.format(at);

/** `14:03:09.123`. @param {number} at Unix ms */
export const timeExact = (at) => `${clockTime.format(at)}.${String(Math.floor(at % 1000)).padStart(3, "0")}`;

/** `25 Nov, 14:03`. @param {number} at Unix ms */
export const date = (at) => dayTime.format(at);
