"""An OTLP receiver on loopback: what a coding agent, and what its children, send of themselves.

A request is stored as it came, and answered; all else is done later, from the disk: it is forwarded to the endpoint
(`forward.py`), and what it says of sessions becomes facts in the journal (`intake.py`).
"""
