"""CIFAR-100 on a miniature in the layout of the Hub: fine classes, split, errors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from regenerate import data
from regenerate.data import DataMismatchError, DataNotFoundError
from regenerate.recipes import cifar100 as recipes
from regenerate.recipes import find
from regenerate.recipes.rates import with_rate


def write(folder: Path, classes: int = 100, column: str = "fine_label") -> Path:
    """Write files as ``uoft-cs/cifar100`` has them: one of each split, PNG, two kinds of labels."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, each in (("train", 10), ("test", 2)):
        labels = random.permutation(np.arange(each * classes) % classes).tolist()
        encoded = []
        for _ in labels:
            stream = io.BytesIO()
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
            encoded.append({"bytes": stream.getvalue(), "path": None})
        coarse = [label // 5 for label in labels]
        table = pa.table({"img": encoded, column: labels, "coarse_label": coarse})
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "cifar100")


def test_the_fine_classes_are_split_as_cifar10_is(folder: Path) -> None:
    loaded = data.load("cifar100", folder.parent)
    assert (loaded.name, loaded.classes) == ("cifar100", 100)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (900, 100, 200)
    for split, each in ((loaded.train, 9), (loaded.validation, 1), (loaded.test, 2)):
        assert (np.bincount(split.labels, minlength=100) == each).all()
    assert sorted(loaded.train.labels[:100]) == list(range(100))
    assert loaded.fingerprint == data.load("cifar100", folder).fingerprint


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="uoft-cs/cifar100"):
        data.load("cifar100", tmp_path)
    with pytest.raises(DataMismatchError, match="expected images of each of the 100 classes"):
        data.load("cifar100", write(tmp_path / "ten", classes=10))
    with pytest.raises(DataMismatchError, match="fine_label, found"):
        data.load("cifar100", write(tmp_path / "other", column="label"))


def test_recipes_are_those_of_the_tables_on_other_images() -> None:
    by_name = {(each.table, each.fidelity): each for each in recipes.RECIPES}
    assert set(by_name) == {(f"{name}_cifar100", fidelity) for name in ("cnn", "resnet")
                            for fidelity in ("proxy", "full")}  # fmt: skip
    own = by_name["cnn_cifar100", "full"]
    assert own.network == find("cnn", "full").network
    assert own.dataset == "cifar100"
    assert with_rate(own, 0.1).sha != own.sha != find("cnn", "full").sha
