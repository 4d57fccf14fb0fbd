/** How sizes read, and values of any unit. Pure. */
import { count, duration } from "./format.js";

/** `0 B`, `1.5 KiB`, `64 MiB`. @param {number} value */
export function bytes(value) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let at = 0;
	while (value >= 1023.5 && at < units.length - 1) {
		value /= 1024;
		at += 1;
	}
	return `${at && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** A value of any kind with its unit, as health checks have them. @param {number | null} value @param {string} unit */
export function measure(value, unit) {
	if (value == null) return "–";
	if (unit === "s") return duration(value * 1000);
	if (unit === "%") return `${value.toFixed(value < 10 ? 1 : 0)} %`;
	if (unit === "bytes") return bytes(value);
	return unit ? `${count(value)} ${value === 1 ? unit.replace(/s$/, "") : unit}` : count(value);
}
