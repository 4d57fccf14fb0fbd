/** The page's start: nothing but what the first paint needs; each page's component is loaded when it is shown. */
import "./lib/theme.js";
import "./components/app-shell.js";
