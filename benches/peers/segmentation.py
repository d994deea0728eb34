"""Makes DICOM segmentations with highdicom, and compares those of medseg-volume with what peers read and write.

    pip install highdicom SimpleITK numpy dcmqi slicerio; apt-get install dcmtk dicom3tools
    python benches/peers/segmentation.py golden crates/medseg-volume/tests/golden/segmentation
    python benches/peers/segmentation.py compare [FOLDER_OF_A_SERIES MASK]
    python benches/peers/segmentation.py files SEGMENTATION...
    python benches/peers/segmentation.py slicer

`golden` makes the small files that the crate's tests read. `compare` writes random masks, with axes of all 48 orders and
directions, as segmentations of straight, oblique and reversed series, and reads them by highdicom; has dciodvfy check
them; and has the crate read what highdicom writes. With a series and a mask of one label value it does the same with
these. `files` reads each segment of any files and holds its voxels against the frames as pydicom decodes them. `slicer` reads 3D Slicer's own `.seg.nrrd` files that
slicerio has with it, and writes such files for it. `cargo build --release -p medseg-volume --features dicom --example segmentation` comes first.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import highdicom
import numpy
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RLELossless

ROOT = "1.2.826.0.1.3680043.10.2"
SEGMENTS = {1: ("liver", "10200004"), 2: ("spleen", "78961009"), 3: ("kidney_left", "64033007")}
OBLIQUE = [0.8, 0.6, 0.0, -0.36, 0.48, -0.8]


def series(folder, shape=(5, 6, 7), orientation=(1, 0, 0, 0, 1, 0), spacing=(2.5, 0.5, 0.75), reversed_=False):
    """A CT series; returns its datasets in the order of the files' names."""
    depth, rows, columns = shape
    row, column = numpy.array(orientation[:3], float), numpy.array(orientation[3:], float)
    normal = numpy.cross(row, column)
    datasets = []
    for z in range(depth):
        position = numpy.array([-10.5, 20.25, 30.0]) + normal * spacing[0] * z
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID(f"{ROOT}.1.{z + 1}")
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Phantom^Peer", "P1", "19700101", "O"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = UID(ROOT + ".2"), UID(ROOT + ".3")
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = UID(ROOT + ".4"), ""
        ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20240131", "101500", "S1", "A1"
        ds.ReferringPhysicianName, ds.Modality, ds.SeriesNumber = "", "CT", 1
        ds.InstanceNumber = depth - z if reversed_ else z + 1
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = rows, columns, 16, 16, 15
        ds.PixelRepresentation, ds.RescaleSlope, ds.RescaleIntercept = 1, 1, 0
        ds.PixelSpacing, ds.SliceThickness = [spacing[1], spacing[2]], spacing[0]
        ds.ImageOrientationPatient = [float(value) for value in orientation]
        ds.ImagePositionPatient = [round(float(value), 6) for value in position]
        ds.PixelData = numpy.full((rows, columns), z, "<i2").tobytes()
        folder.mkdir(parents=True, exist_ok=True)
        ds.save_as(folder / f"{depth - z if reversed_ else z:02}.dcm", enforce_file_format=True)
        datasets.append(ds)
    return datasets


def descriptions(numbers):
    algorithm = highdicom.AlgorithmIdentificationSequence("peer", codes.DCM.ArtificialIntelligence, "1")
    return [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=SEGMENTS[number][0],
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=highdicom.sr.CodedConcept(SEGMENTS[number][1], "SCT", SEGMENTS[number][0]),
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            display_color=highdicom.color.CIELabColor.from_rgb(200, 40 * number, 20),
        )
        for number in numbers
    ]


def highdicom_segmentation(datasets, array, kind, number, **more):
    numbers = range(1, (array.shape[3] if array.ndim == 4 else int(array.max())) + 1)
    return highdicom.seg.Segmentation(
        source_images=datasets, pixel_array=array, segmentation_type=kind, segment_descriptions=descriptions(numbers),
        series_instance_uid=f"{ROOT}.5.{number}", series_number=2, sop_instance_uid=f"{ROOT}.6.{number}",
        instance_number=1, manufacturer="peer", manufacturer_model_name="peer", software_versions="1",
        device_serial_number="1", **more,
    )


