/** Text from the agent in which `commands and names` stand between backticks. */
import { html } from "lit";

/** @param {string} text */
export const ticked = (text) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** As a sentence begins, unless it begins with a name. @param {string} text */
export const sentence = (text) =>
  /^(`|hookspan|https?:|p\d)/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

/** The first command between backticks, to copy. @param {string} text */
export const commandIn = (text) => text.match(/`(hookspan [^`]*)`/)?.[1] ?? "";
