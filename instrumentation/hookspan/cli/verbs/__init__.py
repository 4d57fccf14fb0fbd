"""One verb, one module, named as the verb: its options, its help, and what it prints."""
