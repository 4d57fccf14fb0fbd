"""What hookspan costs: hooks, the agent, delays; measured in sandboxes, against its bars."""
