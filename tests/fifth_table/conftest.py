"""The module that registers the table is for other processes: here it would register it too."""

collect_ignore = ["fifth.py"]
