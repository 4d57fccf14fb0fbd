"""Tools that do a part of what hookspan does, beside it in one run: what a hook costs, what is lost, how soon a report
of costs is there. `make peers` writes docs/peers.md.
"""
