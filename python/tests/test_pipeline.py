"""Preprocessing and the way back, against MONAI."""

import numpy as np
import pytest

import medseg
from medseg import transforms


@pytest.fixture
def case(rng, affine):
    """A smooth image with a label on its grid."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 30, 14)), indexing="ij")
    array = (300 * np.sin(3 * x) + 200 * np.cos(4 * y) + 100 * z + rng.normal(size=x.shape)).astype("float32")
    image = medseg.Volume(array, affine)
    return image, image.with_array((x**2 + y**2 + z**2 < 0.5).astype("uint8"))


def monai_of(volume):
    torch, data = pytest.importorskip("torch"), pytest.importorskip("monai.data")
    return data.MetaTensor(torch.as_tensor(np.ascontiguousarray(volume.array))[None], affine=torch.as_tensor(volume.affine))


def check_same(ours, theirs, tolerance):
    assert ours.shape == tuple(theirs.shape[1:])
    assert np.allclose(ours.affine, theirs.affine.numpy(), atol=1e-4)
    assert np.abs(ours.array - theirs[0].numpy()).max() <= tolerance


@pytest.mark.parametrize("name", ["orientation", "spacing", "window", "z_score", "crop_foreground", "resize", "pad", "crop_or_pad"])
def test_a_transform_is_monais(case, name):
    monai = pytest.importorskip("monai.transforms")
    ours, theirs, tolerance = {
        "orientation": (transforms.orientation("RAS"), monai.Orientation(axcodes="RAS", labels=None), 0),
        "spacing": (
            transforms.spacing((1, 1.5, 2)), monai.Spacing((1, 1.5, 2), mode="bilinear", padding_mode="border"), 0.05,
        ),
        "window": (
            transforms.window(-100, 200), monai.ScaleIntensityRange(-100, 200, 0.0, 1.0, clip=True), 1e-6,
        ),
        "z_score": (transforms.z_score(), monai.NormalizeIntensity(), 1e-5),
        "crop_foreground": (
            transforms.crop_foreground(above=250, margin=(1, 2, 3)),
            monai.CropForeground(select_fn=lambda v: v > 250, margin=(1, 2, 3), allow_smaller=False), 0,
        ),
        "resize": (transforms.resize((16, 40, 20)), monai.Resize((16, 40, 20), mode="trilinear"), 1e-3),
        "pad": (transforms.pad((30, 10, 21), value=-5), monai.SpatialPad((30, 10, 21), value=-5), 0),
        "crop_or_pad": (transforms.crop_or_pad((30, 10, 21)), monai.ResizeWithPadOrCrop((30, 10, 21)), 0),
    }[name]
    image, _ = case
    check_same(medseg.Pipeline([ours])(image).image, theirs(monai_of(image)), tolerance)


def test_a_whole_preprocessing_is_monais_and_its_mask_goes_back(case):
    monai = pytest.importorskip("monai.transforms")
    image, label = case
    pipeline = medseg.Pipeline([
        transforms.orientation("RAS"), transforms.spacing((1.5, 1.0, 2.0)), transforms.window(-300, 300),
        transforms.crop_foreground(above=0.6),
    ])
    done = pipeline(image, label)
    theirs = monai.Compose([
        monai.Orientation(axcodes="RAS", labels=None),
        monai.Spacing((1.5, 1.0, 2.0), mode="bilinear", padding_mode="border"),
        monai.ScaleIntensityRange(-300, 300, 0.0, 1.0, clip=True),
        monai.CropForeground(select_fn=lambda v: v > 0.6),
    ])(monai_of(image))
    check_same(done.image, theirs, 1e-3)
    back = done.undo(done.label)
    assert back.shape == label.shape and np.array_equal(back.affine, label.affine)
    inside = done.undo(np.ones(done.image.shape, bool)).array > 0
    assert medseg.dice(back, label.with_array(label.array * inside)) > 0.9


def test_exact_steps_are_undone_exactly(case):
    image, label = case
    pipeline = medseg.Pipeline([
        transforms.orientation("SAL"), transforms.crop_foreground(margin=2), transforms.pad(40), transforms.z_score(),
    ])
    done = pipeline(image, label)
    assert done.image.shape == (40, 40, 40)
    assert np.array_equal(done.undo(done.label).array, label.array)
    plain = medseg.Pipeline([transforms.orientation("SAL"), transforms.pad(40)])(image)
    assert np.array_equal(plain.undo_image(plain.image).array, image.array)


def test_channels_go_through_together(case):
    image, label = case
    two = medseg.Volume(np.stack([image.array, image.array * 2]), image.affine)
    pipeline = medseg.Pipeline([transforms.orientation("RAS"), transforms.resize(12)])
    one, both = pipeline(image), pipeline(two, label)
    assert both.image.shape == (2, 12, 12, 12)
    assert np.array_equal(both.image.array[0], one.image.array)
    back = both.undo_image(np.stack([both.image.array[0]] * 3))
    assert back.shape == (3, *image.shape)
    assert np.array_equal(back.array[2], one.undo_image(one.image).array)


def test_random_transforms_are_drawn_from_the_seed(case):
    image, _ = case
    pipeline = medseg.Pipeline.from_json('{"steps": [{"transform": "rand_flip", "p": 0.5, "axes": [true, true, true]}]}')
    results = [pipeline(image, seed=seed).image.array for seed in range(8)]
    assert np.array_equal(results[3], pipeline(image, seed=3).image.array)
    assert any(not np.array_equal(results[0], other) for other in results)


def test_a_case_without_foreground_stays_whole_with_a_warning(case):
    image, _ = case
    with pytest.warns(medseg.MedsegWarning, match="nothing is foreground"):
        done = medseg.Pipeline([transforms.crop_foreground(above=1e9)])(image)
    assert done.image.shape == image.shape


def test_wrong_steps_and_images_are_refused(case):
    image, label = case
    for wrong in [
        lambda: transforms.orientation("RAX"),
        lambda: transforms.spacing(0),
        lambda: transforms.spacing(float("nan")),
        lambda: transforms.spacing(1, interpolation="area"),
        lambda: transforms.spacing(1, interpolation="linar"),
        lambda: transforms.resize((0, 1, 1)),
        lambda: transforms.crop_or_pad((0, 1, 1)),
        lambda: transforms.window(1, 1),
        lambda: transforms.window(float("nan"), 1),
        lambda: transforms.percentiles(5, 101),
        lambda: medseg.Pipeline.from_json("{"),
        lambda: medseg.Pipeline.from_json('{"steps": [{"transform": "nothing"}]}'),
    ]:
        with pytest.raises(medseg.MedsegError):
            wrong()
    for wrong in [lambda: transforms.resize((-1, 1, 1)), lambda: transforms.resize(1.5), lambda: medseg.Pipeline([3])]:
        with pytest.raises((TypeError, OverflowError)):
            wrong()
    pipeline = medseg.Pipeline([transforms.resize(8)])
    with pytest.raises(TypeError, match="medseg.Volume"):
        pipeline(image.array)
    with pytest.raises(medseg.MedsegError, match=r"label \(14, 30, 24\) and image \(24, 30, 14\) differ"):
        pipeline(image, label.array.T)
    with pytest.raises(medseg.MedsegError, match="300 is not from 0 to 255"):
        pipeline(image, np.full(image.shape, 300))
    with pytest.raises(TypeError, match="float32"):
        pipeline(image, image)
    with pytest.raises(medseg.MedsegError, match=r"\(3, 3, 3\) voxels do not fit: the pipeline's result has \(8, 8, 8\)"):
        pipeline(image).undo(np.zeros((3, 3, 3), bool))
    with pytest.raises(medseg.MedsegError, match="no label"):
        medseg.Pipeline([transforms.crop_foreground()])(image)


def test_a_size_that_no_memory_holds_is_an_exception_before_memory_is_taken(case):
    image, _ = case
    for step in [
        transforms.resize(10**6), transforms.spacing(1e-4), transforms.pad(10**6),
        transforms.crop_foreground(above=0, margin=10**7),
    ]:
        with pytest.raises(MemoryError, match="this computer has"):
            medseg.Pipeline([step])(image)
    with pytest.raises(medseg.MedsegError):
        medseg.Pipeline([transforms.spacing(1e-300)])(image)


def test_nan_becomes_0_where_intensities_are_scaled(case):
    image, _ = case
    image.array[3, 4, 5] = np.nan
    done = medseg.Pipeline([transforms.window(-100, 100)])(image).image.array
    assert np.isfinite(done).all() and done[3, 4, 5] == 0
