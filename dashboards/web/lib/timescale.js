/** The part of the time axis that is seen: where a moment lies on it, and what zooming and panning lead to. Pure. */

/** @import { Range } from "./shapes.js" */

const SHORTEST = 1; // ms: as far as one can zoom in

/** It does not change: zooming and panning give another one. */
export class TimeScale {
	/**
	 * @param {number} start of the axis, Unix ms
	 * @param {number} end
	 * @param {Range | null} zoom what is seen of it, ms since the start; null: everything
	 */
	constructor(start, end, zoom = null) {
		this.start = start;
		this.end = Math.max(end, start + SHORTEST);
		this.zoom = zoom;
		this.from = zoom ? start + zoom.from : this.start;
		this.to = zoom ? start + zoom.to : this.end;
	}

	/** What is seen, ms. */
	get width() {
		return this.to - this.from;
	}

	/** The whole axis, ms. */
	get length() {
		return this.end - this.start;
	}

	/** Where a moment lies in what is seen, %; below 0 and above 100 it is not. @param {number} at Unix ms */
	x(at) {
		return ((at - this.from) / this.width) * 100;
	}

	/** Where a moment lies on the whole axis, %. @param {number} at Unix ms */
	xOfWhole(at) {
		return ((at - this.start) / this.length) * 100;
	}

	/** Everything. */
	fit() {
		return new TimeScale(this.start, this.end);
	}

	/** This much, as far as it is on the axis. @param {number} from Unix ms @param {number} to */
	zoomTo(from, to) {
		from = Math.max(this.start, from);
		to = Math.min(this.end, to);
		if (from <= this.start && to >= this.end) return this.fit();
		const zoom = { from: from - this.start, to: Math.max(to, from + SHORTEST) - this.start };
		return new TimeScale(this.start, this.end, zoom);
	}

	/** @param {number} factor below 1 shows less @param {number} [around] 0..1 of the width, which stays where it is */
	zoomBy(factor, around = 0.5) {
		const at = this.from + this.width * around;
		const width = Math.max(SHORTEST, this.width * factor);
		return this.zoomTo(at - width * around, at + width * (1 - around));
	}

	/** A span of time with a little around it. @param {number} start Unix ms @param {number} length ms */
	zoomOn(start, length) {
		const width = Math.max(length, SHORTEST);
		return this.zoomTo(start - width * 0.1, start + width * 1.1);
	}

	/** @param {number} share of what is seen, to the right */
	pan(share) {
		const by = Math.max(this.start - this.from, Math.min(this.end - this.to, this.width * share));
		return this.zoomTo(this.from + by, this.to + by);
	}
}

/** A zoom as addresses have it: `1200-5300`; nothing for everything. @param {Range | null} zoom */
export const zoomText = (zoom) => (zoom ? `${Math.floor(zoom.from)}-${Math.ceil(zoom.to)}` : "");

/** @param {string} text @returns {Range | null} null for what is no zoom */
export function parseZoom(text) {
	const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
	return Number(to) > Number(from) ? { from: Number(from), to: Number(to) } : null;
}
