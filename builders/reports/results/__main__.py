"""``python -m builders.reports.results``: see ``builders.reports.results.page``."""

from builders.reports.results.page import main

if __name__ == "__main__":
    main()
