/** uPlot, as a classic script: its small release is none for modules, and the one for modules is twice the size. */

/** @type {Promise<typeof import("uplot")>} */
const loaded = new Promise((resolve, reject) => {
	const script = document.createElement("script");
	script.src = new URL("../vendor/uplot/uPlot.iife.min.js", import.meta.url).href;
	script.onload = () => resolve(/** @type {any} */ (window).uPlot);
	script.onerror = () => reject(new Error("uPlot could not be loaded"));
	document.head.append(script);
});

export default await loaded;
