"""Scores, distances and components, against MONAI, scipy and counting by hand."""

import numpy as np
import pytest

import medseg
from conftest import layouts, pair

SPACING = (0.75, 0.5, 2.5)


def by_hand(prediction, reference):
    both = np.count_nonzero(prediction & reference)
    return 2 * both / (prediction.sum() + reference.sum()), both / np.count_nonzero(prediction | reference)


def test_dice_and_iou_are_those_of_counting(rng):
    for _ in range(5):
        prediction, reference = pair(rng)
        dice, iou = by_hand(prediction, reference)
        assert medseg.dice(prediction, reference) == pytest.approx(dice, abs=1e-15)
        assert medseg.iou(prediction, reference) == pytest.approx(iou, abs=1e-15)


def test_scores_are_monais(rng):
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    for _ in range(4):
        prediction, reference = pair(rng)
        p, r = (torch.as_tensor(mask)[None, None] for mask in (prediction, reference))
        ours = {
            "dice": medseg.dice(prediction, reference),
            "iou": medseg.iou(prediction, reference),
            "hd": medseg.hausdorff(prediction, reference, SPACING),
            "hd95": medseg.hd95(prediction, reference, SPACING),
            "hd50": medseg.hausdorff(prediction, reference, SPACING, percentile=50),
            "assd": medseg.assd(prediction, reference, SPACING),
            "surface_dice": medseg.surface_dice(prediction, reference, 1.0, SPACING),
        }
        distance = {"include_background": True, "spacing": SPACING}
        theirs = {
            "dice": metrics.compute_dice(p, r),
            "iou": metrics.compute_iou(p, r),
            "hd": metrics.compute_hausdorff_distance(p, r, **distance),
            "hd95": metrics.compute_hausdorff_distance(p, r, percentile=95, **distance),
            "hd50": metrics.compute_hausdorff_distance(p, r, percentile=50, **distance),
            "assd": metrics.compute_average_surface_distance(p, r, symmetric=True, **distance),
            "surface_dice": metrics.compute_surface_dice(p, r, [1.0], **distance),
        }
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(float(value), rel=1e-5), name


def test_scores_do_not_depend_on_how_arrays_lie_in_memory(rng):
    prediction, reference = pair(rng)
    expected = medseg.scores(prediction, reference, SPACING)[0]
    for name, p in layouts(prediction).items():
        for other, r in layouts(reference.astype("int16")).items():
            got = medseg.scores(p, r, SPACING)[0]
            assert got == pytest.approx(expected, rel=1e-12), (name, other)
            assert medseg.assd(p, r, SPACING) == pytest.approx(expected["assd_mm"], rel=1e-12), (name, other)


def test_spacing_is_in_the_arrays_order():
    a, b = np.zeros((9, 9, 9), bool), np.zeros((9, 9, 9), bool)
    a[1, 1, 1] = True
    for axis, mm in enumerate([1.0, 10.0, 100.0]):
        b[:] = False
        b[tuple(3 if axis == other else 1 for other in range(3))] = True
        for p in layouts(a).values():
            assert medseg.hausdorff(p, b, (1, 10, 100)) == 2 * mm
            assert medseg.distance_map(p, (1, 10, 100))[np.nonzero(b)] == [2 * mm]
        volume = medseg.Volume(a, spacing=(1, 10, 100))
        assert medseg.hausdorff(volume, volume.with_array(b)) == 2 * mm


