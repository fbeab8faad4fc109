"""Load every configuration of an exported dataset with plain ``datasets``, and print what it is.

    act-bench export ./act-bench
    python tests/act_bench/plain_datasets.py act-bench [--parquet FOLDER]

The process cannot import this package, and asks no network. JSON goes to stdout: for the default
configuration (``default``) and each named one the split, the rows and the features.
"""

import copy
import functools
import json
import os
import sys
from pathlib import Path
from typing import Any


def _once(read: Any) -> Any:
    """Return a reader of YAML that parses a text once; what it returns may be changed."""
    parsed = functools.cache(read)
    return lambda text: copy.deepcopy(parsed(text)) if isinstance(text, str) else read(text)


def main() -> None:
    for package in ("act_bench", "builders", "surrogates", "regenerate"):
        sys.modules[package] = None  # any import of it is an error
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    import datasets  # not before the environment is set
    import yaml

    # Each load reads the card anew, and parsing it takes longer than all else together.
    yaml.safe_load = _once(yaml.safe_load)
    datasets.disable_progress_bars()
    path, *rest = sys.argv[1:]
    found = {}
    for name in (None, *datasets.get_dataset_config_names(path)):
        stated = datasets.load_dataset_builder(path, name).info
        [(split, dataset)] = datasets.load_dataset(path, name).items()
        assert stated.splits[split].num_examples == dataset.num_rows, "rows in the card's head"
        assert stated.features == dataset.features, "features in the card's head"
        features = {column: repr(kind) for column, kind in dataset.features.items()}
        found[name or "default"] = {"split": split, "rows": dataset.num_rows, "features": features}
        if rest:
            dataset.to_parquet(Path(rest[1]) / f"{name or 'default'}.parquet")
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
