"""Writes the NRRD and MetaImage files of this folder with SimpleITK, and by hand what SimpleITK reads but does not write.

    python generate.py FOLDER           writes the files
    python generate.py --check FOLDER   prints what SimpleITK reads of the files in a folder, one JSON object a line
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

SHAPE = (3, 4, 5)  # slices, rows, columns


def values(dtype):
    """Voxel number n holds 7 n, less 100 in signed types."""
    ramp = 7 * np.arange(60).reshape(SHAPE)
    return (ramp % 256 if dtype == np.uint8 else ramp - (0 if np.issubdtype(dtype, np.unsignedinteger) else 100)).astype(dtype)


def placed(array, vector=False):
    image = sitk.GetImageFromArray(array, isVector=vector)
    c, s = np.cos(0.3), np.sin(0.3)
    image.SetDirection([c, 0, s, 0, 1, 0, -s, 0, c])
    image.SetSpacing([0.75, 1.25, 2.5])
    image.SetOrigin([-10.5, 20.25, 30.125])
    return image


def write(folder):
    for ending in ["nrrd", "nhdr", "mha", "mhd"]:
        for name, dtype in [("u8", np.uint8), ("i16", np.int16), ("u16", np.uint16), ("f32", np.float32), ("f64", np.float64)]:
            for packed in [False, True]:
                # Detached files of two types are enough.
                if ending in ["nhdr", "mhd"] and name not in ["u8", "f32"]:
                    continue
                kind = "packed" if packed else "raw"
                sitk.WriteImage(placed(values(dtype)), str(folder / f"{name}_{kind}.{ending}"), packed)
        if ending in ["nrrd", "mha"]:
            three = np.stack([values(np.float32), values(np.float32) + 1000, values(np.float32) + 2000], axis=-1)
            sitk.WriteImage(placed(three, True), str(folder / f"vector.{ending}"), True)
    by_hand(folder)


def by_hand(folder):
    data = values(np.int16).tobytes()
    head = "NRRD0005\n# by hand\ntype: int16\ndimension: 3\nsizes: 5 4 3\nencoding: raw\nkey:=value\n"
    directions = "space directions: (0.75,0,0) (0,1.25,0) (0,0,2.5)\nspace origin: (-10.5,20.25,30.125)\n"
    little = "endian: little\n"
    spaces = {
        "space_ras": "space: RAS\n" + directions,
        "space_las": "space: left-anterior-superior\n" + directions,
        "space_lps": "space: LPS\n" + directions,
        "space_scanner": "space: scanner-xyz\n" + directions,
        "space_dimension": "space dimension: 3\n" + directions,
        "spacings": "spacings: 0.75 1.25 2.5\n",
        "mins_cell": "spacings: 0.75 1.25 2.5\naxis mins: 1 2 3\n",
        "mins_node": "spacings: 0.75 1.25 2.5\naxis mins: 1 2 3\ncenterings: node node node\n",
    }
    for name, lines in spaces.items():
        (folder / f"{name}.nrrd").write_bytes((head + little + lines + "\n").encode() + data)
    big = values(np.int16).astype(">i2").tobytes()
    (folder / "big.nrrd").write_bytes((head + "endian: big\nspace: LPS\n" + directions + "\n").encode() + big)
    crlf = (head + little + "space: LPS\n" + directions + "\n").replace("\n", "\r\n")
    (folder / "crlf.nrrd").write_bytes(crlf.encode() + data)
    skip = head + little + "byte skip: -1\nspace: LPS\n" + directions + "\n"
    (folder / "skip.nrrd").write_bytes(skip.encode() + b"passed over" + data)
    last = "NRRD0004\ntype: short\ndimension: 4\nspace: LPS\nsizes: 5 4 3 2\nendian: little\nencoding: gzip\n"
    last += "space directions: (0.75,0,0) (0,1.25,0) (0,0,2.5) none\nkinds: domain domain domain list\n"
    last += "space origin: (-10.5,20.25,30.125)\n\n"
    both = data + (values(np.int16) + 1000).tobytes()
    (folder / "channels_last.nrrd").write_bytes(last.encode() + gzip.compress(both, mtime=0))
    meta = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\nCompressedData = False\n"
    meta += "Rotation = 1 0 0 0 1 0 0 0 1\nPosition = -10.5 20.25 30.125\nElementSpacing = 0.75 1.25 2.5\n"
    meta += "DimSize = 5 4 3\nHeaderSize = -1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (folder / "big.mha").write_bytes(meta.encode() + big)


def check(folder):
    for path in sorted(folder.iterdir()):
        if path.suffix not in [".nrrd", ".nhdr", ".mha", ".mhd"]:
            continue
        image = sitk.ReadImage(str(path))
        array = sitk.GetArrayFromImage(image).astype(float)
        print(json.dumps({
            "file": path.name,
            "size": image.GetSize(),
            "channels": image.GetNumberOfComponentsPerPixel(),
            "spacing": image.GetSpacing(),
            "origin": image.GetOrigin(),
            "direction": image.GetDirection(),
            "type": image.GetPixelIDTypeAsString(),
            "first": array.ravel()[:4].tolist(),
            "weighted": float((array.ravel() * (np.arange(array.size) % 251 + 1)).sum()),
        }))


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(Path(sys.argv[2]))
    else:
        write(Path(sys.argv[1]))
