"""Makes the DICOM files of crates/medseg-volume/tests/golden/dicom and what GDCM (by SimpleITK) reads in them.

    python benches/peers/dicom_golden.py crates/medseg-volume/tests/golden/dicom

One file of a few hundred bytes for each case. JPEG 2000 and a JPEG lossless come from GDCM's encoders; RLE and the
lossless JPEG of every predictor, point transform and restart interval from the encoders below, which GDCM then decodes.
Needs SimpleITK and numpy.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

ROWS, COLUMNS = 9, 11
LONG = {"OB", "OW", "UN", "SQ"}


def element(group, number, vr, value):
    if isinstance(value, str):
        value = value.encode()
        value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    elif isinstance(value, int):
        value = struct.pack("<H", value)
    head = struct.pack("<HH", group, number) + vr.encode()
    length = struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))
    return head + length + value


def dicom(syntax, pixels, stored=12, signed=0, photometric="MONOCHROME2", slope="1", intercept="0", high_bit=None):
    """A file of one slice; `pixels` is the whole PixelData element."""
    uid, ct = "1.2.826.0.1.3680043.10.1", "1.2.840.10008.5.1.4.1.1.2"
    meta = b"".join([
        element(2, 1, "OB", b"\0\1"), element(2, 2, "UI", ct), element(2, 3, "UI", uid + ".1"),
        element(2, 0x10, "UI", syntax), element(2, 0x12, "UI", uid),
    ])
    meta = element(2, 0, "UL", struct.pack("<I", len(meta))) + meta
    data = b"".join([
        element(8, 0x16, "UI", ct), element(8, 0x18, "UI", uid + ".1"), element(8, 0x60, "CS", "CT"),
        element(0x18, 0x50, "DS", "2.5"), element(0x20, 0xD, "UI", uid + ".2"), element(0x20, 0xE, "UI", uid + ".3"),
        element(0x20, 0x32, "DS", "10.5\\-20\\30"), element(0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0"),
        element(0x20, 0x52, "UI", uid + ".4"), element(0x28, 2, "US", 1), element(0x28, 4, "CS", photometric),
        element(0x28, 0x10, "US", ROWS), element(0x28, 0x11, "US", COLUMNS), element(0x28, 0x30, "DS", "0.5\\0.75"),
        element(0x28, 0x100, "US", 16), element(0x28, 0x101, "US", stored),
        element(0x28, 0x102, "US", stored - 1 if high_bit is None else high_bit), element(0x28, 0x103, "US", signed),
        element(0x28, 0x1052, "DS", intercept), element(0x28, 0x1053, "DS", slope),
    ])
    return bytes(128) + b"DICM" + meta + data + pixels


def native(pixels):
    return element(0x7FE0, 0x10, "OW", pixels.astype("<u2").tobytes())


def encapsulated(frame):
    frame += bytes(len(frame) % 2)
    items = [b"", frame]
    body = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    head = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
    return head + body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def jpeg_lossless(pixels, precision, predictor, shift=0, restart_lines=0):
    """ITU-T T.81 annex H with a code of 5 bits for every length of a difference."""
    x = pixels.astype(np.int64) >> shift
    out, bits = bytearray(), []

    def flush():
        while len(bits) % 8:
            bits.append(1)
        for at in range(0, len(bits), 8):
            byte = int("".join(map(str, bits[at : at + 8])), 2)
            out.extend([byte, 0] if byte == 255 else [byte])
        bits.clear()

    for i in range(ROWS):
        first = i == 0 or (restart_lines and i % restart_lines == 0)
        if first and i:
            flush()
            out.extend([0xFF, 0xD0 + (i // restart_lines - 1) % 8])
        for j in range(COLUMNS):
            a, b, c = x[i, j - 1], x[i - 1, j], x[i - 1, j - 1]
            if first:
                p = a if j else 1 << (precision - shift - 1)
            elif j == 0:
                p = b
            else:
                p = [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1][predictor - 1]
            d = (int(x[i, j] - p) + 32768) % 65536 - 32768
            d = 32768 if d == -32768 else d
            size = abs(d).bit_length()
            bits.extend(map(int, f"{size:05b}"))
            if 0 < size < 16:
                bits.extend(map(int, f"{d if d > 0 else d + (1 << size) - 1:0{size}b}"))
    flush()
    counts = [0] * 16
    counts[4] = 17
    segments = [
        (0xC3, struct.pack(">BHHB3B", precision, ROWS, COLUMNS, 1, 1, 0x11, 0)),
        (0xC4, bytes([0, *counts, *range(17)])),
    ]
    if restart_lines:
        segments.append((0xDD, struct.pack(">H", restart_lines * COLUMNS)))
    segments.append((0xDA, bytes([1, 1, 0, predictor, 0, shift])))
    head = b"".join(struct.pack(">BBH", 255, marker, len(body) + 2) + body for marker, body in segments)
    return b"\xff\xd8" + head + bytes(out) + b"\xff\xd9"


def rle(pixels):
    """PS3.5 annex G: the high bytes, then the low ones, packed by runs that do not cross rows."""
    segments = []
    for plane in (pixels >> 8, pixels & 255):
        out = bytearray()
        for row in plane.astype(int).tolist():
            while row:
                run = next((n for n, value in enumerate(row) if value != row[0]), len(row))
                if run > 1:
                    out.extend([257 - run, row[0]])
                    row = row[run:]
                else:
                    literal = next((n for n in range(1, len(row)) if row[n] == row[n - 1]), len(row) + 1) - 1
                    out.extend([literal - 1, *row[:literal]])
                    row = row[literal:]
        segments.append(bytes(out + bytes(len(out) % 2)))
    return struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)


def by_gdcm(path, pixels, compressor):
    """A file by GDCM's own writer and encoder."""
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing([0.75, 0.5])
    for key, value in {
        "0008|0060": "CT", "0008|0016": "1.2.840.10008.5.1.4.1.1.2", "0020|000d": "1.2.826.0.1.3680043.10.1.2",
        "0020|000e": "1.2.826.0.1.3680043.10.1.3", "0020|0032": "10.5\\-20\\30", "0020|0037": "1\\0\\0\\0\\1\\0",
        "0018|0050": "2.5", "0008|0018": "1.2.826.0.1.3680043.10.1.1",
    }.items():
        image.SetMetaData(key, value)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.SetFileName(str(path))
    writer.Execute(image)


