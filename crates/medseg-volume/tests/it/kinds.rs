//! NIfTI-2, pairs, extensions, parts of a file, and what is odd about a header.

use std::fs;
use std::ops::Range;

use crate::support::header::Made;
use crate::support::{error, file, gzip, label_file, put};
use medseg_volume::{
    Dhw, Extension, Geometry, LabelChoice, NiftiVersion, ReadOptions, StoredVoxels, ValueFault, Volume, VolumeError,
    VolumeFile, Warning, WriteOptions, read_channels, read_image, read_image_with, read_info, read_label, read_stored,
    write_image, write_label, write_volume,
};
use ndarray::{Array3, s};

/// 0, 1, 2, ...
fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|n| n as u8).collect()
}

fn open(made: &Made) -> VolumeFile {
    VolumeFile::from_bytes(made.file(&numbers(24))).unwrap()
}

fn warnings(made: &Made) -> Vec<Warning> {
    open(made).info().warnings.clone()
}

#[test]
fn a_side_above_32767_makes_a_file_of_version_2() {
    let folder = tempfile::tempdir().unwrap();
    let data = Array3::from_shape_fn((1, 2, 40_000), |(_, h, w)| (h * 7 + w) as u8);
    let volume = Volume::new(data, Geometry::from_spacing(Dhw::splat(0.1)).unwrap());
    for name in ["a.nii", "a.nii.gz"] {
        let path = folder.path().join(name);
        write_label(&path, &volume).unwrap();
        assert_eq!(read_label(&path).unwrap(), volume);
        assert_eq!(read_info(&path).unwrap().geometry.nifti_fields().unwrap().version, NiftiVersion::Two);
    }
    let options = WriteOptions::default().with_version(NiftiVersion::One);
    let error = write_volume(folder.path().join("b.nii"), &volume, &options).unwrap_err().to_string();
    assert!(error.contains("32767") && error.contains("40000"), "{error}");
}

#[test]
fn a_mask_on_a_version_2_grid_has_its_geometry_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let third = 1.0 / 3.0;
    let made = Made {
        version: 2,
        srow: Some([[third, 0.0, 0.1, 7.7], [0.0, 1.1, 0.0, 0.3], [0.0, 0.2, 2.7, -0.1]]),
        quatern: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        qform_code: 1,
        pixdim: [-1.0, third, 1.1, 2.7],
        ..Made::default()
    };
    let source = made.file(&numbers(24));
    let image = VolumeFile::from_bytes(source.clone()).unwrap().image(&ReadOptions::default()).unwrap();
    let path = folder.path().join("mask.nii");
    write_label(&path, &image.map_data(|v| u8::from(*v > 3.0))).unwrap();
    let mask = fs::read(&path).unwrap();
    for range in [104..168, 240..320, 344..504] {
        assert_eq!(mask[range.clone()], source[range]);
    }
    assert_eq!(read_info(&path).unwrap().geometry.affine(), image.geometry.affine());
}

#[test]
fn version_2_in_version_1_bytes_is_refused() {
    let mut bytes = label_file();
    put(&mut bytes, 0, 540i32.to_le_bytes());
    assert!(error(&bytes).contains("540"));
    bytes.resize(2000, 0);
    assert!(error(&bytes).contains("Analyze") || error(&bytes).contains("magic"));
}

#[test]
fn a_pair_is_read_by_either_name_packed_or_not() {
    for version in [1, 2] {
        for (packed_header, packed_voxels) in [(false, false), (true, true), (false, true), (true, false)] {
            let folder = tempfile::tempdir().unwrap();
            let made = Made { version, pair: true, ..Made::default() };
            let name =
                |what: &str, packed: bool| folder.path().join(format!("a.b.{what}{}", if packed { ".gz" } else { "" }));
            let pack = |bytes: Vec<u8>, packed: bool| if packed { gzip(&bytes) } else { bytes };
            let (header, voxels) = (name("hdr", packed_header), name("img", packed_voxels));
            fs::write(&header, pack(made.head(), packed_header)).unwrap();
            fs::write(&voxels, pack(numbers(24), packed_voxels)).unwrap();
            for path in [&header, &voxels] {
                let label = read_label(path).unwrap();
                assert!(label.data.iter().copied().eq(0..24), "{}", path.display());
                assert_eq!(label.geometry.spacing(), Dhw { d: 3.0, h: 2.0, w: 1.0 });
            }
            fs::remove_file(&voxels).unwrap();
            assert!(read_label(&header).unwrap_err().to_string().contains("a.b.img"));
        }
    }
}

