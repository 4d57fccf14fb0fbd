/** Back to where somebody was on a page, as soon as it is as long again. */
import { router } from "./router.js";

const GROWS = 3000; // ms in which a page that one comes back to may grow to its former length

/** @param {import("./router.js").Place} place @param {() => Element | null} main what has the page's content */
export function returnTo(place, main) {
	const began = performance.now();
	const moves = new AbortController();
	const end = () => {
		moves.abort();
		if (router.place === place) router.place = null;
	};
	for (const what of ["wheel", "touchstart", "pointerdown", "keydown"]) {
		addEventListener(what, end, { passive: true, signal: moves.signal });
	}
	const look = () => {
		if (router.place !== place) return end(); // the user went on, or scrolls already
		const within = main();
		const link = place.link && within ? linkTo(within, place.link) : null;
		const isLong = document.documentElement.scrollHeight - innerHeight >= place.top;
		if (isLong && (link || !place.link)) {
			link?.focus({ preventScroll: true });
			scrollTo(0, place.top);
			end();
		} else if (performance.now() - began < GROWS) {
			requestAnimationFrame(look);
		} else {
			scrollTo(0, place.top); // as far as it goes
			end();
		}
	};
	requestAnimationFrame(look);
}

/** The first link to an address, wherever it is. @param {ParentNode} root @param {string} to @returns {HTMLElement | null} */
function linkTo(root, to) {
	for (const element of root.querySelectorAll("*")) {
		if (element instanceof HTMLAnchorElement && element.getAttribute("href") === to) return element;
		const inner = element.shadowRoot && linkTo(element.shadowRoot, to);
		if (inner) return inner;
	}
	return null;
}
