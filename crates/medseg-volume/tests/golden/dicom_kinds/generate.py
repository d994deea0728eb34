"""Writes the DICOM files of this folder, and what pydicom, GDCM (SimpleITK) and imagecodecs read of them.

    python generate.py FOLDER
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    UID,
)

ROWS, COLUMNS = 19, 22
rng = np.random.default_rng(7)
expected = {}


def picture(bits, smooth=True, seed=0):
    """A disc on a ramp with noise, in `bits` bits; near-lossless errors stay within them."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    top = 2**bits - 1
    disc = ((y - 9) ** 2 + (x - 11 - seed) ** 2 < 30) * 0.4
    noise = rng.normal(0, 0.05, (ROWS, COLUMNS)) if smooth else 5 * rng.random((ROWS, COLUMNS)) - 2.5
    # A flat part, for runs.
    value = np.where(y > 14, 0.25, 0.2 + 0.3 * x / COLUMNS + disc + 0.2 * noise)
    return np.clip(value * top, 4, top - 4).astype(np.uint16)


def plain(bits, allocated=16):
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = "1.2.3.4"
    ds.Modality = "CT"
    ds.SliceThickness = "2.5"
    ds.SeriesInstanceUID = "1.2.3"
    ds.FrameOfReferenceUID = "1.2.5"
    ds.ImagePositionPatient = [-10, -20, 5]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.75, 0.5]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, bits, bits - 1
    ds.PixelRepresentation = 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    return ds


def meta(syntax, ds):
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def save(folder, name, ds, syntax, values):
    meta(syntax, ds).save_as(folder / name, enforce_file_format=True)
    expected[name] = np.asarray(values).astype(float).ravel().tolist()


def compressed(folder):
    def one(name, syntax, code, bits, allocated, values):
        ds = plain(bits, allocated)
        ds.PixelData = encapsulate([code])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        save(folder, name, ds, syntax, values.astype(int) - 1024)
        try:
            peer = pydicom.dcmread(folder / name).pixel_array
            print(name, "pydicom differs by", np.abs(peer.astype(int) - values.astype(int)).max())
        except Exception as error:
            print(name, "pydicom:", str(error)[:80])
        try:
            itk = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name)))[0] + 1024
            print(name, "SimpleITK differs by", np.abs(itk.astype(int) - values.astype(int)).max())
        except Exception as error:
            print(name, "SimpleITK:", str(error)[-80:])

    for bits in [8, 12, 16]:
        for near in [0, 3]:
            for smooth in [True, False]:
                image = picture(bits, smooth)
                image = image.astype(np.uint8) if bits == 8 else image
                code = imagecodecs.jpegls_encode(image, level=near)
                syntax = "1.2.840.10008.1.2.4.80" if near == 0 else "1.2.840.10008.1.2.4.81"
                kind = "smooth" if smooth else "noise"
                one(f"jpegls_{bits}_near{near}_{kind}.dcm", syntax, code, bits, 8 if bits == 8 else 16, imagecodecs.jpegls_decode(code))
    for quality in [30, 90]:
        for smooth in [True, False]:
            kind = "smooth" if smooth else "noise"
            image = picture(8, smooth).astype(np.uint8)
            code = imagecodecs.jpeg8_encode(image, level=quality, optimize=False)
            one(f"jpeg_8_{quality}_{kind}.dcm", "1.2.840.10008.1.2.4.50", code, 8, 8, imagecodecs.jpeg8_decode(code))
            image = picture(12, smooth)
            code = imagecodecs.jpeg_encode(image, level=quality, bitspersample=12)
            one(f"jpeg_12_{quality}_{kind}.dcm", "1.2.840.10008.1.2.4.51", code, 12, 16, imagecodecs.jpeg_decode(code))
    image = picture(12)
    code = imagecodecs.jpeg2k_encode(image, level=0, reversible=True, codecformat="jp2", bitspersample=12)
    assert code[4:8] == b"jP  "
    one("jp2_header.dcm", "1.2.840.10008.1.2.4.90", code, 12, 16, image)


