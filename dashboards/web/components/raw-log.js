/** The journal as it is written: hook events and facts, line by line, live. */
import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ApiError, ask } from "../lib/api.js";
import * as clock from "../lib/clock.js";
import { bytes, count, date, plural, short, timeExact } from "../lib/format.js";
import { fromEvent, inShort, lets, marked, surplus, toolOf, wordsOf } from "../lib/loglines.js";
import { action } from "../lib/keys.js";
import { href, router } from "../lib/router.js";
import { store } from "../lib/store.js";
import { BaseComponent, shared } from "./base-component.js";
import "./copy-button.js";
import "./json-view.js";
import "./setup-step.js";

/** @import { Event, Log, LogItem } from "../lib/types.js" */

const ROW = 28; // px; every row is as high
const SPARE = 12; // rows drawn above and below what can be seen
const PAGE = 200; // lines a request
const SEARCHED = 10; // pages that a search goes back by itself
const SETTLE = 150; // ms in which what arrives is fetched at once
const FACTS = 2000; // ms between looks for lines that change nothing on the page and are not told
const COMMAND = "hookspan config set content.local true";

/** The time of a line; of another day, the day too. @param {number} at */
function timeOf(at) {
  if (new Date(at).toDateString() !== new Date(clock.now()).toDateString()) return date(at);
  const [seconds, ms] = timeExact(at).split(".");
  return html`${seconds}<span class="ms">.${ms}</span>`;
}

