"""CIFAR-10: decoding, split, cache and errors on a miniature in the real layout."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from regenerate import data
from regenerate.data import DataMismatchError, DataNotFoundError, cifar10

TRAIN, TEST = 200, 50


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("ACT_BENCH_DATA") is None:
        monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ACT_BENCH_DATA", raising=False)
    return tmp_path


def miniature(seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(seed)
    return {
        part: (
            random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
            random.permutation(np.arange(count) % 10),
        )
        for part, count in (("train", TRAIN), ("test", TEST))
    }


def write(folder: Path, parts: dict[str, tuple[np.ndarray, np.ndarray]], order: int = 1) -> Path:
    """Write Parquet files as the Hub has them; the training set in two files."""
    folder.mkdir(parents=True)
    for part, (images, labels) in parts.items():
        rows = list(zip(images, labels, strict=True))[::order]
        files = 2 if part == "train" else 1
        for number in range(files):
            encoded = []
            for image, _ in rows[number::files]:
                stream = io.BytesIO()
                Image.fromarray(image).save(stream, "PNG")
                encoded.append({"bytes": stream.getvalue(), "path": "image.png"})
            table = pa.table({"img": encoded, "label": [int(y) for _, y in rows[number::files]]})
            pq.write_table(table, folder / f"{part}-{number:05}-of-{files:05}.parquet")
    return folder


def labels_by_pixels(images: np.ndarray, labels: np.ndarray) -> dict[bytes, int]:
    return {image.tobytes(): int(y) for image, y in zip(images, labels, strict=True)}


@pytest.fixture
def folder(without_data: Path) -> Path:
    return write(without_data / "data" / "cifar10", miniature())


def test_split_is_disjoint_stratified_and_complete(folder: Path) -> None:
    loaded = cifar10.load(folder, fingerprint=None)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (180, 20, 50)
    for split in (loaded.train, loaded.validation, loaded.test):
        assert (np.bincount(split.labels) == len(split) // 10).all()
        assert sorted(split.labels[:10]) == list(range(10))
    kept = {
        i.tobytes(): y
        for s in (loaded.train, loaded.validation)
        for i, y in zip(s.images, s.labels, strict=True)
    }
    images, labels = miniature()["train"]
    assert kept == {i.tobytes(): y for i, y in zip(images, labels, strict=True)}


def test_split_depends_on_the_pixels_only(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "reversed", miniature(), order=-1)
    first, second = (cifar10.load(f, fingerprint=None) for f in (folder, other))
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.train.images, second.train.images)


def test_folder_parent_and_environment_are_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cifar10.load(folder, fingerprint=None).fingerprint
    assert cifar10.load(folder.parent, fingerprint=None).fingerprint == expected
    monkeypatch.setenv("ACT_BENCH_DATA", str(folder.parent))
    assert cifar10.load(fingerprint=None).fingerprint == expected


def test_other_pixels_are_refused(folder: Path) -> None:
    expected = cifar10.load(folder, fingerprint=None).fingerprint
    other = write(folder.parent / "other", miniature(seed=1))
    with pytest.raises(DataMismatchError, match=f"expected {expected}"):
        cifar10.load(other, fingerprint=expected)
    with pytest.raises(DataMismatchError, match="uoft-cs/cifar10"):
        data.load("cifar10", folder)


def test_cache_serves_and_heals(folder: Path, without_data: Path) -> None:
    expected = cifar10.load(folder, fingerprint=None)
    assert not (without_data / "cache").exists()
    cifar10.load(folder, fingerprint=expected.fingerprint)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(DataNotFoundError):  # a folder that is named must hold data
        cifar10.load(folder, fingerprint=expected.fingerprint)
    cached = cifar10.load(fingerprint=expected.fingerprint)
    np.testing.assert_array_equal(cached.test.images, expected.test.images)
    assert cached.test.images.dtype == np.uint8
    assert cached.train.labels.dtype == np.int64
    stored = next((without_data / "cache").rglob("train-images.npy"))
    damaged = np.load(stored)
    damaged[0, 0, 0, 0] ^= 1
    np.save(stored, damaged)
    write(folder.parent / "again", miniature())
    healed = cifar10.load(folder.parent / "again", fingerprint=expected.fingerprint)
    assert healed.fingerprint == expected.fingerprint
    assert [path.name for path in (without_data / "cache").iterdir()] == [stored.parent.name]


def test_a_cache_of_no_size_keeps_nothing(
    folder: Path, without_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cifar10.load(folder, fingerprint=None).fingerprint
    monkeypatch.setenv("ACT_BENCH_CACHE_GB", "0")
    cifar10.load(folder, fingerprint=expected)
    assert not (without_data / "cache").exists()


def test_missing_data_names_the_three_ways(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError) as error:
        cifar10.load(tmp_path / "nothing")
    for way in ("--data-dir", "ACT_BENCH_DATA", "act-bench[hub]", str(tmp_path / "nothing")):
        assert way in str(error.value)


def test_wrong_columns_are_named(folder: Path) -> None:
    path = next(folder.glob("test-*.parquet"))
    pq.write_table(pa.table({"picture": [1], "label": [0]}), path)
    with pytest.raises(DataMismatchError, match="picture"):
        cifar10.load(folder, fingerprint=None)


@pytest.mark.skipif("ACT_BENCH_DATA" not in os.environ, reason="needs CIFAR-10 (ACT_BENCH_DATA)")
def test_the_real_data() -> None:
    loaded = data.load("cifar10")
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (45000, 5000, 10000)
    assert loaded.fingerprint == cifar10.FINGERPRINT
    assert (np.bincount(loaded.validation.labels) == 500).all()
    # Channel means of the 50,000 training images as published with many training scripts.
    both = np.concatenate([loaded.train.images, loaded.validation.images])
    np.testing.assert_allclose(
        both.reshape(-1, 3).mean(0) / 255, [0.4914, 0.4822, 0.4465], atol=1e-4
    )
