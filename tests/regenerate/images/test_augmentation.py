"""Crops against torch's resize, RandAugment against Pillow, mixing and determinism."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.nn import functional

from regenerate.images import random_crops
from regenerate.images.batches import Levels, Pixels, batches
from regenerate.images.mixing import mixed
from regenerate.images.rand_augment import OPERATIONS, rand_augment
from regenerate.images.random_crops import central_crop, resize
from regenerate.recipes import find
from regenerate.training.losses import training_loss
from regenerate.training.schedule import learning_rate

SIDE = 24


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """Return smooth colors with noise and a few saturated pixels, (6, 24, 24, 3) uint8."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    waves = np.stack([np.sin(k * x + 3 * y + np.arange(3)[:, None, None]) for k in range(1, 7)])
    images = 128 + 80 * waves.transpose(0, 2, 3, 1) + random.normal(0, 25, (6, SIDE, SIDE, 3))
    return images.clip(0, 255).astype(np.uint8)


def pixels_of(images: np.ndarray) -> Pixels:
    levels = Levels(torch.from_numpy(images), torch.full((3,), 120.0), torch.full((3,), 60.0), 3)
    normal = ((levels.images.float() - 120) / 60).to(torch.bfloat16)
    return Pixels(normal, torch.arange(len(images)) % 3, levels)


def on_levels(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def test_crops_equal_torchs_antialiased_bicubic_resize(photographs: np.ndarray) -> None:
    crops = random_crops.random_crops(6, SIDE, 0.08, seed=3, purpose="test")
    images = on_levels(photographs)
    for size in (12, 24, 40):
        resized = resize(torch.from_numpy(photographs), crops, size)
        for image, top, left, height, width, mirrored, got in zip(
            images, *crops, resized, strict=True
        ):
            part = image[None, :, top : top + height, left : left + width]
            wanted = functional.interpolate(part, (size, size), mode="bicubic", antialias=True)[0]
            wanted = wanted.flip(2) if mirrored else wanted
            torch.testing.assert_close(got, wanted.clamp(0, 255), rtol=0, atol=0.02)


def test_drawn_crops_have_the_shapes_of_the_paper() -> None:
    crops = random_crops.random_crops(4000, 160, 0.08, seed=0, purpose="test")
    area = crops.height * crops.width / 160**2
    ratio = crops.width / crops.height
    assert (crops.top >= 0).all()
    assert (crops.left + crops.width <= 160).all()
    assert 0.075 < area.min() < 0.1
    assert area.max() > 0.97
    assert ratio.min() >= 0.7  # 3:4, rounded to pixels
    assert ratio.max() <= 1.42
    assert abs(crops.mirrored.mean() - 0.5) < 0.03
    # Of an area a, the share min(1, -log a / log(4/3)) fits; the others are drawn again. The
    # integral over areas from 0.08 to 1 is 0.857, so 0.23 / 0.92 / 0.857 are below 0.31.
    assert abs(np.mean(area < 0.31) - 0.292) < 0.03


def test_the_middle() -> None:
    crops = central_crop(2, 160, 0.95)
    assert [each[0] for each in crops] == [4, 4, 152, 152, False]
    image = torch.arange(160, dtype=torch.uint8).expand(1, 3, 160, 160).permute(0, 2, 3, 1)
    middle = resize(image.contiguous(), central_crop(1, 160, 0.95), 160)
    assert abs(float(middle[0, 0, 0, 0]) - 4) < 0.6
    assert abs(float(middle[0, 0, 0, -1]) - 155) < 0.6


# Pillow's own operations at magnitude 6: bits 8 - round(0.6 * 4), factors 1 + 0.9 * 0.6.
REFERENCES = {
    "identity": lambda image: image,
    "auto_contrast": ImageOps.autocontrast,
    "equalize": ImageOps.equalize,
    "solarize": lambda image: ImageOps.solarize(image, 103),  # levels of at least 102.4
    "posterize": lambda image: ImageOps.posterize(image, 6),
    "color": lambda image: ImageEnhance.Color(image).enhance(1.54),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.54),
    "brightness": lambda image: ImageEnhance.Brightness(image).enhance(1.54),
    "sharpness": lambda image: ImageEnhance.Sharpness(image).enhance(1.54),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_levels_are_those_of_pillow(name: str, photographs: np.ndarray) -> None:
    choice = np.full((6, 1), list(OPERATIONS).index(name))
    got = rand_augment(on_levels(photographs), choice, 6).permute(0, 2, 3, 1).numpy()
    wanted = np.stack([np.asarray(REFERENCES[name](Image.fromarray(each))) for each in photographs])
    assert np.abs(got - wanted).max() <= 2.0  # Pillow rounds the gray and the result to levels
    if name != "identity":
        assert np.abs(got - photographs).max() > 2.5


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in REFERENCES])
def test_movements_and_back(name: str) -> None:
    blob = torch.full((1, 3, 64, 64), 128.0)
    blob[:, :, 28:36, 34:42] = 228.0  # to the right of the middle
    number = list(OPERATIONS).index(name)
    moved = rand_augment(blob, np.array([[number]]), 6)
    back = rand_augment(moved, np.array([[number + len(OPERATIONS)]]), 6)

    def place(levels: torch.Tensor) -> tuple[float, float]:
        weight = (levels - 128)[0, 0]
        y, x = (torch.arange(64.0)[:, None], torch.arange(64.0)[None])
        return float((weight * y).sum() / weight.sum()), float((weight * x).sum() / weight.sum())

    # From (31.5, 37.5), 6 to the right of the center of the image. The grid says where a pixel
    # comes from, so signs are opposite.
    angle = np.deg2rad(18)
    expected = {
        "rotate": (31.5 - 6 * np.sin(angle), 31.5 + 6 * np.cos(angle)),
        "shear_x": (31.5, 37.5),
        "shear_y": (31.5 - 6 * 0.18, 37.5),
        "translate_x": (31.5, 37.5 - 64 * 0.6 * 150 / 331),
        "translate_y": (31.5 - 64 * 0.6 * 150 / 331, 37.5),
    }[name]
    np.testing.assert_allclose(place(moved), expected, atol=0.1)
    np.testing.assert_allclose(place(back), (31.5, 37.5), atol=0.1)
    assert float((moved - blob).abs().max()) > 10


