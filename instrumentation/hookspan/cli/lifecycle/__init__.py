"""Starting and stopping the agent around what a verb does."""
