"""TinyStories: two million short stories of 2023, made by language models.

Eldan and Li, *TinyStories: How Small Can Language Models Be and Still Speak Coherent English?*
(2023, arXiv 2305.07759). The published validation stories are the test split. A story of the
training files is for validation when the first four bytes of its SHA-256, as a number, are
divisible by `HELD`, and dropped when it is a test story too, as a few are. So no story is in two
splits, and the split depends on the stories alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from regenerate.data import DataMismatchError, DataNotFoundError
from regenerate.data.text import OTHER, TextData, encode_all

HUB_DATASET: Final = "roneneldan/TinyStories"
VOCABULARY: Final = "\n" + "".join(map(chr, range(ord(" "), ord("~") + 1))) + OTHER
"""The line break, the characters of ASCII that print, and one that stands for all others."""
HELD: Final = 100
"""One story in so many is for validation."""

_PATTERNS = {"train": "train-*.parquet", "test": "validation-*.parquet"}
_WAYS = (
    "There are three ways to provide it: (1) --data-dir FOLDER, (2) the environment variable "
    f"ACT_BENCH_DATA=FOLDER, where FOLDER (or FOLDER/tinystories) holds the Parquet files of "
    f"{HUB_DATASET} (train-*.parquet and validation-*.parquet); (3) pip install 'act-bench[hub]' "
    "and a network connection: the files are then fetched from the Hugging Face Hub."
)


def load(data_dir: str | os.PathLike[str] | None = None) -> TextData:
    """Load TinyStories from a folder of Parquet files, or from the Hugging Face Hub.

    The stories take two gigabytes of memory. No records were made with them yet, so no fingerprint
    is expected; ``Run.versions`` has that of the stories that were there.

    Parameters
    ----------
    data_dir
        A folder with ``train-*.parquet`` and ``validation-*.parquet`` in the layout of
        ``roneneldan/TinyStories``, or its parent. None: the environment variable
        ``ACT_BENCH_DATA``, else the Hub.

    Raises
    ------
    DataNotFoundError
        If there is no data; the message names the three ways to provide it.
    DataMismatchError
        If the files have no column ``text``.
    """
    chosen = data_dir if data_dir is not None else os.environ.get("ACT_BENCH_DATA") or None
    files = _fetch_files() if chosen is None else _find_files(Path(chosen))
    test = list(_stories(files["test"]))
    seen = {_digest(story) for story in test}

    def part(validation: bool) -> Iterator[str]:
        for story in _stories(files["train"]):
            digest = _digest(story)
            if digest not in seen and is_held(digest) == validation:
                yield story

    return TextData(
        "tinystories",
        VOCABULARY,
        train=encode_all(part(False), VOCABULARY),
        validation=encode_all(part(True), VOCABULARY),
        test=encode_all(test, VOCABULARY),
    )


def is_held(digest: bytes) -> bool:
    """Return whether a story of this SHA-256 is for validation.

    Examples
    --------
    >>> is_held(bytes([0, 0, 1, 144])), is_held(bytes([0, 0, 1, 145]))
    (True, False)
    """
    return int.from_bytes(digest[:4], "big") % HELD == 0


def _digest(story: str) -> bytes:
    return hashlib.sha256(story.encode()).digest()


def _find_files(folder: Path) -> dict[str, list[Path]]:
    for candidate in (folder, folder / "tinystories"):
        files = {part: sorted(candidate.glob(glob)) for part, glob in _PATTERNS.items()}
        if all(files.values()):
            return files
    raise DataNotFoundError(
        f"TinyStories: expected train-*.parquet and validation-*.parquet in {folder} or "
        f"{folder / 'tinystories'}, found neither pair. {_WAYS}"
    )


def _fetch_files() -> dict[str, list[Path]]:
    """Download the Parquet files from the Hub (kept in Hugging Face's own cache)."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DataNotFoundError(f"TinyStories is not on this machine. {_WAYS}") from error
    try:
        root = Path(
            snapshot_download(HUB_DATASET, repo_type="dataset", allow_patterns="data/*.parquet")
        )
    except Exception as error:  # the Hub's client has no common base class for its failures
        raise DataNotFoundError(
            f"TinyStories could not be fetched from the Hub ({error}). {_WAYS}"
        ) from error
    return _find_files(root / "data")


def _stories(files: Iterable[Path]) -> Iterator[str]:
    import pyarrow.parquet as pq

    for file in files:
        with pq.ParquetFile(file) as parquet:
            if "text" not in (names := parquet.schema_arrow.names):
                raise DataMismatchError(f"{file}: expected the column text, found {names}")
            for batch in parquet.iter_batches(columns=["text"]):
                yield from batch["text"].to_pylist()
