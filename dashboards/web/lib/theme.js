/** Dark and light: the system's choice until the user makes one. */

/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "hookspan-theme";
/** @type {Theme[]} */
const THEMES = ["system", "light", "dark"];

/** @returns {Theme} */
export function theme() {
	const found = localStorage.getItem(KEY);
	return THEMES.find((one) => one === found) ?? "system";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
	if (chosen === "system") {
		localStorage.removeItem(KEY);
		delete document.documentElement.dataset["theme"];
	} else {
		localStorage.setItem(KEY, chosen);
		document.documentElement.dataset["theme"] = chosen;
	}
	dispatchEvent(new CustomEvent("theme"));
}

/** The next one in turn. */
export function nextTheme() {
	setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "system");
}

setTheme(theme());
