/** One number of a health check over the last rounds, with its threshold. */
import { css, html, nothing } from "lit";
import { measure } from "../lib/measure.js";
import { time } from "../lib/times.js";
import uPlot from "../lib/uplot.js";
import { BaseComponent } from "./base-component.js";
import { shared } from "./shared-styles.js";

/** @typedef {{at: number, value: number | null}} Point */

const HEIGHT = 96;

/** The page's colours, which a canvas can't take from the style by itself. @param {Element} element @param {string} name */
function colour(element, name) {
	const probe = /** @type {HTMLElement} */ (element);
	probe.style.color = `var(${name})`;
	const found = getComputedStyle(probe).color;
	probe.style.color = "";
	return found;
}

/** A label of the scale; what is counted in whole ones has no others. @param {number} value @param {string} unit */
function tick(value, unit) {
	if (value === 0) return "0";
	if (["s", "%", "bytes"].includes(unit)) return measure(value, unit);
	return Number.isInteger(value) ? measure(value, "") : "";
}

export class HistoryChart extends BaseComponent {
	static properties = {
		points: { attribute: false },
		threshold: { attribute: false },
		unit: {},
		label: {},
		hovered: { state: true },
	};
	static styles = [
		shared,
		css`
			.chart {
				position: relative;
				height: ${HEIGHT}px;
				overflow: hidden;
			}
			.uplot {
				position: absolute;
			}
			.u-wrap {
				position: relative;
				user-select: none;
			}
			.u-over,
			.u-under,
			.u-axis {
				position: absolute;
			}
			.u-under {
				overflow: hidden;
			}
			.uplot canvas {
				display: block;
				position: relative;
				width: 100%;
				height: 100%;
			}
			.u-cursor-x {
				position: absolute;
				left: 0;
				top: 0;
				height: 100%;
				border-right: 1px dashed var(--ink-3);
				pointer-events: none;
				will-change: transform;
			}
			.u-cursor-pt {
				position: absolute;
				top: 0;
				left: 0;
				border-radius: 50%;
				pointer-events: none;
				will-change: transform;
			}
			.u-hidden,
			.u-off,
			.u-cursor-y,
			.u-select {
				display: none;
			}
			.now {
				display: flex;
				justify-content: space-between;
				gap: 0.5rem;
				font-size: 0.75rem;
				color: var(--ink-3);
				min-height: 1.1rem;
			}
		`,
	];

	constructor() {
		super();
		/** Oldest first. @type {Point[]} */
		this.points = [];
		/** @type {number | null} */
		this.threshold = null;
		this.unit = "";
		this.label = "";
		/** @type {uPlot | null} */
		this.plot = null;
		/** The point under the cursor. @type {Point | null} */
		this.hovered = null;
	}

	connected() {
		const observer = new ResizeObserver(() => this.plot?.setSize({ width: this.clientWidth, height: HEIGHT }));
		observer.observe(this);
		this.later(() => {
			observer.disconnect();
			this.plot?.destroy();
			this.plot = null;
		});
		const again = () => {
			this.plot?.destroy();
			this.plot = null;
			this.requestUpdate();
		};
		this.listen(window, "theme", again);
		this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", again);
	}

	/** Seconds, values, threshold. @returns {uPlot.AlignedData} */
	#data() {
		const threshold = this.#shown() ? this.threshold : null;
		return [
			this.points.map((point) => point.at / 1000),
			this.points.map((point) => point.value),
			this.points.map(() => threshold),
		];
	}

	/** Whether the threshold is near enough to be drawn without flattening the line. */
	#shown() {
		const most = Math.max(0, ...this.points.map((point) => point.value ?? 0));
		return this.threshold !== null && this.threshold > 0 && most > this.threshold / 20;
	}

	updated() {
		const place = this.renderRoot.querySelector(".chart");
		if (!place || !this.clientWidth) return;
		if (this.plot) {
			this.plot.setData(this.#data());
			return;
		}
		const line = colour(place, "--tool");
		const axis = colour(place, "--ink-3");
		const grid = colour(place, "--line");
		const limit = colour(place, "--error");
		const font = "11px system-ui, sans-serif";
		this.plot = new uPlot(
			{
				width: this.clientWidth,
				height: HEIGHT,
				padding: [8, 4, 0, 0],
				legend: { show: false },
				cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
				scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.15 : 1] } },
				axes: [
					{
						stroke: axis,
						font,
						size: 24,
						gap: 6,
						space: 70,
						grid: { show: false },
						ticks: { show: false },
						values: (_plot, values, _axis, _space, step) =>
							values.map((value) => time(value * 1000).slice(0, step < 60 ? 8 : 5)),
					},
					{
						stroke: axis,
						font,
						size: 56,
						gap: 4,
						space: 34,
						grid: { stroke: grid, width: 1 },
						ticks: { show: false },
						values: (_plot, values) => values.map((value) => tick(value, this.unit)),
					},
				],
				series: [
					{},
					{
						stroke: line,
						width: 1.5,
						fill: colour(place, "--sunken"),
						points: { show: this.points.length < 3, size: 5 },
					},
					{ stroke: limit, width: 1, dash: [4, 4], points: { show: false } },
				],
				hooks: {
					setCursor: [
						(plot) => {
							const at = plot.cursor.idx;
							const point = at == null ? null : (this.points[at] ?? null);
							if (point === this.hovered) return;
							this.hovered = point;
						},
					],
				},
			},
			this.#data(),
			/** @type {HTMLElement} */ (place),
		);
	}

	render() {
		const values = this.points.map((point) => point.value).filter((value) => value !== null);
		if (!values.length) return nothing;
		const point = this.hovered ?? this.points.at(-1);
		const text = `${this.label}: ${measure(values.at(-1) ?? null, this.unit)} now, at most ${measure(Math.max(...values), this.unit)} in ${this.points.length} checks`;
		return html`
			<div class="chart" role="img" aria-label=${text}></div>
			<div class="now" aria-hidden="true">
				<span>${point ? `${time(point.at)}  ${measure(point.value, this.unit)}` : ""}</span
				><span>${this.threshold ? `threshold ${measure(this.threshold, this.unit)}` : ""}</span>
			</div>
		`;
	}
}
customElements.define("history-chart", HistoryChart);