def random_mask(shape, rng):
    mask = numpy.where(rng.random(shape) < 0.5, rng.integers(1, 4, shape), 0).astype(numpy.uint8)
    mask[0] = mask[2] = 0
    mask[1, 0, :3] = 1, 2, 3
    return mask


def golden(folder):
    shutil.rmtree(folder, ignore_errors=True)
    rng = numpy.random.default_rng(5)
    datasets = series(folder / "series", orientation=OBLIQUE)
    mask = random_mask((5, 6, 7), rng)
    layers = numpy.stack([mask == number for number in (1, 2, 3)], axis=-1)
    overlapping = layers.copy()
    overlapping[3, 2, 2:5, :2] = True
    fractions = numpy.where(layers, 0.5 + 0.5 * rng.random(layers.shape), 0.49 * rng.random(layers.shape))
    fractions = numpy.round(fractions * 200) / 200
    files = {
        "binary": (mask, "BINARY", {}),
        "binary_full": (mask, "BINARY", {"omit_empty_frames": False}),
        "binary_overlapping": (overlapping.astype(numpy.uint8), "BINARY", {}),
        "labelmap": (mask, "LABELMAP", {}),
        "labelmap_rle": (mask, "LABELMAP", {"transfer_syntax_uid": RLELossless}),
        "fractional": (fractions, "FRACTIONAL", {"max_fractional_value": 200}),
        "fractional_rle": (fractions, "FRACTIONAL", {"max_fractional_value": 200, "transfer_syntax_uid": RLELossless}),
    }
    for number, (name, (array, kind, more)) in enumerate(files.items()):
        made = highdicom_segmentation(datasets, array, kind, number, **more)
        for tag, value in {"ContentDate": "20240131", "ContentTime": "101500", "SeriesDate": "20240131",
                           "SeriesTime": "101500", "InstanceCreationDate": "20240131",
                           "InstanceCreationTime": "101500"}.items():
            if tag in made:
                setattr(made, tag, value)
        made.save_as(folder / f"{name}.dcm")
    expected = {
        "mask": mask.tolist(),
        "first": numpy.where(overlapping[..., 0], 1, numpy.where(overlapping[..., 1], 2, 3 * overlapping[..., 2])).tolist(),
        "last": numpy.where(overlapping[..., 2], 3, numpy.where(overlapping[..., 1], 2, overlapping[..., 0])).tolist(),
        "over_0.7": numpy.where(fractions >= 0.7, [1, 2, 3], 0).max(axis=-1).tolist(),
        "names": [SEGMENTS[number][0] for number in (1, 2, 3)],
        "colours": [[200, 40 * number, 20] for number in (1, 2, 3)],
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


class Rust:
    def __init__(self):
        target = os.environ.get("CARGO_TARGET_DIR", "target")
        program = next(p for p in (f"{target}/release/examples/segmentation", f"{target}/debug/examples/segmentation")
                       if Path(p).exists())
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *parts):
        self.process.stdin.write("\t".join(map(str, parts)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert not answer.startswith("error"), answer
        return answer


def on_series(path, datasets, shape):
    """A segmentation by highdicom as an array on the series' grid, and its voxels."""
    segmentation = highdicom.seg.segread(path)
    volume = segmentation.get_volume(combine_segments=True)
    source = highdicom.get_volume_from_series(datasets)
    return volume.match_geometry(source).array, source


def validity(path, form):
    """Errors of dciodvfy; Debian's does not know label maps."""
    if shutil.which("dciodvfy") is None or form.startswith("labelmap"):
        return []
    text = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    lines = (text.stdout + text.stderr).splitlines()
    return [line for line in lines if line.startswith("Error")]


def orientations():
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product([False, True], repeat=3):
            yield axes, flips


def compare_random(rust, folder):
    rng = numpy.random.default_rng(7)
    written = read = errors = 0
    for name, orientation, backwards in [("straight", (1, 0, 0, 0, 1, 0), False), ("oblique", OBLIQUE, False),
                                         ("reversed", OBLIQUE, True)]:
        datasets = series(folder / name, orientation=orientation, reversed_=backwards)
        (folder / "table.csv").write_text("label,name\n1,liver\n2,spleen\n3,kidney_left\n")
        image = SimpleITK.ReadImage([str(folder / name / f"{p:02}.dcm") for p in
                                     (range(5, 0, -1) if backwards else range(5))])
        for number, (axes, flips) in enumerate(orientations()):
            array = random_mask((5, 6, 7), rng)
            mask = SimpleITK.GetImageFromArray(array)
            mask.CopyInformation(image)
            turned = SimpleITK.PermuteAxes(mask, axes)
            for axis, flip in enumerate(flips):
                if flip:
                    keys = [slice(None)] * 3
                    keys[axis] = slice(None, None, -1)
                    turned = turned[tuple(keys)]
            SimpleITK.WriteImage(turned, str(folder / "mask.nrrd"))
            for form in ("binary", "binary-full", "labelmap", "labelmap-short"):
                path = folder / "mask.dcm"
                rust.ask("write", folder / name, folder / "mask.nrrd", folder / "table.csv", path, form)
                got, _ = on_series(path, datasets, array.shape)
                source = highdicom.get_volume_from_series(datasets)
                # highdicom's slices may run the other way.
                first = source.affine[:3, 3]
                wanted = array if numpy.allclose(first, datasets[0].ImagePositionPatient, atol=1e-3) else array[::-1]
                assert (got == wanted).all(), (name, axes, flips, form)
                errors += len(validity(path, form))
                written += 1
            for kind in ("BINARY", "LABELMAP"):
                theirs = highdicom_segmentation(datasets, array, kind, number)
                theirs.save_as(folder / "theirs.dcm")
                rust.ask("read", folder / "theirs.dcm", folder / "back.nrrd", folder / "back.csv", folder / name)
                back = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "back.nrrd")))
                assert (back == array).all(), (name, kind)
                read += 1
    print(f"{written} written and read by highdicom, {read} of highdicom read: equal; {errors} errors by dciodvfy")


