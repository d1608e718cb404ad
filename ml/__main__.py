"""`python -m ml train predict monitor`."""

import sys

from ml.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
