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
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]

HUB_DATASET = "uoft-cs/cifar10"
CLASSES = 10
VALIDATION_PER_CLASS = 500
FINGERPRINT = "?"

_PATTERNS = {"train": "train-*.parquet", "test": "test-*.parquet"}
_WAYS = (
    "There are three ways to provide it: (1) --data-dir FOLDER, (2) the environment variable "
    f"ACT_BENCH_DATA=FOLDER, where FOLDER (or FOLDER/cifar10) holds the Parquet files of "
    f"{HUB_DATASET} (train-*.parquet and test-*.parquet); (3) pip install 'act-bench[hub]' and a "
    "network connection: the files are then fetched from the Hugging Face Hub."
)


class DataMissingError(FileNotFoundError):
    """The data set is not where it was looked for; the message names the ways to provide it."""


class DataMismatchError(ValueError):
    """The pixels or labels are not those that the published runs were trained on."""


@dataclass(frozen=True)
class Images:
    """Images and labels of one part of a data set.

    Attributes
    ----------
    pixels
        ``(images, height, width, 3)`` uint8, red-green-blue.
    labels
        ``(images,)`` uint8 class indices.
    """

    pixels: UInt8
    labels: UInt8

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Images:
        """Return the first ``count`` images; stratified by class for a multiple of ten."""
        return Images(self.pixels[:count], self.labels[:count])


@dataclass(frozen=True)
class ImageDataset:
    """The three parts of a data set and the SHA-256 that names their content."""

    train: Images
    validation: Images
    test: Images
    fingerprint: str


def load_cifar10(
    folder: str | os.PathLike[str] | None = None, *, fingerprint: str | None = FINGERPRINT
) -> ImageDataset:
    """Load CIFAR-10 from a folder of Parquet files, or from the Hugging Face Hub.

    The first load decodes the compressed images and keeps them as ``.npy`` files in
    `cache_folder`; later loads take a fraction of a second. Delete that folder to clear it.

    Parameters
    ----------
    folder
        A folder with ``train-*.parquet`` and ``test-*.parquet`` in the layout of
        ``uoft-cs/cifar10``, or its parent. None: the environment variable ``ACT_BENCH_DATA``, else
        the Hub.
    fingerprint
        The expected SHA-256 of pixels and labels; None accepts any data and neither reads nor
        writes the cache.

    Raises
    ------
    DataMissingError
        If there is no data; the message names the three ways to provide it.
    DataMismatchError
        If the data are not those of the published runs.
    """
    chosen = folder if folder is not None else os.environ.get("ACT_BENCH_DATA") or None
    files = None if chosen is None else _find_files(Path(chosen))
    if fingerprint is not None:
        cached = _read_cache(fingerprint)
        if cached is not None:
            return cached
    if files is None:
        files = _fetch_files()
    train, test = (_canonical_order(_decode(files[part])) for part in ("train", "test"))
    actual = fingerprint_of(train, test)
    if fingerprint is not None and actual != fingerprint:
        raise DataMismatchError(
            f"CIFAR-10 from {files['train'][0].parent} has the fingerprint {actual}, expected "
            f"{fingerprint}: the pixels or labels differ from those of the published runs. "
            f"Fetch {HUB_DATASET} again, or check that the files are complete."
        )
    if fingerprint is not None:
        _write_cache(train, test, fingerprint)
    return _split(train, test, actual)


