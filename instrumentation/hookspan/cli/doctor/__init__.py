"""What `hookspan doctor` looks at, what it says and mends, and its report without secrets."""
