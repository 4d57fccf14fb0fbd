/** Where time went, as one bar and as a legend with numbers: the bar alone says nothing to those who don't see it. */
import { css, html, nothing } from "lit";
import { duration, percent } from "../lib/format.js";
import { KINDS, KIND_HINTS, KIND_NAMES } from "../lib/words.js";

/** @import { Split, TimeKind } from "../lib/types.js" */

export const splitStyle = css`
  .split {
    display: flex;
    gap: 2px;
    height: 0.625rem;
    border-radius: 0.25rem;
    overflow: hidden;
    background: var(--sunken);
  }
  .split > i {
    min-width: 2px;
  }
  .split .k-wait {
    background: repeating-linear-gradient(
      135deg,
      var(--wait) 0 4px,
      color-mix(in srgb, var(--wait) 62%, var(--surface)) 4px 7px
    );
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 0.375rem 1.5rem;
    margin-top: 0.6rem;
    font-size: 0.8125rem;
  }
  .legend > div {
    display: flex;
    align-items: baseline;
    gap: 0.4rem;
  }
  .legend i {
    width: 0.625rem;
    height: 0.625rem;
    border-radius: 2px;
    align-self: center;
  }
  .legend .line {
    height: 3px;
  }
  .legend .none dd {
    font-weight: 400;
    color: var(--ink-3);
  }
  .legend dt {
    color: var(--ink-2);
  }
  .legend dd {
    font-weight: 560;
  }
  .legend small {
    color: var(--ink-3);
    font-weight: 400;
    font-size: 0.75rem;
  }
`;

/** @param {Split} split @param {{delegated?: number, kinds?: readonly TimeKind[]}} [how] `delegated`: ms of it left to subagents */
export function splitBar(split, { delegated = 0, kinds = KINDS } = {}) {
  const all = kinds.reduce((sum, kind) => sum + split[kind], 0);
  return html`
    <div class="split" aria-hidden="true">
      ${kinds.map((kind) => (split[kind] > 0 ? html`<i class="k-${kind}" .style=${`flex:${split[kind] / all} 0 0`}></i>` : nothing))}
    </div>
    <dl class="legend">
      ${kinds.map(
        (kind) =>
          html`<div class=${split[kind] ? "" : "none"} title=${KIND_HINTS[kind]}>
            <i class="k-${kind}" aria-hidden="true"></i>
            <dt>${KIND_NAMES[kind]}</dt>
            <dd>${split[kind] ? html`${duration(split[kind])} <small>${percent(split[kind] / all)}</small>` : "0"}</dd>
          </div>`,
      )}
      ${
        delegated
          ? html`<div title="The numbers before include the calls, tools and waits of subagents">
              <i class="k-subagent line" aria-hidden="true"></i>
              <dt>of it in subagents</dt>
              <dd>${duration(delegated)}</dd>
            </div>`
          : nothing
      }
    </dl>
  `;
}
