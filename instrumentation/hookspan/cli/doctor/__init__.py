"""`hookspan doctor`: its checks, its fixes, and its report without secrets."""
