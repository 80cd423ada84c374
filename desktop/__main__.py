"""`python -m desktop` is `masque`."""

from desktop.cli.main import main

if __name__ == "__main__":
    main()
