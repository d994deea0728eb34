//! Written files: the geometry bit for bit, whole files or none.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::support::{label_file, put};
use flate2::read::GzDecoder;
use medseg_volume::{
    Datatype, Dhw, Geometry, ProbabilityBits, ReadOptions, Volume, VolumeFile, WriteOptions, nifti_bytes, read_image,
    read_info, read_label, write_image_i16, write_label, write_probabilities, write_volume,
};
use ndarray::{Array3, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The header of a file, unpacked.
fn header(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes[..348].to_vec();
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    unpacked[..348].to_vec()
}

/// pixdim, units, codes, quaternion and matrix: what says where voxels lie.
fn geometry_bytes(header: &[u8]) -> Vec<u8> {
    [&header[76..108], &header[123..124], &header[252..328]].concat()
}

#[test]
fn a_mask_on_an_images_grid_has_its_geometry_bit_for_bit() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let dir = tempfile::tempdir().unwrap();
    for round in 0..60 {
        let mut bytes = label_file();
        // Any spacing, units, quaternion and matrix, and every combination of codes.
        for at in (80..108).step_by(4).chain((256..328).step_by(4)) {
            put(&mut bytes, at, rng.random_range(0.01f32..0.5).to_le_bytes());
        }
        for axis in 0..3 {
            put(&mut bytes, 280 + 20 * axis, rng.random_range(1f32..3.0).to_le_bytes());
        }
        put(&mut bytes, 76, [1f32, -1.0, 0.0][round % 3].to_le_bytes());
        bytes[123] = rng.random();
        put(&mut bytes, 252, (round as i16 % 5).to_le_bytes());
        put(&mut bytes, 254, (round as i16 / 5 % 5).to_le_bytes());
        let source = dir.path().join("image.nii");
        fs::write(&source, &bytes).unwrap();
        let image = read_image(&source).unwrap();
        for name in ["mask.nii", "mask.nii.gz"] {
            let path = dir.path().join(name);
            write_label(&path, &image.map_data(|v| u8::from(*v > 3.0))).unwrap();
            assert_eq!(geometry_bytes(&header(&path)), geometry_bytes(&bytes), "round {round}, {name}");
            assert_eq!(read_info(&path).unwrap().geometry, image.geometry);
        }
    }
}

#[test]
fn a_geometry_of_numbers_is_written_as_sform() {
    let dir = tempfile::tempdir().unwrap();
    let affine = [[-0.75, 0.0, 0.5, 12.0], [0.25, 1.5, 0.0, -7.5], [0.0, -0.5, 3.0, 100.0], [0.0, 0.0, 0.0, 1.0]];
    let volume = Volume::new(Array3::from_elem((3, 4, 5), -1024i16), Geometry::from_affine(affine).unwrap());
    let path = dir.path().join("a.nii.gz");
    write_image_i16(&path, &volume).unwrap();
    let back = read_image(&path).unwrap();
    assert_eq!(back.geometry.affine(), affine);
    assert!(back.data.iter().all(|v| *v == -1024.0));
}

#[test]
fn the_header_of_a_new_label_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nii");
    let mut data = Array3::zeros((2, 3, 4));
    data[[1, 1, 1]] = 9u8;
    write_label(&path, &Volume::new(data, Geometry::from_spacing(Dhw { d: 5.0, h: 0.75, w: 0.5 }).unwrap())).unwrap();
    let header = header(&path);
    let float = |at: usize| f32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let short = |at: usize| i16::from_le_bytes(header[at..at + 2].try_into().unwrap());
    assert_eq!([40, 42, 44, 46].map(short), [3, 4, 3, 2], "dimensions");
    assert_eq!([76, 80, 84, 88].map(float), [1.0, 0.5, 0.75, 5.0], "pixdim");
    assert_eq!([68, 70, 72].map(short), [1002, 2, 8], "intent, type and bits");
    assert_eq!([252, 254].map(short), [0, 2], "form codes");
    assert_eq!([108, 112, 116, 124].map(float), [352.0, 1.0, 0.0, 9.0], "offset, slope, intercept and largest label");
    assert_eq!((header[123], &header[344..348]), (2, &b"n+1\0"[..]), "millimetres and magic");
}

