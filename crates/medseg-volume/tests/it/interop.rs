//! The crate `nifti` beside this one: the same files, both ways.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::{
    Dhw, Geometry, MalformedKind, NiftiVersion, ReadOptions, Volume, VolumeError, VolumeFile, read_image, read_info,
    read_label,
};
use ndarray::Array3;
use nifti::writer::WriterOptions;
use nifti::{Endianness, InMemNiftiVolume, NiftiHeader, NiftiObject, ReaderOptions};

use crate::support::label_file;

type Parts = (NiftiHeader, InMemNiftiVolume);

/// The golden files that the other crate reads.
fn shared() -> Vec<PathBuf> {
    let paths = fs::read_dir("tests/golden/nifti").unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.to_string_lossy().contains(".nii"));
    let one = |path: &PathBuf| {
        let fields = read_info(path).unwrap();
        fields.geometry.nifti_fields().is_some_and(|fields| fields.version == NiftiVersion::One)
    };
    files.filter(one).collect()
}

fn parts(path: &Path) -> Parts {
    let object = ReaderOptions::new().read_file(path).unwrap();
    (object.header().clone(), object.into_volume())
}

#[test]
fn files_that_both_read_give_the_same_volume() {
    let files = shared();
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let (header, voxels) = parts(&path);
        let info = read_info(&path).unwrap();
        let file = VolumeFile::from_parts(&header, &voxels).unwrap();
        assert_eq!((file.info().shape, file.info().channels), (info.shape, info.channels), "{}", path.display());
        assert_eq!(file.info().geometry, info.geometry);
        assert_eq!(file.info().geometry.nifti_fields(), info.geometry.nifti_fields());
        assert_eq!(Geometry::try_from(&header).unwrap(), info.geometry);
        let ours = VolumeFile::open(&path).unwrap().channels(&ReadOptions::default()).unwrap();
        let theirs = file.channels(&ReadOptions::default()).unwrap();
        assert!(ours.0.iter().zip(&theirs.0).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", path.display());
    }
}

#[test]
fn objects_are_volumes_of_images_and_of_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.nii");
    fs::write(&path, label_file()).unwrap();
    let object = ReaderOptions::new().read_file(&path).unwrap();
    assert_eq!(Volume::<u8>::try_from(&object).unwrap(), read_label(&path).unwrap());
    assert_eq!(Volume::<f32>::try_from(&object).unwrap(), read_image(&path).unwrap());
    let (header, voxels) = parts(&path);
    assert_eq!(Volume::<u8>::try_from((&header, &voxels)).unwrap(), read_label(&path).unwrap());
}

#[test]
fn header_fields_go_there_and_back_bit_for_bit() {
    for path in shared() {
        let Ok(image) = read_image(&path) else { continue };
        let (header, voxels) = Parts::try_from(&image).unwrap();
        let back = Volume::<f32>::try_from((&header, &voxels)).unwrap();
        assert_eq!(back.geometry.nifti_fields(), image.geometry.nifti_fields(), "{}", path.display());
        assert!(back.data.iter().zip(&image.data).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

#[test]
fn the_other_crates_files_are_read_here() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.nii.gz");
    let geometry = Geometry::from_affine([
        [-0.8, 0.1, 0.2, 10.0],
        [0.1, 0.7, -0.3, -20.0],
        [0.0, 0.2, 2.5, 30.0],
        [0.0, 0.0, 0.0, 1.0],
    ])
    .unwrap();
    // Not in C order, so that order is seen to be made.
    let data = Array3::from_shape_fn((4, 3, 2), |(w, h, d)| (100 * d + 10 * h + w) as u8).reversed_axes();
    let mask = Volume::new(data, geometry);
    let (header, voxels) = Parts::try_from(&mask).unwrap();
    let shape = mask.shape();
    // The other crate writes arrays, its first axis fastest.
    let array = Array3::from_shape_fn((shape.w, shape.h, shape.d), |(i, j, k)| mask.data[[k, j, i]]);
    WriterOptions::new(&path).reference_header(&header).write_nifti(&array).unwrap();
    let read = read_label(&path).unwrap();
    assert_eq!(read.data, mask.data);
    assert!(read.geometry.same_grid(&mask.geometry, shape, 1e-5));
    assert_eq!(parts(&path).1.raw_data(), voxels.raw_data());
}

#[test]
fn big_endian_parts_and_scaling_are_understood() {
    let header = NiftiHeader {
        dim: [3, 3, 1, 1, 0, 0, 0, 0],
        datatype: 4,
        bitpix: 16,
        pixdim: [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0],
        qform_code: 1,
        sform_code: 0,
        scl_slope: 0.5,
        scl_inter: -1.0,
        endianness: Endianness::Big,
        ..NiftiHeader::default()
    };
    let voxels = InMemNiftiVolume::from_raw_data(&header, vec![0, 2, 1, 0, 255, 255]).unwrap();
    let image = Volume::<f32>::try_from((&header, &voxels)).unwrap();
    assert_eq!(image.data.as_slice().unwrap(), [0.0, 127.0, -1.5]);
    assert_eq!(image.geometry.spacing(), Dhw { d: 4.0, h: 3.0, w: 2.0 });
}

#[test]
fn headers_that_cannot_be_are_errors_and_no_panics() {
    let sound = || {
        let volume = Volume::new(Array3::from_elem((2, 3, 4), 1_u8), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
        Parts::try_from(&volume).unwrap()
    };
    let kind = |change: fn(&mut NiftiHeader)| {
        let (mut header, voxels) = sound();
        change(&mut header);
        match Volume::<u8>::try_from((&header, &voxels)) {
            Ok(_) => None,
            Err(VolumeError::Malformed { kind, .. }) => Some(kind),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(kind(|_| {}), None);
    assert_eq!(kind(|header| header.srow_x = [f32::NAN; 4]), Some(MalformedKind::Geometry));
    assert_eq!(kind(|header| header.srow_y = header.srow_x), Some(MalformedKind::Geometry));
    assert_eq!(kind(|header| header.dim[1] = 5), Some(MalformedKind::Header));
    assert_eq!(kind(|header| header.dim[0] = 9), Some(MalformedKind::Header));
    assert_eq!(kind(|header| header.datatype = 4), Some(MalformedKind::Header));
    assert_eq!(kind(|header| (header.scl_slope, header.scl_inter) = (2.0, f32::NAN)), Some(MalformedKind::Header));
    // Both make the other crate's affine panic.
    assert_eq!(kind(|header| (header.sform_code, header.qform_code, header.pixdim[0]) = (0, 1, 0.0)), None);
    assert_eq!(kind(|header| (header.sform_code, header.qform_code, header.quatern_b) = (0, 1, 1.1)), None);
}

#[test]
fn volumes_that_the_header_cannot_hold_are_refused() {
    let geometry = || Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let long = Volume::new(Array3::<u8>::zeros((1, 1, 32768)), geometry());
    let empty = Volume::new(Array3::<u8>::zeros((0, 1, 1)), geometry());
    for volume in [long, empty] {
        assert!(matches!(NiftiHeader::try_from(&volume), Err(VolumeError::Unstorable { .. })));
    }
}
