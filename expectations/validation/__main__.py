"""Entry point of `python -m expectations.validation`."""

import sys

from expectations.validation.stage import main

if __name__ == "__main__":
    sys.exit(main())