def compare_real(rust, folder, scan, label):
    datasets = [pydicom.dcmread(path) for path in sorted(Path(scan).iterdir())]
    (folder / "table.csv").write_text("label,name\n1,liver\n")
    wanted = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(label))).astype(numpy.uint8)
    for form in ("binary", "labelmap"):
        path = folder / f"{form}.dcm"
        frames = rust.ask("write", scan, label, folder / "table.csv", path, form)
        got, source = on_series(path, datasets, wanted.shape)
        same = max((got == wanted).all(), (got == wanted[::-1]).all())
        rust.ask("read", path, folder / "back.nrrd", folder / "back.csv", scan)
        back = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "back.nrrd")))
        print(f"{form}: {frames} frames, {path.stat().st_size} bytes, {int(got.sum())} voxels; highdicom equal: {same}; "
              f"back equal: {(back == wanted).all()}; dciodvfy: {validity(path, form)}")
        if shutil.which("segimage2itkimage"):
            subprocess.run(["segimage2itkimage", "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nrrd"],
                           check=True, capture_output=True)
            image = SimpleITK.ReadImage(str(label))
            found = SimpleITK.Resample(SimpleITK.ReadImage(str(folder / "1.nrrd")), image, SimpleITK.Transform(),
                                       SimpleITK.sitkNearestNeighbor)
            print(f"{form}: dcmqi equal: {((SimpleITK.GetArrayFromImage(found) > 0) == (wanted > 0)).all()}")
    order = sorted(range(len(datasets)), key=lambda n: float(datasets[n].ImagePositionPatient[2]))
    theirs = highdicom_segmentation([datasets[n] for n in order], wanted, "BINARY", 0)
    theirs.save_as(folder / "theirs.dcm")
    rust.ask("read", folder / "theirs.dcm", folder / "back.nrrd", folder / "back.csv", scan)
    back = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "back.nrrd")))
    print(f"highdicom's binary read by medseg-volume: equal: {(back == wanted).all()}")


