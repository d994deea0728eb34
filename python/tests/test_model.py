"""Trained models and the program, which must give the same masks. The models are those of the crates' own tests."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import medseg

if not hasattr(medseg, "open_model"):
    pytest.skip("a build without the feature inference", allow_module_level=True)

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/medseg-nnunet/tests/fixtures"


def program(*arguments, **options):
    command = [sys.executable, "-m", "medseg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def channels_of(folder):
    return sorted((FIXTURES / folder).glob("case_*.nii.gz"))


@pytest.mark.parametrize("name", ["plain_2d", "plain_aniso", "plain_regions"])
def test_a_model_of_nnunet_gives_the_programs_mask_voxel_by_voxel(tmp_path, name):
    files = channels_of(name)
    done = program("predict", FIXTURES / name, files[0], tmp_path / "mask.nii.gz")
    assert done.returncode == 0, done.stderr
    expected = medseg.read_label(tmp_path / "mask.nii.gz")
    model = medseg.open_model(FIXTURES / name, "cpu")
    assert (model.kind, model.channels) == ("nnunet", len(files))
    volumes = [medseg.read_image(path) for path in files]
    volume = volumes[0] if len(files) == 1 else volumes[0].with_array(np.stack([of.array for of in volumes]))
    for image in [files, volume]:
        found = model.predict(image)
        assert np.array_equal(found.mask.array, expected.array)
        assert np.array_equal(found.mask.affine, expected.affine)
        medseg.write_label(tmp_path / "ours.nii.gz", found.mask)
        assert (tmp_path / "ours.nii.gz").read_bytes() == (tmp_path / "mask.nii.gz").read_bytes()
    voxel_ml = abs(np.linalg.det(expected.affine)) / 1000
    counted = {label: n * voxel_ml for label, n in enumerate(np.bincount(expected.array.ravel())) if label and n}
    assert found.volumes_ml == pytest.approx(counted)


def test_probabilities_are_on_the_images_grid_and_give_the_mask():
    found = medseg.predict(FIXTURES / "plain_2d", channels_of("plain_2d"), "cpu", probabilities=True)
    classes = found.probabilities.array
    assert classes.shape[1:] == found.mask.shape
    assert np.allclose(classes.sum(0), 1, atol=1e-3)
    assert np.mean(classes.argmax(0) == found.mask.array) > 0.99


def test_progress_and_ctrl_c_reach_a_prediction():
    model, seen = medseg.open_model(FIXTURES / "plain_2d", "cpu"), []
    model.predict(channels_of("plain_2d"), progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] == len(seen) - 1

    def interrupt(done, total):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.predict(channels_of("plain_2d"), progress=interrupt)
    assert model.predict(channels_of("plain_2d")).mask.shape  # the model is still there


def test_wrong_models_and_images_are_exceptions(tmp_path, image):
    with pytest.raises((medseg.MedsegError, OSError), match="nowhere"):
        medseg.open_model(tmp_path / "nowhere")
    with pytest.raises((medseg.MedsegError, OSError)):
        medseg.open_model(tmp_path)
    with pytest.raises(medseg.MedsegError, match="toaster"):
        medseg.open_model(FIXTURES / "plain_2d", "toaster")
    with pytest.raises(medseg.MedsegError, match="bf16"):
        medseg.open_model(FIXTURES / "plain_2d", bf16=True)
    with pytest.raises((medseg.MedsegError, OSError), match="fold"):
        medseg.open_model(FIXTURES / "plain_2d", folds=[77])
    with pytest.raises(medseg.MedsegError, match="twice"):
        medseg.open_model(FIXTURES / "plain_2d", folds=[0, 0])
    broken = tmp_path / "broken"
    shutil.copytree(FIXTURES / "plain_2d", broken)
    for checkpoint in broken.rglob("checkpoint_final.pth"):
        checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    model = medseg.open_model(FIXTURES / "plain_2d", "cpu")
    with pytest.raises(medseg.MedsegError):
        medseg.predict(broken, channels_of("plain_2d"), "cpu")
    with pytest.raises(FileNotFoundError):
        model.predict(tmp_path / "nowhere.nii.gz")
    with pytest.raises(TypeError, match="medseg.Volume"):
        model.predict(image.array)
    with pytest.raises(medseg.MedsegError):
        model.predict(image)  # one channel of two
    with pytest.raises(medseg.MedsegError, match="no path"):
        model.predict([])
    with pytest.raises(medseg.MedsegError, match="entropy"):
        model.predict(channels_of("plain_2d"), entropy=True)
    spoiled = np.full((2, 5, 6, 7), np.nan, "float32")
    with pytest.raises(medseg.MedsegError, match="not finite"):
        model.predict(medseg.Volume(spoiled, spacing=1))


def test_the_program_has_its_exit_codes_and_output(tmp_path, image):
    medseg.write_image(tmp_path / "a.nii.gz", image)
    assert program("--version").stdout.startswith("medseg ")
    shown = program("inspect", tmp_path / "a.nii.gz")
    assert shown.returncode == 0 and "7x17x11" in shown.stdout
    assert program("inspect", tmp_path / "nowhere.nii").returncode == 1
    assert program("no-such-command").returncode == 2
    script = pathlib.Path(sys.executable).parent / "medseg"
    if script.exists():
        assert subprocess.run([script, "--version"], capture_output=True, text=True).stdout == program("--version").stdout


def test_ctrl_c_ends_the_program(tmp_path):
    """A program that would run for minutes: a training."""
    command = [sys.executable, "-m", "medseg", "train", "one-stage", "--out", str(tmp_path / "run"), "--epochs", "100000"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path)
    time.sleep(3)
    assert running.poll() is None, running.stdout.read()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=20) == -signal.SIGINT
