"""How hookspan is set up on this machine: whose hooks run, where they record to, and what `install` changed."""
