"""The fold and what it is made of: states, rows, ids, sums. Pure: no input or output."""
