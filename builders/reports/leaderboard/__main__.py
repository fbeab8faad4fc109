"""``python -m builders.reports.leaderboard``: see ``builders.reports.leaderboard.board``."""

from builders.reports.leaderboard.board import main

if __name__ == "__main__":
    main()
