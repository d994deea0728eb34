//! DICOM series that a scanner could have written: order, geometry, values, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::dicom_support::{COLUMNS, ROWS, SECRET, Slice, folder};
use dicom_dictionary_std::{tags, uids};
use medseg_volume::dicom::{
    DicomError, PassedOverReason, SeriesOptions, SeriesWarning, VolumeSummary, describe_files, describe_folder,
    read_series, read_series_files, read_series_with,
};
use medseg_volume::{Dhw, Volume, VolumeError};

const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

fn read(slices: &[Slice]) -> Result<(Volume<f32>, VolumeSummary), DicomError> {
    read_series_with(folder(slices).path(), &SeriesOptions::default())
}

fn error(slices: &[Slice]) -> DicomError {
    let result = read(slices).map(|_| "a volume");
    result.expect_err("the series must be refused")
}

fn five() -> Vec<Slice> {
    (0..5).map(|index| Slice::at(2.5 * f64::from(index) - 4.0, 100 * index as u16)).collect()
}

#[test]
fn slices_are_sorted_by_position_and_placed_in_ras() {
    let mut slices = five();
    slices.rotate_left(2);
    slices.swap(0, 3);
    for (number, slice) in slices.iter_mut().enumerate() {
        *slice = slice.clone().text(tags::INSTANCE_NUMBER, &number.to_string());
    }
    let (image, summary) = read(&slices).unwrap();
    assert_eq!(image.shape(), Dhw { d: 5, h: ROWS, w: COLUMNS });
    for ((d, h, w), value) in image.data.indexed_iter() {
        assert_eq!(*value, (100 * d + COLUMNS * h + w) as f32);
    }
    // PixelSpacing is 0.5 between rows and 0.75 between columns; x and y change sign from LPS to RAS.
    let expected = [[-0.75, 0.0, 0.0, -10.0], [0.0, -0.5, 0.0, 20.0], [0.0, 0.0, 2.5, -4.0], [0.0, 0.0, 0.0, 1.0]];
    assert_eq!(image.geometry.affine(), expected);
    assert_eq!(image.geometry.orientation().to_string(), "LPS");
    assert_eq!((summary.warnings, summary.datatype.as_str()), (vec![], "u16 in 16 bits"));
}

#[test]
fn oblique_slices_lie_where_their_positions_say() {
    let (row, column) = ([0.8, 0.6, 0.0], [-0.36, 0.48, -0.8]);
    let normal = [-0.48, 0.64, 0.6];
    let position =
        |index: f64| [1.0, 2.0, 3.0].iter().zip(normal).map(|(p, n)| p + 3.0 * index * n).collect::<Vec<_>>();
    let text = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join("\\");
    let slice = |index: u16| {
        Slice::at(0.0, index)
            .text(tags::IMAGE_ORIENTATION_PATIENT, &text(&[row, column].concat()))
            .text(tags::IMAGE_POSITION_PATIENT, &text(&position(f64::from(index))))
    };
    let (image, _) = read(&[slice(1), slice(2), slice(0)]).unwrap();
    for index in 0..3_u16 {
        let lps = position(f64::from(index));
        let world = image.geometry.voxel_to_world(Dhw { d: f64::from(index), h: 2.0, w: 3.0 });
        let expected = [0, 1, 2].map(|axis| lps[axis] + 3.0 * 0.75 * row[axis] + 2.0 * 0.5 * column[axis]);
        for (value, expected) in world.iter().zip([-expected[0], -expected[1], expected[2]]) {
            assert!((value - expected).abs() < 1e-9, "{world:?} {expected:?}");
        }
    }
}

#[test]
fn every_encoding_of_elements_gives_the_same_volume() {
    let reference = read(&five()).unwrap().0;
    for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN, BIG_ENDIAN] {
        let slices: Vec<Slice> = five().into_iter().map(|slice| slice.syntax(syntax)).collect();
        assert_eq!(read(&slices).unwrap().0, reference, "{syntax}");
    }
}

#[test]
fn each_slice_is_rescaled_by_its_own_slope() {
    let scaled = |z, first, slope, intercept| {
        Slice::at(z, first).text(tags::RESCALE_SLOPE, slope).text(tags::RESCALE_INTERCEPT, intercept)
    };
    let (image, summary) = read(&[scaled(0.0, 10, "0.1", "-1024"), scaled(1.0, 20, " 2.5e0 ", "3")]).unwrap();
    assert_eq!(image.data[[0, 0, 1]], (11.0_f64 * 0.1 - 1024.0) as f32);
    assert_eq!(image.data[[1, 0, 1]], 55.5);
    assert_eq!(summary.warnings, [SeriesWarning::RescaleVaries]);
}

