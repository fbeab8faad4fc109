"""MobileViTv2 in the trainer, on a few made-up photographs in the layout of Imagenette."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from act_bench.functions.expression import parse
from regenerate import data
from regenerate.images.batches import load_splits
from regenerate.recipes import RECIPES, find
from regenerate.recipes.vit import SHORT
from regenerate.training.dispatch import train

TINY = dataclasses.replace(
    SHORT,
    fidelity="tiny",
    width=0.25,
    image_size=32,
    epochs=4,
    batch_size=20,
    warmup_epochs=0.5,
    learning_rate=5e-3,
)


def squares(count: int, seed: int, side: int) -> data.Split:
    """Ten classes: a bright column at a place that tells the class, in noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = random.integers(0, 60, (count, side, side, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, label * side // 10 : (label + 1) * side // 10] += 180
    return data.Split(images, labels.astype(np.int64))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def load(name: str, data_dir: Path, *, image_size: int | None) -> data.ImageData:
        assert (name, data_dir) == ("imagenette", tmp_path)
        side = image_size or 160
        parts = (squares(count, seed, side) for seed, count in enumerate((200, 60, 40)))
        return data.ImageData("imagenette", 10, 255, *parts)

    monkeypatch.setattr(data, "load", load)
    return tmp_path


def test_it_learns_and_repeats(folder: Path) -> None:
    first, other = train(TINY, parse("swish(x)"), [0, 1], device="cpu", data_dir=folder)
    again = train(TINY, parse("swish(x)"), [0], device="cpu", data_dir=folder)[0]
    assert dataclasses.replace(again, runtime_s=first.runtime_s) == first
    assert other.train_loss_curve != first.train_loss_curve
    assert first.outcome == "ok"
    assert first.train_loss_curve[-1] < 0.85 * first.train_loss_curve[0]
    assert first.validation_accuracy == first.validation_accuracy_curve[-1]
    assert first.images_seen == 4 * 200


def test_a_function_that_is_undefined_diverges(folder: Path) -> None:
    run = train(TINY, parse("reciprocal(sub(x,x))"), [0], device="cpu", data_dir=folder)[0]
    assert (run.outcome, run.validation_accuracy, run.train_loss_curve) == ("diverged", None, ())
    assert run.images_seen == TINY.batch_size


@pytest.mark.parametrize("fidelity", ["reduced", "full"])
def test_long_recipes_run(folder: Path, fidelity: str) -> None:
    recipe = dataclasses.replace(
        find("vit", fidelity),
        epochs=1,
        width=0.25,
        image_size=32,
        batch_size=50,
        warmup_epochs=0.2,
        cooldown_epochs=0.1,
    )
    run = train(recipe, parse("elu(x)"), [0], device="cpu", data_dir=folder)[0]
    assert run.outcome == "ok"
    assert run.images_seen == 200


def test_the_middle_is_what_is_evaluated(folder: Path) -> None:
    splits = [
        load_splits(
            "imagenette",
            image_size=40,
            train_images=None,
            device="cpu",
            data_dir=folder,
            evaluation_crop=share,
        )
        for share in (1.0, 0.5)
    ]
    whole, middle = (each.validation.images.float() for each in splits)
    first, second = (each.train.images.float().numpy() for each in splits)
    np.testing.assert_array_equal(first, second)
    # Class 0 has its bright column at the left, outside of the middle half.
    assert float(whole[0, :, 1].mean()) > 1
    assert float(middle[0].max()) < 1
    assert whole.shape == middle.shape


def test_training_images_are_normalized(folder: Path) -> None:
    splits = load_splits(
        "imagenette", image_size=32, train_images=50, device="cpu", data_dir=folder
    )
    images = squares(200, 0, 32).images / 255
    levels = splits.train.levels
    assert levels is not None
    np.testing.assert_allclose(levels.mean, 255 * images.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(levels.deviation, 255 * images.std((0, 1, 2)), rtol=1e-6)
    wanted = (images[:50] - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    np.testing.assert_allclose(splits.train.images.float(), wanted, rtol=2**-7, atol=1e-3)


def test_recipes_are_of_the_table() -> None:
    shas = {RECIPES["vit", fidelity].sha for fidelity in ("proxy", "reduced", "full")}
    assert len(shas | {SHORT.sha}) == 4
    assert find("vit", "proxy").sha == "8c01ff123b25"  # what the sweep's runs carry
    assert find("cnn", "proxy").sha == "cd51d8b4e4f4"  # new fields rename no recipe
