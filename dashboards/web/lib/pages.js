/** The pages, and the modules of all that the first paint does not need: loaded when it is opened, or before, when the browser is idle. */
import { html } from "lit";

/** @typedef {import("./router.js").PageName} PageName */

/**
 * What a page is called, what it is made of, how it stands there with the id in its address, and what it asks for
 * meanwhile.
 * @typedef {{name: string, load: () => Promise<unknown>, draw?: (id: string) => unknown, begin?: (id: string) => Promise<unknown>}} Page
 */

/** @type {Readonly<Record<PageName, Page>>} */
export const PAGES = {
	now: {
		name: "",
		load: () => Promise.all([import("../components/now-header.js"), import("../components/sessions-list.js")]),
	},
	session: {
		name: "Session",
		load: () => import("../components/session-view.js"),
		draw: (id) => html`<session-view .session=${id}></session-view>`,
		begin: (id) => import("./feed.js").then(({ begin }) => begin(id)),
	},
	search: {
		name: "Search",
		load: () => import("../components/search-page.js"),
		draw: () => html`<search-page></search-page>`,
	},
	cost: {
		name: "Cost",
		load: () => import("../components/cost-page.js"),
		draw: () => html`<cost-page></cost-page>`,
	},
	friction: {
		name: "Friction",
		load: () => import("../components/friction-report.js"),
		draw: () => html`<friction-report></friction-report>`,
	},
	receipts: {
		name: "Receipts",
		load: () => import("../components/receipts-page.js"),
		draw: () => html`<receipts-page></receipts-page>`,
	},
	health: {
		name: "Health",
		load: () => import("../components/health-panel.js"),
		draw: () => html`<health-panel></health-panel>`,
	},
	log: {
		name: "Raw log",
		load: () => import("../components/raw-log.js"),
		draw: () => html`<raw-log></raw-log>`,
	},
	unknown: { name: "Not found", load: async () => {} },
};

export const palette = () => import("../components/command-palette.js");

/** Of the frame and the first page, in the order in which it may be needed. */
const REST = [
	() => import("./tab.js"),
	() => import("../components/page-banner.js"), // both say that the agent is away
	() => import("../components/metrics-panel.js"),
	palette,
	() => import("../components/call-offer.js"),
	() => import("../components/page-footer.js"),
	() => import("../components/agent-away.js"),
	() => import("../components/days-filter.js"),
	() => import("../components/columns-choice.js"),
	() => import("./return.js"),
];
/** What pages show only now and then. */
const PARTS = [
	() => import("../components/session-conversation.js"),
	() => import("../components/session-told.js"),
	() => import("../components/span-told.js"),
	() => import("../components/share-panel.js"),
	() => import("../components/collision-mark.js"),
	() => import("../components/quota-panel.js"),
];
const AGAIN = 500; // ms
const RETRY = 5000; // ms
const SETTLED = 3000; // ms after which whoever looks at a page may go to another one

/** Once more: a network that changes ends what is under way, also on this machine. @param {() => Promise<unknown>} load */
export const loaded = (load) => load().catch(() => pause(AGAIN).then(load));

/** Load all of it, one after the other, so that it opens at once later, and also when the agent is away by then. */
export async function loadAhead() {
	for (const load of REST) await ahead(load);
	await pause(SETTLED);
	for (const { load } of Object.values(PAGES)) await ahead(load);
	for (const load of PARTS) await ahead(load);
}

/** @param {() => Promise<unknown>} load */
async function ahead(load) {
	for (;;) {
		await new Promise((done) => (window.requestIdleCallback ?? setTimeout)(done));
		try {
			await load();
			return;
		} catch {
			await pause(RETRY); // no agent just now
		}
	}
}

/** @param {number} length ms */
const pause = (length) => new Promise((done) => setTimeout(done, length));
