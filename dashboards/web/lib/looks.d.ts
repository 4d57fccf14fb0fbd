/** The rows of the catalogue's tables. Made by `make generate` from instrumentation/hookspan/catalogue. */

/**
 * A coding agent.
 */
export interface AgentLook {
  /**
   * What people call it.
   */
  title: string;
  /**
   * The command that takes a `{session}` up again.
   */
  resume: string;
}

/**
 * A kind of span.
 */
export interface SpanLook {
  /**
   * What it is.
   */
  word: string;
  /**
   * How its name reads: `{name}` is the span's own, `{of}` what comes after its first word, `{short}` the same without
   * `claude-` (the first word, if nothing comes after it), `{words}` the same with blanks for underscores.
   */
  title: string;
  /**
   * What its label is.
   */
  about: string;
  /**
   * Of mark and bar.
   */
  colour: "user" | "model" | "tool" | "wait" | "other" | "subagent" | "compact" | "quiet";
  /**
   * Beside its name.
   */
  mark: "square" | "circle" | "diamond";
  /**
   * On the time axis.
   */
  bar: "full" | "thin" | "thread" | "outline" | "striped";
  /**
   * A root holds all of a trace, an agent has a lane of its own, work is what fills the lanes; overhead is in neither
   * lanes nor summaries.
   */
  role: "root" | "agent" | "work" | "overhead";
  /**
   * Drawn through all rows in this much of its colour, empty for none.
   */
  band: string;
  /**
   * Whether it may go on when its turn is over.
   */
  outlives: boolean;
}

/**
 * What a session does.
 */
export interface StateLook {
  /**
   * The heading of those that do it.
   */
  word: string;
  /**
   * What one does, if it is about no tool.
   */
  verb: string;
  /**
   * The same of a `{tool}`.
   */
  verbOfTool: string;
  /**
   * Which choice of the filter lets it through, beside `all`.
   */
  filter: string;
  /**
   * Before its name.
   */
  mark: "diamond" | "pulse" | "ring" | "circle";
}

/**
 * A dialog that is no question whether a tool may run. `about`: whether what it asks is a sentence, or not shown.
 */
export interface DialogLook {
  verb: string;
  about: "sentence" | "nothing";
}

/**
 * Where time goes. `striped`: so that it is told from the others without their colours.
 */
export interface TimeLook {
  word: string;
  hint: string;
  striped: boolean;
}

/**
 * How something ended: in a word, if it is worth one, and as a class for its colour.
 */
export interface OutcomeLook {
  word: string;
  tone: "" | "bad" | "wait";
}

/**
 * Why a turn counts as ended, which is said if it has no outcome, and why a session does.
 */
export interface EndLook {
  turn: string;
  session: string;
}

/**
 * How a check of hookspan's health came out.
 */
export interface CheckLook {
  word: string;
  mark: string;
}

/**
 * A line of the journal; `filter`: the choice of the raw log that lets it through.
 */
export interface LineLook {
  word: string;
  filter: "event" | "fact";
}
