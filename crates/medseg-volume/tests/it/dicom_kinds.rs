//! Compressions, starts of files and objects of several frames, each beside what its peers read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dicom_dictionary_std::tags;
use medseg_volume::dicom::{DicomError, SeriesWarning, describe_folder, read_series, read_series_with};
use medseg_volume::{Dhw, ImageOptions, UnsupportedKind, VolumeError, read_image_with_warnings};

use crate::dicom_found::{expected, found, read};
use crate::dicom_support::{Slice, folder};

const GOLDEN: &str = "tests/golden/dicom_kinds";

/// The values that pydicom, SimpleITK or imagecodecs give, by file.
fn golden() -> BTreeMap<String, Vec<f32>> {
    serde_json::from_str(&fs::read_to_string(format!("{GOLDEN}/expected.json")).unwrap()).unwrap()
}

fn compare(chosen: impl Fn(&str) -> bool) -> usize {
    let chosen: Vec<_> = golden().into_iter().filter(|(name, _)| chosen(name)).collect();
    for (name, values) in &chosen {
        let image = read_series(Path::new(GOLDEN).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let worst = image.data.iter().zip(values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(image.data.len() == values.len() && worst == 0.0, "{name}: off by {worst}");
    }
    chosen.len()
}

#[test]
fn jpeg_ls_is_read_as_charls_reads_it() {
    assert_eq!(compare(|name| name.starts_with("jpegls")), 12);
}

#[test]
fn baseline_and_extended_jpeg_are_read_as_libjpeg_reads_them() {
    assert_eq!(compare(|name| name.starts_with("jpeg_")), 8);
}

#[test]
fn jpeg_2000_may_stand_in_a_jp2_file() {
    assert_eq!(compare(|name| name == "jp2_header.dcm"), 1);
}

#[test]
fn starts_that_the_standard_does_not_have_are_read() {
    let without_syntax = |name: &str| name.contains("no_meta") || name.contains("no_group_2");
    let start = |name: &str| !name.contains("jp") && !name.starts_with("enhanced");
    assert_eq!(compare(start), 13);
    for name in golden().keys().filter(|name| start(name)) {
        let (_, warnings) = read(Path::new(GOLDEN).join(name));
        assert_eq!(warnings.contains(&SeriesWarning::NoTransferSyntax), without_syntax(name), "{name}: {warnings:?}");
    }
}

#[test]
fn the_found_series_give_the_values_of_their_peers() {
    for (name, warning) in [
        ("dicom-no-meta-implicit", Some(SeriesWarning::NoTransferSyntax)),
        ("dicom-padded-pixels", None),
        ("dicom-jpegll-wrapped-12", None),
        ("dicom-j2k-narrow-unsigned", None),
        ("dicom-monochrome1", Some(SeriesWarning::Monochrome1)),
    ] {
        let (image, warnings) = read(found(name));
        assert_eq!(warnings, warning.into_iter().collect::<Vec<_>>(), "{name}");
        assert_eq!(image.data.as_slice().unwrap(), expected(), "{name}");
    }
}

#[test]
fn enhanced_objects_are_volumes_in_the_order_of_their_positions() {
    assert_eq!(compare(|name| name.starts_with("enhanced")), 9);
    for name in golden().into_keys().filter(|name| name.starts_with("enhanced")) {
        let image = read_series(Path::new(GOLDEN).join(&name)).unwrap();
        assert_eq!(image.shape(), Dhw { d: 4, h: 19, w: 22 });
        // LPS (-10, -20, 5) and steps of 2 mm along the normal (0, -0.6, 0.8), in RAS.
        let near = |voxel: Dhw<f64>, world: [f64; 3]| {
            let at = image.geometry.voxel_to_world(voxel);
            assert!(at.iter().zip(world).all(|(a, b)| (a - b).abs() < 1e-9), "{name}: {at:?}");
        };
        near(Dhw::splat(0.0), [10.0, 20.0, 5.0]);
        near(Dhw { d: 1.0, h: 0.0, w: 0.0 }, [10.0, 21.2, 6.6]);
        near(Dhw { d: 0.0, h: 1.0, w: 0.0 }, [10.0, 19.4, 5.45]);
        near(Dhw { d: 0.0, h: 0.0, w: 1.0 }, [9.5, 20.0, 5.0]);
    }
    let (_, warnings) = read(Path::new(GOLDEN).join("enhanced_mr.dcm"));
    assert_eq!(warnings, [SeriesWarning::RescaleVaries]);
    let summary = describe_folder(Path::new(GOLDEN).join("enhanced_ct.dcm")).unwrap();
    assert_eq!((summary.series[0].files, summary.series[0].volume.as_ref().unwrap().shape.d), (1, 4));
}

#[test]
fn frames_that_cannot_be_a_volume_are_named() {
    let damaged = |name: &str, from: &[u8], to: &[u8]| {
        let bytes = fs::read(Path::new(GOLDEN).join(name)).unwrap();
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.dcm"), [&bytes[..at], to, &bytes[at + from.len()..]].concat()).unwrap();
        read_series(folder.path()).unwrap_err()
    };
    let number = damaged("enhanced_ct.dcm", b"\x28\x00\x08\x00IS\x02\x004 ", b"\x28\x00\x08\x00IS\x02\x005 ");
    assert!(number.to_string().contains("NumberOfFrames is 5, but 4 frames"), "{number}");
    // The last frame at the place of another.
    let same = damaged("enhanced_ct.dcm", b"-10.0\\-23.6\\9.8", b"-10.0\\-20.0\\5.0");
    assert!(matches!(same, DicomError::DuplicateSlices { .. }), "{same}");
    assert!(same.to_string().contains("a.dcm (frame 2)"), "{same}");
    let table =
        damaged("enhanced_pieces.dcm", b"\xFE\xFF\x00\xE0\x10\x00\x00\x00", b"\xFE\xFF\x00\xE0\x0C\x00\x00\x00");
    assert!(matches!(table, DicomError::File(VolumeError::Malformed { .. })), "{table}");
}

#[test]
fn syntaxes_that_are_not_read_are_named() {
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.201", "high-throughput JPEG 2000 (1.2.840.10008.1.2.4.201)"),
        ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.100"),
        ("1.2.3.4.5", "1.2.3.4.5"),
    ] {
        let bytes = fs::read(Path::new(GOLDEN).join("jp2_header.dcm")).unwrap();
        let old = b"UI\x16\x001.2.840.10008.1.2.4.90";
        let at = bytes.windows(old.len()).position(|part| part == old).unwrap();
        let padded = format!("{uid}{}", if uid.len() % 2 == 1 { "\0" } else { "" });
        let new = [b"UI", &(padded.len() as u16).to_le_bytes()[..], padded.as_bytes()].concat();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.dcm"), [&bytes[..at], &new, &bytes[at + old.len()..]].concat()).unwrap();
        let error = read_series(folder.path()).unwrap_err();
        let kind =
            matches!(&error, DicomError::File(VolumeError::Unsupported { kind: UnsupportedKind::Compression, .. }));
        assert!(kind && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_narrow_codestream_without_a_sign_is_only_extended_where_it_is_narrow() {
    // A JPEG 2000 frame of 12 bits in unsigned pixels of 12 bits: nothing is extended.
    let image = read_series(Path::new(GOLDEN).join("jp2_header.dcm")).unwrap();
    assert!(image.data.iter().all(|value| *value >= -1024.0));
}

#[test]
fn a_mosaic_is_named() {
    let slice = Slice::at(0.0, 0).text(tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY\\M\\MOSAIC");
    let folder = folder(&[slice, Slice::at(1.0, 0)]);
    assert_eq!(read(folder.path().to_path_buf()).1, [SeriesWarning::Mosaic]);
}

#[test]
fn folders_in_a_folder_are_entered() {
    let top = tempfile::tempdir().unwrap();
    for z in 0..4 {
        let below = top.path().join(format!("{}/{z}", ["a", "b"][z % 2]));
        fs::create_dir_all(&below).unwrap();
        Slice::at(z as f64, 100 * z as u16).write(below.join("slice"));
    }
    assert_eq!(read_series(top.path()).unwrap().shape().d, 4);
    #[cfg(unix)]
    {
        // A link back to the top is not followed.
        std::os::unix::fs::symlink(top.path(), top.path().join("a/loop")).unwrap();
        assert_eq!(read_series(top.path()).unwrap().shape().d, 4);
    }
}

#[test]
fn pixels_that_are_too_few_are_refused_and_padding_is_not() {
    for (extra, sound) in [(-2_i64, false), (0, true), (2, true), (130, true)] {
        let slice = Slice::at(0.0, 7);
        let count = (crate::dicom_support::ROWS * crate::dicom_support::COLUMNS) as i64 + extra / 2;
        let folder = folder(&[slice.pixels((0..count as u16).collect())]);
        assert_eq!(read_series(folder.path()).is_ok(), sound, "{extra} bytes");
    }
}

#[test]
fn several_series_are_listed_shortly_with_their_descriptions() {
    let series = |count: usize| {
        let slices: Vec<Slice> = (0..count)
            .map(|n| {
                let uid = format!("1.2.{n}");
                Slice::at(n as f64, 0).text(tags::SERIES_INSTANCE_UID, &uid).text(tags::SERIES_DESCRIPTION, "t1 mprage")
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        slices.iter().enumerate().for_each(|(n, slice)| slice.write(folder.path().join(n.to_string())));
        read_series(folder.path()).unwrap_err().to_string()
    };
    let two = series(2);
    assert!(two.contains("1.2.0 (CT, \"t1 mprage\", 1 files") && !two.contains("more"), "{two}");
    let many = series(40);
    assert!(many.contains("and 34 more; every file is a series of its own") && many.len() < 900, "{many}");
    let (image, summary) = read_series_with(found("dicom-two-series"), &Default::default())
        .map_or_else(|error| (error.to_string(), ()), |_| panic!("two series"));
    assert!(image.contains("2 series"), "{image} {summary:?}");
}

#[test]
fn one_door_reads_files_and_series_with_their_warnings() {
    let options = ImageOptions::default();
    let (image, warnings) = read_image_with_warnings(found("dicom-monochrome1"), &options).unwrap();
    assert_eq!((image.shape().d, warnings[0].to_string().contains("MONOCHROME1")), (4, true));
    let (_, warnings) = read_image_with_warnings(Path::new(GOLDEN).join("implicit_no_meta.dcm"), &options).unwrap();
    assert_eq!(warnings.len(), 2, "one slice, no syntax: {warnings:?}");
    let (_, warnings) = read_image_with_warnings(found("micron_label.nii.gz"), &options).unwrap();
    assert!(warnings[0].to_string().contains("micrometres"), "{warnings:?}");
    let several = read_image_with_warnings(found("dicom-two-series"), &options).unwrap_err();
    let VolumeError::Series(several) = several else { panic!("{several}") };
    let DicomError::SeveralSeries { series, .. } = *several else { panic!("{several}") };
    for series in series {
        let chosen = options.clone().with_series_uid(series.uid);
        assert_eq!(read_image_with_warnings(found("dicom-two-series"), &chosen).is_ok(), series.volume.is_ok());
    }
}
