/** What is looked for in the page's code, beyond its types; how it is laid out is Prettier's. */
import js from "@eslint/js";
import globals from "globals";
import { configs as lit } from "eslint-plugin-lit";
import { configs as wc } from "eslint-plugin-wc";

export default [
	{ ignores: ["web/vendor/", "grafana/"] },
	js.configs.recommended,
	lit["flat/recommended"],
	wc["flat/best-practice"],
	{
		files: ["web/**/*.js"],
		languageOptions: { globals: globals.browser },
		linterOptions: { reportUnusedDisableDirectives: "error" },
		rules: {
			curly: ["error", "multi-line"],
			eqeqeq: ["error", "always", { null: "ignore" }],
			"no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
			"no-var": "error",
			"object-shorthand": "error",
			"prefer-const": "error",
			"prefer-template": "error",
		},
	},
];
