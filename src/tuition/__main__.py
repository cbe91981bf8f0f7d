"""`python -m tuition` is the command `tuition`."""

from tuition.cli import main

if __name__ == "__main__":
    main()
