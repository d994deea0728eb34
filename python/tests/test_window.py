"""The sliding window with a network of Python, against MONAI."""

import os
import signal
import threading

import numpy as np
import pytest

import medseg
from conftest import layouts

if not hasattr(medseg, "sliding_window"):
    pytest.skip("a build without the feature inference", allow_module_level=True)


def network(windows):
    """Two classes that depend on where in a window a voxel lies, so that stitching shows."""
    assert windows.ndim == 5 and windows.dtype == "float32" and windows.flags.c_contiguous
    x, y, z = np.meshgrid(*(np.arange(n, dtype="float32") for n in windows.shape[2:]), indexing="ij")
    first = windows[:, :1] * 2 + x - 3 * y
    return np.concatenate([first, windows[:, -1:] + z * z], axis=1)


@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize("shape", [(1, 21, 16, 11), (2, 9, 20, 6)])
def test_logits_are_monais(rng, blend, shape):
    torch, inferers = pytest.importorskip("torch"), pytest.importorskip("monai.inferers")
    image = rng.normal(size=shape).astype("float32")
    with torch.no_grad():
        theirs = inferers.sliding_window_inference(
            torch.as_tensor(image)[None], (10, 8, 7), 3, lambda w: torch.as_tensor(network(w.numpy())), overlap=0.4, mode=blend,
        )[0].numpy()
    for name, array in {"C": image, "F": np.asfortranarray(image), "swapped": image.astype(">f8")}.items():
        ours = medseg.sliding_window(array, network, (10, 8, 7), overlap=0.4, blend=blend, batch=3)
        assert ours.shape == (2, *shape[1:]) and ours.dtype == "float32"
        assert np.abs(ours - theirs).max() < 1e-3, name


def test_a_volume_and_its_array_give_the_same(rng, image):
    of_volume = medseg.sliding_window(image, network, 6)
    for name, array in layouts(image.array).items():
        assert np.array_equal(of_volume, medseg.sliding_window(array, network, 6)), name


def test_masks_and_probabilities_follow_from_the_logits(rng):
    image = rng.normal(size=(20, 16, 12)).astype("float32")
    logits = medseg.sliding_window(image, network, 8)
    mask = medseg.sliding_window(image, network, 8, output="mask")
    assert mask.dtype == "uint8" and np.array_equal(mask, logits.argmax(0))
    softmax = medseg.sliding_window(image, network, 8, output="probabilities", activation="softmax")
    expected = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    assert np.allclose(softmax, expected, atol=1e-6)
    one = medseg.sliding_window(image, lambda w: w - 0.3, 8, output="mask", threshold=0.7)
    assert np.array_equal(one, 1 / (1 + np.exp(0.3 - image)) >= 0.7)


def test_windows_outside_of_the_region_are_left_out(rng):
    image, region = rng.normal(size=(32, 16, 16)).astype("float32") + 9, np.zeros((32, 16, 16), bool)
    region[2:5, 3:6, 3:6] = True
    calls = []
    mask = medseg.sliding_window(
        image, lambda w: calls.append(len(w)) or w, 8, overlap=0, region=region, output="mask"
    )
    assert sum(calls) == 1 and np.array_equal(mask, region)
    with pytest.raises(medseg.MedsegError, match="differ in shape"):
        medseg.sliding_window(image, network, 8, region=region.T)


def test_mirrored_windows_are_averaged(rng):
    image = rng.normal(size=(9, 8, 7)).astype("float32")
    left = lambda w: np.broadcast_to(np.arange(w.shape[2], dtype="float32")[:, None, None] * 3 - 4, w.shape)
    plain = medseg.sliding_window(image, left, (9, 8, 7), output="probabilities", activation="sigmoid")
    both = medseg.sliding_window(
        image, left, (9, 8, 7), output="probabilities", activation="sigmoid", mirror=(True, False, False)
    )
    assert np.allclose(both, (plain + plain[:, ::-1]) / 2, atol=1e-6)
    assert not np.allclose(both, plain, atol=0.1)


