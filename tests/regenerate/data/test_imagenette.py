"""Imagenette: decoding, split, cache and errors on a miniature in the real layout."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from act_bench.files import cache
from regenerate import data
from regenerate.data import DataMismatchError, DataNotFoundError, imagenette
from regenerate.data.resampling import shrink
from regenerate.images.batches import load_splits

COUNTS = {"train": 60, "validation": 45}
SIDE = 32
"""Instead of 160 pixels: the same rules, in a fifth of the time."""


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ACT_BENCH_DATA", raising=False)
    monkeypatch.delenv("ACT_BENCH_CACHE_GB", raising=False)
    monkeypatch.setattr(imagenette, "SIDE", SIDE)
    return tmp_path


def pixels_of(part: str, number: int, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """Return a gradient that tells the image, smooth enough for lossy encodings."""
    seed = number + (1000 if part == "validation" else 0)
    corners = np.random.default_rng(seed).uniform(0, 255, (3, 3))
    y, x = (np.linspace(0, 1, side) for side in shape)
    image = corners[0] * (1 - y)[:, None, None] * (1 - x)[:, None]
    image = image + corners[1] * y[:, None, None] * np.ones_like(x)[:, None]
    image = image + corners[2] * (1 - y)[:, None, None] * x[:, None]
    return image.clip(0, 255).astype(np.uint8)


def write(
    folder: Path,
    *,
    order: int = 1,
    encoding: str = "PNG",
    make: Callable[[str, int], np.ndarray] = pixels_of,
    named: bool = True,
) -> Path:
    """Write Parquet files as the real ones are, the training part in two."""
    folder.mkdir(parents=True)
    for part, count in COUNTS.items():
        numbers = list(range(count))[::order]
        files = 2 if part == "train" else 1
        for file in range(files):
            rows = []
            for number in numbers[file::files]:
                stream = io.BytesIO()
                Image.fromarray(make(part, number)).save(stream, encoding)
                rows.append({"bytes": stream.getvalue(), "path": f"{part}_{number}.JPEG"})
            if not named:
                rows = [{**row, "path": None} for row in rows]
            labels = [number % 10 for number in numbers[file::files]]
            kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
            table = pa.table({"image": pa.array(rows, kind), "label": pa.array(labels, pa.int64())})
            pq.write_table(table, folder / f"{part}-{file:05}-of-{files:05}.parquet")
    return folder


def test_parts_are_disjoint_halved_and_stratified(alone: Path) -> None:
    folder = write(alone / "data")
    loaded = imagenette.load(folder, selection=None)
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [60, 25, 20]
    assert sorted(loaded.train.labels[:10]) == list(range(10))
    assert (np.bincount(loaded.validation.labels) - np.bincount(loaded.test.labels) <= 1).all()
    official = {pixels_of("validation", n).tobytes(): n % 10 for n in range(45)}
    found = {
        image.tobytes(): label
        for split in (loaded.validation, loaded.test)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert found == official
    train = {image.tobytes() for image in loaded.train.images}
    assert train == {pixels_of("train", n).tobytes() for n in range(60)}


def test_split_depends_on_names_and_not_on_pixels_or_rows(alone: Path) -> None:
    first = imagenette.load(write(alone / "a"), selection=None)
    turned = imagenette.load(write(alone / "b", order=-1), selection=None)
    assert first.fingerprint == turned.fingerprint
    lossy = imagenette.load(write(alone / "c", encoding="JPEG"), selection=None)
    assert lossy.fingerprint != first.fingerprint  # other pixels are recorded as such
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(first, part), getattr(lossy, part)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        assert np.abs(ours.images.astype(int) - theirs.images).mean() < 6


def test_other_shapes_are_squeezed(alone: Path) -> None:
    def wide(part: str, number: int) -> np.ndarray:
        return pixels_of(part, number, (32, 43))

    loaded = imagenette.load(write(alone / "wide", make=wide), image_size=16, selection=None)
    whole = shrink(shrink(np.stack([wide("train", n) for n in range(60)]), 32), 16)
    assert {image.tobytes() for image in loaded.train.images} == {each.tobytes() for each in whole}


def test_sizes_are_averages(alone: Path) -> None:
    folder = write(alone / "data")
    whole, small = (imagenette.load(folder, image_size=s, selection=None) for s in (None, 12))
    np.testing.assert_array_equal(small.train.images, shrink(whole.train.images, 12))
    np.testing.assert_array_equal(small.test.labels, whole.test.labels)
    for size in (0, 33):
        with pytest.raises(ValueError, match=f"got image_size {size}"):
            imagenette.load(folder, image_size=size)


def test_folder_parent_and_environment_are_the_same(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(alone / "data" / "imagenette160")
    expected = imagenette.load(folder, image_size=16, selection=None).fingerprint
    parent = imagenette.load(folder.parent, image_size=16, selection=None)
    assert parent.fingerprint == expected
    monkeypatch.setenv("ACT_BENCH_DATA", str(folder.parent))
    assert imagenette.load(image_size=16, selection=None).fingerprint == expected


def test_layout_of_the_hub(alone: Path) -> None:
    write(alone / "flat")
    for part in COUNTS:
        target = alone / "hub" / part
        target.mkdir(parents=True)
        for number, file in enumerate(sorted((alone / "flat").glob(f"{part}-*"))):
            file.rename(target / f"{number:04}.parquet")
    assert len(imagenette.load(alone / "hub", image_size=16, selection=None).train) == 60


def test_cache_serves_and_heals(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(alone / "data")
    first = imagenette.load(folder, image_size=16, selection=None)
    (kept,) = cache.decoded()
    assert kept.folder.name.endswith("-16")
    calls: list[int] = []
    decode = imagenette.decode

    def counted(files: Any, size: int) -> Any:
        calls.append(size)
        return decode(files, size)

    monkeypatch.setattr(imagenette, "decode", counted)
    assert imagenette.load(folder, image_size=16, selection=None).fingerprint == first.fingerprint
    assert calls == []
    stored = kept.folder / "train-images.npy"
    damaged = np.load(stored)
    damaged[0, 0, 0, 0] ^= 1
    np.save(stored, damaged)
    assert imagenette.load(folder, image_size=16, selection=None).fingerprint == first.fingerprint
    assert calls == [16, 16]  # both parts
    assert imagenette.load(folder, image_size=16, selection=None).fingerprint == first.fingerprint
    assert calls == [16, 16]  # healed
    assert [path.name for path in kept.folder.parent.iterdir()] == [kept.folder.name]


def test_cache_keeps_within_its_limit(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(alone / "data")
    bytes_at_16 = 105 * 16 * 16 * 3
    monkeypatch.setenv("ACT_BENCH_CACHE_GB", str(2 * bytes_at_16 / 1e9))
    for size in (10, 16, 14):
        imagenette.load(folder, image_size=size, selection=None)
    assert [kept.folder.name.rsplit("-")[-1] for kept in cache.decoded()] == ["16", "14"]
    imagenette.load(folder, image_size=24, selection=None)  # too large to be kept at all
    assert len(cache.decoded()) == 2
    monkeypatch.setenv("ACT_BENCH_CACHE_GB", "0")
    imagenette.load(folder, image_size=12, selection=None)
    assert len(cache.decoded()) == 2


def test_other_images_are_refused(alone: Path) -> None:
    folder = write(alone / "data")
    with pytest.raises(DataMismatchError, match=r"60 train, 45 validation.*expected 9,469 train"):
        data.load("imagenette", folder)
    names = {part: [f"{part}_{n}.JPEG" for n in range(count)] for part, count in COUNTS.items()}
    labels = {part: [n % 10 for n in range(count)] for part, count in COUNTS.items()}
    selection = imagenette.selection_of({part: (names[part], labels[part]) for part in COUNTS})
    with pytest.raises(DataMismatchError, match="mean color"):
        imagenette.load(
            write(alone / "dark", make=lambda p, n: pixels_of(p, n) // 4), selection=selection
        )


def test_errors_say_what_to_do(alone: Path) -> None:
    with pytest.raises(DataNotFoundError) as error:
        imagenette.load(alone / "nothing")
    for way in ("--data-dir", "ACT_BENCH_DATA", "act-bench[hub]", str(alone / "nothing")):
        assert way in str(error.value)
    with pytest.raises(DataMismatchError, match=r"no path.*refs/convert/parquet"):
        imagenette.load(write(alone / "unnamed", named=False), selection=None)
    folder = write(alone / "columns")
    path = next(folder.glob("validation-*.parquet"))
    pq.write_table(pa.table({"picture": [1], "label": [0]}), path)
    with pytest.raises(DataMismatchError, match="picture"):
        imagenette.load(folder, selection=None)


def test_trainers_load_it_at_the_size_of_the_recipe(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(alone / "data")
    monkeypatch.setattr(imagenette.load, "__kwdefaults__", {"image_size": None, "selection": None})
    splits = load_splits(
        "imagenette", image_size=24, train_images=30, device="cpu", data_dir=folder
    )
    assert splits.train.images.shape == (30, 24, 24, 3)
    assert (len(splits.validation), splits.classes) == (25, 10)


@pytest.mark.skipif(
    "ACT_BENCH_DATA" not in os.environ
    or not any(Path(os.environ["ACT_BENCH_DATA"]).glob("**/validation-*.parquet")),
    reason="needs Imagenette (ACT_BENCH_DATA)",
)
def test_the_real_data() -> None:
    loaded = data.load("imagenette", image_size=16)
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [
        9469,
        1966,
        1959,
    ]
    assert (np.bincount(loaded.validation.labels) - np.bincount(loaded.test.labels) <= 1).all()
