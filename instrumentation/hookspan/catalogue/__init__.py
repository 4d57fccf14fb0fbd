"""Every noun of hookspan, declared once as data: events, spans, attributes, metrics, closed lists of values.

What other rooms do with a noun is found by its name: an event's effect in `model/fold.py`, its payload in the client's
reducer. `make generate` writes from here what repeats it outside of Python.
"""
