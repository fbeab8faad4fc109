"""Load every configuration of an exported dataset with plain ``datasets``, and print what it is.

    act-bench export ./act-bench
    python tests/act_bench/plain_datasets.py act-bench [--parquet FOLDER]

The process cannot import this package, and asks no network. JSON goes to stdout: for the default
configuration (``default``) and each named one the split, the rows and the features.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    for package in ("act_bench", "builders", "surrogates", "regenerate"):
        sys.modules[package] = None  # any import of it is an error
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    import datasets  # not before the environment is set

    datasets.disable_progress_bars()
    path, *rest = sys.argv[1:]
    found = {}
    for name in (None, *datasets.get_dataset_config_names(path)):
        [(split, dataset)] = datasets.load_dataset(path, name).items()
        stated = datasets.load_dataset_builder(path, name).info
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
