"""The command line. `verbs` has one module for each verb; what they share is in the packages beside it."""
