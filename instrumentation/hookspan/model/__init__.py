"""Pure: facts, fold, spans, metrics, ids, names, prices. No input or output."""
