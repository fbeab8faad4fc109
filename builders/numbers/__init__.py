"""Where the numbers of README, the dataset card and the studies come from; a test keeps it so.

Every number on these pages stands in a machine-readable file that a command made, or on the list of
what is allowed, with its reason:

* ``docs/numbers/REPORT.csv`` is what a report prints: ``python -m builders.numbers`` runs
  all reports of `REPORTS`, ``... numbers seeds-cnn`` one of them, and ``... numbers --add FILE
  NAME`` records the output of a command that takes long, from a file.
* The tables of results, the manifest, the recipes and what a command writes between ``<!-- begin:
  python -m ... -->`` and ``<!-- end -->`` of a study are files already.
* ``docs/numbers/allowed.csv`` has the rest, by page and heading: sizes of networks and data, what
  papers report, times of one machine. ``... numbers --allow PAGE "HEADING" "reason"`` adds what is
  left unexplained under a heading, and ``--check`` lists it.
* ``docs/numbers/readme.csv`` says which command makes each number of README.

A number on a page is explained if a source of that page has it, to the digits printed; a number
with `%` also as a fraction. So the check finds numbers that nothing has printed, or that have
changed. It does not know what a number is said of: on a study it finds two of three made-up numbers
of three digits, nineteen of twenty of four digits, and hardly any of two, for which some other
number stands. Whole numbers up to twelve are not asked for.
"""

from __future__ import annotations

from builders.numbers.printed import Number, Sources, numbers_in

__all__ = ["Number", "Sources", "numbers_in"]
