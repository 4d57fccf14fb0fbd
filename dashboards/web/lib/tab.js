/** The tab tells who waits when nobody looks at the page: title and icon. */
import * as clock from "./clock.js";
import { PAGES } from "./pages.js";
import { router } from "./router.js";
import { store } from "./store.js";

/**
 * @param {number} waiting sessions that wait for you
 * @param {string} page the page's own name
 * @param {boolean} lost whether the agent does not answer
 */
function title(waiting, page, lost) {
	const name = page ? `${page} · hookspan` : "hookspan";
	if (lost) return `(offline) ${name}`;
	return waiting ? `(${waiting}) waiting · ${name}` : name;
}

let shown = "";

/** @param {number} waiting @param {boolean} lost */
function icon(waiting, lost) {
	const key = `${Math.min(waiting, 10)} ${lost}`;
	if (key === shown) return;
	shown = key;
	const link = document.querySelector('link[rel="icon"]');
	if (!(link instanceof HTMLLinkElement)) return;
	const stroke = lost ? "#8a8f99" : "#9b82f0";
	const mark = `<rect width="32" height="32" rx="8" fill="#23262d"/><path d="M8 10h10M12 16h12M8 22h7" stroke="${stroke}" stroke-width="3" stroke-linecap="round"/>`;
	const text = waiting > 9 ? "9+" : String(waiting);
	const badge = waiting
		? `<circle cx="22" cy="22" r="10" fill="#f2a33a"/><text x="22" y="27" font-family="system-ui,sans-serif" font-size="${waiting > 9 ? 11 : 15}" font-weight="700" text-anchor="middle" fill="#1b1c1f">${text}</text>`
		: "";
	link.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${mark}${badge}</svg>`)}`;
}

function tell() {
	const { page, id } = router.route;
	const session = page === "session" ? store.sessions.get(id) : undefined;
	const name = session ? [session.project, session.title].filter(Boolean).join(": ") : PAGES[page].name;
	document.title = title(store.waiting, name, store.isOffline);
	icon(store.waiting, store.isOffline);
}

store.addEventListener("change", tell);
router.addEventListener("route", tell);
clock.onTick(() => store.lostAt !== null && tell());
tell();
