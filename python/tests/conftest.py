"""Volumes that tests share."""

import numpy as np
import pytest

import medseg


@pytest.fixture
def rng():
    return np.random.default_rng(20261130)


@pytest.fixture
def affine():
    """An oblique grid: axes near LPS, turned by a few degrees, of three spacings."""
    angle = 0.1
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([-0.75, -0.5, 2.5])
    matrix[:3, 3] = [30, -20, 100]
    return matrix


@pytest.fixture
def image(rng, affine):
    """An image whose axes have three lengths, so that a wrong order shows."""
    return medseg.Volume(rng.normal(size=(11, 17, 7)).astype("float32"), affine)


def blobs(rng, shape, count=4):
    """A mask of a few boxes."""
    mask = np.zeros(shape, bool)
    for _ in range(count):
        low = [rng.integers(0, n - 2) for n in shape]
        high = [rng.integers(a + 1, n) for a, n in zip(low, shape)]
        mask[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return mask


def pair(rng, shape=(20, 24, 14)):
    """A reference and a prediction that misses some of it."""
    reference = blobs(rng, shape)
    prediction = np.roll(reference, (1, 2, 0), axis=(0, 1, 2)) | blobs(rng, shape, 1)
    return prediction, reference


def layouts(array):
    """The same array in all ways in which it can lie in memory."""
    padded = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    strided = padded[::2, ::2, ::2]
    strided[...] = array
    backward = np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1]
    return {
        "C": np.ascontiguousarray(array), "F": np.asfortranarray(array), "strided": strided, "backward": backward,
        "turned": np.ascontiguousarray(array.transpose(1, 0, 2)).transpose(1, 0, 2),
    }
