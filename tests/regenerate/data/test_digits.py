"""The digits' split: disjoint, stratified, and a function of the pixels alone."""

import hashlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from regenerate import data
from regenerate.data import digits

IMAGES = load_digits().images.astype(np.uint8)
LABELS = load_digits().target


def keys(images):
    return [image.tobytes() for image in images]


def test_every_image_is_in_exactly_one_split():
    loaded = data.load("digits")
    splits = (loaded.train, loaded.validation, loaded.test)
    assert [len(split) for split in splits] == [599, 599, 599]
    found = [key for split in splits for key in keys(split.images)]
    assert len(set(found)) == 1797
    assert sorted(found) == sorted(keys(IMAGES))


def test_pixels_keep_their_labels():
    label_of = dict(zip(keys(IMAGES), LABELS, strict=True))
    loaded = data.load("digits")
    for split in (loaded.train, loaded.validation, loaded.test):
        assert split.images.dtype == np.uint8
        assert split.labels.tolist() == [label_of[key] for key in keys(split.images)]


def test_classes_are_spread_evenly():
    loaded = data.load("digits")
    splits = (loaded.train, loaded.validation, loaded.test)
    counts = np.array([np.bincount(split.labels, minlength=10) for split in splits])
    assert np.abs(counts - np.bincount(LABELS) / 3).max() < 1


def test_split_does_not_depend_on_the_order_of_the_file():
    moved = np.random.default_rng(0).permutation(len(LABELS))
    straight = digits.split_indices(IMAGES, LABELS)
    shuffled = digits.split_indices(IMAGES[moved], LABELS[moved])
    for here, there in zip(straight, shuffled, strict=True):
        np.testing.assert_array_equal(here, moved[there])


def test_fingerprint_is_the_published_one_and_sees_everything():
    loaded = data.load("digits")
    assert loaded.fingerprint == digits.FINGERPRINT
    digest = hashlib.sha256()
    for split in (loaded.train, loaded.validation, loaded.test):
        digest.update(b"(599, 8, 8, 1)" + split.images.tobytes())
        digest.update(b"".join(int(label).to_bytes(8, "little") for label in split.labels))
    assert loaded.fingerprint == digest.hexdigest()[:16]


def test_unknown_data_set_names_those_that_there_are():
    with pytest.raises(ValueError, match=r"'mnist'.*digits"):
        data.load("mnist")
