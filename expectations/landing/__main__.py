"""Entry point of `python -m expectations.landing`."""

import sys

from expectations.landing.stage import main

if __name__ == "__main__":
    sys.exit(main())
