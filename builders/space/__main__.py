"""``python -m builders.space``: see ``builders.space.entries``."""

from builders.space.entries import main

if __name__ == "__main__":
    main()