def test_each_image_gets_its_own_operations(photographs: np.ndarray) -> None:
    levels = on_levels(photographs)
    random = np.random.default_rng(0)
    choices = random.integers(0, 28, (6, 2))
    together = rand_augment(levels, choices, 6)
    alone = torch.cat([rand_augment(levels[i : i + 1], choices[i : i + 1], 6) for i in range(6)])
    torch.testing.assert_close(together, alone)
    assert torch.equal(levels, on_levels(photographs))  # the input is left alone


def test_mixing_keeps_shares_honest() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 10, 12).contiguous()
    shares = torch.eye(4)
    pasted = blended = 0
    for number in range(60):
        made, targets = mixed(images, shares, 0, f"step {number}")
        torch.testing.assert_close(targets.sum(1), torch.ones(4))
        # An image of n mixed with 3 - n: its mean tells the share.
        torch.testing.assert_close(made.mean((1, 2, 3)), targets @ torch.arange(4.0))
        if len(made[0].unique()) == 2:
            pasted += 1
        elif 0.01 < float(targets[0, 0]) < 0.99:
            blended += 1
    assert pasted > 15
    assert blended > 5


@pytest.mark.parametrize("name", ["crop", "crop_mix"])
def test_epochs_repeat_and_differ(name: str, photographs: np.ndarray) -> None:
    pixels = pixels_of(photographs)

    def epoch(number: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        parts = list(batches(pixels, 2, seed, number, name))
        assert len(parts) == 3
        return torch.cat([images for images, _ in parts]), torch.cat([t for _, t in parts])

    images, targets = epoch(0)
    again, targets_again = epoch(0)
    assert torch.equal(images, again)
    assert torch.equal(targets, targets_again)
    assert not torch.equal(images, epoch(1)[0])
    assert not torch.equal(images, epoch(0, seed=2)[0])
    assert images.dtype == torch.bfloat16
    assert images.shape == (6, 3, SIDE, SIDE)
    assert targets.shape == ((6, 3) if name == "crop_mix" else (6,))


def test_levels_are_asked_for(photographs: np.ndarray) -> None:
    pixels = dataclasses.replace(pixels_of(photographs), levels=None)
    with pytest.raises(ValueError, match="flip_shift for the others"):
        next(batches(pixels, 2, 0, 0, "crop"))


def test_threshold_of_targets() -> None:
    recipe = find("vit", "full")
    scores = torch.tensor([[1.0, -2.0, 0.5]])
    loss = training_loss(recipe, scores, torch.tensor([[0.75, 0.21, 0.04]]))
    hard = functional.binary_cross_entropy_with_logits(scores, torch.tensor([[1.0, 1.0, 0.0]]))
    torch.testing.assert_close(loss, hard)
    at_threshold = training_loss(recipe, scores, torch.tensor([[0.8, 0.2, 0.0]]))
    one = functional.binary_cross_entropy_with_logits(scores, torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(at_threshold, one)


def test_schedule_of_the_original() -> None:
    recipe = find("vit", "full")
    rates = [learning_rate(recipe, epoch) for epoch in (0, 2.5, 5, 52.5, 100, 104.9)]
    middle = (4e-3 + 1e-6) / 2
    np.testing.assert_allclose(rates, [1e-4, 2.05e-3, 4e-3, middle, 1e-6, 1e-6], rtol=1e-12)
