/** What is missing before anything can be shown, with the command to copy: one line for pages that have nothing yet. */
import { css, html, nothing } from "lit";
import { store } from "../lib/store.js";
import { BaseComponent, shared } from "./base-component.js";
import "./copy-button.js";

export class SetupStep extends BaseComponent {
  static styles = [
    shared,
    css`
      p {
        flex: 1 1 18rem;
        color: var(--ink-2);
        font-size: 0.8125rem;
      }
      .card {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem 1rem;
        padding: 0.75rem 1rem;
        margin-bottom: 1rem;
        border-left: 3px solid var(--accent);
      }
      code {
        background: var(--sunken);
        padding: 0.15rem 0.4rem;
        border-radius: 0.3rem;
      }
    `,
  ];

  connected() {
    this.listen(store, "change", () => this.requestUpdate());
  }

  render() {
    const setup = store.summary?.setup;
    if (!setup?.step) return nothing;
    const text =
      setup.step === "install"
        ? "No event has been recorded yet: the hooks are not installed."
        : "No event has been recorded yet. The hooks are installed; start a session of Claude Code.";
    return html`<div class="card">
      <p>${text}${store.summary?.demo ? nothing : html` <a class="link" href="/">All steps</a>`}</p>
      <div class="row">
        <code>${setup.command}</code
        ><copy-button .text=${setup.command} what=${`the command ${setup.command}`}></copy-button>
      </div>
    </div>`;
  }
}
customElements.define("setup-step", SetupStep);
