"""Images and masks in files."""

import gzip
import pickle
import struct

import numpy as np
import pytest

import medseg

ENDINGS = [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_image_comes_back_from_every_format_with_its_axes_and_affine(tmp_path, image, ending):
    path = tmp_path / f"image{ending}"
    medseg.write_image(path, image)
    back = medseg.read_image(path)
    assert back.shape == (11, 17, 7)
    assert np.array_equal(back.array, image.array)
    assert np.allclose(back.affine, image.affine, atol=1e-5)
    assert back.orientation == image.orientation == "LPS"
    assert np.allclose(back.spacing, (0.75, 0.5, 2.5), atol=1e-6)


@pytest.mark.parametrize("dtype", "uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64".split())
def test_every_type_of_numbers_is_stored_as_it_is(tmp_path, affine, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    medseg.write_image(tmp_path / "a.nii.gz", medseg.Volume(array, affine))
    stored = medseg.read_stored(tmp_path / "a.nii.gz")
    assert stored.dtype == array.dtype
    assert np.array_equal(stored.array, array)
    info = medseg.read_info(tmp_path / "a.nii.gz")
    assert (info.dtype, info.shape, info.channels) == (dtype, (2, 3, 4), 1)


def test_nibabel_reads_what_is_written_and_is_read_the_same(tmp_path, image):
    nibabel = pytest.importorskip("nibabel")
    medseg.write_image(tmp_path / "a.nii.gz", image)
    theirs = nibabel.load(tmp_path / "a.nii.gz")
    assert theirs.shape == image.shape
    assert np.array_equal(theirs.get_fdata(dtype=np.float32), image.array)
    assert np.allclose(theirs.affine, image.affine, atol=1e-6)
    scaled = nibabel.Nifti1Image((image.array * 100).astype("int16"), image.affine)
    scaled.header.set_slope_inter(0.5, -3)
    nibabel.save(scaled, tmp_path / "b.nii")
    ours, theirs = medseg.read_image(tmp_path / "b.nii"), nibabel.load(tmp_path / "b.nii")
    assert np.allclose(ours.array, theirs.get_fdata(), rtol=1e-6)
    assert np.array_equal(ours.affine, theirs.affine)
    assert ours.orientation == "".join(nibabel.aff2axcodes(theirs.affine))
    assert np.allclose(ours.spacing, theirs.header.get_zooms())


def test_channels_are_the_first_axis(tmp_path, affine, rng):
    nibabel = pytest.importorskip("nibabel")
    series = rng.normal(size=(4, 5, 6, 3)).astype("float32")
    nibabel.save(nibabel.Nifti1Image(series, affine), tmp_path / "a.nii.gz")
    read = medseg.read_channels(tmp_path / "a.nii.gz")
    assert read.shape == (3, 4, 5, 6)
    assert np.array_equal(read.array, np.moveaxis(series, 3, 0))
    medseg.write_image(tmp_path / "b.nii.gz", read)
    assert np.array_equal(nibabel.load(tmp_path / "b.nii.gz").get_fdata(dtype=np.float32), series)
    with pytest.raises(medseg.MedsegError, match="channels"):
        medseg.read_image(tmp_path / "a.nii.gz")


def test_a_voxel_lies_where_the_affine_says_after_reorienting(image):
    nibabel = pytest.importorskip("nibabel")
    for code in ["RAS", "SPL", "ALI"]:
        turned = image.reoriented(code)
        start = nibabel.io_orientation(image.affine)
        to = nibabel.orientations.ornt_transform(start, nibabel.orientations.axcodes2ornt(code))
        theirs = nibabel.Nifti1Image(np.asarray(image.array), image.affine).as_reoriented(to)
        assert turned.orientation == code
        assert np.array_equal(turned.array, np.asanyarray(theirs.dataobj))
        assert np.allclose(turned.affine, theirs.affine)
        back = turned.reoriented(image.orientation)
        assert np.array_equal(back.array, image.array)
        assert np.allclose(back.affine, image.affine)


def test_a_mask_on_an_images_grid_has_its_header_fields_bit_for_bit(tmp_path, image):
    nibabel = pytest.importorskip("nibabel")
    original = nibabel.Nifti1Image(np.asarray(image.array), image.affine)
    original.set_qform(np.diag([3.0, 3, 3, 1]), 1)
    original.set_sform(image.affine, 2)
    original.header["descrip"] = b"a scan"
    nibabel.save(original, tmp_path / "ct.nii.gz")
    read = medseg.read_image(tmp_path / "ct.nii.gz")
    medseg.write_label(tmp_path / "mask.nii.gz", read.with_array(read.array > 0.5))
    mask, ct = nibabel.load(tmp_path / "mask.nii.gz").header, nibabel.load(tmp_path / "ct.nii.gz").header
    for field in "pixdim qform_code sform_code quatern_b quatern_c quatern_d qoffset_x srow_x srow_y srow_z descrip".split():
        assert np.array_equal(mask[field], ct[field]), field
    assert mask.get_data_dtype() == np.uint8


def test_a_label_map_takes_the_smallest_type_that_has_its_values(tmp_path, image):
    path = tmp_path / "labels.nii.gz"
    for largest, dtype in [(1, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "int32")]:
        labels = np.zeros(image.shape, "int64")
        labels[1, 2, 3] = largest
        medseg.write_label(path, image.with_array(labels))
        assert medseg.read_stored(path).dtype == dtype
        assert np.array_equal(medseg.read_label(path, dtype="int32").array, labels)
    labels[1, 2, 3] = -5
    medseg.write_label(path, image.with_array(labels))
    assert medseg.read_stored(path).dtype == "int32"
    labels[1, 2, 3] = 2**40
    with pytest.raises(medseg.MedsegError, match="1099511627776"):
        medseg.write_label(path, image.with_array(labels))
    with pytest.raises(medseg.MedsegError, match="not a label"):
        medseg.read_label(path)
    with pytest.raises(TypeError, match="float32"):
        medseg.write_label(path, image)


def test_arrays_of_any_layout_are_written_the_same(tmp_path, image):
    from conftest import layouts

    for name, array in layouts(image.array).items():
        medseg.write_image(tmp_path / "a.nii", image.with_array(array))
        assert np.array_equal(medseg.read_image(tmp_path / "a.nii").array, image.array), name
    swapped = image.array.astype(">f4")
    medseg.write_image(tmp_path / "a.nii", image.with_array(swapped))
    assert np.array_equal(medseg.read_image(tmp_path / "a.nii").array, image.array)
    unaligned = np.frombuffer(b"x" + np.ascontiguousarray(image.array).tobytes(), "f4", offset=1).reshape(image.shape)
    medseg.write_image(tmp_path / "a.nii", image.with_array(unaligned))
    assert np.array_equal(medseg.read_image(tmp_path / "a.nii").array, image.array)


def test_the_array_is_a_view_in_which_changes_count(tmp_path, image):
    medseg.write_image(tmp_path / "a.nii", image)
    read = medseg.read_image(tmp_path / "a.nii")
    assert read.array.flags.f_contiguous and read.array.T.flags.c_contiguous
    read.array[2, 3, 4] = 77
    assert np.asarray(read)[2, 3, 4] == 77
    medseg.write_image(tmp_path / "b.nii", read)
    assert medseg.read_image(tmp_path / "b.nii").array[2, 3, 4] == 77


def test_names_of_labels_come_back_from_slicers_files(tmp_path, image):
    labels = (np.abs(image.array) * 2).astype("uint8").clip(0, 3)
    names = {1: "liver", 2: "spleen", 3: "left kidney"}
    medseg.write_segmentation(tmp_path / "a.seg.nrrd", image.with_array(labels), names)
    mask, back = medseg.read_segmentation(tmp_path / "a.seg.nrrd")
    assert back == names
    assert np.array_equal(mask.array, labels)
    assert mask.same_grid(image)
    medseg.write_segmentation(tmp_path / "b.seg.nrrd", image.with_array(labels), {1: "liver"})
    assert medseg.read_segmentation(tmp_path / "b.seg.nrrd")[1] == {1: "liver", 2: "label 2", 3: "label 3"}
    with pytest.raises(medseg.MedsegError, match="series"):
        medseg.write_segmentation(tmp_path / "a.dcm", image.with_array(labels), names)
    with pytest.raises(medseg.MedsegError, match="must end"):
        medseg.write_segmentation(tmp_path / "a.nii", image.with_array(labels), names)


def dicom_series(folder, shape=(6, 5, 4)):
    """A CT series of slices along z, and its voxels [x, y, z] in Hounsfield units."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    voxels = np.random.default_rng(3).integers(0, 2000, size=shape).astype("int16")
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for z in range(shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset(str(folder / f"{z}.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study, series, frame
        file.Modality, file.PatientID, file.PatientName, file.InstanceNumber = "CT", "1", "A^B", z + 1
        file.StudyDate, file.StudyTime, file.StudyID = "20260101", "000000", "1"
        file.ImagePositionPatient, file.ImageOrientationPatient = [10, 20, 3.0 * z], [1, 0, 0, 0, 1, 0]
        file.PixelSpacing, file.SliceThickness = [0.5, 0.75], 3
        file.Rows, file.Columns, file.SamplesPerPixel = shape[1], shape[0], 1
        file.PhotometricInterpretation, file.BitsAllocated, file.BitsStored, file.HighBit = "MONOCHROME2", 16, 16, 15
        file.PixelRepresentation, file.RescaleSlope, file.RescaleIntercept = 1, 1, -1024
        file.PixelData = np.ascontiguousarray(voxels[:, :, z].T).tobytes()
        file.save_as(folder / f"{z}.dcm", enforce_file_format=True)
    return voxels.astype("float32") - 1024


def test_a_dicom_series_is_read_and_its_segmentation_written_and_read(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    folder = tmp_path / "series"
    folder.mkdir()
    voxels = dicom_series(folder)
    image = medseg.read_image(folder)
    assert np.array_equal(image.array, voxels)
    assert image.orientation == "LPS"
    assert np.allclose(image.affine @ [1, 2, 3, 1], [-10 - 0.75, -20 - 1.0, 9, 1])
    mask = image.with_array((voxels > 0) + 2 * (voxels > 500))
    out = tmp_path / "mask.dcm"
    medseg.write_segmentation(out, mask, {1: "liver", 3: "spleen"}, series=folder)
    assert pydicom.dcmread(out).SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    back, names = medseg.read_segmentation(out, like=image)
    assert names == {1: "liver", 3: "spleen"}
    assert np.array_equal(back.array, mask.array)


def test_wrong_files_are_exceptions_with_the_files_name(tmp_path, image):
    with pytest.raises(FileNotFoundError, match="nowhere.nii"):
        medseg.read_image(tmp_path / "nowhere.nii")
    with pytest.raises(FileNotFoundError):
        medseg.write_image(tmp_path / "no" / "folder.nii", image)
    (tmp_path / "text.nii").write_text("hello")
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    medseg.write_image(tmp_path / "a.nii.gz", image)
    whole = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    for name in ["text.nii", "empty.nii.gz", "cut.nii.gz"]:
        for read in [medseg.read_image, medseg.read_label, medseg.read_stored, medseg.read_channels]:
            with pytest.raises(medseg.MedsegError, match=name.replace(".", r"\.")):
                read(tmp_path / name)
    with pytest.raises(medseg.MedsegError):
        medseg.read_image(tmp_path)  # a folder without a series
    for path in [tmp_path / "a.png", tmp_path / "a"]:
        with pytest.raises(medseg.MedsegError, match="must end"):
            medseg.write_image(path, image)
    for wrong in [3, None, b"\0"]:
        with pytest.raises((TypeError, ValueError, OSError)):
            medseg.read_image(wrong)
    with pytest.raises((medseg.MedsegError, OSError)):
        medseg.read_image("with\0nul.nii")
    with pytest.raises(medseg.MedsegError, match="level"):
        medseg.write_image(tmp_path / "a.nii.gz", image, level=10)


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path, image):
    medseg.write_image(tmp_path / "a.nii", image)
    header = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<8h", header, 40, 3, 32767, 32767, 32767, 1, 1, 1, 1)
    (tmp_path / "huge.nii").write_bytes(header)
    (tmp_path / "huge.nii.gz").write_bytes(gzip.compress(bytes(header)))
    for name in ["huge.nii", "huge.nii.gz"]:
        with pytest.raises((medseg.MedsegError, MemoryError), match="huge"):
            medseg.read_image(tmp_path / name)
    with pytest.raises(MemoryError, match="more than the 100 allowed"):
        medseg.read_image(tmp_path / "a.nii", max_bytes=100)


def test_oddities_are_warnings_of_python(tmp_path, image):
    array = np.array(image.array)
    array[0, 0, 0] = np.nan
    medseg.write_image(tmp_path / "a.nii", image.with_array(array))
    with pytest.warns(medseg.MedsegWarning, match="1 of 1309 voxels are not finite"):
        assert np.isnan(medseg.read_image(tmp_path / "a.nii").array[0, 0, 0])


def test_wrong_volumes_are_refused(image):
    for affine in [np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1, 1, 0, 1])]:
        with pytest.raises(medseg.MedsegError, match="affine"):
            medseg.Volume(image.array, affine)
    for arguments in [{}, {"affine": np.eye(4), "spacing": 1.0}]:
        with pytest.raises(TypeError, match="either"):
            medseg.Volume(image.array, **arguments)
    for affine in [np.eye(3), "RAS", 4]:
        with pytest.raises((TypeError, ValueError)):
            medseg.Volume(image.array, affine)
    for spacing in [0, -1, np.inf, np.nan, (1, 1, 0)]:
        with pytest.raises(medseg.MedsegError, match="spacing"):
            medseg.Volume(image.array, spacing=spacing)
    for shape in [(3, 4), (3,), (), (2, 3, 4, 5, 6)]:
        with pytest.raises(medseg.MedsegError, match="axes"):
            medseg.Volume(np.zeros(shape), spacing=1)
    with pytest.raises(medseg.MedsegError, match="no voxels"):
        medseg.Volume(np.zeros((3, 0, 4)), spacing=1)
    with pytest.raises(medseg.MedsegError, match="not on a grid"):
        image.with_array(np.zeros((7, 17, 11)))
    with pytest.raises(medseg.MedsegError, match="axis code"):
        image.reoriented("RAR")
    for array in [np.zeros((2, 2, 2), complex), np.full((2, 2, 2), "a"), np.full((2, 2, 2), None)]:
        with pytest.raises((TypeError, medseg.MedsegError)):
            medseg.write_image("never.nii", medseg.Volume(array, spacing=1))


def test_a_volume_stands_for_its_array(image):
    assert np.array_equal(np.asarray(image), image.array)
    assert np.asarray(image, "float64").dtype == "float64"
    assert "shape=(11, 17, 7)" in repr(image) and "LPS" in repr(image)
    assert medseg.Volume(image.array, spacing=(1, 2, 3)).spacing == (1, 2, 3)
    assert medseg.Volume(image.array, spacing=2).affine.tolist() == np.diag([2.0, 2, 2, 1]).tolist()
    assert image.same_grid(image.with_array(np.zeros(image.shape)))
    assert not image.same_grid(medseg.Volume(image.array, np.eye(4)))


def test_pipelines_go_to_other_processes():
    pipeline = medseg.Pipeline([medseg.transforms.resize((3, 4, 5))])
    assert pickle.loads(pickle.dumps(pipeline)).to_json() == pipeline.to_json()
