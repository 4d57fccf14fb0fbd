/** The shared worker of all tabs: has their one stream. It says `ready`; a tab sends a position to listen from, or null to stop. */
import { StreamHub } from "./stream-hub.js";

const hub = new StreamHub();

addEventListener("connect", (event) => {
	const [port] = /** @type {MessageEvent} */ (event).ports;
	if (!port) return;
	const ear = hub.join((name, detail) => port.postMessage({ name, detail }));
	port.postMessage("ready");
	port.onmessage = ({ data }) => (data === null ? ear.close() : ear.open(data));
});
