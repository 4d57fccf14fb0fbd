/** The style that all components share. */
import { css } from "lit";

export const shared = css`
	:host {
		display: block;
	}
	:host([hidden]),
	[hidden] {
		display: none !important;
	}
	*,
	*::before,
	*::after {
		box-sizing: border-box;
	}
	h1,
	h2,
	h3,
	p,
	ul,
	ol,
	dl,
	dd,
	figure,
	table {
		margin: 0;
		padding: 0;
	}
	ul,
	ol {
		list-style: none;
	}
	h1 {
		font-size: 1.375rem;
		line-height: 1.25;
		font-weight: 640;
		letter-spacing: -0.015em;
		text-wrap: balance;
	}
	h2 {
		font-size: 0.9375rem;
		line-height: 1.35;
		font-weight: 620;
		letter-spacing: -0.005em;
	}
	h3 {
		font-size: 0.8125rem;
		font-weight: 620;
	}
	a {
		color: inherit;
		text-decoration: none;
	}
	a.link {
		color: var(--accent);
		text-decoration: underline;
		text-decoration-color: color-mix(in srgb, currentColor 35%, transparent);
		text-underline-offset: 0.18em;
	}
	a.link:hover {
		text-decoration-color: currentColor;
	}
	a.counts {
		text-decoration: underline dotted;
		text-decoration-color: color-mix(in srgb, currentColor 45%, transparent);
		text-underline-offset: 0.18em;
	}
	a.counts:hover {
		text-decoration: underline;
	}
	code,
	pre,
	.mono {
		font-family: var(--mono);
		font-size: 0.925em;
		font-variant-ligatures: none;
	}
	:focus {
		outline: none;
	}
	:focus-visible {
		outline: 2px solid var(--focus);
		outline-offset: 2px;
		border-radius: 0.25rem;
	}
	.quiet {
		color: var(--ink-3);
	}
	.second {
		color: var(--ink-2);
	}
	.num {
		text-align: right;
		white-space: nowrap;
	}
	.cut {
		overflow: hidden;
		text-overflow: ellipsis;
		white-space: nowrap;
		min-width: 0;
	}
	.wait {
		color: var(--wait-ink);
	}
	.bad {
		color: var(--error-ink);
	}
	.good {
		color: var(--ok-ink);
	}
	.hide {
		position: absolute;
		width: 1px;
		height: 1px;
		margin: -1px;
		overflow: hidden;
		clip-path: inset(50%);
		white-space: nowrap;
	}
	.card {
		background: var(--surface);
		border: 1px solid var(--line);
		border-radius: var(--r);
		box-shadow: var(--shadow);
	}
	.row {
		display: flex;
		align-items: center;
		gap: 0.5rem;
		min-width: 0;
	}
	.wrap {
		flex-wrap: wrap;
	}
	.push {
		margin-left: auto;
	}
	button,
	select,
	input {
		font: inherit;
		color: inherit;
	}
	.btn,
	select,
	input[type="search"] {
		display: inline-flex;
		align-items: center;
		gap: 0.4rem;
		min-height: 1.875rem;
		padding: 0.2rem 0.65rem;
		background: var(--surface);
		border: 1px solid var(--line-strong);
		border-radius: 0.4rem;
		font-size: 0.8125rem;
		white-space: nowrap;
	}
	.btn {
		cursor: pointer;
	}
	.btn:hover {
		background: var(--hover);
		border-color: var(--ink-3);
	}
	.btn[aria-pressed="true"] {
		background: var(--accent-soft);
		border-color: var(--accent);
		color: var(--accent);
	}
	.btn:disabled {
		opacity: 0.55;
		cursor: default;
	}
	.btn.plain {
		background: none;
		border-color: transparent;
		color: var(--ink-2);
	}
	.btn.plain:hover {
		background: var(--hover);
		color: var(--ink);
	}
	.btn.first {
		background: var(--ink);
		border-color: var(--ink);
		color: var(--bg);
		font-weight: 560;
	}
	.btn.first:hover {
		opacity: 0.88;
	}
	select {
		cursor: pointer;
		max-width: 12rem;
	}
	input[type="search"] {
		width: 14rem;
		max-width: 100%;
	}
	input::placeholder {
		color: var(--ink-3);
		opacity: 1;
	}
	kbd {
		display: inline-block;
		min-width: 1.3em;
		padding: 0 0.35em;
		border: 1px solid var(--line-strong);
		border-bottom-width: 2px;
		border-radius: 0.3em;
		font: 0.75rem/1.4 var(--sans);
		color: var(--ink-2);
		text-align: center;
		background: var(--surface);
	}
	.segments {
		display: inline-flex;
		border: 1px solid var(--line-strong);
		border-radius: 0.4rem;
		overflow: hidden;
		background: var(--surface);
	}
	.segments > * {
		border: 0;
		border-radius: 0;
		min-height: 1.75rem;
		background: none;
		padding: 0.15rem 0.6rem;
		font-size: 0.8125rem;
		cursor: pointer;
		color: var(--ink-2);
	}
	.segments > * + * {
		border-left: 1px solid var(--line);
	}
	.segments > [aria-pressed="true"] {
		background: var(--accent-soft);
		color: var(--accent);
		font-weight: 560;
	}
	.segments > :focus-visible {
		outline-offset: -2px;
	}
	table {
		border-collapse: collapse;
		width: 100%;
		font-size: 0.8125rem;
	}
	th {
		text-align: left;
		font-weight: 500;
		color: var(--ink-3);
		font-size: 0.75rem;
		white-space: nowrap;
	}
	th,
	td {
		padding: 0.4rem 0.75rem;
		border-bottom: 1px solid var(--line);
		vertical-align: baseline;
	}
	tr:last-child > td {
		border-bottom: 0;
	}
	tbody tr:hover {
		background: var(--hover);
	}
	.scroll-x {
		overflow-x: auto;
	}
	.dot {
		flex: none;
		width: 0.5rem;
		height: 0.5rem;
		border-radius: 50%;
		background: var(--ink-3);
	}
	.empty {
		padding: 1.25rem 1rem;
		color: var(--ink-3);
		font-size: 0.8125rem;
	}
	.tag {
		display: inline-flex;
		align-items: center;
		gap: 0.3rem;
		padding: 0.05rem 0.45rem;
		border-radius: 1rem;
		font-size: 0.75rem;
		font-weight: 520;
		white-space: nowrap;
		background: var(--sunken);
		color: var(--ink-2);
		border: 1px solid var(--line);
	}
	.tag.bad {
		background: var(--error-soft);
		color: var(--error-ink);
		border-color: transparent;
	}
	.tag.wait {
		background: var(--wait-soft);
		color: var(--wait-ink);
		border-color: transparent;
	}
	/* Colours of the catalogue: .kind has them as its background, --kind is for what is made of them. */
	.k-user {
		--kind: var(--user);
	}
	.k-model {
		--kind: var(--model);
	}
	.k-tool {
		--kind: var(--tool);
	}
	.k-wait {
		--kind: var(--wait);
	}
	.k-other {
		--kind: var(--other);
	}
	.k-subagent {
		--kind: var(--subagent);
	}
	.k-compact {
		--kind: var(--compact);
	}
	.k-quiet {
		--kind: var(--ink-3);
	}
	.kind {
		background: var(--kind, var(--other));
	}
	.striped {
		background: repeating-linear-gradient(
			135deg,
			var(--kind) 0 4px,
			color-mix(in srgb, var(--kind) var(--stripe, 62%), var(--surface)) 4px 7px
		);
	}
	.breathes {
		animation: breathe 2.4s ease-in-out infinite;
	}
	@keyframes breathe {
		50% {
			opacity: var(--breath, 0.6);
		}
	}
	.notice {
		display: flex;
		gap: 0.75rem;
		align-items: baseline;
		flex-wrap: wrap;
		padding: 0.75rem 1rem;
		margin-bottom: 1rem;
		font-size: 0.8125rem;
	}
	.notice.lost {
		border-left: 3px solid var(--error);
	}
	@media (prefers-reduced-motion: reduce) {
		*,
		*::before,
		*::after {
			animation: none !important;
			transition: none !important;
			scroll-behavior: auto !important;
		}
	}
`;
