"""How each embedded file of Act-Bench is made."""

import act_bench as _act_bench  # noqa: F401  (names an extra that is not installed)
