/** What the palette offers: sessions, pages, commands to copy, and what the page can do. */
import { ask } from "./api.js";
import { calls } from "./calls.js";
import { copy } from "./clipboard.js";
import * as clock from "./clock.js";
import { elapsed, short } from "./format.js";
import { setShortcuts, shortcuts } from "./keys.js";
import { href, router } from "./router.js";
import { doing } from "./session-words.js";
import { store } from "./store.js";
import { setTheme } from "./theme.js";

/** @typedef {import("./shapes.js").Choice & {run: () => unknown}} Action */

/** @type {[string, string, string][]} */
const PAGES = [
	["Now", "/", "sessions waiting overview home"],
	["Search", "/search", "find messages prompts answers commands spans"],
	["Cost", "/cost", "price money tokens by day project agent branch model session prompt skill server subagent"],
	["Friction", "/friction", "permissions rules dialogs failing tools"],
	["Receipts", "/receipts", "commits branches pull requests cost"],
	["Health", "/health", "checks settings export journal versions"],
	["Raw log", "/log", "events facts journal tail"],
];
/** @type {[string, string][]} */
const COMMANDS = [
	["hookspan status --watch", "live status"],
	["hookspan tail", "follow events in a terminal"],
	["hookspan doctor", "what is wrong, and what to do"],
	["hookspan doctor --end-to-end", "prove that the hooks work"],
	["hookspan open", "a new login for a browser"],
	["hookspan config show --origin", "settings in force"],
	["hookspan restart", "stop and start the agent"],
	["hookspan up", "start the agent"],
	["hookspan down", "stop the agent"],
	["hookspan install", "add the hooks to a coding agent"],
];
/**
 * All that there is, in the order for an empty query.
 * @param {{found: Set<string>, query: string, help: () => unknown, say: (text: string) => void}} palette `found`: sessions
 * in which the agent found the query: it knows more of them, and more about them
 * @returns {Action[]}
 */
export function actions({ found, query, help, say }) {
	const copied = async (/** @type {string} */ text) => say((await copy(text)) ? "Copied" : "Copying failed");
	const go = (/** @type {string} */ to) => () => router.go(to);
	const helps = store.live.state === "lost" ? "hookspan up" : "";
	const commands = [...COMMANDS].sort(([a], [b]) => Number(b === helps) - Number(a === helps));
	return [
		...store.sorted().map((session) => {
			const { verb, about, isSentence } = doing(session);
			const ended = session.state === "ended";
			const since = elapsed(clock.now() - (session.waiting_since ?? session.since));
			const agent = store.agentOf(session) && `, ${session.agent}`;
			return {
				id: session.id,
				group: "Sessions",
				label: [session.project || "(none)", session.title].filter(Boolean).join(": "),
				prefix: session.title ? session.project || "(none)" : "",
				detail: ended
					? `${verb}, ${short(session.id)}${agent}`
					: `${verb}${about ? `${isSentence ? ":" : ""} ${about}` : ""}, ${since}${agent}`,
				words: `${session.id} ${session.branch} ${session.repository} ${session.state} ${session.agent} session ${found.has(session.id) ? query : ""}`,
				state: session.state,
				run: go(href("session", { id: session.id })),
			};
		}),
		...PAGES.map(([label, to, words]) => ({
			id: to,
			group: "Pages",
			label,
			detail: "",
			words: `${words} page go`,
			run: go(to),
		})),
		...commands.map(([label, detail]) => ({
			id: label,
			group: "Copy a command",
			label,
			detail,
			words: "command terminal copy",
			isCommand: true,
			run: () => copied(label),
		})),
		...["light", "dark", "system"].map((name) => ({
			id: name,
			group: "This page",
			label: `Theme: ${name}`,
			detail: "",
			words: "colour appearance mode",
			run: () => setTheme(/** @type {import("../lib/theme.js").Theme} */ (name)),
		})),
		{
			id: "link",
			group: "This page",
			label: "Copy this address",
			detail: "it leads to what you see now",
			words: "url link share",
			run: () => copied(location.href),
		},
		{
			id: "keys",
			group: "This page",
			label: "Keys",
			detail: "?",
			words: "keyboard shortcuts help",
			run: () => help(),
		},
		{
			id: "shortcuts",
			group: "This page",
			label: `Single-key shortcuts: ${shortcuts() ? "off" : "on"}`,
			detail: shortcuts() ? "for speech input" : "",
			words: "keyboard character disable enable",
			run: () => setShortcuts(!shortcuts()),
		},
		...(calls.isPossible
			? [
					{
						id: "calls",
						group: "This page",
						label: `Call me when a session waits: ${calls.isOn ? "off" : "on"}`,
						detail: calls.isOn ? "" : "a notification and a quiet sound",
						words: "notification notify sound alert",
						run: async () => {
							const on = !calls.isOn;
							if ((await calls.turn(on)) !== on) say("The browser does not allow notifications");
						},
					},
				]
			: []),
		store.summary?.demo
			? {
					id: "demo",
					group: "This page",
					label: "Remove demo data",
					detail: "",
					words: "recorded sessions",
					run: () => demo("DELETE"),
				}
			: {
					id: "demo",
					group: "This page",
					label: "Load demo data",
					detail: "three made-up sessions",
					words: "example",
					run: () => demo("POST"),
				},
		{
			id: "logout",
			group: "This page",
			label: "Sign this browser out",
			detail: "",
			words: "logout leave",
			run: () => signOut(),
		},
	];
}

/** @param {"POST" | "DELETE"} method */
async function demo(method) {
	await store.demo(method);
	if (method === "POST") router.go("/");
}

async function signOut() {
	await ask("/logout", {}, { method: "POST" });
	location.reload();
}
