"""`python -m leopnt`: the command line of `leopnt`."""

from leopnt.cli import main

if __name__ == "__main__":
    main()
