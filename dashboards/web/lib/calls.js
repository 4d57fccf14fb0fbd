/**
 * Calls you when a session waits, or gets nowhere as the watchdog sees it: a notification of the system's and a quiet
 * sound, also from a hidden tab. Off until you turn it on. Of several tabs one calls, the one that has the lock; only that stays connected while it is hidden.
 * A notification says the project, the tool and what the watchdog noticed, never what was asked: the system keeps it.
 *
 * Event: `change`.
 */
import { router } from "./router.js";
import { store } from "./store.js";
import { headed } from "./names.js";

/** @import { Session } from "./types.js" */

const KEY = "hookspan-calls";
const LOCK = "hookspan-calls";
const NOTES = [587, 784]; // Hz
const LENGTH = 0.16; // s, of each
const LOUD = 0.06; // of 1

/** @param {Session} session */
const isAlarmed = ({ alarm }) => alarm !== null && alarm.ended === null;

class Calls extends EventTarget {
	/** Called for, by session: why and since when (null: unknown), and what is shown. @type {Map<string, {since: number | null, shown: Notification | null}>} */
	#called = new Map();
	#isCaller = false;
	#hasLooked = false;

	constructor() {
		super();
		store.addEventListener("change", () => this.#look());
		addEventListener("storage", (event) => event.key === KEY && this.#changed());
		if (this.isPossible) navigator.locks.request(LOCK, () => this.#becomeCaller());
	}

	/** Browsers have it for addresses of this machine, and by HTTPS. */
	get isPossible() {
		return "Notification" in window && "locks" in navigator && Notification.permission !== "denied";
	}

	get isOn() {
		return this.isPossible && localStorage.getItem(KEY) === "on" && Notification.permission === "granted";
	}

	/** Whether to ask once. */
	get isOffered() {
		return this.isPossible && localStorage.getItem(KEY) === null;
	}

	/** @param {boolean} on @returns {Promise<boolean>} whether it is on now; the browser may refuse */
	async turn(on) {
		if (on && (await Notification.requestPermission()) !== "granted") on = false;
		localStorage.setItem(KEY, on ? "on" : "off");
		this.#changed();
		if (on) chime();
		return on;
	}

	/** Until the tab is closed. */
	#becomeCaller() {
		this.#isCaller = true;
		this.#changed();
		return new Promise(() => {});
	}

	#changed() {
		store.live.stays = this.#isCaller && this.isOn;
		this.dispatchEvent(new Event("change"));
	}

	#look() {
		if (!store.loaded) return;
		const waiting = new Map(
			[...store.sessions].filter(([, session]) => session.state === "waiting" || isAlarmed(session)),
		);
		for (const [id, { shown }] of this.#called) {
			if (!waiting.has(id)) {
				shown?.close();
				this.#called.delete(id);
			}
		}
		for (const [id, session] of waiting) {
			const before = this.#called.get(id);
			const since = session.state === "waiting" ? session.waiting_since : (session.alarm?.since ?? null);
			if (before && before.since === since) continue;
			before?.shown?.close();
			const calls = this.#hasLooked && this.#isCaller && this.isOn && (document.hidden || !document.hasFocus());
			this.#called.set(id, { since, shown: calls ? this.#call(session) : null });
		}
		this.#hasLooked = true; // who waited before the page was opened is on it
	}

	/** @param {Session} session */
	#call(session) {
		const waits = session.state === "waiting";
		const what = waits ? "waits for you" : "gets nowhere";
		const shown = new Notification(`${session.project || "A session"} ${what}`, {
			body: !waits ? headed(session.alarm?.kind ?? "") : session.tool ? `It asks about ${session.tool}.` : "",
			tag: `hookspan-${session.id}`,
			icon: "/favicon.svg",
			silent: true, // the sound is ours
		});
		shown.onclick = () => {
			window.focus();
			router.go(`/sessions/${session.id}`);
			shown.close();
		};
		chime();
		return shown;
	}
}

/** Two soft notes, if the browser lets the page: it may want a click first. */
function chime() {
	const sound = new AudioContext();
	const loud = sound.createGain();
	loud.connect(sound.destination);
	NOTES.forEach((frequency, at) => {
		const note = sound.createOscillator();
		const from = sound.currentTime + at * LENGTH;
		note.frequency.value = frequency;
		note.connect(loud);
		loud.gain.setValueAtTime(LOUD, from);
		loud.gain.exponentialRampToValueAtTime(LOUD / 100, from + LENGTH);
		note.start(from);
		note.stop(from + LENGTH);
		if (at === NOTES.length - 1) note.onended = () => sound.close();
	});
}

export const calls = new Calls();