def test_a_volumes_affine_counts_where_axes_are_not_perpendicular():
    affine = np.array([[2.0, 0, 0, 0], [0, 2, 1.4, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    a, b = np.zeros((1, 8, 4), bool), np.zeros((1, 8, 4), bool)
    a[0, 4, 0], b[0, 0, 3] = True, True
    expected = np.linalg.norm(affine[:3, :3] @ [0, -4, 3])
    for p in layouts(a).values():
        volume = medseg.Volume(p, affine)
        assert medseg.hausdorff(volume, volume.with_array(b)) == pytest.approx(expected, abs=1e-12)
        assert medseg.scores(volume, volume.with_array(b))[0]["volume_ml_predicted"] == pytest.approx(0.012)


def test_a_table_has_a_row_for_each_label_of_either_map(rng):
    labels = rng.integers(0, 4, size=(8, 9, 10))
    other = np.where(rng.random(labels.shape) < 0.8, labels, 7)
    rows = medseg.scores(other, labels, 1)
    assert [row["label"] for row in rows] == [1, 2, 3, 7]
    for row in rows:
        label = row["label"]
        alone = medseg.scores(other == label, labels == label, 1)
        if label == 7:
            assert np.isnan(row["dice"]) and row["volume_ml_reference"] == 0
            continue
        assert {**alone[0], "label": label} == pytest.approx(row, nan_ok=True)
        assert row["dice"] == medseg.dice(other, labels, label=label)
        assert row["hd95_mm"] == medseg.hd95(other, labels, 1, label=label)
    assert [row["label"] for row in medseg.scores(other, labels, 1, labels=[3, 1])] == [3, 1]


@pytest.mark.parametrize("dtype", "int8 uint16 int16 uint32 int32 uint64 int64 >i2 >u8".split())
def test_labels_of_every_type_are_scored_the_same(rng, dtype):
    labels = rng.integers(0, 5, size=(8, 9, 10)).astype("uint8")
    other = np.where(rng.random(labels.shape) < 0.8, labels, 0).astype("uint8")
    assert medseg.scores(other.astype(dtype), labels, SPACING) == medseg.scores(other, labels, SPACING)
    assert medseg.dice(other.astype(dtype), labels, label=2) == medseg.dice(other, labels, label=2)


def test_labels_beyond_a_byte_are_distinct():
    labels = np.array([[[1000, 1256, 2**40, -3]]])
    rows = medseg.scores(labels, labels, 1)
    assert [row["label"] for row in rows] == [1000, 1256, 2**40]
    assert all(row["dice"] == 1 for row in rows)
    assert medseg.dice(labels, np.roll(labels, 1), label=1000) == 0
    assert medseg.dice(labels, labels, label=-3) == 1


def test_masks_without_foreground_score_as_asked():
    empty, some = np.zeros((3, 4, 5), bool), np.ones((3, 4, 5), bool)
    for policy, both, one in [("skip_empty_reference", np.nan, np.nan), ("skip_both_empty", np.nan, 0), ("score_all", 1, 0)]:
        assert medseg.dice(empty, empty, empty=policy) == pytest.approx(both, nan_ok=True)
        assert medseg.dice(some, empty, empty=policy) == pytest.approx(one, nan_ok=True)
        assert medseg.dice(empty, some, empty=policy) == 0
    assert np.isnan(medseg.hd95(some, empty, 1)) and medseg.hausdorff(some, empty, 1) == np.inf
    assert np.isinf(medseg.distance_map(empty, 1)).all()
    assert medseg.scores(empty, empty, 1) == []


def test_distance_maps_are_scipys(rng):
    ndimage = pytest.importorskip("scipy.ndimage")
    mask, _ = pair(rng)
    expected = ndimage.distance_transform_edt(~mask, sampling=SPACING)
    for name, array in layouts(mask).items():
        got = medseg.distance_map(array, SPACING)
        assert got.dtype == "float64" and np.allclose(got, expected, rtol=1e-12, atol=0), name
    assert np.array_equal(medseg.distance_map(mask * 3, SPACING, label=3), medseg.distance_map(mask, SPACING))


def test_components_are_scipys_down_to_their_numbers(rng):
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = rng.random((20, 24, 14)) < 0.2
    for neighbours, order in [(6, 1), (18, 2), (26, 3)]:
        expected, count = ndimage.label(mask, ndimage.generate_binary_structure(3, order))
        for name, array in layouts(mask).items():
            labels, sizes = medseg.connected_components(array, connectivity=neighbours)
            assert labels.dtype == "int32" and np.array_equal(labels, expected), name
            assert sizes.tolist() == np.bincount(expected.ravel())[1:].tolist() and len(sizes) == count


def test_the_largest_components_are_monais(rng):
    pytest.importorskip("skimage")  # what MONAI finds them with
    torch, transforms = pytest.importorskip("torch"), pytest.importorskip("monai.transforms")
    labels = np.where(rng.random((12, 13, 14)) < 0.25, rng.integers(1, 4, size=(12, 13, 14)), 0).astype("uint8")
    theirs = transforms.KeepLargestConnectedComponent()(torch.as_tensor(labels)[None])[0].numpy()
    for name, array in layouts(labels).items():
        assert np.array_equal(medseg.keep_largest(array), theirs), name


def test_wrong_masks_are_refused(rng):
    mask = np.ones((3, 4, 5), bool)
    with pytest.raises(TypeError, match="float64"):
        medseg.dice(mask, mask.astype(float))
    with pytest.raises(TypeError, match="complex"):
        medseg.dice(mask.astype(complex), mask)
    with pytest.raises(medseg.MedsegError, match=r"\(3, 4, 5\) and reference \(5, 4, 3\) differ"):
        medseg.dice(mask, mask.T)
    with pytest.raises(medseg.MedsegError, match="axes"):
        medseg.dice(mask[0], mask[0])
    with pytest.raises(medseg.MedsegError, match="no voxels"):
        medseg.hd95(mask[:0], mask[:0], 1)
    for spacing in [0, -1, np.nan, np.inf, (1, 1, -1)]:
        for function in [lambda: medseg.hd95(mask, mask, spacing), lambda: medseg.distance_map(mask, spacing)]:
            with pytest.raises(medseg.MedsegError, match="spacing"):
                function()
    for spacing in [(1, 1), "1", (1, 1, 1, 1), [[1, 1, 1]]]:
        with pytest.raises(TypeError):
            medseg.hd95(mask, mask, spacing)
    with pytest.raises(TypeError, match="spacing is missing"):
        medseg.hd95(mask, mask)
    volume = medseg.Volume(mask, spacing=1)
    with pytest.raises(TypeError, match="its own"):
        medseg.hd95(volume, volume, 1)
    with pytest.raises(medseg.MedsegError, match="different grids"):
        medseg.hd95(volume, medseg.Volume(mask, spacing=2))
    for tolerance in [-1, np.nan]:
        with pytest.raises(medseg.MedsegError, match="tolerance"):
            medseg.surface_dice(mask, mask, tolerance, 1)
    with pytest.raises(medseg.MedsegError, match="percentile"):
        medseg.hausdorff(mask, mask, 1, percentile=101)
    with pytest.raises(medseg.MedsegError, match="background"):
        medseg.dice(mask, mask, label=0)
    with pytest.raises(medseg.MedsegError, match="twice"):
        medseg.scores(mask, mask, 1, labels=[1, 1])
    with pytest.raises(medseg.MedsegError, match="more than 255"):
        medseg.scores(np.arange(1000).reshape(10, 10, 10), np.zeros((10, 10, 10), int), 1)
    with pytest.raises(medseg.MedsegError, match="6, 18 and 26"):
        medseg.connected_components(mask, connectivity=8)
    with pytest.raises(medseg.MedsegError, match="none of"):
        medseg.dice(mask, mask, empty="maybe")
    with pytest.raises(medseg.MedsegError, match="255"):
        medseg.keep_largest(np.full((3, 3, 3), 256))


def test_an_array_that_no_memory_holds_is_an_exception():
    endless = np.broadcast_to(np.zeros(1, "uint8"), (10**6, 10**6, 10**6))
    for function in [
        lambda: medseg.dice(endless, endless),
        lambda: medseg.distance_map(endless, 1),
        lambda: medseg.connected_components(endless),
        lambda: medseg.Volume(endless, spacing=1),
    ]:
        with pytest.raises(MemoryError, match="this computer has"):
            function()


def test_other_threads_of_python_run_meanwhile(rng):
    import threading
    import time

    mask = rng.random((160, 160, 160)) < 0.3
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    medseg.distance_map(mask, 1)
    ended = time.perf_counter()
    stop.set()
    thread.join()
    assert sum(started < at < ended for at in ticks) > 2


def test_a_forked_process_has_threads_of_its_own(rng):
    multiprocessing = pytest.importorskip("multiprocessing")
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this system")
    prediction, reference = pair(rng)
    expected = medseg.hd95(prediction, reference, 1)
    queue = multiprocessing.get_context("fork").Queue()
    child = multiprocessing.get_context("fork").Process(
        target=lambda: queue.put(medseg.hd95(prediction, reference, 1))
    )
    child.start()
    assert queue.get(timeout=30) == expected
    child.join()
