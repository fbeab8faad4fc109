"""Batches kept on this machine: found by what they hold, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from regenerate.fisher.batches import fingerprint, keep, kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=torch.channels_last), torch.arange(4)


def test_a_batch_comes_back() -> None:
    images, labels = batch()
    which = fingerprint(images, labels)
    assert kept(which) is None
    keep(images, labels)
    found = kept(which)
    assert found is not None
    assert torch.equal(found[0], images)
    assert torch.equal(found[1], labels)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


def test_what_is_damaged_or_another_batch_is_not_there(folder: Path) -> None:
    images, labels = batch()
    keep(images, labels)
    (path,) = folder.iterdir()
    whole, which = path.read_bytes(), fingerprint(images, labels)
    for content in (b"", b"not an archive", whole[:-30], whole[:200] + b"\xff" + whole[201:]):
        path.write_bytes(content)
        assert kept(which) is None
    keep(images + 1, labels)
    fingerprint_of_other = fingerprint(images + 1, labels)
    (folder / f"fisher-batch-{fingerprint_of_other}.npz").replace(path)
    assert kept(which) is None


def test_a_folder_that_cannot_be_written_to_is_no_error(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    keep(*batch())