export class RawLog extends BaseComponent {
  static styles = [
    shared,
    css`
      :host {
        container-type: inline-size;
      }
      .tools {
        margin-bottom: 0.75rem;
      }
      .tools h1 {
        margin-right: 0.5rem;
      }
      .list {
        container: list / inline-size;
      }
      .split {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 1rem;
        align-items: start;
      }
      .split.open {
        grid-template-columns: minmax(0, 1fr) minmax(20rem, 28rem);
      }
      .lines {
        position: relative;
        height: calc(100dvh - 12.5rem);
        min-height: 18rem;
        overflow: auto;
        overscroll-behavior: contain;
        contain: strict;
        scrollbar-gutter: stable;
      }
      .lines.none {
        height: 6rem;
        min-height: 0;
      }
      .lines:focus-visible {
        outline-offset: -2px;
      }
      .rows {
        position: relative;
      }
      .line {
        position: absolute;
        inset: 0 0 auto;
        height: ${ROW}px;
        display: grid;
        align-items: center;
        gap: 0.75rem;
        padding: 0 0.875rem;
        font: 0.75rem/1 var(--mono);
        cursor: pointer;
        border-left: 3px solid transparent;
        grid-template-columns: 6.75rem 9.5rem 6rem minmax(0, 1fr) 5rem 4rem;
      }
      .line > span {
        padding-block: 0.2rem;
      }
      .line:hover {
        background: var(--hover);
      }
      .line.picked {
        background: var(--accent-soft);
        border-color: var(--accent);
      }
      .line .event {
        color: var(--model-ink);
        font-weight: 560;
      }
      .line.fact .event {
        color: var(--ink-3);
        font-weight: 400;
      }
      .line .tool {
        color: var(--tool-ink);
      }
      .line.Failed .event {
        color: var(--error-ink);
      }
      .line.asks .event {
        color: var(--wait-ink);
      }
      mark {
        background: var(--wait-soft);
        color: inherit;
        outline: 1px solid var(--wait);
        border-radius: 2px;
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem 1rem;
        align-items: center;
        min-height: 2.25rem;
        padding: 0.3rem 0.875rem;
        border-top: 1px solid var(--line);
        font-size: 0.75rem;
        color: var(--ink-3);
      }
      .foot .btn {
        min-height: 1.5rem;
        font-size: 0.75rem;
      }
      .detail {
        position: sticky;
        top: 4rem;
        max-height: calc(100dvh - 5.5rem);
        overflow: auto;
        padding: 0.875rem 1rem 1rem;
      }
      .detail dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0.15rem 0.75rem;
        margin: 0.6rem 0 0.75rem;
        font-size: 0.8125rem;
      }
      .detail dt {
        color: var(--ink-3);
      }
      .detail dd {
        overflow-wrap: anywhere;
      }
      .detail pre {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        margin: 0;
        font-size: 0.75rem;
      }
      .paused {
        color: var(--wait-ink);
        font-weight: 560;
      }
      .notice.less {
        border-left: 3px solid var(--accent);
      }
      @container (width < 62rem) {
        .split.open {
          grid-template-columns: minmax(0, 1fr);
        }
        .split.open .list {
          display: none;
        }
        .detail {
          position: static;
          max-height: none;
        }
      }
      @container list (width < 52rem) {
        .line {
          grid-template-columns: 6.75rem 9.5rem minmax(0, 6rem) minmax(0, 1fr);
        }
        .line .session,
        .line .size {
          display: none;
        }
      }
      @container list (width < 40rem) {
        .line {
          grid-template-columns: 6.75rem 9rem minmax(0, 1fr);
        }
        .line .tool {
          display: none;
        }
      }
      @container list (width < 30rem) {
        .line {
          grid-template-columns: 3.75rem minmax(0, 7.5rem) minmax(0, 1fr);
          gap: 0.5rem;
          padding-inline: 0.5rem;
        }
        .ms {
          display: none;
        }
      }
      @container (width < 44rem) {
        .tools input {
          width: 100%;
        }
        .tools label {
          flex: 1 1 9rem;
        }
        .tools select {
          width: 100%;
          max-width: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** Oldest first. @type {LogItem[]} */
    this.items = [];
    /** Those that the filter lets through. @type {LogItem[]} */
    this.seen = [];
    this.first = 1;
    this.newest = 0;
    this.content = store.summary?.content ?? true;
    /** Whether the view stays at the newest line. */
    this.follow = true;
    this.paused = false;
    this.loaded = false;
    this.searched = 0;
    /** @type {ApiError | null} */
    this.error = null;
    this.fetching = false;
    this.top = 0;
    this.height = 600;
    /** The line that is open at the side. @type {LogItem | null} */
    this.picked = null;
    /** @type {ApiError | null} */
    this.missing = null;
    this.applied = "";
  }

  connected() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        this.#newer();
      }, SETTLE);
    };
    this.later(() => clearTimeout(timer));
    this.listen(store.live, "update", (event) => {
      this.newest = Math.max(this.newest, event.detail.position - 1);
      soon();
    });
    this.listen(store.live, "hello", soon);
    this.tick(FACTS, soon);
    this.listen(store, "change", () => this.requestUpdate());
    this.listen(router, "route", () => router.route.page === "log" && this.#routed());
    this.listen(document, "keydown", (event) => this.#key(event));
    this.#newer().then(() => this.#routed());
  }

  get filter() {
    const { q = "", kind = "all", session = "" } = router.route.query;
    return { q, kind, session };
  }

  // --- Lines

  /** @param {Record<string, number>} query @returns {Promise<{items: LogItem[], first: number, last: number}>} */
  async #ask(query) {
    if (this.content) {
      try {
        return /** @type {Log} */ (await ask("/log", { ...query, limit: PAGE }));
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 403) throw error;
        this.content = false; // it was switched off meanwhile
        this.items = [];
      }
    }
    const found = /** @type {{items: Event[], position: number}} */ (await ask("/events", { ...query, limit: PAGE }));
    return { items: found.items.map(fromEvent), first: 1, last: found.position - 1 };
  }

  /** What was written since, or at first the newest page. */
  async #newer() {
    if (this.fetching || (this.paused && this.loaded)) return;
    this.fetching = true;
    try {
      for (;;) {
        const last = this.items.at(-1)?.record;
        const page = await this.#ask(last === undefined ? {} : { after: last });
        this.first = page.first;
        this.newest = Math.max(page.last, page.items.at(-1)?.record ?? 0);
        this.items =
          last === undefined ? [...page.items].sort((a, b) => a.record - b.record) : [...this.items, ...page.items];
        if (this.follow) this.items.splice(0, surplus(this.items));
        if (last === undefined || page.items.length < PAGE) break;
      }
      this.error = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.error = error;
    }
    this.fetching = false;
    this.loaded = true;
    this.#apply();
  }

  /** A page of older lines. */
  async #older() {
    const before = this.items[0]?.record;
    if (this.fetching || before === undefined || before <= this.first) return;
    this.fetching = true;
    try {
      const page = await this.#ask({ before });
      const older = page.items.filter((item) => item.record < before).sort((a, b) => a.record - b.record);
      if (!older.length) this.first = before;
      const shown = this.seen.length;
      this.items = [...older, ...this.items];
      this.fetching = false;
      this.#apply();
      if (!this.follow) this.#scrollTo(this.top + (this.seen.length - shown) * ROW);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.fetching = false;
      this.error = error;
      this.requestUpdate();
    }
  }

  #apply() {
    const { filter } = this;
    const key = JSON.stringify(filter);
    if (key !== this.applied) {
      this.applied = key;
      this.searched = 0;
      this.follow = true;
    }
    this.seen =
      filter.q || filter.session || filter.kind !== "all"
        ? this.items.filter((item) => lets(item, filter))
        : this.items;
    this.requestUpdate();
    // A search looks further back by itself until the view is full, but not through the whole journal.
    if (this.seen.length * ROW < this.height && this.searched < SEARCHED && !this.fetching && this.#hasOlder()) {
      this.searched += 1;
      this.#older();
    }
  }

  #hasOlder() {
    return this.items.length > 0 && /** @type {LogItem} */ (this.items[0]).record > this.first;
  }

  // --- The open line

  #routed() {
    this.#apply();
    const record = Number(router.route.query["record"] || 0);
    if (!record) {
      this.picked = null;
      this.missing = null;
    } else if (this.picked?.record !== record) {
      this.#open(record);
    }
  }

  /** @param {number} record */
  async #open(record) {
    const known = this.items.find((item) => item.record === record);
    this.picked = known ?? null;
    this.missing = null;
    this.requestUpdate();
    if (known && (!known.cut || !this.content)) return;
    try {
      const whole = /** @type {LogItem} */ (await ask(`/log/${record}`));
      if (Number(router.route.query["record"]) === record) this.picked = whole;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!this.picked) this.missing = error;
    }
    this.requestUpdate();
  }

  /** @param {LogItem | undefined} item */
  #pick(item) {
    router.set({ record: item ? String(item.record) : "" });
  }

  // --- View

  get list() {
    return this.renderRoot.querySelector(".lines");
  }

  #scrolled() {
    const { list } = this;
    if (!list) return;
    this.top = list.scrollTop;
    this.height = list.clientHeight;
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - ROW;
    if (atEnd !== this.follow) this.follow = atEnd;
    if (this.top < ROW * 20 && !this.follow) this.#older();
    this.requestUpdate();
  }

  /** @param {number} top px */
  async #scrollTo(top) {
    await this.updateComplete;
    if (this.list) this.list.scrollTop = top;
  }

  #toEnd() {
    this.follow = true;
    this.requestUpdate();
  }

  #pause() {
    this.paused = !this.paused;
    this.announce(this.paused ? "Paused" : "Going on");
    if (!this.paused) this.#newer();
    this.requestUpdate();
  }

  updated() {
    const { list } = this;
    if (!list) return;
    if (list.clientHeight && list.clientHeight !== this.height) {
      this.height = list.clientHeight;
      this.requestUpdate();
    }
    if (this.follow && list.scrollTop + list.clientHeight < list.scrollHeight - 1) list.scrollTop = list.scrollHeight;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const what = action("log", event);
    if (what === "close" && this.picked) {
      event.preventDefault();
      this.#pick(undefined);
      this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.list)?.focus());
    } else if (what === "find") {
      event.preventDefault();
      this.renderRoot.querySelector("input")?.focus();
    } else if (what === "pause") this.#pause();
    else if (what === "follow") this.#toEnd();
  }

  /** @param {KeyboardEvent} event */
  #listKey(event) {
    const page = Math.max(1, Math.floor(this.height / ROW) - 1);
    const what = action("lines", event);
    if (!what || !this.seen.length) return;
    const step = { next: 1, former: -1, pageDown: page, pageUp: -page, first: -Infinity, last: Infinity }[what];
    event.preventDefault();
    const at = this.seen.findIndex((item) => item.record === this.picked?.record);
    const next = Math.min(this.seen.length - 1, Math.max(0, at < 0 ? this.seen.length - 1 : at + step));
    this.follow = next === this.seen.length - 1;
    if (next * ROW < this.top) this.#scrollTo(next * ROW);
    else if ((next + 1) * ROW > this.top + this.height) this.#scrollTo((next + 1) * ROW - this.height);
    this.#pick(this.seen[next]);
  }

  render() {
    const { filter, seen } = this;
    const set = (/** @type {string} */ name) => (/** @type {any} */ event) =>
      router.set({ [name]: event.target.value });
    return html`
      <setup-step></setup-step>
      <div class="row wrap tools">
        <h1>Raw log</h1>
        <label class="push"
          ><span class="hide">Search the lines</span
          ><input type="search" placeholder="Search  /" .value=${filter.q} @input=${set("q")}
        /></label>
        ${
          this.content
            ? html`<label
                ><span class="hide">Kind</span
                ><select @change=${set("kind")}>
                  ${[
                    ["all", "All lines"],
                    ["event", "Hook events"],
                    ["fact", "Facts"],
                  ].map(
                    ([value, label]) =>
                      html`<option value=${value ?? ""} ?selected=${value === filter.kind}>${label}</option>`,
                  )}
                </select></label
              >`
            : nothing
        }
        <label
          ><span class="hide">Session</span
          ><select @change=${set("session")}>
            <option value="" ?selected=${!filter.session}>All sessions</option>
            ${this.#sessions(filter.session).map(([id, name]) => html`<option value=${id} ?selected=${id === filter.session}>${name}</option>`)}
          </select></label
        >
        <button class="btn" aria-pressed=${this.follow} title="f" @click=${this.#toEnd}>Follow</button>
        <button class="btn" aria-pressed=${this.paused} title="p" @click=${this.#pause}>
          ${this.paused ? "Go on" : "Pause"}
        </button>
      </div>
      ${
        this.content
          ? nothing
          : html`<div class="card notice less">
              <span
                ><strong>Hook events without their content.</strong> <code>content.local</code> is off. To see prompts,
                commands and whole lines here, for you alone:</span
              ><code>${COMMAND}</code><copy-button .text=${COMMAND} what=${`the command ${COMMAND}`}></copy-button>
            </div>`
      }
      ${this.error && this.error.status && this.error.status !== 401 ? html`<div class="card notice lost" role="alert"><strong>${this.error.message}</strong><span class="second">${this.error.hint}</span></div>` : nothing}
      <div class="split ${this.picked || this.missing ? "open" : ""}" aria-busy=${this.loaded ? "false" : "true"}>
        <div class="card list">
          <div
            class="lines ${seen.length ? "" : "none"}"
            role="listbox"
            tabindex="0"
            aria-label="Lines of the journal, newest last"
            aria-activedescendant=${this.#isDrawn() ? `r${this.picked?.record}` : nothing}
            @scroll=${this.#scrolled}
            @keydown=${this.#listKey}
          >
            <div class="rows" role="presentation" .style=${`height:${seen.length * ROW}px`}>${this.#rows()}</div>
            ${this.loaded && !seen.length ? html`<p class="empty">${this.items.length ? (this.fetching ? "Searching …" : "No line matches.") : "Nothing has been written yet."}</p>` : nothing}
          </div>
          ${this.#foot()}
        </div>
        ${this.#detail()}
      </div>
    `;
  }

  /** The sessions to choose from. @param {string} chosen @returns {[string, string][]} */
  #sessions(chosen) {
    const found = store.sorted().slice(0, 50);
    const named = found.map(
      (session) =>
        /** @type {[string, string]} */ ([session.id, `${session.project || "(none)"} ${short(session.id)}`]),
    );
    return chosen && !found.some((session) => session.id === chosen) ? [[chosen, short(chosen)], ...named] : named;
  }

  #range() {
    return [Math.max(0, Math.floor(this.top / ROW) - SPARE), Math.ceil((this.top + this.height) / ROW) + SPARE];
  }

  /** Whether the open line is among those that are drawn. */
  #isDrawn() {
    const [from, to] = this.#range();
    return this.picked && this.seen.slice(from, to).some((item) => item.record === this.picked?.record);
  }

  #rows() {
    const [from = 0, to] = this.#range();
    const words = wordsOf(this.filter.q);
    return repeat(
      this.seen.slice(from, to),
      (item) => item.record,
      (item, at) => this.#row(item, from + at, words),
    );
  }

  /** @param {LogItem} item @param {number} at @param {string[]} words */
  #row(item, at, words) {
    const picked = item.record === this.picked?.record;
    const kind = item.event === "PermissionRequest" ? "asks" : /Fail/.test(item.event) ? "Failed" : "";
    const part = (/** @type {string} */ text) =>
      marked(text, words).map((one, index) => (index % 2 ? html`<mark>${one}</mark>` : one));
    return html`<div
      class="line ${item.kind} ${kind} ${picked ? "picked" : ""}"
      id=${`r${item.record}`}
      role="option"
      aria-selected=${picked}
      aria-posinset=${at + 1}
      aria-setsize=${this.seen.length}
      .style=${`transform:translateY(${at * ROW}px)`}
      @click=${() => this.#pick(picked ? undefined : item)}
    >
      <span class="quiet cut">${item.at === null ? nothing : timeOf(item.at)}</span
      ><span class="event cut">${part(item.event || item.kind)}</span
      ><span class="tool cut">${part(toolOf(item))}</span> <span class="cut second">${part(inShort(item))}</span
      ><span class="session quiet cut">${part(short(item.session))}</span
      ><span class="size num quiet">${bytes(item.size)}</span>
    </div>`;
  }

  #foot() {
    const { q, kind, session } = this.filter;
    const filtered = q || session || kind !== "all";
    const behind = Math.max(0, this.newest - (this.items.at(-1)?.record ?? 0));
    const older = this.#hasOlder();
    if (!this.items.length && !this.paused) return nothing;
    return html`<div class="foot">
      <span
        >${filtered ? `${count(this.seen.length)} of ${plural(this.items.length, "line")} loaded` : `${plural(this.items.length, "line")} loaded`}${older ? "" : ", back to the first"}</span
      >
      ${this.paused ? html`<span class="paused">Paused${behind ? `, ${count(behind)} new` : ""}</span>` : nothing}
      ${filtered && older ? html`<button class="btn" @click=${() => ((this.searched = 0), this.#older())}>Search older lines</button>` : nothing}
      ${this.follow || this.paused ? nothing : html`<button class="btn push" @click=${this.#toEnd}>To the newest ↓</button>`}
    </div>`;
  }

  #detail() {
    const { picked, missing } = this;
    if (missing) {
      return html`<aside class="card detail" aria-label="The open line">
        <h2>Record ${router.route.query["record"]}</h2>
        <p class="second">${missing.message}</p>
        <p class="quiet">${missing.hint}</p>
        <p><button class="btn" @click=${() => this.#pick(undefined)}>Close</button></p>
      </aside>`;
    }
    if (!picked) return nothing;
    return html`<aside class="card detail" aria-label="The open line">
      <div class="row">
        <h2 class="cut">${picked.event || picked.kind}</h2>
        <copy-button
          class="push"
          .text=${picked.json === null ? picked.text : JSON.stringify(picked.json, null, 2)}
          what="the line"
        ></copy-button>
        <button class="btn" @click=${() => this.#pick(undefined)}>Close</button>
      </div>
      <dl>
        <dt>Record</dt>
        <dd>${picked.record}</dd>
        ${
          picked.at === null
            ? nothing
            : html`<dt>At</dt>
                <dd>${date(picked.at).split(",")[0]}, ${timeExact(picked.at)}</dd>`
        }
        <dt>Kind</dt>
        <dd>${picked.kind === "reduced" ? "event, compacted" : picked.kind}, ${bytes(picked.size)}</dd>
        ${
          picked.session
            ? html`<dt>Session</dt>
                <dd>
                  <a class="link mono" href=${href("session", { id: picked.session })}>${short(picked.session)}</a>
                  <button class="btn plain" @click=${() => router.set({ session: picked.session })}>
                    Only this one
                  </button>
                </dd>`
            : nothing
        }
      </dl>
      ${picked.json === null ? html`<pre>${picked.text}</pre>` : html`<json-view .value=${picked.json} depth="3"></json-view>`}
      ${picked.cut ? html`<p class="quiet">Cut: the line is longer than what is shown.</p>` : nothing}
    </aside>`;
  }
}
customElements.define("raw-log", RawLog);
