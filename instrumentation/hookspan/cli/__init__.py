"""The command line. `verbs` has one module a verb; what they do together lies in the packages beside it."""
