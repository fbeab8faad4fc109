"""Imagenette at 160 pixels with a fixed, published split.

Imagenette (Howard 2019, https://github.com/fastai/imagenette) is ten easily told classes of
ImageNet: 9,469 images for training and 3,925 for validation. The original tables used the same
3,925 images for validation and for test. Here they are halved: within each class they are put in
the order of the SHA-256 of their file names, and dealt in turn to validation (1,966) and test
(1,959). Training images are in the order (rank by that hash within the class, class), so that any
prefix has the classes in nearly equal parts.

What is checked, and what is recorded
-------------------------------------
The same photographs go round in several encodings, and two decoders of one JPEG may differ by a
level here and there. So no rule here depends on pixels. What is *checked* is which images these are
(`SELECTION`: file names, labels, official part) and, to catch exchanged channels or another crop,
the mean color (within `COLOR_TOLERANCE` levels). What is *recorded* in every run is
`ImageData.fingerprint`, of the pixels as they were trained on: runs of equal pixels can be compared
bit by bit, others by their statistics.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.files import cache
from regenerate.data import DataMismatchError, DataNotFoundError, ImageData, Split
from regenerate.data.ordering import stratified_order
from regenerate.data.resampling import shrink

HUB_DATASET: Final = "frgfm/imagenette"
HUB_REVISION: Final = "refs/convert/parquet"
"""The Hub's own conversion to Parquet; the main branch holds a script, which is not run."""
CLASSES: Final = 10
SIDE: Final = 160
"""Pixels. Images of another shape are squeezed to a square of this side, none is cropped."""
SELECTION: Final = "72583ff2e6a1a75e"
"""The first 16 hex digits of the SHA-256 over (official part, file name, label), sorted."""
COLOR: Final = (118.0, 116.9, 109.7)
"""Mean red, green and blue level of the training images."""
COLOR_TOLERANCE: Final = 2.0

_PARTS: Final = ("train", "validation")
_WAYS: Final = (
    "There are three ways to provide it: (1) --data-dir FOLDER, (2) the environment variable "
    "ACT_BENCH_DATA=FOLDER, where FOLDER (or FOLDER/imagenette160) holds Parquet files "
    f"train-*.parquet and validation-*.parquet with the columns image and label, as {HUB_DATASET} "
    "has them at 160 px; (3) pip install 'act-bench[hub]' and a network connection: the files are "
    "then fetched from the Hugging Face Hub."
)
_CHUNK: Final = 256


