"""What verbs share to write to a terminal, and what shells complete."""