#[test]
fn the_offset_of_a_pair_is_that_of_its_voxel_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = Made { pair: true, ..Made::default() }.head();
    put(&mut head, 108, 5f32.to_le_bytes());
    fs::write(folder.path().join("A.HDR"), head).unwrap();
    fs::write(folder.path().join("A.IMG"), [numbers(5), numbers(24)].concat()).unwrap();
    assert!(read_label(folder.path().join("A.HDR")).unwrap().data.iter().copied().eq(0..24));
}

#[test]
fn half_a_pair_is_an_error_that_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let voxels = folder.path().join("a.img");
    fs::write(&voxels, numbers(24)).unwrap();
    assert!(read_label(&voxels).is_err());
    let single = folder.path().join("a.hdr");
    fs::write(&single, label_file()).unwrap();
    assert!(read_label(&voxels).unwrap_err().to_string().contains("pair"), "voxels in the header's own file");
    let pair = Made { pair: true, ..Made::default() }.file(&numbers(24));
    assert!(VolumeFile::from_bytes(pair).unwrap_err().to_string().contains("pair"));
}

#[test]
fn an_analyze_file_is_named() {
    let mut bytes = label_file();
    put(&mut bytes, 344, [0; 4]);
    assert!(matches!(VolumeFile::from_bytes(bytes), Err(VolumeError::Unsupported { .. })));
}

/// The flag and two extensions, the second filled up.
fn two_extensions(big_endian: bool) -> Vec<u8> {
    let int = |v: i32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    let first = [&int(32)[..], &int(6), b"a comment of 24 letters."].concat();
    let second = [&int(16)[..], &int(4), b"<x/>\0\0\0\0"].concat();
    [vec![1, 0, 0, 0], first, second].concat()
}

#[test]
fn extensions_are_kept_and_written() {
    for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
        let made = Made { version, big_endian, between: two_extensions(big_endian), ..Made::default() };
        let file = open(&made);
        let want = [
            Extension { code: 6, data: b"a comment of 24 letters.".to_vec() },
            Extension { code: 4, data: b"<x/>\0\0\0\0".to_vec() },
        ];
        assert_eq!(file.info().extensions, want);
        assert!(file.info().warnings.is_empty());
        let label = file.label(&ReadOptions::default()).unwrap();
        assert!(label.data.iter().copied().eq(0..24));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.nii.gz");
        write_volume(&path, &label, &WriteOptions::default().with_extensions(want.to_vec())).unwrap();
        assert_eq!(read_info(&path).unwrap().extensions, want);
        assert_eq!(read_label(&path).unwrap(), label);
    }
}

#[test]
fn padding_before_the_voxels_is_no_extension() {
    // An offset past 352 with the flag 0, or with the flag 1 and zeros.
    for flag in [0, 1] {
        let mut between = vec![0; 4 + 160];
        between[0] = flag;
        let file = open(&Made { between, ..Made::default() });
        assert!(file.info().extensions.is_empty() && file.info().warnings.is_empty());
        assert!(file.label(&ReadOptions::default()).unwrap().data.iter().copied().eq(0..24));
    }
}

#[test]
fn extensions_of_impossible_sizes_are_left_out_with_a_warning() {
    for size in [-16, 1, 8, 15, 17, 64, i32::MAX] {
        let mut between = two_extensions(false);
        between.splice(36..40, i32::to_le_bytes(size));
        let file = open(&Made { between, ..Made::default() });
        assert_eq!(file.info().extensions.len(), 1, "size {size}");
        assert!(matches!(file.info().warnings[..], [Warning::Extension(_)]), "size {size}");
        assert!(file.label(&ReadOptions::default()).unwrap().data.iter().copied().eq(0..24));
    }
}