#[test]
fn what_was_cropped_or_turned_is_not_given_the_old_header() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("a.nii");
    fs::write(&source, label_file()).unwrap();
    let label = read_label(&source).unwrap();
    let cropped = label.geometry.cropped(Dhw { d: 1, h: 0, w: 0 });
    assert!(cropped.nifti_fields().is_none());
    let path = dir.path().join("b.nii");
    write_label(&path, &Volume::new(Array3::zeros((1, 3, 4)), cropped.clone())).unwrap();
    assert_eq!(read_info(&path).unwrap().geometry, cropped);
    assert!(label.reoriented(label.geometry.orientation()).geometry.nifti_fields().is_some());
    let turned = label.reoriented("LPS".parse().unwrap());
    write_label(&path, &turned).unwrap();
    assert_eq!(read_label(&path).unwrap(), turned);
}

#[test]
fn a_write_that_fails_names_the_file_and_leaves_the_folder_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let volume = |lengths| Volume::new(Array3::<u8>::zeros(lengths), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let missing = dir.path().join("missing/a.nii.gz");
    let error = write_label(&missing, &volume((2, 2, 2))).unwrap_err().to_string();
    assert!(error.contains("missing/a.nii.gz"), "{error}");
    let path = dir.path().join("a.nii");
    assert!(write_label(&path, &volume((0, 2, 2))).unwrap_err().to_string().contains("a.nii"));
    // The target is a folder: everything is written, and only the last step fails.
    fs::create_dir(dir.path().join("folder.nii.gz")).unwrap();
    assert!(write_label(dir.path().join("folder.nii.gz"), &volume((2, 2, 2))).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_old_file_is_replaced_and_the_name_kept_as_given() {
    let dir = tempfile::tempdir().unwrap();
    let volume =
        |value| Volume::new(Array3::from_elem((2, 2, 2), value), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    for name in ["case.v1.2.nii.gz", "UPPER.NII", "ünï cödé.nii.gz"] {
        let path = dir.path().join(name);
        write_label(&path, &volume(1u8)).unwrap();
        write_label(&path, &volume(2u8)).unwrap();
        assert_eq!(read_label(&path).unwrap().data[[0, 0, 0]], 2, "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn arrays_of_any_memory_order_are_written_as_they_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nii.gz");
    let plain = Array3::from_shape_fn((3, 4, 5), |(d, h, w)| (20 * d + 5 * h + w) as u8);
    let mut flipped = plain.clone();
    flipped.invert_axis(Axis(0));
    flipped.invert_axis(Axis(2));
    let every_other = plain.clone().slice_move(s![.., 1..3, ..;2]);
    for data in [plain.clone().reversed_axes(), plain.clone().permuted_axes([1, 2, 0]), flipped, every_other] {
        let volume = Volume::new(data, Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
        write_label(&path, &volume).unwrap();
        assert_eq!(read_label(&path).unwrap(), volume);
    }
}

#[test]
fn a_header_that_means_another_place_for_another_shape_is_not_kept() {
    // Without a form the first voxel's place follows from the shape, so a part of the volume needs a form.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nii");
    let mut bytes = label_file();
    put(&mut bytes, 254, 0i16.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let label = read_label(&path).unwrap();
    let data = label.data.slice(s![..1, ..2, ..3]).to_owned();
    let part = Volume::new(data, label.geometry.cropped(Dhw::splat(0)));
    write_label(&path, &part).unwrap();
    assert_eq!(read_label(&path).unwrap(), part);
    write_label(&path, &label).unwrap();
    assert_eq!(geometry_bytes(&header(&path)), geometry_bytes(&bytes));
}

#[test]
fn a_geometry_beyond_what_nifti_holds_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for spacing in [1e39, 1e-50] {
        let volume = Volume::new(Array3::<u8>::zeros((2, 2, 2)), Geometry::from_spacing(Dhw::splat(spacing)).unwrap());
        let error = write_label(dir.path().join("a.nii"), &volume).unwrap_err().to_string();
        assert!(error.contains("a.nii"), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn whoever_reads_the_old_file_reads_it_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nii");
    let label =
        |value| Volume::new(Array3::from_elem((2, 2, 2), value), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    write_label(&path, &label(1u8)).unwrap();
    let mut old = fs::File::open(&path).unwrap();
    write_label(&path, &label(2)).unwrap();
    let mut bytes = Vec::new();
    old.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes[352..], [1; 8]);
}

#[test]
fn probabilities_come_back_within_half_a_step_and_strange_values_as_the_nearest_bound() {
    let dir = tempfile::tempdir().unwrap();
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 0.5, w: 0.75 }).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut values = Array3::from_shape_fn((7, 5, 9), |_| rng.random_range(0.0..=1.0_f32));
    let odd = [0.0, 1.0, -0.25, 1.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE];
    values.iter_mut().zip(odd).for_each(|(to, value)| *to = value);
    for (bits, steps, datatype) in
        [(ProbabilityBits::Eight, 255.0, Datatype::U8), (ProbabilityBits::Sixteen, 65535.0, Datatype::U16)]
    {
        let path = dir.path().join("p.nii.gz");
        write_probabilities(&path, values.view(), &geometry, bits).unwrap();
        assert_eq!(read_info(&path).unwrap().datatype, datatype);
        let read = read_image(&path).unwrap();
        assert_eq!(read.geometry.affine(), geometry.affine());
        for (got, value) in read.data.iter().zip(&values) {
            let want = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
            assert!((0.0..=1.0).contains(got) && (got - want).abs() <= 0.501 / steps, "{got} for {value}");
        }
        assert_eq!((read.data[[0, 0, 0]], read.data[[0, 0, 1]]), (0.0, 1.0));
        let refused = write_probabilities(dir.path().join("p.nrrd"), values.view(), &geometry, bits).unwrap_err();
        assert!(refused.to_string().contains("slope") && !dir.path().join("p.nrrd").exists());
    }
    for slope in [0.0, f32::NAN, f32::INFINITY] {
        let options = WriteOptions::default().with_scaling(slope, 0.0);
        let volume = Volume::new(values.clone(), geometry.clone());
        assert!(write_volume(dir.path().join("q.nii"), &volume, &options).is_err(), "{slope}");
    }
}

#[test]
fn a_file_in_memory_is_the_file_on_the_disk_but_for_its_scaling() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nii.gz");
    let geometry = Geometry::from_spacing(Dhw { d: 2.5, h: 0.5, w: 0.75 }).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let voxels = Array3::from_shape_fn((5, 6, 7), |_| random.random::<i16>());
    let volume = Volume::new(voxels, geometry);
    // Axes in another order than the file's too.
    let turned = volume.data.clone().permuted_axes([2, 0, 1]);
    for volume in [volume.clone(), Volume::new(turned, volume.geometry.clone())] {
        write_image_i16(&path, &volume).unwrap();
        let bytes = nifti_bytes(&volume, &WriteOptions::default()).unwrap();
        assert!(bytes == fs::read(&path).unwrap());
        let scaled = nifti_bytes(&volume, &WriteOptions::default().with_scaling(0.25, -3.0)).unwrap();
        let scaled = VolumeFile::from_bytes(scaled).unwrap();
        let read = scaled.image(&ReadOptions::default()).unwrap();
        assert_eq!(read.data, volume.data.mapv(|v| f32::from(v) * 0.25 - 3.0));
    }
    let empty = Volume::new(Array3::<u8>::zeros((0, 2, 2)), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    assert!(nifti_bytes(&empty, &WriteOptions::default()).is_err());
    assert!(nifti_bytes(&volume, &WriteOptions::default().with_level(10)).is_err());
}
