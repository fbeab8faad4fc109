"""CIFAR-10 with a fixed, published split and a fingerprint of its pixels and labels.

The split does not depend on the order of the rows, on a random number generator or on a library's
version. Images of one class are ranked by the SHA-256 of their pixels; the 500 lowest of every
class of the training set are the validation set (5,000 images), the others are for training
(45,000). The official test set stays whole (10,000). All three are kept in the order (rank, class),
so any prefix of a multiple of ten images is stratified by class.

Source of the data: Krizhevsky (2009), *Learning multiple layers of features from tiny images*.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from act_bench.files import cache
from regenerate.data import DataMismatchError, DataNotFoundError, ImageData, Split
from regenerate.data.ordering import stratified_order

HUB_DATASET = "uoft-cs/cifar10"
CLASSES = 10
FINGERPRINT = "4527a1f28b55f800"

_SPLITS = ("train", "validation", "test")
_PATTERNS = {"train": "train-*.parquet", "test": "test-*.parquet"}
_WAYS = (
    "There are three ways to provide it: (1) --data-dir FOLDER, (2) the environment variable "
    f"ACT_BENCH_DATA=FOLDER, where FOLDER (or FOLDER/cifar10) holds the Parquet files of "
    f"{HUB_DATASET} (train-*.parquet and test-*.parquet); (3) pip install 'act-bench[hub]' and a "
    "network connection: the files are then fetched from the Hugging Face Hub."
)


def load(
    data_dir: str | os.PathLike[str] | None = None, *, fingerprint: str | None = FINGERPRINT
) -> ImageData:
    """Load CIFAR-10 from a folder of Parquet files, or from the Hugging Face Hub.

    The first load decodes the compressed images and keeps them as ``.npy`` files in the folder
    ``cifar10-*`` of `act_bench.files.cache.cache_folder`, ``~/.cache/act-bench`` if nothing else is
    said; later loads take a fraction of a second. `act_bench.files.cache` limits and clears what is
    kept.

    Parameters
    ----------
    data_dir
        A folder with ``train-*.parquet`` and ``test-*.parquet`` in the layout of
        ``uoft-cs/cifar10``, or its parent. None: the environment variable ``ACT_BENCH_DATA``, else
        the Hub.
    fingerprint
        The expected `ImageData.fingerprint`; None accepts any data and neither reads nor writes
        the cache.

    Raises
    ------
    DataNotFoundError
        If there is no data; the message names the three ways to provide it.
    DataMismatchError
        If the data are not those of the published runs.
    """
    chosen = data_dir if data_dir is not None else os.environ.get("ACT_BENCH_DATA") or None
    files = None if chosen is None else _find_files(Path(chosen))
    if fingerprint is not None:
        cached = _read_cache(fingerprint)
        if cached is not None:
            return cached
    if files is None:
        files = _fetch_files()
    data = _split(*(_canonical_order(_decode(files[part])) for part in ("train", "test")))
    if fingerprint is not None:
        if data.fingerprint != fingerprint:
            raise DataMismatchError(
                f"CIFAR-10 from {files['train'][0].parent} has the fingerprint "
                f"{data.fingerprint}, expected {fingerprint}: the pixels or labels differ from "
                f"those of the published runs. Check that the files are those of {HUB_DATASET} "
                "and complete."
            )
        _write_cache(data, fingerprint)
    return data


def _find_files(folder: Path) -> dict[str, list[Path]]:
    for candidate in (folder, folder / "cifar10"):
        files = {part: sorted(candidate.glob(glob)) for part, glob in _PATTERNS.items()}
        if all(files.values()):
            return files
    raise DataNotFoundError(
        f"CIFAR-10: expected train-*.parquet and test-*.parquet in {folder} or "
        f"{folder / 'cifar10'}, found neither pair. {_WAYS}"
    )


def _fetch_files() -> dict[str, list[Path]]:
    """Download the Parquet files from the Hub (kept in Hugging Face's own cache)."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DataNotFoundError(f"CIFAR-10 is not on this machine. {_WAYS}") from error
    try:
        root = Path(
            snapshot_download(
                HUB_DATASET, repo_type="dataset", allow_patterns="plain_text/*.parquet"
            )
        )
    except Exception as error:  # the Hub's client has no common base class for its failures
        raise DataNotFoundError(
            f"CIFAR-10 could not be fetched from the Hub ({error}). {_WAYS}"
        ) from error
    return _find_files(root / "plain_text")


def _decode(files: Sequence[Path]) -> Split:
    import pyarrow.parquet as pq
    from PIL import Image

    def pixels_of(encoded: bytes) -> npt.NDArray[np.uint8]:
        with Image.open(io.BytesIO(encoded)) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)

    pixels: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    with ThreadPoolExecutor() as pool:  # the decoders release the interpreter lock
        for file in files:
            table = pq.read_table(file)
            names = table.column_names
            image_column = next((name for name in ("img", "image") if name in names), None)
            if image_column is None or "label" not in names:
                raise DataMismatchError(
                    f"{file}: expected the columns img (or image) and label, found {names}"
                )
            encoded = (row["bytes"] for row in table[image_column].to_pylist())
            pixels.extend(pool.map(pixels_of, encoded))
            labels.extend(table["label"].to_pylist())
    return Split(np.stack(pixels), np.array(labels, dtype=np.int64))


def _canonical_order(images: Split) -> Split:
    """Order by (rank within the class by SHA-256 of the pixels, class)."""
    digests = [hashlib.sha256(pixels.tobytes()).digest() for pixels in images.images]
    order = stratified_order(digests, images.labels, CLASSES)
    return Split(images.images[order], images.labels[order])


def _split(train: Split, test: Split) -> ImageData:
    """Hold out a tenth of the ordered training images: 500 of each class of the real set."""
    held = len(train) // (10 * CLASSES) * CLASSES
    return ImageData(
        name="cifar10",
        classes=CLASSES,
        largest_pixel=255,
        train=Split(train.images[held:], train.labels[held:]),
        validation=Split(train.images[:held], train.labels[:held]),
        test=test,
    )


def _cache_path(fingerprint: str) -> Path:
    return cache.cache_folder() / f"cifar10-{fingerprint}"


def _read_cache(fingerprint: str) -> ImageData | None:
    """Return the cached data if they are all there and hash to ``fingerprint``."""
    folder = _cache_path(fingerprint)

    def part(name: str) -> Split:
        images, labels = (
            np.load(folder / f"{name}-{kind}.npy", allow_pickle=False)
            for kind in ("images", "labels")
        )
        return Split(images, labels)

    try:
        splits = {name: part(name) for name in _SPLITS}
        os.utime(folder)  # mark as recently used, so eviction reaches it last
    except (OSError, ValueError, EOFError):
        return None
    data = ImageData(name="cifar10", classes=CLASSES, largest_pixel=255, **splits)
    return data if data.fingerprint == fingerprint else None  # damaged: decode again


def _write_cache(data: ImageData, fingerprint: str) -> None:
    splits: dict[str, Split] = {name: getattr(data, name) for name in _SPLITS}

    def write(draft: Path) -> None:
        for name, split in splits.items():
            np.save(draft / f"{name}-images.npy", split.images, allow_pickle=False)
            np.save(draft / f"{name}-labels.npy", split.labels, allow_pickle=False)

    cache.keep(_cache_path(fingerprint), sum(each.images.nbytes for each in splits.values()), write)
