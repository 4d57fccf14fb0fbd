"""`python -m hookspan`."""

from hookspan.cli.main import main

if __name__ == "__main__":
    main()