#[test]
fn stored_bits_are_cut_out_and_signed() {
    let pixels = vec![0xF7FF, 0x0800, 0xFFFF, 0x1001, 0, 1, 2, 3, 4, 5, 6, 7];
    let narrow = |signed| {
        let slice = Slice::at(0.0, 0).number(tags::BITS_STORED, 12).number(tags::HIGH_BIT, 11);
        slice.number(tags::PIXEL_REPRESENTATION, signed).pixels(pixels.clone())
    };
    let first = |slice| read(&[slice]).unwrap().0.data.iter().take(4).copied().collect::<Vec<_>>();
    assert_eq!(first(narrow(1)), [2047.0, -2048.0, -1.0, 1.0]);
    assert_eq!(first(narrow(0)), [2047.0, 2048.0, 4095.0, 1.0]);
    assert_eq!(first(narrow(0).number(tags::HIGH_BIT, 15)), [3967.0, 128.0, 4095.0, 256.0]);
    let impossible = narrow(0).number(tags::HIGH_BIT, 10);
    assert!(matches!(error(&[impossible]), DicomError::File(VolumeError::Malformed { .. })));
}

#[test]
fn duplicate_missing_and_uneven_slices_are_named() {
    let mut slices = five();
    slices.push(slices[3].clone());
    assert!(matches!(error(&slices), DicomError::DuplicateSlices { position_mm, .. } if position_mm == 3.5));
    let mut slices = five();
    slices.remove(2);
    assert!(
        matches!(error(&slices), DicomError::MissingSlices { position_mm, missing: 1, .. } if position_mm == -1.5),
        "{:?}",
        error(&slices)
    );
    let at = |positions: &[f64]| positions.iter().map(|z| Slice::at(*z, 0)).collect::<Vec<_>>();
    assert!(matches!(error(&at(&[0.0, 1.0, 2.4, 3.0])), DicomError::UnevenSlices { .. }));
    let (image, summary) = read(&at(&[0.0, 1.0, 2.05, 3.0])).unwrap();
    assert_eq!(image.geometry.spacing().d, 1.0);
    assert!(matches!(summary.warnings[..], [SeriesWarning::UnevenSlices { off_mm }] if (off_mm - 0.05).abs() < 1e-9));
    assert_eq!(read(&at(&[0.0, 1.0, 2.001, 3.0])).unwrap().1.warnings, []);
}

#[test]
fn a_tilt_is_refused_or_kept_as_a_shear() {
    let slices: Vec<Slice> = (0..4)
        .map(|index| {
            let position = format!("10\\{}\\{}", -20.0 + 0.5 * f64::from(index), 2.0 * f64::from(index));
            Slice::at(0.0, 0).text(tags::IMAGE_POSITION_PATIENT, &position)
        })
        .collect();
    let folder = folder(&slices);
    let degrees = 0.25_f64.atan().to_degrees();
    let refused = read_series(folder.path()).unwrap_err();
    assert!(matches!(refused, DicomError::GantryTilt { degrees: found, .. } if (found - degrees).abs() < 1e-9));
    let options = SeriesOptions::default().with_accept_tilt(true);
    let (image, summary) = read_series_with(folder.path(), &options).unwrap();
    assert!(matches!(summary.warnings[..], [SeriesWarning::GantryTilt { .. }]));
    let last = image.geometry.voxel_to_world(Dhw { d: 3.0, h: 0.0, w: 0.0 });
    assert_eq!(last, [-10.0, 18.5, 6.0]);
}

#[test]
fn slices_that_differ_are_refused_by_what_differs() {
    let two = |other: Slice| error(&[Slice::at(0.0, 0), other]);
    let other = || Slice::at(1.0, 0);
    let pixels = vec![0; 2 * COLUMNS];
    for (expected, slice) in [
        ("Rows", other().number(tags::ROWS, 2).pixels(pixels)),
        ("ImageOrientationPatient", other().text(tags::IMAGE_ORIENTATION_PATIENT, "0\\1\\0\\0\\0\\1")),
        ("PixelSpacing", other().text(tags::PIXEL_SPACING, "0.5\\0.7")),
        ("FrameOfReferenceUID", other().text(tags::FRAME_OF_REFERENCE_UID, "1.2.5")),
    ] {
        assert!(matches!(two(slice), DicomError::Mixed { attribute, .. } if attribute == expected), "{expected}");
    }
}