def main():
    folder = Path(sys.argv[1])
    random = np.random.default_rng(7)
    smooth = np.add.outer(np.arange(ROWS) * 90, np.arange(COLUMNS) * 70)
    unsigned = (smooth + random.integers(0, 900, smooth.shape)) % 4096
    signed = (unsigned.astype(np.int64) - 2000).astype("<i2")
    wide = random.integers(0, 65536, smooth.shape)
    explicit, lossless, first_order = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
    files = {
        "native": dicom(explicit, native(unsigned), slope="0.3", intercept="-7.25"),
        "native_signed": dicom(explicit, native(signed.view("<u2")), stored=16, signed=1),
        "native_signed_12": dicom(explicit, native(signed.view("<u2") & 0xFFF), stored=12, signed=1),
        "native_overlay": dicom(explicit, native(unsigned | 0xA000)),
        "native_high_bit_15": dicom(explicit, native(unsigned << 4), high_bit=15),
        "monochrome1": dicom(explicit, native(unsigned), photometric="MONOCHROME1", intercept="-1024"),
        "monochrome1_signed": dicom(explicit, native(signed.view("<u2")), 16, 1, "MONOCHROME1"),
        "rle": dicom("1.2.840.10008.1.2.5", encapsulated(rle(unsigned))),
        "rle_signed": dicom("1.2.840.10008.1.2.5", encapsulated(rle(signed.view("<u2"))), stored=16, signed=1),
        "jpeg_sv1": dicom(first_order, encapsulated(jpeg_lossless(unsigned, 12, 1))),
        "jpeg_wide": dicom(lossless, encapsulated(jpeg_lossless(wide, 16, 4)), stored=16),
        "jpeg_signed": dicom(lossless, encapsulated(jpeg_lossless(signed.view("<u2"), 16, 1)), stored=16, signed=1),
        "jpeg_restart_1": dicom(lossless, encapsulated(jpeg_lossless(unsigned, 12, 1, 0, 2))),
        "jpeg_restart_7": dicom(lossless, encapsulated(jpeg_lossless(unsigned, 12, 7, 0, 1))),
        "jpeg_shift_1": dicom(lossless, encapsulated(jpeg_lossless(unsigned, 12, 1, 2))),
        "jpeg_shift_5": dicom(lossless, encapsulated(jpeg_lossless(unsigned, 12, 5, 3))),
    }
    for predictor in range(1, 8):
        files[f"jpeg_predictor_{predictor}"] = dicom(lossless, encapsulated(jpeg_lossless(unsigned, 12, predictor)))
    for name, content in files.items():
        (folder / f"{name}.dcm").write_bytes(content)
    for compressor, name in [("JPEG2000", "gdcm_jpeg2000"), ("JPEG", "gdcm_jpeg")]:
        by_gdcm(folder / f"{name}_u16.dcm", unsigned.astype("<u2"), compressor)
        by_gdcm(folder / f"{name}_i16.dcm", signed, compressor)
    expected = {}
    for path in sorted(folder.glob("*.dcm")):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetImageIO("GDCMImageIO")
        reader.ReadImageInformation()
        expected[path.stem] = sitk.GetArrayFromImage(reader.Execute()).ravel().tolist()
        known = {"signed" in path.stem or "i16" in path.stem: signed, "wide" in path.stem: wide}.get(True, unsigned)
        equal = np.array_equal(np.ravel(known), np.round(expected[path.stem]))
        syntax = reader.GetMetaData("0002|0010") if reader.HasMetaDataKey("0002|0010") else ""
        print(path.stem, path.stat().st_size, syntax, "as encoded" if equal else "differs from what was encoded")
    (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
