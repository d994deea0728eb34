"""Compares RT structure sets with rt-utils, dcmrtstruct2nii and plastimatch, in both directions.

    cargo build -p medseg-volume --features dicom --example structure_set
    python benches/peers/structure_set.py compare target/debug/examples/structure_set [SCAN MASK.nii.gz]
    python benches/peers/structure_set.py golden crates/medseg-volume/tests/golden/structure_set

`compare` writes masks as structure sets by the example, in both encodings of holes, and counts the voxels that differ from
the mask in each reader: the example itself, rt-utils, dcmrtstruct2nii and, where it is installed, plastimatch. The masks
are made here, on small series that are axial, oblique and reversed, and SCAN with MASK if they are given. pydicom checks
every value of the files, dciodvfy the modules where it is installed. Then rt-utils writes the masks, and the example reads
them.

`golden` makes the small files of rt-utils that the crate's tests read, and what rt-utils reads in them.

Needs numpy, nibabel, pydicom, rt-utils, dcmrtstruct2nii.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pydicom.config
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

pydicom.read_file = pydicom.dcmread  # dcmrtstruct2nii calls it by the name of before pydicom 3
from dcmrtstruct2nii.adapters.convert.rtstructcontour2mask import DcmPatientCoords2Mask  # noqa: E402
from dcmrtstruct2nii.adapters.input.contours.rtstructinputadapter import RtStructInputAdapter  # noqa: E402
from dcmrtstruct2nii.adapters.input.image.dcminputadapter import DcmInputAdapter  # noqa: E402
from rt_utils import RTStructBuilder  # noqa: E402

AXIAL = [1, 0, 0, 0, 1, 0]
OBLIQUE = [0.9396926, 0.3213938, 0.1169778, -0.3420201, 0.8830222, 0.3213938]


def write_series(folder, shape, orientation, spacing=(0.8, 0.8), step=2.5, reverse=False):
    """Slices of zeros at `step` mm along the normal."""
    folder.mkdir(parents=True)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    for index in range(shape[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{index + 1}"
        image = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Test^Peer", "7", "", "O"
        image.StudyDate, image.StudyTime, image.AccessionNumber, image.StudyID = "20260102", "030405", "", "1"
        image.ReferringPhysicianName, image.Modality, image.Manufacturer = "", "CT", ""
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
        image.SeriesNumber, image.InstanceNumber, image.SliceThickness = 1, index + 1, step
        image.ImageOrientationPatient, image.PixelSpacing = orientation, list(spacing)
        position = np.array([-31.25, 17.5, 203.75]) + normal * step * (shape[0] - 1 - index if reverse else index)
        image.ImagePositionPatient = [f"{value:.9g}" for value in position]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.Rows, image.Columns, image.BitsAllocated, image.BitsStored, image.HighBit = *shape[1:], 16, 16, 15
        image.PixelRepresentation, image.RescaleIntercept, image.RescaleSlope = 1, 0, 1
        image.PixelData = bytes(2 * shape[1] * shape[2])
        image.save_as(folder / f"{index:03}.dcm", enforce_file_format=True)


def series_affine(folder):
    """The affine to RAS of slices sorted by position, and the file names in that order."""
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    row = np.array(images[0].ImageOrientationPatient[:3], float)
    column = np.array(images[0].ImageOrientationPatient[3:], float)
    normal = np.cross(row, column)
    images.sort(key=lambda image: np.dot(np.array(image.ImagePositionPatient, float), normal))
    first = np.array(images[0].ImagePositionPatient, float)
    last = np.array(images[-1].ImagePositionPatient, float)
    spacing = [float(value) for value in images[0].PixelSpacing]
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[1], column * spacing[0]
    affine[:3, 2], affine[:3, 3] = (last - first) / (len(images) - 1), first
    return np.diag([-1, -1, 1, 1]) @ affine, [image.SOPInstanceUID for image in images]


def masks(shape):
    """Masks that are hard to outline, `[slices, rows, columns]`."""
    random = np.random.default_rng(5)
    grid = np.indices(shape)
    yield "checkerboard", grid.sum(axis=0) % 2 == 0
    yield "full", np.ones(shape, bool)
    rings = np.abs(grid[1] - shape[1] // 2).clip(min=np.abs(grid[2] - shape[2] // 2)) % 2 == 0
    yield "holes in holes", rings
    for density in (0.02, 0.3, 0.5, 0.7, 0.95):
        yield f"random {density}", random.random(shape) < density
    smooth = sum(np.sin(random.random(3) @ grid.reshape(3, -1) * rate) for rate in (0.2, 0.5, 0.9)).reshape(shape)
    yield "smooth", smooth > 0.4


def read_rt_utils(scan, path, order):
    builder = RTStructBuilder.create_from(dicom_series_path=str(scan), rt_struct_path=str(path))
    mask = builder.get_roi_mask_by_name("label 1")
    by_uid = {image.SOPInstanceUID: index for index, image in enumerate(builder.series_data)}
    return np.stack([mask[:, :, by_uid[uid]] for uid in order])


def read_dcmrtstruct2nii(scan, path):
    image = DcmInputAdapter().ingest(str(scan))
    contours = RtStructInputAdapter().ingest(str(path))[0]["sequence"]
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(DcmPatientCoords2Mask().convert(contours, image, 0, 1)).astype(bool)


def read_plastimatch(scan, path, folder):
    out = folder / "plastimatch"
    shutil.rmtree(out, ignore_errors=True)
    command = ["plastimatch", "convert", "--input", path, "--referenced-ct", scan, "--output-prefix", out,
               "--prefix-format", "nii"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return nibabel.load(next(out.glob("*.nii")))


def read_example(example, scan, path, folder):
    subprocess.run([example, "read", str(scan), str(path), str(folder / "back.nii")], check=True, capture_output=True)
    return nibabel.load(folder / "back.nii")


def on_grid(image, affine):
    """A NIfTI image `[slices, rows, columns]`, its axes turned to those of an affine."""
    from nibabel.orientations import apply_orientation, io_orientation, ornt_transform

    turn = ornt_transform(io_orientation(image.affine), io_orientation(affine))
    return apply_orientation(np.asarray(image.dataobj), turn).transpose(2, 1, 0) != 0


def check_values(path):
    """Every value of a file, by pydicom's rules of representations."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    data = pydicom.dcmread(path)
    count = sum(1 for element in data.iterall() if element.value is not None)
    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    if shutil.which("dciodvfy"):
        lines = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True).stderr.splitlines()
        wrong = [line for line in lines if line.startswith("Error")]
        assert not wrong, wrong
    return count


