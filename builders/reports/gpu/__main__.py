"""``python -m builders.reports.gpu``: see ``builders.reports.gpu.command``."""

from builders.reports.gpu.command import main

if __name__ == "__main__":
    main()
