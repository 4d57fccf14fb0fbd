/** What a session's row shows beside its name and state. `columns` on the window tells of a change. */
import { keptWords } from "./kept.js";

const kept = keptWords("columns");

/** Those that were taken out; all others are shown, so what a new version brings is seen. */
export const hiddenColumns = kept.get;

/** Take a column out, or show it again. @param {string} name */
export const turnColumn = (name) => kept.turn(name);
