"""Text: characters and tokens, the published split of the speeches, stories in the real layout."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regenerate.data import DataMismatchError, DataNotFoundError, sotu, text, tinystories
from regenerate.data.text import OTHER, TextData, decode, encode


@pytest.fixture(scope="module")
def speeches() -> TextData:
    return text.load("sotu")


def test_characters_and_back() -> None:
    story = "“We”, he said\n"
    tokens = encode(story, sotu.VOCABULARY)
    assert tokens.dtype == np.uint8
    assert decode(tokens, sotu.VOCABULARY) == story
    assert encode("", sotu.VOCABULARY).size == 0


def test_a_character_outside_the_vocabulary() -> None:
    with pytest.raises(ValueError, match="got 'z'"):
        encode("abz", "ab")
    assert decode(encode("aébz", f"ab{OTHER}"), f"ab{OTHER}") == f"a{OTHER}b{OTHER}"


def test_bits_per_byte_count_the_bytes_of_utf_8() -> None:
    plain = TextData("plain", "ab", *3 * [np.zeros(8, np.uint8)])
    assert plain.bits_per_byte(math.log(2), plain.test) == pytest.approx(1.0)


def test_fingerprint_is_of_the_tokens_the_split_and_the_vocabulary() -> None:
    def of(vocabulary: str, *parts: list[int]) -> str:
        train, validation, test = (np.asarray(part, np.uint8) for part in parts)
        return TextData("made", vocabulary, train, validation, test).fingerprint

    prints = [
        of("ab", [0, 1], [0], [1]),
        of("ab", [0, 1], [0], [0]),
        of("ab", [0], [1, 0], [1]),
        of("ac", [0, 1], [0], [1]),
    ]
    assert len(set(prints)) == 4


def test_unknown_texts_are_named() -> None:
    with pytest.raises(ValueError, match="unknown text 'novels'; the texts are sotu, tinystories"):
        text.load("novels")


def test_vocabularies_are_sorted_and_without_repetition() -> None:
    for vocabulary in (sotu.VOCABULARY, tinystories.VOCABULARY):
        assert vocabulary == "".join(sorted(set(vocabulary)))


def test_speeches_are_the_published_ones_as_they_are(speeches: TextData) -> None:
    rows = pq.read_table(sotu.FILE).to_pylist()
    texts = {row["file"]: row["text"] for row in rows}
    assert len(rows) == 233
    assert set("".join(texts.values())) == set(sotu.VOCABULARY)
    total = sum(len(each) + 1 for each in texts.values())
    assert len(speeches.train) + len(speeches.validation) + len(speeches.test) == total
    _, validation, _ = sotu.split_names(list(texts))
    assert decode(speeches.validation, speeches.vocabulary) == "".join(
        texts[name] + "\n" for name in validation
    )
    assert speeches.fingerprint == sotu.FINGERPRINT


def test_split_is_by_speech_and_over_all_years() -> None:
    names = pq.read_table(sotu.FILE, columns=["file"])["file"].to_pylist()
    train, validation, test = sotu.split_names(names)
    assert (len(train), len(validation), len(test)) == (185, 24, 24)
    assert sorted(train + validation + test) == sorted(names)
    for part in (validation, test):
        years = sorted(int(name[:4]) for name in part)
        assert max(np.diff(years)) < 20
        assert years[0] < 1800
        assert years[-1] > 2015
    assert sotu.split_names(names[::-1]) == (train, validation, test)


def test_other_speeches_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sotu.parquet"
    with pytest.raises(DataNotFoundError, match=r"sotu\.parquet is missing; reinstall"):
        sotu.read(file, fingerprint=None)
    names = [f"{year}_president" for year in range(1790, 1800)]
    pq.write_table(pa.table({"file": names, "text": names[::-1]}), file)
    found = sotu.read(file, fingerprint=None).fingerprint
    assert sotu.read(file, fingerprint=found).fingerprint == found
    with pytest.raises(DataMismatchError, match=f"{sotu.FINGERPRINT}, got {found}"):
        sotu.read(file, fingerprint=sotu.FINGERPRINT)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataMismatchError, match="is damaged"):
        sotu.read(file, fingerprint=None)


STORIES = [f"Once there was a cat, number {number}.\n\nThe end…" for number in range(600)]


def write(folder: Path, train: list[str], test: list[str]) -> Path:
    """Write Parquet files as the Hub has them; the training set in two files."""
    folder.mkdir(parents=True)
    for number in range(2):
        name = f"train-{number:05}-of-00002-0123456789abcdef.parquet"
        pq.write_table(pa.table({"text": train[number::2]}), folder / name)
    name = "validation-00000-of-00001-0123456789abcdef.parquet"
    pq.write_table(pa.table({"text": test}), folder / name)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "data" / "tinystories", STORIES[:580], STORIES[570:])


def stories_of(tokens: text.Tokens) -> list[str]:
    """Return the stories of a split; here each ends with a character outside the vocabulary."""
    whole = decode(tokens, tinystories.VOCABULARY)
    return [f"{story}\N{HORIZONTAL ELLIPSIS}" for story in whole.split(f"{OTHER}\n")[:-1]]


def test_stories_are_split_and_none_is_in_two_splits(folder: Path) -> None:
    data = text.load("tinystories", folder)
    train, validation, test = map(stories_of, (data.train, data.validation, data.test))
    assert test == STORIES[570:]
    assert sorted(train + validation) == sorted(STORIES[:570])  # ten of test are dropped
    assert 0 < len(validation) < 30


def test_a_folder_its_parent_and_the_environment_are_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = text.load("tinystories", folder).fingerprint
    assert text.load("tinystories", folder.parent).fingerprint == expected
    monkeypatch.setenv("ACT_BENCH_DATA", str(folder.parent))
    assert text.load("tinystories").fingerprint == expected


def test_the_hub_is_asked_for_the_parquet_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.delenv("ACT_BENCH_DATA", raising=False)
    asked = []

    def snapshot_download(name: str, **options: str) -> str:
        asked.append((name, options))
        return str(folder.parent.parent / "hub")

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    folder.rename(folder.parent.parent / "stories")
    (folder.parent.parent / "hub").mkdir()
    (folder.parent.parent / "stories").rename(folder.parent.parent / "hub" / "data")
    assert len(text.load("tinystories").test) > 0
    assert asked == [
        ("roneneldan/TinyStories", {"repo_type": "dataset", "allow_patterns": "data/*.parquet"})
    ]


def test_files_of_another_layout(folder: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"found neither pair\. There are three ways"):
        text.load("tinystories", folder.parent.parent)
    (file,) = folder.glob("validation-*.parquet")
    pq.write_table(pa.table({"story": ["a"]}), file)
    with pytest.raises(DataMismatchError, match=r"expected the column text, found \['story'\]"):
        text.load("tinystories", folder)