def compare_case(example, name, scan, mask, folder, rt_utils=True):
    affine, order = series_affine(scan)
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8).transpose(2, 1, 0), affine), folder / "mask.nii")
    for holes in ([], ["xor"]):
        path = folder / "rtstruct.dcm"
        command = [example, "write", str(scan), str(folder / "mask.nii"), str(path), *holes]
        subprocess.run(command, check=True, capture_output=True)
        check_values(path)
        readers = {
            "medseg": lambda: on_grid(read_example(example, scan, path, folder), affine),
            "dcmrtstruct2nii": lambda: read_dcmrtstruct2nii(scan, path),
        }
        if rt_utils:
            readers["rt-utils"] = lambda: read_rt_utils(scan, path, order)
        if shutil.which("plastimatch"):
            readers["plastimatch"] = lambda: on_grid(read_plastimatch(scan, path, folder), affine)
        counts = {}
        for reader, read in readers.items():
            try:
                counts[reader] = int((read() != mask).sum())
            except Exception as error:  # noqa: BLE001 a peer that fails is a result
                counts[reader] = f"{type(error).__name__}: {error}"[:60]
        print(f"{name:28} {'xor' if holes else 'keyhole':8} of {mask.sum():8} voxels differ:", counts, flush=True)
    if not rt_utils:
        return
    back = write_by_rt_utils(scan, mask, order, folder / "rt_utils.dcm")
    wanted = read_rt_utils(scan, folder / "rt_utils.dcm", order)
    read = on_grid(read_example(example, scan, back, folder), affine)
    print(f"{name:28} by rt-utils: medseg differs from rt-utils' reading in {(read != wanted).sum()} voxels, "
          f"rt-utils from the mask in {(wanted != mask).sum()}", flush=True)


def write_by_rt_utils(scan, mask, order, path, **options):
    builder = RTStructBuilder.create_new(dicom_series_path=str(scan))
    by_uid = {uid: index for index, uid in enumerate(order)}
    stack = np.stack([mask[by_uid[image.SOPInstanceUID]] for image in builder.series_data], axis=2)
    builder.add_roi(mask=stack, name="label 1", **options)
    builder.save(str(path))
    return path


def compare(example, scan=None, mask=None):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if scan:
            affine, _ = series_affine(scan)
            compare_case(example, "given scan", Path(scan), on_grid(nibabel.load(mask), affine), folder)
        kinds = {"axial": (AXIAL, False), "axial reversed": (AXIAL, True), "oblique": (OBLIQUE, False),
                 "oblique reversed": (OBLIQUE, True), "oblong": (OBLIQUE, False)}
        for kind, (orientation, reverse) in kinds.items():
            # rt-utils exchanges rows and columns of slices that are not square, and spacings of pixels that are not.
            oblong = kind == "oblong"
            shape = (6, 37, 41) if oblong else (6, 41, 41)
            series = folder / kind.replace(" ", "_")
            write_series(series, shape, orientation, spacing=(0.7, 0.8) if oblong else (0.8, 0.8), reverse=reverse)
            for name, made in masks(shape):
                compare_case(example, f"{kind}, {name}", series, made, folder, rt_utils=not oblong)


def golden(target):
    """Structure sets of rt-utils for a series of 4 slices of 14 × 14 pixels, and the voxels that it reads in them."""
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    shape = (4, 14, 14)
    random = np.random.default_rng(6)
    grid = np.indices(shape)
    disc = (grid[1] - 5) ** 2 + (grid[2] - 7) ** 2 <= 20 + 3 * grid[0]
    ring = disc & ((grid[1] - 5) ** 2 + (grid[2] - 7) ** 2 > 4)
    cases = {"disc": (disc, {}), "ring": (ring, {}), "random": (random.random(shape) < 0.4, {}),
             "pin_hole": (ring, {"use_pin_hole": True}), "every_point": (disc, {"approximate_contours": False})}
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, orientation in {"axial": AXIAL, "oblique": OBLIQUE}.items():
            series = Path(folder) / kind
            write_series(series, shape, orientation)
            affine, order = series_affine(series)
            for name, (mask, options) in cases.items():
                path = write_by_rt_utils(series, mask, order, target / f"{kind}_{name}.dcm", **options)
                read = read_rt_utils(series, path, order)
                runs = ["".join("01"[int(voxel)] for voxel in plane.ravel()) for plane in read]
                expected[path.name] = {"affine": affine.tolist(), "shape": shape, "mask": runs}
    (target / "expected.json").write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["compare", example, *given]:
            compare(example, *given)
        case ["golden", target]:
            golden(target)
        case _:
            sys.exit(__doc__)