@dataclass(frozen=True)
class _Part:
    """One official part: images (n, size, size, 3) uint8, labels (n,), file names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]


def load(
    data_dir: str | os.PathLike[str] | None = None,
    *,
    image_size: int | None = None,
    selection: str | None = SELECTION,
) -> ImageData:
    """Load Imagenette from a folder of Parquet files, or from the Hugging Face Hub.

    The first load at a size decodes the images, averages them down (`regenerate.data.resampling`)
    and keeps the arrays in the folder ``imagenette-*`` of `act_bench.files.cache.cache_folder`; its
    name has the hash of the files, the decoders and the size. `act_bench.files.cache` says how much
    may be kept.

    Parameters
    ----------
    data_dir
        A folder with ``train-*.parquet`` and ``validation-*.parquet``, or its parent. None: the
        environment variable ``ACT_BENCH_DATA``, else the Hub.
    image_size
        Side of the images in pixels, at most 160; None is 160.
    selection
        The expected `SELECTION`; None accepts any images in the layout.

    Raises
    ------
    DataNotFoundError
        If there is no data; the message names the three ways to provide it.
    DataMismatchError
        If they are not the 13,394 images, or not in these colors.
    ValueError
        If the size is not from 1 to 160.
    """
    size = SIDE if image_size is None else image_size
    if not 1 <= size <= SIDE:
        raise ArgumentError(f"Imagenette has images of {SIDE} pixels; got image_size {image_size}")
    chosen = data_dir if data_dir is not None else os.environ.get("ACT_BENCH_DATA") or None
    files = _fetch_files() if chosen is None else _find_files(Path(chosen))
    folder = cache.cache_folder() / f"imagenette-{_source(files)}-{size}"
    parts = _read(folder)
    if parts is None:
        parts = {part: decode(files[part], size) for part in _PARTS}
        _keep(folder, parts)
    if selection is not None:
        _check(parts, selection, files["train"][0].parent)
    train, validation = (_ordered(parts[part]) for part in _PARTS)
    return ImageData(
        name="imagenette",
        classes=CLASSES,
        largest_pixel=255,
        train=train,
        validation=_dealt(validation, 0),
        test=_dealt(validation, 1),
    )


def _find_files(folder: Path) -> dict[str, list[Path]]:
    candidates = (folder, folder / "imagenette160")
    for candidate in candidates:
        for glob in ("{}-*.parquet", "{}/*.parquet"):
            files = {part: sorted(candidate.glob(glob.format(part))) for part in _PARTS}
            if all(files.values()):
                return files
    raise DataNotFoundError(
        "Imagenette: expected train-*.parquet and validation-*.parquet in "
        f"{' or '.join(map(str, candidates))}, found neither pair. {_WAYS}"
    )


def _fetch_files() -> dict[str, list[Path]]:
    """Download the Parquet files from the Hub (kept in Hugging Face's own cache)."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DataNotFoundError(f"Imagenette is not on this machine. {_WAYS}") from error
    try:
        root = Path(
            snapshot_download(
                HUB_DATASET,
                repo_type="dataset",
                revision=HUB_REVISION,
                allow_patterns="160px/*/*.parquet",
            )
        )
    except Exception as error:  # the Hub's client has no common base class for its failures
        raise DataNotFoundError(
            f"Imagenette could not be fetched from the Hub ({error}). {_WAYS}"
        ) from error
    return _find_files(root / "160px")


def _source(files: Mapping[str, Sequence[Path]]) -> str:
    """Return 16 hex digits that change with the files and with the decoders."""
    from PIL import features

    decoders = [features.version(name) for name in ("webp", "jpg", "libjpeg_turbo")]
    digest = hashlib.sha256(repr(decoders).encode())
    for part in _PARTS:
        for file in files[part]:
            with file.open("rb") as stream:
                digest.update(part.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def decode(files: Sequence[Path], size: int) -> _Part:
    """Decode the images of Parquet files and shrink them to a square of ``size`` pixels."""
    from PIL import Image

    def pixels_of(encoded: bytes) -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(encoded)) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
        if pixels.shape[:2] != (SIDE, SIDE):
            pixels = shrink(pixels[None], SIDE)[0]
        return pixels if size == SIDE else shrink(pixels[None], size)[0]

    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    with ThreadPoolExecutor() as pool:  # the decoders release the interpreter lock
        for file in files:
            rows = _rows(file)
            while chunk := list(islice(rows, _CHUNK)):
                images.extend(pool.map(pixels_of, (encoded for encoded, _, _ in chunk)))
                names.extend(name for _, name, _ in chunk)
                labels.extend(label for _, _, label in chunk)
    return _Part(np.stack(images), np.array(labels, dtype=np.int64), names)


def _rows(file: Path) -> Iterator[tuple[bytes, str, int]]:
    """Yield the encoded image, the name of its file and the label of each row."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        names = parquet.schema_arrow.names
        if not {"image", "label"} <= set(names):
            raise DataMismatchError(f"{file}: expected the columns image and label, found {names}")
        for batch in parquet.iter_batches(_CHUNK, columns=["image", "label"]):
            for image, label in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if not image["path"]:
                    raise DataMismatchError(
                        f"{file}: an image has no path; the split is made from the file names. "
                        f"Use the files of {HUB_DATASET}, revision {HUB_REVISION}, folder 160px."
                    )
                yield image["bytes"], Path(image["path"]).name, label


def selection_of(parts: Mapping[str, tuple[Sequence[str], Sequence[int]]]) -> str:
    """Return 16 hex digits that say which images these are, whatever their encoding.

    Parameters
    ----------
    parts
        Official part -> file names and labels, in any order.

    Examples
    --------
    >>> first = {"train": (["a.JPEG", "b.JPEG"], [0, 1])}
    >>> selection_of(first) == selection_of({"train": (["b.JPEG", "a.JPEG"], [1, 0])})
    True
    """
    lines = sorted(
        f"{part} {name} {label}"
        for part, (names, labels) in parts.items()
        for name, label in zip(names, labels, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _check(parts: Mapping[str, _Part], selection: str, folder: Path) -> None:
    found = selection_of({name: (part.names, part.labels.tolist()) for name, part in parts.items()})
    if found != selection:
        counts = ", ".join(f"{len(part.labels):,} {name}" for name, part in parts.items())
        raise DataMismatchError(
            f"Imagenette from {folder} is another selection of images: {counts}, with the hash "
            f"{found} of their names and labels; expected 9,469 train, 3,925 validation with "
            f"{selection}. Check that the files are those of {HUB_DATASET} and complete."
        )
    mean = parts["train"].images.mean((0, 1, 2), dtype=np.float64)
    if np.abs(mean - COLOR).max() > COLOR_TOLERANCE:
        raise DataMismatchError(
            f"Imagenette from {folder} has the mean color {mean.round(1).tolist()}, expected "
            f"{list(COLOR)} within {COLOR_TOLERANCE:g}: other crops, or channels in another "
            f"order. Check that the files are those of {HUB_DATASET} at 160 px."
        )


def _ordered(part: _Part) -> Split:
    """Order by (rank within the class by the SHA-256 of the file name, class)."""
    digests = [hashlib.sha256(name.encode()).digest() for name in part.names]
    order = stratified_order(digests, part.labels, CLASSES)
    return Split(part.images[order], part.labels[order])


def _dealt(ordered: Split, start: int) -> Split:
    """Return every second image of each class, from its ``start``-th on."""
    kept = np.zeros(len(ordered), dtype=np.bool_)
    for label in range(CLASSES):
        kept[np.flatnonzero(ordered.labels == label)[start::2]] = True
    return Split(ordered.images[kept], ordered.labels[kept])


def _read(folder: Path) -> dict[str, _Part] | None:
    """Return what is kept, or None if it is not there or damaged."""
    try:
        parts = {
            part: _Part(
                np.load(folder / f"{part}-images.npy", allow_pickle=False),
                np.load(folder / f"{part}-labels.npy", allow_pickle=False),
                (folder / f"{part}-names.txt").read_text().split("\n"),
            )
            for part in _PARTS
        }
        if (folder / "sha256.txt").read_text() != _sha256(parts):
            return None
        os.utime(folder)  # mark as recently used, so eviction reaches it last
    except (OSError, ValueError, EOFError):
        return None
    return parts


def _sha256(parts: Mapping[str, _Part]) -> str:
    digest = hashlib.sha256()
    for part in parts.values():
        digest.update("\n".join(part.names).encode())
        digest.update(part.labels.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(part.images).reshape(-1).data)
    return digest.hexdigest()


def _keep(folder: Path, parts: Mapping[str, _Part]) -> None:
    def write(draft: Path) -> None:
        for name, part in parts.items():
            np.save(draft / f"{name}-images.npy", part.images, allow_pickle=False)
            np.save(draft / f"{name}-labels.npy", part.labels, allow_pickle=False)
            (draft / f"{name}-names.txt").write_text("\n".join(part.names))
        (draft / "sha256.txt").write_text(_sha256(parts))

    cache.keep(folder, sum(part.images.nbytes for part in parts.values()), write)