#[test]
fn directions_are_repaired_a_little_and_refused_a_lot() {
    let turned = |text| Slice::at(0.0, 0).text(tags::IMAGE_ORIENTATION_PATIENT, text);
    let (image, summary) = read(&[turned("1.001\\0\\0\\0\\1\\0")]).unwrap();
    assert!((image.geometry.spacing().w - 0.75).abs() < 1e-12);
    assert!(matches!(summary.warnings[..], [SeriesWarning::DirectionsRepaired { .. }, SeriesWarning::SingleSlice]));
    for broken in ["1\\0\\0\\1\\0\\0", "0\\0\\0\\0\\0\\0", "1\\0\\0\\0.1\\1\\0", "2\\0\\0\\0\\1\\0"] {
        assert!(matches!(error(&[turned(broken)]), DicomError::Geometry { .. }), "{broken}");
    }
    for broken in ["1\\0\\0\\0\\1", "1\\0\\0\\0\\1\\x", "1\\0\\0\\0\\1\\nan"] {
        assert!(matches!(error(&[turned(broken)]), DicomError::File(VolumeError::Malformed { .. })), "{broken}");
    }
}

#[test]
fn one_slice_takes_its_thickness_as_the_step() {
    let (image, summary) = read(&[Slice::at(0.0, 0)]).unwrap();
    assert_eq!((image.geometry.spacing().d, summary.warnings), (4.0, vec![SeriesWarning::SingleSlice]));
    let unknown = error(&[Slice::at(0.0, 0).without(tags::SLICE_THICKNESS)]);
    assert!(matches!(unknown, DicomError::Missing { attribute: "SliceThickness", .. }));
}

#[test]
fn of_several_series_one_is_chosen() {
    let mut slices = five();
    let other = |z| Slice::at(z, 7).text(tags::SERIES_INSTANCE_UID, "9.8.7").text(tags::MODALITY, "MR");
    slices.extend([other(0.0), other(1.0)]);
    let folder = folder(&slices);
    let several = read_series(folder.path()).unwrap_err();
    let text = several.to_string();
    assert!(matches!(several, DicomError::SeveralSeries { .. }), "{text}");
    assert!(text.contains("1.2.3 (CT, 5 files, 5x3x4") && text.contains("9.8.7 (MR, 2 files"), "{text}");
    let choose = |uid: &str| SeriesOptions::default().with_uid(uid);
    let (image, _) = read_series_with(folder.path(), &choose("9.8.7")).unwrap();
    assert_eq!(image.shape().d, 2);
    let unknown = read_series_with(folder.path(), &choose("9")).unwrap_err();
    assert!(matches!(unknown, DicomError::UnknownSeries { .. }));
}

#[test]
fn a_series_is_read_by_its_files_alone() {
    let folder = folder(&five());
    let path = |name: &str| folder.path().join(name);
    Slice::at(50.0, 0).text(tags::SERIES_INSTANCE_UID, "5").write(path("other"));
    let summary = describe_folder(folder.path()).unwrap();
    let (other, series): (Vec<_>, Vec<_>) = summary.series.iter().partition(|series| series.uid == "5");
    assert_eq!((other[0].paths.clone(), series[0].files), (vec![path("other")], 5));
    let mut paths = series[0].paths.clone();
    // Their order is not that of the slices.
    paths.reverse();
    let described = describe_files(folder.path(), paths.clone());
    assert_eq!(described.series.len(), 1);
    assert_eq!(described.series[0].paths, series[0].paths);
    let (image, _) = read_series_files(folder.path(), &paths, &SeriesOptions::default()).unwrap();
    assert_eq!(image, read(&five()).unwrap().0);
    paths.push(path("other"));
    let several = read_series_files(folder.path(), &paths, &SeriesOptions::default());
    assert!(matches!(several, Err(DicomError::SeveralSeries { .. })));
    let none = read_series_files(folder.path(), &[], &SeriesOptions::default());
    assert!(matches!(none, Err(DicomError::NoSeries { .. })));
}

