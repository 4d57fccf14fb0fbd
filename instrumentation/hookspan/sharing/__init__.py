"""A session or a turn as one file to give to somebody: what is left out is told first, and nothing is sent anywhere."""
