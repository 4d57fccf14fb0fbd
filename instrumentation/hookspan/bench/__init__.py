"""What hookspan costs: hooks, the agent, delays; measured in sandboxes and compared with its limits."""