#[test]
fn a_range_of_slices_is_the_same_part_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let affine = [[-0.75, 0.0, 0.5, 12.0], [0.25, 1.5, 0.0, -7.5], [0.0, -0.5, 3.0, 100.0], [0.0, 0.0, 0.0, 1.0]];
    // Large enough that a second thread reads ahead.
    let data = Array3::from_shape_fn((9, 400, 401), |(d, h, w)| (d * 1_000_000 + h * 1000 + w) as f32);
    let whole = Volume::new(data, Geometry::from_affine(affine).unwrap());
    for name in ["a.nii", "a.nii.gz"] {
        let path = folder.path().join(name);
        write_image(&path, &whole).unwrap();
        assert!(read_image(&path).unwrap() == whole, "{name}");
        for slices in [0..9, 0..1, 3..8, 8..9] {
            let options = ReadOptions::default().with_slices(slices.clone());
            let part = read_image_with(&path, &options).unwrap();
            assert!(part.data == whole.data.slice(s![slices.clone(), .., ..]), "{name} {slices:?}");
            let first = Dhw { d: slices.start as f64, h: 0.0, w: 0.0 };
            assert_eq!(part.geometry.voxel_to_world(Dhw::splat(0.0)), whole.geometry.voxel_to_world(first));
        }
        for slices in [0..10, 9..9, Range { start: 5, end: 3 }, usize::MAX - 1..usize::MAX] {
            let options = ReadOptions::default().with_slices(slices.clone());
            assert!(read_image_with(&path, &options).unwrap_err().to_string().contains("slices"), "{slices:?}");
        }
    }
}

#[test]
fn damage_far_into_a_large_file_is_an_error_on_either_thread() {
    // Large enough that a second thread reads ahead.
    let made = Made { lengths: vec![500, 400, 15], code: 512, bits: 16, ..Made::default() };
    let mut voxels = numbers(2 * 500 * 400 * 15);
    voxels.chunks_exact_mut(2).for_each(|voxel| voxel[1] = 0);
    let label = |bytes: Vec<u8>| VolumeFile::from_bytes(bytes).unwrap().label(&ReadOptions::default());
    assert!(label(gzip(&made.file(&voxels))).is_ok());
    let last = voxels.len() - 1;
    voxels[last] = 1; // 126 becomes 382
    for bytes in [made.file(&voxels), gzip(&made.file(&voxels))] {
        let error = label(bytes).unwrap_err().to_string();
        assert!(error.contains("382 is not a label") && error.contains("voxel [14, 399, 499]"), "{error}");
    }
    voxels[last] = 0;
    let packed = gzip(&made.file(&voxels));
    for cut in [packed.len() / 2, packed.len() - 9] {
        assert!(label(packed[..cut].to_vec()).is_err(), "cut to {cut} bytes");
    }
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 16;
    assert!(label(flipped).is_err());
}

#[test]
fn a_large_file_on_disk_is_read_as_its_bytes_in_memory_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.nii");
    for (code, bits, big_endian) in [(4, 16, false), (4, 16, true), (64, 64, true), (2, 8, false)] {
        // Three channels, and a number of voxels that no chunk divides.
        let made = Made { lengths: vec![211, 193, 43, 3], code, bits, big_endian, ..Made::default() };
        let bytes = made.file(&numbers(211 * 193 * 43 * 3 * usize::from(bits as u16) / 8));
        std::fs::write(&path, &bytes).unwrap();
        let (disk, memory) = (VolumeFile::open(&path).unwrap(), VolumeFile::from_bytes(bytes).unwrap());
        for slices in [None, Some(7..41)] {
            let options = ReadOptions::default().with_slices(slices);
            let [disk, memory] = [&disk, &memory].map(|file| file.channels(&options).unwrap().0);
            let bits = |array: &ndarray::Array4<f32>| array.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(disk.dim() == memory.dim() && bits(&disk) == bits(&memory), "{code} {big_endian} {options:?}");
        }
    }
}