def tolerated(folder):
    image = picture(12)
    values = image.astype(int) - 1024

    def native():
        ds = plain(12)
        ds.PixelData = image.tobytes()
        ds["PixelData"].VR = "OW"
        return ds

    for name, syntax in [("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)]:
        save(folder, f"{name}.dcm", native(), syntax, values)
        whole = (folder / f"{name}.dcm").read_bytes()
        length = struct.unpack("<I", whole[140:144])[0]
        body = whole[144 + length:]
        for kind, content in [("no_meta", body), ("no_preamble", whole[132:]), ("no_group_2", whole[:132] + body)]:
            (folder / f"{name}_{kind}.dcm").write_bytes(content)
            expected[f"{name}_{kind}.dcm"] = expected[f"{name}.dcm"]
    explicit, implicit = (folder / "explicit.dcm").read_bytes(), (folder / "implicit.dcm").read_bytes()
    split = [144 + struct.unpack("<I", f[140:144])[0] for f in [explicit, implicit]]
    crossed = {
        "implicit_under_explicit.dcm": explicit[:split[0]] + implicit[split[1]:],
        "explicit_under_implicit.dcm": implicit[:split[1]] + explicit[split[0]:],
    }
    # SliceThickness without its representation: tag and a length of 4 bytes.
    at = explicit.index(b"\x18\x00\x50\x00DS")
    crossed["one_without_vr.dcm"] = explicit[:at + 4] + struct.pack("<I", 4) + explicit[at + 8:]
    for name, content in crossed.items():
        (folder / name).write_bytes(content)
        expected[name] = expected["explicit.dcm"]
    save(folder, "deflated.dcm", native(), DeflatedExplicitVRLittleEndian, values)
    big = plain(12)
    big.PixelData = image.astype(">u2").tobytes()
    big["PixelData"].VR = "OW"
    from pydicom.filewriter import write_dataset
    from pydicom.filebase import DicomBytesIO
    to = DicomBytesIO()
    to.is_little_endian, to.is_implicit_VR = False, False
    write_dataset(to, big)
    (folder / "big_no_meta.dcm").write_bytes(to.getvalue())
    expected["big_no_meta.dcm"] = expected["explicit.dcm"]


def enhanced(folder):
    frames = [picture(12, seed=n) for n in range(4)]
    order = [2, 0, 3, 1]  # the frame that lies at each step

    def groups(own_rescale):
        ds = plain(12)
        for keyword in ["SliceThickness", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"]:
            delattr(ds, keyword)
        ds.NumberOfFrames = 4
        shared, plane, measures, rescale = Dataset(), Dataset(), Dataset(), Dataset()
        plane.ImageOrientationPatient = [1, 0, 0, 0, 0.8, 0.6]
        measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [0.75, 0.5], 3, 2
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 2, -1000, "HU"
        shared.PlaneOrientationSequence = Sequence([plane])
        shared.PixelMeasuresSequence = Sequence([measures])
        if not own_rescale:
            shared.PixelValueTransformationSequence = Sequence([rescale])
        own = []
        for frame in range(4):
            item, position, value = Dataset(), Dataset(), Dataset()
            step = order.index(frame)
            position.ImagePositionPatient = [-10, -20 - 1.2 * step, 5 + 1.6 * step]
            item.PlanePositionSequence = Sequence([position])
            content = Dataset()
            content.FrameAcquisitionNumber = frame
            content.DimensionIndexValues = [1, step + 1]
            item.FrameContentSequence = Sequence([content])
            if own_rescale:
                value.RescaleSlope, value.RescaleIntercept, value.RescaleType = 1 + frame, -10 * frame, "US"
                item.PixelValueTransformationSequence = Sequence([value])
            own.append(item)
        ds.SharedFunctionalGroupsSequence = Sequence([shared])
        ds.PerFrameFunctionalGroupsSequence = Sequence(own)
        return ds

    def values(own_rescale):
        scaled = [f.astype(float) * (1 + n) - 10 * n if own_rescale else f.astype(float) * 2 - 1000 for n, f in enumerate(frames)]
        return np.stack([scaled[n] for n in order])

    native = np.stack(frames).tobytes()
    for name, sop, own in [("enhanced_ct.dcm", EnhancedCTImageStorage, False), ("enhanced_mr.dcm", EnhancedMRImageStorage, True)]:
        for syntax, suffix in [(ExplicitVRLittleEndian, ""), (ImplicitVRLittleEndian, "_implicit")]:
            ds = groups(own)
            ds.SOPClassUID, ds.Modality = sop, name[9:11].upper()
            ds.PixelData = native
            ds["PixelData"].VR = "OW"
            save(folder, name.replace(".dcm", f"{suffix}.dcm"), ds, syntax, values(own))
        # Sequences and items that end with delimiters.
        ds = pydicom.dcmread(folder / name)
        for keyword in ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]:
            ds[keyword].is_undefined_length = True
            for item in ds[keyword].value:
                item.is_undefined_length_sequence_item = True
        ds.save_as(folder / name.replace(".dcm", "_delimited.dcm"))
        expected[name.replace(".dcm", "_delimited.dcm")] = expected[name]
        itk = sitk.ReadImage(str(folder / name))
        print(name, "SimpleITK:", itk.GetSize(), itk.GetSpacing(), itk.GetOrigin(), itk.GetDirection(),
              np.abs(sitk.GetArrayFromImage(itk) - values(own)).max())
    codes = [imagecodecs.jpegls_encode(frame) for frame in frames]
    for name, table, pieces in [("enhanced_jpegls", True, 1), ("enhanced_no_table", False, 1), ("enhanced_pieces", True, 2)]:
        ds = groups(False)
        ds.SOPClassUID = EnhancedCTImageStorage
        ds.PixelData = encapsulate(codes, fragments_per_frame=pieces, has_bot=table)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        save(folder, f"{name}.dcm", ds, "1.2.840.10008.1.2.4.80", values(False))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    compressed(folder)
    tolerated(folder)
    enhanced(folder)
    (folder / "expected.json").write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps([int(x) if x == int(x) else x for x in v], separators=(',', ':'))}" for k, v in sorted(expected.items())) + "\n}\n")
