"""`python -m evaluate` is the `otoscope` command."""

from otoscope import main

if __name__ == "__main__":
    main()
