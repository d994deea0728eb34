"""Files of all orientations, straight and oblique, types, byte orders, scalings and versions, written with nibabel, read and
written again with medseg-volume, and compared: voxels as stored, voxels as float32, affine, geometry fields.
pip install nibabel numpy; then python benches/peers/nifti_equality.py."""

import itertools
import os
import sys
import tempfile

import nibabel
import numpy
from nibabel import eulerangles

from io_peer import Rust

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
SCALINGS = [(None, None), (0.5, -1024.0), (-3.0, 0.1)]
GEOMETRY = ["pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y"]
GEOMETRY += ["qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units", "descrip"]


def affines():
    """48 orientations, straight and oblique."""
    turn = lambda a, b, c: eulerangles.euler2mat(a, b, c)
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product([1, -1], repeat=3):
            for oblique in [False, True]:
                linear = numpy.zeros((3, 3))
                for column, (row, sign) in enumerate(zip(axes, signs)):
                    linear[row, column] = sign * [0.7, 1.3, 2.9][column]
                if oblique:
                    linear = turn(0.21, -0.13, 0.3) @ linear
                affine = numpy.eye(4)
                affine[:3, :3], affine[:3, 3] = linear, [-91.3, 12.7, 300.1]
                yield affine


def make(path, affine, kind, order, scaling, cls, form, rng):
    dtype = numpy.dtype(order + kind)
    if dtype.kind == "f":
        data = rng.normal(0, 1000, (4, 3, 2)).astype(dtype)
    else:
        low, high = numpy.iinfo(dtype).min, numpy.iinfo(dtype).max
        data = rng.integers(low, high, (4, 3, 2), dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)
    image = cls(data, None, cls.header_class(endianness=order))
    image.header.set_data_dtype(dtype)
    slope, intercept = scaling
    image.header.set_slope_inter(slope, intercept)
    image.header["descrip"] = b"made by nibabel"
    if form == "sform":
        image.header.set_sform(affine, 1)
    elif form == "qform":
        image.header.set_qform(affine, 1, strip_shears=True)
    else:
        image.header["pixdim"][1:4] = [0.7, 1.3, 2.9]
    header = image.header
    header["vox_offset"] = 352 if cls is nibabel.Nifti1Image else 544
    header["magic"] = b"n+1" if cls is nibabel.Nifti1Image else b"n+2\0\r\n\x1a\n"
    content = header.binaryblock + b"\0\0\0\0" + data.tobytes(order="F")
    with nibabel.openers.Opener(path, "wb") as file:
        file.write(content)


def main():
    rust, rng = Rust(), numpy.random.default_rng(1)
    folder, count = tempfile.mkdtemp(), 0
    name = lambda what: os.path.join(folder, what)
    kinds = list(itertools.product(TYPES, "<>", SCALINGS, [nibabel.Nifti1Image, nibabel.Nifti2Image]))
    for n, affine in enumerate(affines()):
        for m, (kind, order, scaling, cls) in enumerate(kinds):
            form = ["sform", "qform", "none"][(n + m) % 3]
            source, stored, image = (name(what + [".nii", ".nii.gz"][m % 2]) for what in ["source", "stored", "image"])
            make(source, affine, kind, order, scaling, cls, form, rng)
            rust.ask("copy", source, stored, image)
            want, kept, scaled = nibabel.load(source), nibabel.load(stored), nibabel.load(image)
            told = f"{kind} {order} {scaling} {cls.__name__} {form}\n{affine}"
            assert type(kept) is cls, told
            assert numpy.array_equal(want.dataobj.get_unscaled(), kept.dataobj.get_unscaled()), told
            expected = want.dataobj.get_unscaled().astype(numpy.float32)
            if scaling[0] is not None:
                expected = want.get_fdata(dtype=numpy.float64).astype(numpy.float32)
            assert numpy.array_equal(expected, scaled.get_fdata(dtype=numpy.float32)), told
            assert numpy.array_equal(want.affine, kept.affine), told
            assert numpy.allclose(want.affine, scaled.affine, rtol=0, atol=1e-9), told
            for field in GEOMETRY:
                assert numpy.array_equal(want.header[field], kept.header[field]), f"{field} {told}"
            count += 1
    print(f"{count} files equal")


if __name__ == "__main__":
    sys.exit(main())