def test_progress_counts_windows_and_may_end_the_inference(rng):
    image, seen = rng.normal(size=(24, 8, 8)).astype("float32"), []
    medseg.sliding_window(image, network, 8, overlap=0, batch=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def enough(done, total):
        if done == 1:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        medseg.sliding_window(image, network, 8, overlap=0, batch=1, progress=enough)


def test_an_exception_of_the_network_is_that_of_the_call(rng):
    def broken(windows):
        raise ZeroDivisionError("in the network")

    with pytest.raises(ZeroDivisionError, match="in the network"):
        medseg.sliding_window(rng.normal(size=(8, 8, 8)), broken, 4)


def test_the_network_is_called_in_the_callers_thread(rng):
    threads = set()
    medseg.sliding_window(
        rng.normal(size=(8, 8, 8)), lambda w: threads.add(threading.get_ident()) or w, 4
    )
    assert threads == {threading.get_ident()}


def test_ctrl_c_ends_the_inference(rng):
    calls = []

    def interrupted(windows):
        calls.append(len(windows))
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return windows

    with pytest.raises(KeyboardInterrupt):
        medseg.sliding_window(rng.normal(size=(64, 32, 32)), interrupted, 8, batch=1)
    assert len(calls) <= 3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda w: w[:, :, 1:],
        lambda w: w[:1],
        lambda w: w[0],
        lambda w: np.concatenate([w, w]),
        lambda w: None,
        lambda w: "logits",
        lambda w: w.astype(complex),
        lambda w: np.full_like(w, np.nan),
        lambda w: w[:, :0],
        lambda w: np.broadcast_to(np.float32(0), (len(w), 10**12, *w.shape[2:])),
    ],
)
def test_wrong_outputs_of_the_network_are_exceptions(wrong):
    with pytest.raises((medseg.MedsegError, TypeError, ValueError, MemoryError)):
        medseg.sliding_window(np.ones((9, 8, 7), "float32"), wrong, 4, batch=2)


def test_wrong_arguments_are_refused():
    image = np.ones((9, 8, 7), "float32")
    for arguments in [
        {"roi": 0}, {"roi": 4, "overlap": 1.0}, {"roi": 4, "overlap": -0.1}, {"roi": 4, "overlap": np.nan}, {"roi": 4, "batch": 0},
        {"roi": 4, "blend": "cosine"}, {"roi": 4, "blend": "gaussian", "sigma_scale": 0}, {"roi": 4, "padding": "wrap"},
        {"roi": 4, "output": "labels"}, {"roi": 4, "output": "probabilities"}, {"roi": 4, "activation": "tanh"},
        {"roi": 4, "output": "mask", "threshold": 2.0}, {"roi": 100, "padding": "reflect"},
    ]:
        with pytest.raises(medseg.MedsegError):
            medseg.sliding_window(image, network, **arguments)
    for array in [image[0], np.zeros((0, 3, 3)), np.zeros((0, 3, 3, 3))]:
        with pytest.raises(medseg.MedsegError):
            medseg.sliding_window(array, network, 4)
    with pytest.raises(TypeError):
        medseg.sliding_window(image, network, "4")
    for roi in [10**6, (10**9, 10**9, 10**9)]:
        with pytest.raises((MemoryError, medseg.MedsegError)):
            medseg.sliding_window(image, network, roi)


def test_torchs_no_grad_holds_in_the_network(rng):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Conv3d(1, 2, 3, padding=1)
    image = rng.normal(size=(12, 10, 8)).astype("float32")
    with torch.no_grad():
        ours = medseg.sliding_window(image, lambda w: layer(torch.from_numpy(w)), (12, 10, 8))
        theirs = layer(torch.from_numpy(image)[None, None])[0].numpy()
    assert np.allclose(ours, theirs, atol=1e-5)
