/** Shortcuts of one character: those who dictate, or whose hands slip, can turn them off. */

const KEY = "hookspan-shortcuts";

/** Whether shortcuts of one character work outside of what has the focus. */
export const shortcuts = () => localStorage.getItem(KEY) !== "off";

/** @param {boolean} on */
export function setShortcuts(on) {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
  dispatchEvent(new CustomEvent("shortcuts"));
}