#[test]
fn of_several_bad_voxels_of_a_large_file_the_first_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("label.nii");
    let made = Made { lengths: vec![500, 400, 30], code: 512, bits: 16, ..Made::default() };
    let mut voxels = vec![0; 2 * 500 * 400 * 30];
    for (voxel, high) in [(1_000_000, 1), (3_000_000, 2), (5_000_000, 3)] {
        voxels[2 * voxel + 1] = high;
    }
    std::fs::write(&path, made.file(&voxels)).unwrap();
    let file = VolumeFile::open(&path).unwrap();
    for _ in 0..10 {
        let error = file.label(&ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("256 is not a label") && error.contains("voxel [5, 0, 0]"), "{error}");
    }
    // Counted from the file's first slice whatever slices are read.
    let error = file.label(&ReadOptions::default().with_slices(6..30)).unwrap_err();
    let VolumeError::Value { value, voxel, fault, .. } = error else { panic!("{error}") };
    assert_eq!((value, voxel, fault), (512.0, Dhw { d: 15, h: 0, w: 0 }, ValueFault::NoU8));
    // Cut short after its header was read.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(6_000_000).unwrap();
    assert!(file.image(&ReadOptions::default()).unwrap_err().to_string().contains("too short"));
}

#[test]
fn an_image_is_read_into_memory_that_fits_and_no_other() {
    let made = Made { lengths: vec![4, 3, 5], ..Made::default() };
    let file = VolumeFile::from_bytes(made.file(&numbers(60))).unwrap();
    let image = file.image(&ReadOptions::default()).unwrap();
    let mut out = Array3::from_elem((5, 3, 4), f32::NAN);
    let geometry = file.image_into(&ReadOptions::default(), &mut out.view_mut()).unwrap();
    assert!(out == image.data && geometry == image.geometry);
    let part = ReadOptions::default().with_slices(2..4);
    let geometry = file.image_into(&part, &mut out.slice_mut(s![..2, .., ..])).unwrap();
    assert!(out.slice(s![..2, .., ..]) == image.data.slice(s![2..4, .., ..]));
    assert_eq!(geometry, file.image(&part).unwrap().geometry);
    let error = file.image_into(&part, &mut out.view_mut()).unwrap_err().to_string();
    assert!(error.contains("cannot be read into an array of"), "{error}");
    let error = file.image_into(&ReadOptions::default(), &mut out.slice_mut(s![..;-1, .., ..])).unwrap_err();
    assert!(error.to_string().contains("C order"), "{error}");
}

#[test]
fn slices_of_several_channels_are_taken_from_each() {
    let made = Made { lengths: vec![2, 3, 4, 5], ..Made::default() };
    for bytes in [made.file(&numbers(120)), gzip(&made.file(&numbers(120)))] {
        let file = VolumeFile::from_bytes(bytes).unwrap();
        let (whole, _) = file.channels(&ReadOptions::default()).unwrap();
        assert_eq!((whole.dim(), whole[[4, 3, 2, 1]]), ((5, 4, 3, 2), 119.0));
        for slices in [0..1, 1..3, 3..4] {
            let options = ReadOptions::default().with_slices(slices.clone());
            assert!(file.channels(&options).unwrap().0 == whole.slice(s![.., slices, .., ..]));
        }
    }
}

#[test]
#[cfg(unix)]
fn a_part_of_an_uncompressed_file_does_not_read_the_rest() {
    // 270 GB of which nothing is on the disk but the header.
    let made = Made { lengths: vec![3_000, 3_000, 30_000], ..Made::default() };
    let sparse = file("a.nii", &made.head());
    let disk = fs::File::options().write(true).open(&sparse.path).unwrap();
    if disk.set_len(352 + 3_000 * 3_000 * 30_000).is_err() {
        return;
    }
    let options = ReadOptions::default().with_slices(29_999..30_000).with_max_bytes(9_000_000);
    assert!(matches!(read_image_with(&sparse.path, &options), Err(VolumeError::Limit { .. })));
    let label = VolumeFile::open(&sparse.path).unwrap().label(&options).unwrap();
    assert_eq!((label.data.len(), label.geometry.affine()[2][3]), (9_000_000, 3.0 * 29_999.0));
}

#[test]
fn a_damaged_rest_of_a_packed_file_is_seen_although_it_was_not_asked_for() {
    let made = Made { lengths: vec![40, 30, 20], ..Made::default() };
    let mut bytes = gzip(&made.file(&numbers(24_000)));
    let length = bytes.len();
    bytes[length - 8] ^= 1;
    let options = ReadOptions::default().with_slices(0..1);
    assert!(VolumeFile::from_bytes(bytes).unwrap().label(&options).is_err());
}

