"""The leaderboard, made only from traces that are verified."""
