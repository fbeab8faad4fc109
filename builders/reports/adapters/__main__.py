"""``python -m builders.reports.adapters``: see ``builders.reports.adapters.measure``."""

from builders.reports.adapters.measure import main

if __name__ == "__main__":
    main()
