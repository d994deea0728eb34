"""The typed stubs say what is there."""

import subprocess
import sys

import pytest

import medseg


# The compiled half makes these for itself.
INTERNAL = ["medseg._medseg.__all__", "medseg._medseg._transforms"]


def test_the_stubs_are_those_of_the_module(tmp_path):
    pytest.importorskip("mypy")
    if not hasattr(medseg, "open_model"):
        pytest.skip("a build without the feature inference")
    (tmp_path / "allowed").write_text("\n".join(INTERNAL))
    command = [sys.executable, "-m", "mypy.stubtest", "medseg", "--ignore-disjoint-bases", "--concise"]
    command += ["--allowlist", str(tmp_path / "allowed")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_function_has_documentation_that_says_its_axes():
    for name in dir(medseg):
        thing = getattr(medseg, name)
        if callable(thing) and not name.startswith("_"):
            assert thing.__doc__, name
    for name in ["Volume", "read_image", "read_label", "read_channels", "read_stored", "dice", "distance_map", "connected_components"]:
        assert "x, y, z]" in getattr(medseg, name).__doc__, name
