"""``python -m builders.reports.variants``: see ``builders.reports.variants.page``."""

from builders.reports.variants.page import main

if __name__ == "__main__":
    main()
