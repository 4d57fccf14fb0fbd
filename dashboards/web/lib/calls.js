/**
 * Calls you when a session waits, gets nowhere, or writes what another one writes: a notification of the system's and a
 * quiet sound, also from a hidden tab. Off until you turn it on. The one tab that has the lock calls, and stays connected.
 * A notification never says what was asked, nor a file: the system keeps it.
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
	/** What is shown, by what was called for. @type {Map<string, Notification | null>} */
	#called = new Map();
	#isCaller = false;
	#hasLooked = false;

	constructor() {
		super();
		store.addEventListener("change", () => this.#look());
		this.#look(); // the store may have loaded before this module has
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
		/** @type {Map<string, [Session, string, string]>} */
		const wanted = new Map();
		for (const [id, session] of store.sessions) {
			const { alarm, collision, project, tool } = session;
			const who = project || "A session";
			/** @param {string} what @param {string} body @param {unknown[]} about */
			const call = (what, body, ...about) => wanted.set([id, ...about].join(" "), [session, `${who}${what}`, body]);
			if (session.state === "waiting") call(" waits for you", tool && `It asks about ${tool}.`, session.waiting_since);
			else if (isAlarmed(session)) call(" gets nowhere", headed(alarm?.kind ?? ""), alarm?.since);
			if (collision && /lines|tree/.test(collision.kind) && id <= collision.session) {
				const both = id === collision.session ? "Two of its agents" : "Two sessions";
				call("", `${both} write the same at the same time.`, collision.session, collision.file);
			}
		}
		for (const [about, shown] of this.#called) {
			if (!wanted.has(about)) {
				shown?.close();
				this.#called.delete(about);
			}
		}
		for (const [about, wants] of wanted) {
			if (this.#called.has(about)) continue;
			const calls = this.#hasLooked && this.#isCaller && this.isOn && (document.hidden || !document.hasFocus());
			this.#called.set(about, calls ? this.#call(...wants) : null);
		}
		this.#hasLooked = true; // who waited before the page was opened is on it
	}

	/** @param {Session} session @param {string} title @param {string} body */
	#call(session, title, body) {
		const shown = new Notification(title, {
			body,
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