#[test]
fn files_that_are_no_slice_are_passed_over_and_listed() {
    let folder = folder(&five());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("readme.txt"), "no image").unwrap();
    fs::write(path("long.bin"), vec![7; 4096]).unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::create_dir(path("below")).unwrap();
    Slice::at(50.0, 0).text(tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY\\LOCALIZER").write(path("localizer"));
    Slice::at(50.0, 0).without(tags::PIXEL_DATA).text(tags::SERIES_INSTANCE_UID, "5").write(path("report"));
    let screenshot = Slice::at(50.0, 0).without(tags::IMAGE_POSITION_PATIENT);
    let screenshot = screenshot.without(tags::IMAGE_ORIENTATION_PATIENT).number(tags::SAMPLES_PER_PIXEL, 3);
    screenshot.text(tags::SERIES_INSTANCE_UID, "6").write(path("screenshot"));
    let directory = Slice::at(0.0, 0).text(tags::SOP_CLASS_UID, uids::MEDIA_STORAGE_DIRECTORY_STORAGE);
    directory.write(path("DICOMDIR"));
    assert_eq!(read_series(folder.path()).unwrap(), read(&five()).unwrap().0);
    let summary = describe_folder(folder.path()).unwrap();
    let reasons =
        summary.passed_over.iter().map(|file| (file.path.file_name().unwrap().to_str().unwrap(), file.reason));
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            ("DICOMDIR", PassedOverReason::Directory),
            ("empty", PassedOverReason::NotDicom),
            ("localizer", PassedOverReason::Localizer),
            ("long.bin", PassedOverReason::NotDicom),
            ("readme.txt", PassedOverReason::NotDicom),
            ("report", PassedOverReason::NoPixels),
            ("screenshot", PassedOverReason::NoPosition),
        ]
    );
    assert_eq!(summary.series.len(), 1);
    assert!(summary.unreadable.is_empty());
    let none = tempfile::tempdir().unwrap();
    fs::write(none.path().join("readme.txt"), "no image").unwrap();
    assert!(
        matches!(read_series(none.path()), Err(DicomError::NoSeries { passed_over, .. }) if passed_over.len() == 1)
    );
    assert!(matches!(read_series(none.path().join("absent")), Err(DicomError::File(VolumeError::Io { .. }))));
}

#[test]
fn kinds_that_are_not_read_say_so() {
    let slice = || Slice::at(0.0, 0);
    let refused = [
        slice().text(tags::NUMBER_OF_FRAMES, "2"),
        slice().number(tags::SAMPLES_PER_PIXEL, 3),
        slice().text(tags::PHOTOMETRIC_INTERPRETATION, "PALETTE COLOR"),
        slice().number(tags::BITS_ALLOCATED, 12),
    ];
    for (index, slice) in refused.into_iter().enumerate() {
        let error = error(&[slice]);
        assert!(matches!(error, DicomError::File(VolumeError::Unsupported { .. })), "{index}: {error}");
    }
    for (attribute, tag) in [
        ("PixelSpacing", tags::PIXEL_SPACING),
        ("ImagePositionPatient", tags::IMAGE_POSITION_PATIENT),
        ("PixelRepresentation", tags::PIXEL_REPRESENTATION),
        ("Rows", tags::ROWS),
    ] {
        let error = error(&[slice().without(tag)]);
        assert!(matches!(error, DicomError::Missing { attribute: found, .. } if found == attribute), "{error}");
    }
    for (tag, value) in [(tags::RESCALE_SLOPE, "0"), (tags::RESCALE_SLOPE, "inf"), (tags::RESCALE_INTERCEPT, "a")] {
        assert!(
            matches!(error(&[slice().text(tag, value)]), DicomError::File(VolumeError::Malformed { .. })),
            "{value}"
        );
    }
}

#[test]
fn monochrome1_keeps_its_values_unless_told_otherwise() {
    let slice = Slice::at(0.0, 3).text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1");
    let (image, summary) = read(std::slice::from_ref(&slice)).unwrap();
    assert_eq!(image.data[[0, 0, 0]], 3.0);
    assert!(summary.warnings.contains(&SeriesWarning::Monochrome1));
    let options = SeriesOptions::default().with_invert_monochrome1(true);
    let (image, _) = read_series_with(folder(&[slice]).path(), &options).unwrap();
    assert_eq!(image.data[[0, 0, 0]], 65532.0);
}

#[test]
fn lengths_beyond_the_file_and_results_beyond_the_limit_are_refused() {
    let short = Slice::at(0.0, 0).number(tags::ROWS, 60000).number(tags::COLUMNS, 60000);
    assert!(matches!(error(&[short]), DicomError::File(VolumeError::Malformed { .. })));
    let folder = folder(&five());
    let options = SeriesOptions::default().with_max_bytes((5 * ROWS * COLUMNS * 4 - 1) as u64);
    let refused = read_series_with(folder.path(), &options).unwrap_err();
    assert!(matches!(refused, DicomError::File(VolumeError::Limit { needed: 240, limit: 239, .. })), "{refused}");
    // A value that declares 4 GiB: SOPInstanceUID in implicit little endian has a length of 32 bits.
    let path = folder.path().join("03.dcm");
    Slice::at(0.0, 0).syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN).write(&path);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|tag| tag == [8, 0, 0x60, 0]).unwrap();
    bytes[at + 4..at + 8].copy_from_slice(&[0xF0, 0xFF, 0xFF, 0xFF]);
    fs::write(&path, bytes).unwrap();
    let refused = read_series(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("declares 4294967280 bytes"), "{refused}");
}

