/** What the command palette offers, and how well it matches what was typed. Pure. */

/** @import { Choice } from "./shapes.js" */

/**
 * How well a text matches: 0 not at all. Every word must be found; at a word's beginning it counts more, and in the
 * label more than elsewhere.
 * @param {Choice} choice
 * @param {string[]} words lower case
 */
export function score(choice, words) {
	const label = choice.label.toLowerCase();
	const all = `${label} ${choice.detail} ${choice.words}`.toLowerCase();
	let sum = 1;
	for (const word of words) {
		const at = label.indexOf(word);
		if (at === 0) sum += 8;
		else if (at > 0) sum += /[^\p{L}\p{N}]/u.test(/** @type {string} */ (label[at - 1])) ? 6 : 3;
		else if (all.includes(word)) sum += 2;
		else if (within(label, word)) sum += 1;
		else return 0;
	}
	return sum;
}

/** Whether the letters come in this order. @param {string} text @param {string} letters */
function within(text, letters) {
	let at = -1;
	for (const letter of letters) {
		at = text.indexOf(letter, at + 1);
		if (at < 0) return false;
	}
	return true;
}

/**
 * The choices that match, best first within their groups; groups by their best.
 * @param {Choice[]} choices in the order for an empty query
 * @param {string} query
 * @param {number} most of each group
 */
export function find(choices, query, most) {
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	/** @type {Map<string, {choice: Choice, score: number}[]>} */
	const groups = new Map();
	for (const choice of choices) {
		const found = score(choice, words);
		if (!found) continue;
		const group = groups.get(choice.group) ?? [];
		group.push({ choice, score: found });
		groups.set(choice.group, group);
	}
	const sorted = [...groups].map(([name, found]) => ({
		name,
		found: found.sort((a, b) => b.score - a.score).slice(0, most),
	}));
	if (words.length) sorted.sort((a, b) => (b.found[0]?.score ?? 0) - (a.found[0]?.score ?? 0));
	return sorted.map(({ name, found }) => ({ name, choices: found.map((one) => one.choice) }));
}
