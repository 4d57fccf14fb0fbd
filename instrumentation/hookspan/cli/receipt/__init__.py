"""`hookspan receipt`: what is meant, and how it is printed."""
