"""``python -m anymetal.embercoach FILE``: `anymetal lint`, by the name that the guides call it."""

import sys

from .lint.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "python -m anymetal.embercoach"))
