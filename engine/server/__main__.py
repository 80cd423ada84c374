"""`python -m engine.server`."""

import sys

from engine.server.main import main

if __name__ == "__main__":
    sys.exit(main())
