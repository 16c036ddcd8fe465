"""`python -m evaluate` is the `otoscope` command."""

from evaluate.cli import main

if __name__ == "__main__":
    main()