#[test]
fn whole_numbers_that_f32_would_alter_are_the_nearest_or_refused_and_kept_as_stored() {
    let exact = ReadOptions::default().with_exact(true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nii");
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let with = |value: i32| Volume::new(Array3::from_elem((1, 1, 2), value), geometry.clone());
    for (value, fits) in
        [(1 << 24, true), ((1 << 24) + 1, false), (1 << 30, true), (i32::MAX, false), (-16_777_217, false)]
    {
        write_volume(&path, &with(value), &WriteOptions::default()).unwrap();
        assert_eq!(read_image(&path).unwrap().data[[0, 0, 1]], value as f32);
        match read_image_with(&path, &exact) {
            Ok(image) => assert!(fits && image.data[[0, 0, 1]] == value as f32),
            Err(e) => assert!(!fits && e.to_string().contains(&value.to_string()), "{e}"),
        }
        let StoredVoxels::I32(stored) = read_stored(&path).unwrap().0 else { panic!("another type") };
        assert_eq!(stored[[0, 0, 0, 1]], value);
    }
    write_volume(&path, &Volume::new(Array3::from_elem((1, 1, 1), 1e300), geometry), &WriteOptions::default()).unwrap();
    assert!(read_image_with(&path, &exact).is_err() && read_image(&path).unwrap().data[[0, 0, 0]] == f32::INFINITY);
}

#[test]
fn what_is_odd_is_said() {
    let plain = Made::default();
    assert_eq!(warnings(&plain), []);
    let skewed = [[1.0, 0.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    let odd = |change: fn(&mut Made)| {
        let mut made = Made::default();
        change(&mut made);
        warnings(&made)
    };
    assert!(matches!(odd(|m| m.bits = 16)[..], [Warning::BitsPerVoxel { stated: 16, actual: 8 }]));
    assert!(matches!(odd(|m| m.lengths.push(0))[..], [Warning::EmptyAxis(4)]));
    assert!(matches!(odd(|m| m.slope = f64::NAN)[..], [Warning::ScalingIgnored { .. }]));
    assert!(matches!(odd(|m| m.intercept = 3.0)[..], [Warning::ScalingIgnored { .. }]));
    assert!(matches!(odd(|m| m.srow = None)[..], [Warning::NoForm]));
    let long = odd(|m| (m.srow, m.qform_code, m.quatern[0]) = (None, 1, 1.5));
    assert!(matches!(long[..], [Warning::LongQuaternion(squared)] if squared == 2.25));
    let flat = odd(|m| (m.srow, m.qform_code, m.pixdim[2]) = (None, 1, 0.0));
    assert!(matches!(flat[..], [Warning::NoVoxelSize(2)]));
    let [Warning::Skewed(cosine)] = warnings(&Made { srow: Some(skewed), ..plain })[..] else { panic!("no skew") };
    assert!((cosine - 0.5 / 1.25f64.sqrt()).abs() < 1e-12);
    let mut bytes = label_file();
    bytes[123] = 1;
    put(&mut bytes, 108, 0f32.to_le_bytes());
    let file = VolumeFile::from_bytes(bytes).unwrap();
    assert_eq!(file.info().warnings, [Warning::Units(1), Warning::NoOffset]);
    for warning in &file.info().warnings {
        assert!(!warning.to_string().contains('\n') && !warning.to_string().is_empty());
    }
}

#[test]
fn a_quaternion_near_a_half_turn_is_one() {
    // 1 - |bcd|² within three times the precision of f32 counts as 0: nibabel 5.4.2's affine.
    for length in [1.0f32 - 1.4e-7, 1.0, 1.0 + 1.4e-7] {
        let made = Made {
            srow: None,
            qform_code: 1,
            quatern: [0.0, 0.0, f64::from(length), 0.0, 0.0, 0.0],
            ..Made::default()
        };
        let affine = open(&made).info().geometry.affine();
        assert_eq!([affine[0][0], affine[0][1], affine[1][0], affine[1][1]], [-1.0, 0.0, 0.0, -1.0], "{length}");
    }
}

#[test]
fn far_too_much_after_the_voxels_of_a_packed_file_is_refused() {
    let mut bytes = label_file();
    bytes.resize(70 << 20, 0);
    let packed = gzip(&bytes);
    assert!(error(&packed).contains("checksum"));
    bytes.truncate(60 << 20);
    assert!(read_channels(&file("a.nii.gz", &gzip(&bytes)).path).is_ok());
}

#[test]
fn a_skewed_grid_is_made_orthogonal_on_request() {
    let skewed = [[0.8, 0.02, 0.1, 5.0], [0.0, 0.9, 0.0, 6.0], [0.01, 0.0, 2.0, 7.0], [0.0, 0.0, 0.0, 1.0]];
    let grid = Geometry::from_affine(skewed).unwrap();
    let straight = grid.orthogonal();
    assert!(grid.skew() > 0.01 && straight.skew() < 1e-12);
    for (a, b) in grid.spacing().zip(straight.spacing()).to_array() {
        assert!((a - b).abs() < 1e-12);
    }
    assert_eq!(straight.voxel_to_world(Dhw::splat(0.0)), [5.0, 6.0, 7.0]);
    assert_eq!(straight.orientation(), grid.orientation());
    assert!(straight.orthogonal().same_grid(&straight, Dhw::splat(100), 1e-9));
}

#[test]
fn values_that_nobody_asked_for_are_background() {
    let read = |numbers: [f32; 24], slope: f64, labels: &LabelChoice| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        let made = Made { code: 16, bits: 32, slope, ..Made::default() };
        let file = VolumeFile::from_bytes(made.file(&bytes)).unwrap();
        file.label_of(labels, &ReadOptions::default()).map(|label| label.data.into_iter().collect::<Vec<u8>>())
    };
    let (only, foreground) = (LabelChoice::only(&[1, 255]), LabelChoice::only_or_foreground(&[]));
    let mut numbers = [1.0; 24];
    // 257 and -255 are 1 in eight bits; a clamp would make 1000 a 255.
    numbers[..8].copy_from_slice(&[0.0, 2.0, 255.0, 257.0, -255.0, 1000.0, 1e30, -1.0]);
    let mut want = [1; 24];
    want[..8].copy_from_slice(&[0, 0, 255, 0, 0, 0, 0, 0]);
    assert_eq!(read(numbers, 0.0, &only).unwrap(), want);
    want[..8].copy_from_slice(&[0, 1, 1, 1, 0, 1, 1, 0]);
    assert_eq!(read(numbers, 0.0, &foreground).unwrap(), want);
    let mapped = LabelChoice::Mapped([(1000, 3), (-1, 4), (1, 5)].into());
    want = [5; 24];
    want[..8].copy_from_slice(&[0, 0, 0, 0, 0, 3, 0, 4]);
    assert_eq!(read(numbers, 0.0, &mapped).unwrap(), want);
    assert!(read(numbers, 0.0, &LabelChoice::All).unwrap_err().to_string().contains("257 is not a label"));

    // A scaled file: 255 times the f32 nearest to 1/255 is 1.
    assert_eq!(read([255.0; 24], f64::from(1.0_f32 / 255.0), &only).unwrap(), [1; 24]);
    for bad in [0.5, 1000.5, -0.5, f32::NAN, f32::INFINITY] {
        let mut numbers = numbers;
        numbers[17] = bad;
        for labels in [&only, &foreground, &mapped] {
            let error = read(numbers, 0.0, labels).unwrap_err();
            let VolumeError::Value { voxel, fault, .. } = error else { panic!("{error}") };
            assert_eq!((voxel, fault), (Dhw { d: 1, h: 1, w: 1 }, ValueFault::NotWhole));
        }
    }
}

#[test]
fn the_voxel_of_an_exact_reading_is_that_of_its_channel() {
    let mut bytes: Vec<u8> = [0i32; 48].iter().flat_map(|v| v.to_le_bytes()).collect();
    bytes[4 * 29..][..4].copy_from_slice(&16_777_217i32.to_le_bytes());
    let made = Made { lengths: vec![4, 3, 2, 2], code: 8, bits: 32, ..Made::default() };
    let file = VolumeFile::from_bytes(made.file(&bytes)).unwrap();
    let error = file.channels(&ReadOptions::default().with_exact(true)).unwrap_err();
    let VolumeError::Value { voxel, fault, .. } = error else { panic!("{error}") };
    assert_eq!((voxel, fault), (Dhw { d: 0, h: 1, w: 1 }, ValueFault::NoF32));
}
