/** Words that this browser keeps, for all of its tabs. An event of the list's name on the window tells of a change. */

/** @param {string} name */
export function keptWords(name) {
	const key = `hookspan-${name}`;
	const tell = () => dispatchEvent(new Event(name));
	if (typeof window !== "undefined") {
		addEventListener("storage", ({ key: changed }) => (changed === key || changed === null) && tell()); // another tab did it
	}
	return {
		/** @returns {string[]} */
		get: () => localStorage.getItem(key)?.split(" ") ?? [], // no word has a space
		/** Put a word at the end, or take it out; of more than `most` the oldest go. @param {string} word */
		turn(word, most = Infinity) {
			const before = this.get();
			const others = before.filter((one) => one !== word);
			const now = others.length < before.length ? others : [...others, word].slice(-most);
			if (now.length) localStorage.setItem(key, now.join(" "));
			else localStorage.removeItem(key);
			tell();
		},
	};
}
