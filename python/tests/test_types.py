"""The typed stubs say what is there."""

import subprocess
import sys

import pytest

import medseg


def test_the_stubs_are_those_of_the_module():
    pytest.importorskip("mypy")
    if not hasattr(medseg, "open_model"):
        pytest.skip("a build without the feature inference")
    command = [sys.executable, "-m", "mypy.stubtest", "medseg", "--ignore-disjoint-bases", "--concise"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_function_has_documentation_that_says_its_axes():
    for name in dir(medseg):
        thing = getattr(medseg, name)
        if callable(thing) and not name.startswith("_"):
            assert thing.__doc__, name
    for name in ["Volume", "read_image", "read_label", "read_channels", "read_stored", "dice", "distance_map", "connected_components"]:
        assert "[x, y, z]" in getattr(medseg, name).__doc__, name