def voxels(path, label):
    """LPS millimetres of a segment's voxels, by its frames; FRACTIONAL from a half on."""
    ds = pydicom.dcmread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    frames = ds.pixel_array.reshape(-1, ds.Rows, ds.Columns)
    points = []
    for frame, own in zip(frames, ds.PerFrameFunctionalGroupsSequence, strict=True):
        group = lambda name: (own if name in own else shared)[name][0]
        if ds.SegmentationType == "LABELMAP":
            inside = frame == label
        elif int(group("SegmentIdentificationSequence").ReferencedSegmentNumber) != label:
            continue
        else:
            most = ds.MaximumFractionalValue if ds.SegmentationType == "FRACTIONAL" else 1
            inside = frame * 2.0 >= most
        row, column = numpy.array(group("PlaneOrientationSequence").ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = map(float, group("PixelMeasuresSequence").PixelSpacing)
        start = numpy.array(group("PlanePositionSequence").ImagePositionPatient, float)
        r, c = numpy.nonzero(inside)
        points.append(start + c[:, None] * row * between_columns + r[:, None] * column * between_rows)
    return numpy.concatenate(points or [numpy.zeros((0, 3))])


def compare_files(rust, folder, paths):
    for path in paths:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if "SegmentSequence" not in ds:
            continue
        counts, total = [], 0
        background = ds.get("PixelPaddingValue", 0) if ds.SegmentationType == "LABELMAP" else 0
        for segment in ds.SegmentSequence:
            label = int(segment.SegmentNumber)
            if label in (0, background):
                continue
            try:
                rust.ask("segment", path, label, folder / "one.nrrd")
            except AssertionError as refused:
                counts.append(str(refused))
                break
            image = SimpleITK.ReadImage(str(folder / "one.nrrd"))
            array = SimpleITK.GetArrayFromImage(image)
            wanted = voxels(path, label)
            linear = numpy.array(image.GetDirection()).reshape(3, 3) * numpy.array(image.GetSpacing())
            index = (wanted - numpy.array(image.GetOrigin())) @ numpy.linalg.inv(linear).T
            whole = numpy.rint(index).astype(int)
            near = len(index) == 0 or numpy.abs(index - whole).max() < 0.1
            here = {tuple(i) for i in whole}
            same = near and len(here) == int((array == label).sum()) and all(array[k, j, i] == label for i, j, k in here)
            counts.append("equal" if same else f"segment {label} DIFFERS")
            total += len(here)
        print(f"{Path(path).name}: {ds.SegmentationType}, {len(counts)} segments, {total} voxels:", *sorted(set(counts)))


def compare_slicer(rust, folder):
    import slicerio

    for path in (Path(slicerio.__file__).parent / "data").glob("*.seg.nrrd"):
        theirs = slicerio.read_segmentation(str(path))
        rust.ask("read-nrrd", path, folder / "all.nrrd", folder / "all.csv", "last")
        rows = (folder / "all.csv").read_text().splitlines()[1:]
        same = []
        for row, segment in zip(rows, theirs["segments"], strict=True):
            label, name = row.split(",")[:2]
            assert rust.ask("segment", path, label, folder / "one.nrrd") == segment["name"] == name
            ours = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "one.nrrd"))).transpose(2, 1, 0)
            same.append(bool((slicerio.segment_mask(theirs, segment) == (ours > 0)).all()))
        print(f"{path.name}: {len(same)} segments, equal: {all(same)}")
    rng = numpy.random.default_rng(3)
    mask = rng.integers(0, 4, (5, 6, 7)).astype(numpy.uint8)
    image = SimpleITK.GetImageFromArray(mask)
    image.SetSpacing((0.5, 0.75, 2.5))
    image.SetOrigin((-10.0, 3.0, 7.0))
    SimpleITK.WriteImage(image, str(folder / "mask.nrrd"))
    (folder / "table.csv").write_text("label,name,colour\n1,liver,#dd8265\n2,spleen,\n3,kidney_left,\n")
    rust.ask("write-nrrd", folder / "mask.nrrd", folder / "table.csv", folder / "ours.seg.nrrd")
    theirs = slicerio.read_segmentation(str(folder / "ours.seg.nrrd"))
    for number, segment in enumerate(theirs["segments"], start=1):
        assert (slicerio.segment_mask(theirs, segment) == (mask.transpose(2, 1, 0) == number)).all()
    print("read by slicerio: equal;", theirs["segments"][2])


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden(Path(sys.argv[2]))
    elif sys.argv[1] == "slicer":
        with tempfile.TemporaryDirectory() as temporary:
            compare_slicer(Rust(), Path(temporary))
    elif sys.argv[1] == "files":
        with tempfile.TemporaryDirectory() as temporary:
            compare_files(Rust(), Path(temporary), sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            if len(sys.argv) > 3:
                compare_real(Rust(), Path(temporary), sys.argv[2], sys.argv[3])
            else:
                compare_random(Rust(), Path(temporary))
