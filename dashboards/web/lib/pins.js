/** Sessions that somebody keeps at hand. `pins` on the window tells of a change. */
import { keptWords } from "./kept.js";

const PINS_MAX = 50; // the oldest gives way
const kept = keptWords("pins");

/** Ids, the newest pin last. */
export const pins = kept.get;

/** @param {string} id */
export const isPinned = (id) => pins().includes(id);

/** Pin a session, or take its pin away. @param {string} id */
export const turnPin = (id) => kept.turn(id, PINS_MAX);
