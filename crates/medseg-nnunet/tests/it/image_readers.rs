//! Files as nnU-Net's reader classes read them; spacings as SimpleITK 2.5.7 and nibabel 5.4.2 have them.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_nnunet::{ImageError, ImageReader, read_case, read_case_mask};
use medseg_volume::{Dhw, Geometry, Volume, WriteOptions, write_channels, write_image, write_volume};
use ndarray::{Array3, Array4};

const READERS: [ImageReader; 4] =
    [ImageReader::SimpleItk, ImageReader::SimpleItkReorient, ImageReader::Nibabel, ImageReader::NibabelReorient];

fn ramp() -> Array3<f32> {
    medseg_testing::ramp([2, 3, 4])
}

fn write(folder: &Path, name: &str, spacing: [f64; 3]) -> PathBuf {
    let path = folder.join(name);
    let geometry = Geometry::from_spacing(Dhw::from(spacing)).unwrap();
    write_image(&path, &Volume::new(ramp(), geometry)).unwrap();
    path
}

/// Changes fields of the header: `pixdim` of i, j, k, and the unit.
fn patch(path: &Path, pixdim: [f32; 3], unit: u8) {
    let mut bytes = fs::read(path).unwrap();
    for (n, length) in pixdim.into_iter().enumerate() {
        bytes[80 + 4 * n..84 + 4 * n].copy_from_slice(&length.to_le_bytes());
    }
    bytes[123] = unit;
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_spacing_is_that_of_pixdim_though_the_sform_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "image.nii", [3.1, 1.7, 1.3]);
    // (k, j, i) in mm.
    let stored = [2.5, f64::from(0.8_f32), f64::from(0.7_f32)];
    let read = |reader| read_case(std::slice::from_ref(&path), reader).unwrap().spacing;
    patch(&path, [0.7, 0.8, 2.5], 2);
    READERS.into_iter().for_each(|reader| assert_eq!(read(reader), stored, "{reader:?}"));
    patch(&path, [-0.7, 0.0, 2.5], 0);
    READERS.into_iter().for_each(|reader| assert_eq!(read(reader), [2.5, 1.0, stored[2]], "{reader:?}"));
    patch(&path, [0.0007, 0.0008, 0.0025], 1);
    assert_eq!(read(ImageReader::SimpleItk), [2.499_999_944_120_645_5, 0.799_999_979_790_300_1, 0.699_999_975_040_555]);
    assert_eq!(read(ImageReader::Nibabel), [0.0025_f32, 0.0008, 0.0007].map(f64::from));
    patch(&path, [700.0, 800.0, 2500.0], 3);
    assert_eq!(read(ImageReader::SimpleItk), [2.5, 0.8, 0.700_000_000_000_000_1]);
    assert_eq!(read(ImageReader::NibabelReorient), [2500.0, 800.0, 700.0]);
}

#[test]
fn reorientation_turns_voxels_and_spacings_and_leads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.nii");
    // The file's i runs to the front, j to the feet, k to the left.
    let affine = [[0.0, 0.0, -3.1, 0.0], [1.3, 0.0, 0.0, 0.0], [0.0, -1.7, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    write_image(&path, &Volume::new(ramp(), Geometry::from_affine(affine).unwrap())).unwrap();
    let files = [&path];
    let plain = read_case(&files, ImageReader::SimpleItk).unwrap();
    assert_eq!((plain.data.dim(), plain.axes.is_identity()), ((1, 2, 3, 4), true));
    for (reader, spacing) in
        [(ImageReader::SimpleItkReorient, [1.7_f32, 1.3, 3.1]), (ImageReader::NibabelReorient, [1.7, 1.3, 3.1])]
    {
        let got = read_case(&files, reader).unwrap();
        assert_eq!(got.data.dim(), (1, 3, 4, 2));
        assert_eq!(got.spacing, spacing.map(f64::from));
        assert_eq!(got.data[[0, 0, 0, 0]], ramp()[[1, 2, 0]]);
        assert_eq!(got.data[[0, 1, 2, 0]], ramp()[[1, 1, 2]]);
        let back = got.axes.inverse().apply(&got.data.index_axis(ndarray::Axis(0), 0));
        assert_eq!(back, ramp());
        assert_eq!(got.geometry, plain.geometry);
    }
}

/// Orientations as SimpleITK 2.5.7 sees them: the sform only if it is of the scanner or alone, LPS without both forms.
#[test]
fn itk_chooses_among_the_two_forms_by_their_codes() {
    const QFORM_CODE: usize = 252;
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "image.nii", [3.0, 2.0, 1.0]);
    let plain = fs::read(&path).unwrap();
    let turned = |qform: i16, sform: i16, reader| {
        let mut bytes = plain.clone();
        bytes[QFORM_CODE..QFORM_CODE + 2].copy_from_slice(&qform.to_le_bytes());
        bytes[QFORM_CODE + 2..QFORM_CODE + 4].copy_from_slice(&sform.to_le_bytes());
        // The quaternion turns by a half about the third axis: i to the left, j to the back. The sform has RAS.
        bytes[256..268].copy_from_slice(&[0.0_f32, 0.0, 1.0].map(f32::to_le_bytes).concat());
        fs::write(&path, bytes).unwrap();
        let first = read_case(&[&path], reader).unwrap().data[[0, 0, 0, 0]];
        first != ramp()[[0, 0, 0]]
    };
    let itk = |qform, sform| turned(qform, sform, ImageReader::SimpleItkReorient);
    assert!(itk(0, 0) && itk(1, 0) && itk(1, 2) && itk(2, 4));
    assert!(!itk(0, 1) && !itk(0, 2) && !itk(1, 1) && !itk(4, 1));
    let nibabel = |qform, sform| turned(qform, sform, ImageReader::NibabelReorient);
    assert!(nibabel(1, 0) && !nibabel(1, 2) && !nibabel(0, 1));
}

