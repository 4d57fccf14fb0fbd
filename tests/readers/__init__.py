"""Backends for traces of language models, as judges of what they make of our spans."""
