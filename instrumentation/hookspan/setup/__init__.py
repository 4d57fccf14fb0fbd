"""What of hookspan is set up on this machine: whose hooks run, what they record to, and what `install` changed."""