/// Sequences of undefined length, nested, among them an unknown one, which holds implicit little endian.
#[test]
fn nested_sequences_are_passed_over() {
    let folder = folder(&five());
    let reference = read_series(folder.path()).unwrap();
    let delimiter = |element: u8| [0xFE, 0xFF, element, 0xE0, 0, 0, 0, 0];
    let open_item = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
    let undefined = |tag: [u8; 4], vr: &[u8; 2]| [&tag[..], vr, &[0, 0, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
    let modality = [8, 0, 0x60, 0, b'C', b'S', 2, 0, b'M', b'R'];
    // Modality in implicit little endian, which explicit would misread.
    let implicit = [8, 0, 0x60, 0, 2, 0, 0, 0, b'M', b'R'];
    let unknown = [&undefined([9, 0, 2, 0x10], b"UN")[..], &open_item, &implicit, &delimiter(0x0D), &delimiter(0xDD)];
    let inner = [&undefined([8, 0, 0x15, 0x11], b"SQ")[..], &open_item, &modality, &unknown.concat(), &delimiter(0x0D)];
    let inner = [&inner.concat()[..], &delimiter(0xDD)].concat();
    let outer = [&undefined([8, 0, 0x05, 0], b"SQ")[..], &open_item, &inner, &delimiter(0x0D), &delimiter(0xDD)];
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(4).position(|tag| tag == [8, 0, 0x16, 0]).unwrap();
        bytes.splice(at..at, outer.concat());
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(read_series(folder.path()).unwrap(), reference);
}

/// Which thread fails first does not matter.
#[test]
fn of_several_damaged_slices_the_first_is_named() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dicom/rle.dcm");
    let bytes = fs::read(golden).unwrap();
    let z = bytes.windows(2).position(|text| text == b"30").unwrap();
    let frame = bytes.windows(4).rposition(|tag| tag == [0xFE, 0xFF, 0x00, 0xE0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for index in 0..9_u8 {
        let mut slice = bytes.clone();
        slice[z + 1] = b'9' - index;
        slice[frame + 8] = if index < 5 { 9 } else { 2 };
        fs::write(folder.path().join(format!("{index}")), slice).unwrap();
    }
    for _ in 0..20 {
        let error = read_series(folder.path()).unwrap_err();
        assert!(
            matches!(&error, DicomError::File(VolumeError::Malformed { path, .. }) if path.ends_with("4")),
            "{error}"
        );
    }
}

#[test]
fn the_patient_is_nowhere() {
    let mut slices = five();
    slices[1] = slices[1].clone().text(tags::SERIES_INSTANCE_UID, "9").text(tags::PIXEL_SPACING, SECRET);
    let folder = folder(&slices);
    let summary = format!("{:?}", describe_folder(folder.path()).unwrap());
    let error = read_series(folder.path()).unwrap_err();
    assert!(!format!("{summary} {error} {error:?}").contains("Secret"));
}

/// Every file of `tests/golden/dicom` as GDCM reads it; `benches/peers/dicom_golden.py` makes them.
#[test]
fn values_equal_those_of_gdcm() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dicom");
    let json = fs::read_to_string(golden.join("expected.json")).unwrap();
    let mut expected: BTreeMap<String, Vec<f64>> = serde_json::from_str(&json).unwrap();
    // GDCM ignores a HighBit that is not BitsStored - 1.
    let same = expected["native_overlay"].clone();
    assert!(expected.insert("native_high_bit_15".into(), same).is_some());
    for (name, values) in expected {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(golden.join(format!("{name}.dcm")), folder.path().join("slice")).unwrap();
        let options = SeriesOptions::default().with_invert_monochrome1(true);
        let (image, _) = read_series_with(folder.path(), &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        assert_eq!(image.data.iter().copied().collect::<Vec<_>>(), values, "{name}");
        let affine = [[-0.75, 0.0, 0.0, -10.5], [0.0, -0.5, 0.0, 20.0], [0.0, 0.0, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]];
        assert_eq!(image.geometry.affine(), affine, "{name}");
    }
}
