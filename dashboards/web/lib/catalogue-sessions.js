/**
 * What the page calls sessions and how it shows them: a table a noun, by the name that the API has for it, in the order
 * in which the page lists them. The page asks `session-words.js`, which has something plain for what is not here. Made by
 * `make generate` from instrumentation/hookspan/catalogue.
 */

/** @import { DialogLook, EndLook, StateLook } from "./looks.js" */

/** @type {Readonly<Record<string, StateLook>>} */
export const STATES = {
  waiting: { word: "Needs you", verb: "waits for you", verbOfTool: "asks: {tool}", filter: "waiting", mark: "diamond" },
  waiting_or_running: {
    word: "May need you",
    verb: "asked, may be running",
    verbOfTool: "asked, may be running: {tool}",
    filter: "waiting",
    mark: "diamond",
  },
  working: { word: "Working", verb: "thinks", verbOfTool: "runs {tool}", filter: "working", mark: "pulse" },
  idle: { word: "Your turn", verb: "done, your turn", verbOfTool: "done, your turn", filter: "idle", mark: "ring" },
  ended: { word: "Ended", verb: "ended", verbOfTool: "ended", filter: "ended", mark: "circle" },
};

/** @type {Readonly<Record<string, DialogLook>>} */
export const DIALOGS = {
  AskUserQuestion: { verb: "asks you a question", about: "sentence" },
  ExitPlanMode: { verb: "wants its plan approved", about: "nothing" },
  elicitation: { verb: "an MCP server asks you", about: "sentence" },
  sandbox: { verb: "a sandbox asks you", about: "nothing" },
};

/** @type {Readonly<Record<string, EndLook>>} */
export const END_REASONS = {
  stop: { turn: "stop", session: "ended" },
  stop_failure: { turn: "stop failure", session: "ended" },
  interrupted: { turn: "interrupted", session: "ended" },
  next_prompt: { turn: "next prompt", session: "ended" },
  session_end: { turn: "session end", session: "ended" },
  client_gone: { turn: "client gone", session: "client gone" },
  silent: { turn: "silent", session: "went silent" },
};
