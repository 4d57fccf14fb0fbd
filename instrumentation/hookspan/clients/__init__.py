"""Coding agents whose events are recorded: what is peculiar to each is in a package of its own, by its name.

A client's package has

- `reduce`: its hook events become `Reduced`, in the functions that `decode.Reducer` names;
- `transcript`: the lines of its transcripts become facts;
- `settings` and `handlers`: where its hooks are set up, and what of them is ours.

`decode` knows all clients. The journal, the fold, the store, the page and the export see records only.
"""
