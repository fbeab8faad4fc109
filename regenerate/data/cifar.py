"""CIFAR-10 and CIFAR-100 with a fixed split and a fingerprint of their pixels and labels.

The split does not depend on the order of the rows, on a random number generator or on a library's
version. Images of one class are ranked by the SHA-256 of their pixels; the lowest tenth of every
class of the training set is the validation set (5,000 images), the others are for training
(45,000). The official test set stays whole (10,000). All three are kept in the order (rank, class),
so any prefix of a multiple of as many images as classes is stratified by class.

Source of the data: Krizhevsky (2009), *Learning multiple layers of features from tiny images*.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from act_bench.files import cache
from regenerate.data import DataMismatchError, DataNotFoundError, ImageData, Split
from regenerate.data.ordering import stratified_order

_SPLITS: Final = ("train", "validation", "test")
_PATTERNS: Final = {"train": "train-*.parquet", "test": "test-*.parquet"}


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets.

    Attributes
    ----------
    name, title
        ``cifar10``, and as people write it.
    classes
        How many.
    hub, hub_folder
        Where it lies on the Hugging Face Hub: repository, and folder in it.
    label
        The column of the class; the image is in ``img`` or ``image``.
    """

    name: str
    title: str
    classes: int
    hub: str
    hub_folder: str
    label: str = "label"

    @property
    def ways(self) -> str:
        """How to provide the files."""
        return (
            "There are three ways to provide it: (1) --data-dir FOLDER, (2) the environment "
            f"variable ACT_BENCH_DATA=FOLDER, where FOLDER (or FOLDER/{self.name}) holds the "
            f"Parquet files of {self.hub} (train-*.parquet and test-*.parquet); (3) pip install "
            "'act-bench[hub]' and a network connection: the files are then fetched from the "
            "Hugging Face Hub."
        )

    def load(
        self, data_dir: str | os.PathLike[str] | None = None, *, fingerprint: str | None = None
    ) -> ImageData:
        """Load the data set from a folder of Parquet files, or from the Hugging Face Hub.

        With a fingerprint, the first load decodes the compressed images and keeps them as ``.npy``
        files in a folder of `act_bench.files.cache.cache_folder`, ``~/.cache/act-bench`` if nothing
        else is said; later loads take a fraction of a second. `act_bench.files.cache` limits and
        clears what is kept.

        Parameters
        ----------
        data_dir
            A folder with ``train-*.parquet`` and ``test-*.parquet`` in the layout of :attr:`hub`,
            or its parent. None: the environment variable ``ACT_BENCH_DATA``, else the Hub.
        fingerprint
            The expected `ImageData.fingerprint`; None accepts any data and neither reads nor writes
            the cache.

        Raises
        ------
        DataNotFoundError
            If there is no data; the message names the three ways to provide it.
        DataMismatchError
            If the data are others, or have other classes.
        """
        chosen = data_dir if data_dir is not None else os.environ.get("ACT_BENCH_DATA") or None
        files = None if chosen is None else self._find_files(Path(chosen))
        if fingerprint is not None:
            cached = self._read_cache(fingerprint)
            if cached is not None:
                return cached
        if files is None:
            files = self._fetch_files()
        data = self._split(*(self._ordered(files[part]) for part in ("train", "test")))
        if fingerprint is not None:
            if data.fingerprint != fingerprint:
                raise DataMismatchError(
                    f"{self.title} from {files['train'][0].parent} has the fingerprint "
                    f"{data.fingerprint}, expected {fingerprint}: the pixels or labels differ from "
                    f"those of the published runs. Check that the files are those of {self.hub} "
                    "and complete."
                )
            self._write_cache(data, fingerprint)
        return data

    def _find_files(self, folder: Path) -> dict[str, list[Path]]:
        for candidate in (folder, folder / self.name):
            files = {part: sorted(candidate.glob(glob)) for part, glob in _PATTERNS.items()}
            if all(files.values()):
                return files
        raise DataNotFoundError(
            f"{self.title}: expected train-*.parquet and test-*.parquet in {folder} or "
            f"{folder / self.name}, found neither pair. {self.ways}"
        )

    def _fetch_files(self) -> dict[str, list[Path]]:
        """Download the Parquet files from the Hub (kept in Hugging Face's own cache)."""
        try:
            from huggingface_hub import snapshot_download
        except ImportError as error:
            raise DataNotFoundError(f"{self.title} is not on this machine. {self.ways}") from error
        try:
            root = Path(
                snapshot_download(
                    self.hub, repo_type="dataset", allow_patterns=f"{self.hub_folder}/*.parquet"
                )
            )
        except Exception as error:  # the Hub's client has no common base class for its failures
            raise DataNotFoundError(
                f"{self.title} could not be fetched from the Hub ({error}). {self.ways}"
            ) from error
        return self._find_files(root / self.hub_folder)

    def _ordered(self, files: Sequence[Path]) -> Split:
        """Return the images ordered by (rank within the class by SHA-256 of the pixels, class)."""
        images = _decode(files, self.label)
        found = np.unique(images.labels)
        if not np.array_equal(found, np.arange(self.classes)):
            raise DataMismatchError(
                f"{files[0]}: expected images of each of the {self.classes} classes of "
                f"{self.title}, found {len(found)} classes from {found.min()} to {found.max()}: "
                f"are these the files of {self.hub}?"
            )
        digests = [hashlib.sha256(pixels.tobytes()).digest() for pixels in images.images]
        order = stratified_order(digests, images.labels, self.classes)
        return Split(images.images[order], images.labels[order])

    def _split(self, train: Split, test: Split) -> ImageData:
        """Hold out a tenth of the ordered training images, as many of each class."""
        held = len(train) // (10 * self.classes) * self.classes
        return self._data(
            train=Split(train.images[held:], train.labels[held:]),
            validation=Split(train.images[:held], train.labels[:held]),
            test=test,
        )

    def _data(self, **splits: Split) -> ImageData:
        return ImageData(name=self.name, classes=self.classes, largest_pixel=255, **splits)

    def _cache_path(self, fingerprint: str) -> Path:
        return cache.cache_folder() / f"{self.name}-{fingerprint}"

    def _read_cache(self, fingerprint: str) -> ImageData | None:
        """Return the cached data if they are all there and hash to ``fingerprint``."""
        folder = self._cache_path(fingerprint)

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
        data = self._data(**splits)
        return data if data.fingerprint == fingerprint else None  # damaged: decode again

    def _write_cache(self, data: ImageData, fingerprint: str) -> None:
        splits: dict[str, Split] = {name: getattr(data, name) for name in _SPLITS}

        def write(draft: Path) -> None:
            for name, split in splits.items():
                np.save(draft / f"{name}-images.npy", split.images, allow_pickle=False)
                np.save(draft / f"{name}-labels.npy", split.labels, allow_pickle=False)

        size = sum(each.images.nbytes for each in splits.values())
        cache.keep(self._cache_path(fingerprint), size, write)


def _decode(files: Sequence[Path], label: str) -> Split:
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
            if image_column is None or label not in names:
                raise DataMismatchError(
                    f"{file}: expected the columns img (or image) and {label}, found {names}"
                )
            encoded = (row["bytes"] for row in table[image_column].to_pylist())
            pixels.extend(pool.map(pixels_of, encoded))
            labels.extend(table[label].to_pylist())
    return Split(np.stack(pixels), np.array(labels, dtype=np.int64))
