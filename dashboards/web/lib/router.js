/**
 * Addresses. `parse` and `href` are pure; the rest ties them to the browser's history.
 * What the page shows is in its address: what was opened, filtered, searched or zoomed to, but not what was folded.
 */

import { isDay } from "./days.js";
import { SORTS, STATE_FILTERS } from "./session-words.js";

/** @typedef {"now" | "session" | "search" | "cost" | "friction" | "receipts" | "health" | "log" | "unknown"} PageName */
/** @typedef {{page: PageName, id: string, query: Record<string, string>}} Route */

/** The parameters that a page knows, with their defaults: a default is never in the address. */
export const PARAMETERS = /** @type {const} */ ({
	now: { q: "", state: "all", project: "", agent: "", branch: "", since: "", until: "", sort: "newest" },
	session: { turn: "", span: "", q: "", view: "turn", chain: "all", zoom: "", only: "all", subagent: "", message: "" },
	search: {
		q: "",
		what: "messages",
		type: "all",
		project: "",
		agent: "",
		branch: "",
		tool: "",
		model: "",
		session: "",
		waste: "",
		outcome: "all",
		collided: "all",
		time: "all",
		from: "",
		longer: "0",
		cost: "0",
		span: "all",
		until: "",
		ended: "",
		trace: "",
		account: "",
		own: "",
		waited: "",
		decision: "",
		call: "",
	},
	cost: { by: "day", days: "7", project: "", agent: "", from: "", until: "" },
	friction: { days: "7", project: "", agent: "", by: "project", order: "cost" },
	receipts: { days: "30", project: "", agent: "", session: "" },
	health: { q: "", settings: "changed" },
	log: { q: "", kind: "all", session: "", record: "" },
	unknown: {},
});

/** What a parameter may be; anything else counts as its default. @type {Record<string, readonly string[] | ((value: string) => boolean)>} */
const ALLOWED = {
	state: STATE_FILTERS.map(([value]) => value),
	sort: SORTS.map(([value]) => value),
	since: isDay,
	until: isDay,
	days: ["1", "7", "30", "90"],
	order: ["cost", "time"],
	own: ["true"],
	waited: ["true"],
	decision: ["approved", "refused", "aborted", "auto_denied", "unknown"],
	kind: ["all", "event", "fact"],
	only: ["all", "said", "calls", "failed"],
	view: ["turn", "all", "conversation"],
	chain: ["all", "only"],
	what: ["messages", "spans"],
	settings: ["changed", "all"],
};

/** @type {Record<string, PageName>} */
const PAGES = {
	"/": "now",
	"/search": "search",
	"/cost": "cost",
	"/friction": "friction",
	"/receipts": "receipts",
	"/health": "health",
	"/log": "log",
};

/**
 * @param {string} pathname
 * @param {string} [search]
 * @returns {Route}
 */
export function parse(pathname, search = "") {
	const session = /^\/sessions\/([^/]+)$/.exec(pathname);
	const page = session ? "session" : (PAGES[pathname] ?? "unknown");
	/** @type {string} */
	let id;
	try {
		id = decodeURIComponent(session?.[1] ?? "");
	} catch {
		return { page: "unknown", id: "", query: {} };
	}
	const given = new URLSearchParams(search);
	/** @type {Record<string, string>} */
	const query = { ...PARAMETERS[page] };
	for (const name of Object.keys(query)) {
		const value = given.get(name);
		const allowed = name === "until" && page !== "now" ? undefined : ALLOWED[name]; // a day there, else milliseconds
		const isAllowed =
			typeof allowed === "function" ? allowed : (/** @type {string} */ one) => allowed?.includes(one) ?? true;
		if (value !== null && isAllowed(value)) query[name] = value;
	}
	return { page, id, query };
}

/**
 * The address of a route; parameters with their default value, and those that the page doesn't know, are left out.
 * @param {PageName} page
 * @param {{id?: string, query?: Record<string, string>}} [to]
 */
export function href(page, { id = "", query = {} } = {}) {
	const found = Object.entries(PAGES).find(([, name]) => name === page);
	const path = page === "session" ? `/sessions/${encodeURIComponent(id)}` : (found?.[0] ?? "/");
	/** @type {Record<string, string>} */
	const defaults = PARAMETERS[page];
	const search = new URLSearchParams();
	for (const name of Object.keys(defaults)) {
		const value = query[name];
		if (value !== undefined && value !== defaults[name]) search.set(name, value);
	}
	const text = search.toString();
	return text ? `${path}?${text}` : path;
}

/** Where somebody was on a page: how far down, and at which link. @typedef {{top: number, link: string}} Place */

const SCROLLED = 500; // ms; browsers let the history be changed only so often (Safari: 100 times in 30 s)

class Router extends EventTarget {
	/** Where to go back to, until the page is there. @type {Place | null} */
	place = null;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#keeping;

	constructor() {
		super();
		/** @type {Route} */
		this.route = parse(location.pathname, location.search);
		history.scrollRestoration = "manual"; // the browser scrolls before the page is there
		this.place = history.state?.place ?? null; // it was reloaded, or somebody came back from elsewhere
		addEventListener("popstate", (event) => {
			this.#keeping = void clearTimeout(this.#keeping);
			this.#changed(event.state?.place ?? null);
		});
		addEventListener("click", (event) => this.#click(event));
		addEventListener("scroll", () => (this.#keeping ??= setTimeout(() => this.#keep(), SCROLLED)), { passive: true });
	}

	/** Remember where somebody is, in the history's present entry. */
	#keep() {
		clearTimeout(this.#keeping);
		this.#keeping = undefined;
		if (this.place) return; // not there yet
		let at = document.activeElement;
		while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
		const link = at instanceof HTMLAnchorElement ? (at.getAttribute("href") ?? "") : "";
		history.replaceState({ place: { top: scrollY, link } }, "");
	}

	/** Go to an address of this page. @param {string} to @param {{replace?: boolean}} [how] */
	go(to, { replace = false } = {}) {
		if (to === location.pathname + location.search) return;
		if (!replace) this.#keep();
		history[replace ? "replaceState" : "pushState"](replace ? history.state : null, "", to);
		this.#changed();
	}

	/**
	 * Change parameters of this page. Replaces the history's entry unless `push`.
	 * @param {Record<string, string>} change
	 * @param {{push?: boolean}} [how]
	 */
	set(change, { push = false } = {}) {
		const { page, id, query } = this.route;
		this.go(href(page, { id, query: { ...query, ...change } }), { replace: !push });
	}

	/** @param {Place | null} [place] where somebody was who comes back */
	#changed(place = null) {
		const before = this.route;
		this.route = parse(location.pathname, location.search);
		const samePage = before.page === this.route.page && before.id === this.route.id;
		this.place = samePage ? null : place;
		if (!samePage) scrollTo(0, 0);
		this.dispatchEvent(new CustomEvent("route", { detail: { samePage } }));
	}

	/** Links of this page are followed without loading it anew; all others are the browser's. @param {MouseEvent} event */
	#click(event) {
		if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
			return;
		}
		const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
		if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
		const to = new URL(link.href, location.href);
		if (to.origin !== location.origin || to.hash || parse(to.pathname).page === "unknown") return;
		event.preventDefault();
		this.go(to.pathname + to.search);
	}
}

export const router =
	typeof window === "undefined" ? /** @type {Router} */ (/** @type {unknown} */ (null)) : new Router();
