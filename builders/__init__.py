"""How each embedded file of Act-Bench is made."""

import act_bench.errors as _errors  # noqa: F401  (act_bench names an extra that is not installed)