def cache_folder() -> Path:
    """Return the folder of decoded images: ``ACT_BENCH_CACHE`` or ``~/.cache/act-bench``.

    ``XDG_CACHE_HOME`` is respected. Deleting the folder is safe: it is filled again when needed.
    """
    if own := os.environ.get("ACT_BENCH_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "act-bench"


def fingerprint_of(train: Images, test: Images) -> str:
    """Return the SHA-256 (hex) of the pixels and labels of both official sets.

    It hashes, for every image in canonical order, the SHA-256 of its pixels and its label; so it
    depends neither on the order of rows in the files nor on how the images were compressed.
    """
    digest = hashlib.sha256()
    for part in (train, test):
        digest.update(len(part).to_bytes(8, "little"))
        for pixels, label in zip(part.pixels, part.labels, strict=True):
            digest.update(hashlib.sha256(pixels.tobytes()).digest())
            digest.update(bytes([int(label)]))
    return digest.hexdigest()


def _find_files(folder: Path) -> dict[str, list[Path]]:
    for candidate in (folder, folder / "cifar10"):
        files = {part: sorted(candidate.glob(glob)) for part, glob in _PATTERNS.items()}
        if all(files.values()):
            return files
    raise DataMissingError(
        f"CIFAR-10: expected train-*.parquet and test-*.parquet in {folder} or "
        f"{folder / 'cifar10'}, found neither pair. {_WAYS}"
    )


def _fetch_files() -> dict[str, list[Path]]:
    """Download the Parquet files from the Hub (kept in Hugging Face's own cache)."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DataMissingError(f"CIFAR-10 is not on this machine. {_WAYS}") from error
    try:
        root = Path(
            snapshot_download(
                HUB_DATASET, repo_type="dataset", allow_patterns="plain_text/*.parquet"
            )
        )
    except Exception as error:  # the Hub's client has no common base class for its failures
        raise DataMissingError(
            f"CIFAR-10 could not be fetched from the Hub ({error}). {_WAYS}"
        ) from error
    return _find_files(root / "plain_text")


def _decode(files: Sequence[Path]) -> Images:
    import pyarrow.parquet as pq
    from PIL import Image

    def pixels_of(encoded: bytes) -> UInt8:
        with Image.open(io.BytesIO(encoded)) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)

    pixels: list[UInt8] = []
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
    return Images(np.stack(pixels), np.array(labels, dtype=np.uint8))


def _canonical_order(images: Images) -> Images:
    """Order by (rank within the class by SHA-256 of the pixels, class)."""
    digests = [hashlib.sha256(pixels.tobytes()).digest() for pixels in images.pixels]
    by_digest = sorted(range(len(images)), key=digests.__getitem__)
    rank = np.empty(len(images), dtype=np.int64)
    seen = [0] * CLASSES
    for index in by_digest:
        label = int(images.labels[index])
        rank[index] = seen[label]
        seen[label] += 1
    order = np.lexsort((images.labels, rank))
    return Images(
        np.ascontiguousarray(images.pixels[order]), np.ascontiguousarray(images.labels[order])
    )


def _split(train: Images, test: Images, fingerprint: str) -> ImageDataset:
    held = VALIDATION_PER_CLASS * CLASSES
    if len(train) <= held:  # a miniature, as in tests: keep the proportion of one to nine
        held = len(train) // (10 * CLASSES) * CLASSES
    return ImageDataset(
        train=Images(train.pixels[held:], train.labels[held:]),
        validation=train.first(held),
        test=test,
        fingerprint=fingerprint,
    )


def _cache_paths(fingerprint: str) -> list[Path]:
    folder = cache_folder() / f"cifar10-{fingerprint[:16]}"
    return [folder / f"{part}-{kind}.npy" for part in _PATTERNS for kind in ("pixels", "labels")]


def _read_cache(fingerprint: str) -> ImageDataset | None:
    """Return the cached data if they are all there and hash to ``fingerprint``."""
    try:
        arrays = [np.load(path, allow_pickle=False) for path in _cache_paths(fingerprint)]
    except (OSError, ValueError, EOFError):
        return None
    train, test = Images(arrays[0], arrays[1]), Images(arrays[2], arrays[3])
    if fingerprint_of(train, test) != fingerprint:
        return None  # damaged: decode again
    return _split(train, test, fingerprint)


def _write_cache(train: Images, test: Images, fingerprint: str) -> None:
    """Write each array to a temporary file beside its place, then move it there."""
    paths: Iterable[Path] = _cache_paths(fingerprint)
    for path, array in zip(
        paths, (train.pixels, train.labels, test.pixels, test.labels), strict=True
    ):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".npy")
        except OSError:
            return  # a read-only home costs time, not the run
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
        Path(temporary).replace(path)
