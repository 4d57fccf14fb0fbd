"""Coding agents whose events are recorded: what is specific to each is in a package with its name.

A client's package has

- `reduce`: its hook events become `Reduced`, in the functions that `decode.Reducer` names;
- `transcript`, with the forms of its lines (`transcript_lines`) and where they are kept (`transcript_files`): its
  transcripts become facts;
- `messages`: what is said in a transcript (`conversations` gives it as messages of no client's);
- `handlers`, `settings_files`, `settings_text` and `hook_sources`: the form of a hook, where hooks are set up, how ours
  are put in and taken out, and what keeps them from running.

Its events and their fields are declared in `catalogue/`, and `decode` knows it by its name in the journal. The journal,
the fold, the store, the page and the export see records only.
"""
