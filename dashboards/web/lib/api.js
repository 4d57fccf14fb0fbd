/** Asking the agent. Every answer sets the clock; every refusal is an ApiError that says what to do. */
import * as clock from "./clock.js";

export class ApiError extends Error {
	/** @param {number} status 0: no answer at all @param {string} detail @param {string} [hint] @param {number} [after] seconds */
	constructor(status, detail, hint = "", after = 0) {
		super(detail);
		this.status = status;
		this.hint = hint;
		this.after = after;
	}
}

/**
 * @template T
 * @param {string} path below /api/v1
 * @param {Record<string, string | number | boolean | undefined>} [query]
 * @param {{method?: string, signal?: AbortSignal}} [how]
 * @returns {Promise<T>}
 */
export async function ask(path, query = {}, { method = "GET", signal } = {}) {
	const search = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) {
		if (value !== undefined && value !== "") search.set(name, String(value));
	}
	const url = `/api/v1${path}${search.size ? `?${search}` : ""}`;
	let answer;
	try {
		answer = await fetch(url, { method, signal, headers: { accept: "application/json" } });
	} catch (error) {
		if (signal?.aborted) throw error;
		throw new ApiError(0, "The agent does not answer.", "`hookspan up` starts it; this page reconnects by itself.");
	}
	if (answer.status === 204) return /** @type {T} */ (undefined);
	const body = await answer.json().catch(() => null);
	if (!answer.ok) {
		const after = Number(answer.headers.get("retry-after")) || 0;
		const error = new ApiError(
			answer.status,
			body?.detail ?? `The agent answered ${answer.status}.`,
			body?.hint ?? "",
			after,
		);
		if (answer.status === 401) dispatchEvent(new CustomEvent("signed-out", { detail: error }));
		throw error;
	}
	if (typeof body?.now === "number") clock.set(body.now);
	return body;
}