#[test]
fn channels_come_from_files_and_from_further_axes() {
    let folder = tempfile::tempdir().unwrap();
    let single = write(folder.path(), "a_0000.nii.gz", [3.0, 2.0, 1.0]);
    let several = folder.path().join("a_0001.nii.gz");
    let channels = Array4::from_shape_fn((3, 2, 3, 4), |(c, d, h, w)| (100 * c + 12 * d + 4 * h + w) as f32);
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 2.0, w: 1.0 }).unwrap();
    write_channels(&several, &channels, &geometry, &WriteOptions::default()).unwrap();
    for reader in READERS {
        let got = read_case(&[&single, &several], reader).unwrap();
        assert_eq!(got.data.dim(), (4, 2, 3, 4));
        assert_eq!(got.data.index_axis(ndarray::Axis(0), 0), ramp());
        assert_eq!(got.data.slice(ndarray::s![1.., .., .., ..]), channels);
        assert_eq!(read_case(&[&several], reader).unwrap().data, channels);
    }
}

#[test]
fn channels_that_disagree_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(folder.path(), "a_0000.nii.gz", [1.0; 3]);
    let b = write(folder.path(), "a_0001.nii.gz", [1.0, 1.0, 1.1]);
    let c = folder.path().join("a_0002.nii.gz");
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    write_image(&c, &Volume::new(Array3::zeros((2, 3, 5)), geometry)).unwrap();
    for (other, fault) in [(&b, "spacing"), (&c, "shape")] {
        let message = read_case(&[&a, other], ImageReader::SimpleItk).unwrap_err().to_string();
        let [a, other] = [&a, other].map(|path| path.display().to_string());
        assert!([a.as_str(), &other, fault].iter().all(|part| message.contains(part)), "{message}");
    }
    assert!(matches!(read_case::<PathBuf>(&[], ImageReader::SimpleItk), Err(ImageError::NoFiles)));
    assert!(read_case(&[folder.path().join("missing.nii")], ImageReader::SimpleItk).is_err());
}

#[test]
fn masks_have_any_label_of_i16() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.nii.gz");
    let geometry = Geometry::from_spacing(Dhw { d: -1.0, h: 1.0, w: 1.0 }).unwrap();
    let mut labels = Array3::from_elem((2, 2, 2), 300_i32);
    labels[[0, 0, 0]] = -2;
    write_volume(&path, &Volume::new(labels.clone(), geometry.clone()), &WriteOptions::default()).unwrap();
    assert_eq!(read_case_mask(&path, ImageReader::SimpleItk).unwrap(), labels.mapv(|label| label as i16));
    assert_eq!(read_case_mask(&path, ImageReader::SimpleItkReorient).unwrap()[[1, 0, 0]], -2);
    labels[[1, 1, 1]] = 40_000;
    write_volume(&path, &Volume::new(labels, geometry), &WriteOptions::default()).unwrap();
    assert!(matches!(read_case_mask(&path, ImageReader::Nibabel), Err(ImageError::Label { value: 40_000, .. })));
}
