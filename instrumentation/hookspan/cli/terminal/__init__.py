"""What verbs share to print on a terminal, and the shell's completion."""
