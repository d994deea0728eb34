//! DICOM segmentations: those of highdicom, and this crate's own there and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use dicom_object::open_file;
use medseg_volume::dicom::segmentation::{self, Form, ReadOptions, Segmentation, WriteOptions};
use medseg_volume::dicom::{
    ContentDate, DicomError, ObjectKind, SeriesOptions, SourceSeries, describe_folder, object_kind, read_series,
    read_series_with,
};
use medseg_volume::segments::{AlgorithmKind, Code, Overlap, Segment, SegmentChoice, SegmentTable, SegmentationError};
use medseg_volume::{Dhw, Orientation, UnsupportedKind, Volume, VolumeError};
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::dicom_support::{COLUMNS, ROWS, SECRET, Slice, folder};
use crate::support::codes;

const GOLDEN: &str = "tests/golden/segmentation";

fn golden(name: &str) -> PathBuf {
    Path::new(GOLDEN).join(name)
}

/// The input of highdicom, and its meaning.
fn expected() -> BTreeMap<String, Value> {
    serde_json::from_slice(&fs::read(golden("expected.json")).unwrap()).unwrap()
}

/// An expected mask `[5, 6, 7]`.
fn mask(name: &str) -> Array3<u16> {
    fn flat(value: &Value, to: &mut Vec<u16>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| flat(value, to)),
            value => to.push(value.as_u64().unwrap() as u16),
        }
    }
    let mut values = Vec::new();
    flat(&expected()[name], &mut values);
    Array3::from_shape_vec((5, 6, 7), values).unwrap()
}

fn source(path: impl AsRef<Path>) -> SourceSeries {
    SourceSeries::read(path, &SeriesOptions::default().with_accept_tilt(true)).unwrap()
}

fn on_series(name: &str, options: ReadOptions) -> Result<Segmentation, SegmentationError> {
    segmentation::read(golden(name), &options.with_grid_of(&source(golden("series"))))
}

#[test]
fn files_of_highdicom_are_read_on_the_grid_of_their_series() {
    let series = read_series(golden("series")).unwrap();
    for name in ["binary", "binary_full", "labelmap", "labelmap_rle", "fractional", "fractional_rle"] {
        let found = on_series(&format!("{name}.dcm"), ReadOptions::default()).unwrap();
        assert_eq!(found.mask.data, mask("mask"), "{name}");
        assert_eq!(found.mask.geometry, series.geometry);
        let expected = expected();
        let segments = found.table.segments();
        let names: Vec<Value> = segments.iter().map(|segment| segment.name.clone().into()).collect();
        assert_eq!(Value::from(names), expected["names"]);
        for (segment, colour) in segments.iter().zip(expected["colours"].as_array().unwrap()) {
            // highdicom makes L*a*b* of 8 bits, so colours are rounded.
            let off = |n: usize| i64::from(segment.colour[n]).abs_diff(colour[n].as_i64().unwrap());
            assert!((0..3).all(|n| off(n) <= 6), "{:?} {colour}", segment.colour);
        }
        assert_eq!(segments[1].property_type, Code::sct("78961009", "spleen"));
        assert_eq!((segments[0].algorithm, segments[0].algorithm_name.as_str()), (AlgorithmKind::Automatic, "peer"));
        assert_eq!(found.source_series_uid.unwrap(), source(golden("series")).series_uid());
        assert!((1..=5).contains(&found.references.len()));
        assert!(found.references[0].instance_uid.starts_with("1.2.826.0.1.3680043.10.2.1."));
    }
}

#[test]
fn the_own_grid_reaches_from_the_first_frame_to_the_last() {
    let series = read_series(golden("series")).unwrap();
    for (name, first, depth) in [("binary_full", 0, 5), ("labelmap", 1, 4), ("binary", 1, 4)] {
        let found = segmentation::read(golden(&format!("{name}.dcm")), &ReadOptions::default()).unwrap();
        assert_eq!(found.mask.shape(), Dhw { d: depth, h: 6, w: 7 }, "{name}");
        // Slice 2 has no frame in the middle: it is background.
        let part = mask("mask").slice_move(ndarray::s![first..first + depth, .., ..]);
        assert_eq!(found.mask.data, part, "{name}");
        let crop = series.geometry.cropped(Dhw { d: first as isize, h: 0, w: 0 });
        assert!(found.mask.geometry.same_grid(&crop, found.mask.shape(), 1e-5));
        assert_eq!(found.warnings, []);
    }
}

#[test]
fn voxels_of_several_segments_are_refused_or_follow_the_rule() {
    let refused = on_series("binary_overlapping.dcm", ReadOptions::default()).unwrap_err();
    let SegmentationError::Overlap { first, second, voxel, .. } = &refused else { panic!("{refused}") };
    assert_eq!((first.as_str(), second.as_str(), voxel.d), ("liver", "spleen", 3));
    assert!(refused.to_string().contains("\"liver\" and \"spleen\" overlap"));
    let with = |overlap| on_series("binary_overlapping.dcm", ReadOptions::default().with_overlap(overlap)).unwrap();
    assert_eq!(with(Overlap::First).mask.data, mask("first"));
    assert_eq!(with(Overlap::Last).mask.data, mask("last"));
    // One segment alone overlaps with none.
    for choice in [SegmentChoice::Labels(vec![3]), SegmentChoice::Names(vec!["Kidney_Left".into()])] {
        let found = on_series("binary_overlapping.dcm", ReadOptions::default().with_segments(choice)).unwrap();
        assert_eq!(found.mask.data, mask("last").mapv(|label| if label == 3 { 3 } else { 0 }));
        assert_eq!(found.table.len(), 1);
    }
    let unknown = ReadOptions::default().with_segments(SegmentChoice::Names(vec!["heart".into()]));
    let unknown = on_series("labelmap.dcm", unknown).unwrap_err().to_string();
    assert!(unknown.contains("no segment heart, but 1 \"liver\", 2 \"spleen\""), "{unknown}");
}

#[test]
fn a_fraction_belongs_to_its_segment_from_the_threshold_on() {
    for name in ["fractional.dcm", "fractional_rle.dcm"] {
        let found = on_series(name, ReadOptions::default().with_fraction(0.7)).unwrap();
        assert_eq!(found.mask.data, mask("over_0.7"));
        let low = on_series(name, ReadOptions::default().with_fraction(0.01)).unwrap_err();
        assert!(matches!(low, SegmentationError::Overlap { .. }), "{low}");
    }
}

/// A table and a random mask of its label values, 0 among them, with slices that lack some or all.
fn random_mask(shape: (usize, usize, usize), labels: &[u16], random: &mut ChaCha8Rng) -> Array3<u16> {
    let empty: Vec<bool> = (0..shape.0).map(|_| random.random_range(0..4) == 0).collect();
    Array3::from_shape_fn(shape, |(d, ..)| {
        if empty[d] || random.random_range(0..2) == 0 { 0 } else { labels[random.random_range(0..labels.len())] }
    })
}

/// A series with 7 slices of 3×4 pixels, straight or oblique, in order or against it.
fn series(oblique: bool, reversed: bool) -> tempfile::TempDir {
    let (row, column) =
        if oblique { ([0.8, 0.6, 0.0], [-0.36, 0.48, -0.8]) } else { ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]) };
    let normal: Vec<f64> =
        (0..3).map(|n| row[(n + 1) % 3] * column[(n + 2) % 3] - row[(n + 2) % 3] * column[(n + 1) % 3]).collect();
    let text = |values: &[f64]| values.iter().map(|v| format!("{v:.10}")).collect::<Vec<_>>().join("\\");
    let slice = |index: u16| {
        let along = 2.5 * f64::from(if reversed { 6 - index } else { index });
        let position: Vec<f64> = (0..3).map(|n| [-31.5, 12.25, 7.125][n] + along * normal[n]).collect();
        study(Slice::at(0.0, index))
            .text(tags::IMAGE_ORIENTATION_PATIENT, &text(&[row, column].concat()))
            .text(tags::IMAGE_POSITION_PATIENT, &text(&position))
    };
    folder(&(0..7).map(slice).collect::<Vec<_>>())
}

/// A slice with the study that a derived object needs.
fn study(slice: Slice) -> Slice {
    slice.text(tags::STUDY_INSTANCE_UID, "1.2.9").text(tags::STUDY_DATE, "20200229").text(tags::STUDY_TIME, "070809.5")
}

fn table(labels: &[u16]) -> SegmentTable {
    SegmentTable::from_names(labels.iter().map(|label| (*label, format!("kidney_left {label}")))).unwrap()
}

const FORMS: [(Form, bool); 4] =
    [(Form::Binary, true), (Form::Binary, false), (Form::LabelMap, true), (Form::LabelMap, false)];

#[test]
fn masks_of_every_orientation_come_back() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("mask.dcm");
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let labels = [1, 2, 3];
    for (oblique, reversed) in [(false, false), (true, false), (false, true), (true, true)] {
        let scan = series(oblique, reversed);
        let source = source(scan.path());
        let image = read_series(scan.path()).unwrap();
        assert_eq!((source.geometry(), source.shape()), (&image.geometry, image.shape()));
        for code in codes() {
            let mask = image.with_data(random_mask((7, ROWS, COLUMNS), &labels, &mut random));
            for (form, omit) in FORMS {
                let options = WriteOptions::default().with_form(form).with_omit_empty_frames(omit);
                segmentation::write(&path, &mask.reoriented(code), &table(&labels), &source, &options).unwrap();
                let found = segmentation::read(&path, &ReadOptions::default().with_grid_of(&source)).unwrap();
                assert_eq!((found.mask, found.table), (mask.clone(), table(&labels)));
                let turned = mask.reoriented(code);
                // And on the grid of the mask itself.
                let grid = ReadOptions::default().with_grid(turned.shape(), turned.geometry.clone());
                assert_eq!(segmentation::read(&path, &grid).unwrap().mask, turned);
                if !omit {
                    let own = segmentation::read(&path, &ReadOptions::default()).unwrap();
                    assert_eq!(own.mask, mask, "the own grid is that of the series, bit for bit");
                }
            }
        }
    }
}

#[test]
fn label_values_come_back_whatever_they_are() {
    let scan = series(true, false);
    let source = source(scan.path());
    let image = read_series(scan.path()).unwrap();
    let path = scan.path().join("mask.seg");
    let mut random = ChaCha8Rng::seed_from_u64(19);
    for labels in [&[2, 5][..], &[200, 255], &[1, 2, 256], &[7, 65535], &[1]] {
        for (form, omit) in FORMS {
            let mask = image.with_data(random_mask((7, ROWS, COLUMNS), labels, &mut random));
            let options = WriteOptions::default().with_form(form).with_omit_empty_frames(omit);
            segmentation::write(&path, &mask, &table(labels), &source, &options).unwrap();
            let found = segmentation::read(&path, &ReadOptions::default().with_grid_of(&source)).unwrap();
            assert_eq!((found.mask, found.table), (mask, table(labels)), "{labels:?} {form:?}");
            let object = open_file(&path).unwrap();
            let bits: u16 = object.element(tags::BITS_ALLOCATED).unwrap().to_int().unwrap();
            let wanted = if form == Form::Binary {
                1
            } else if *labels.last().unwrap() > 255 {
                16
            } else {
                8
            };
            assert_eq!(bits, wanted);
        }
    }
}

#[test]
fn what_a_segment_says_comes_back() {
    let scan = series(false, false);
    let source = source(scan.path());
    let mask = source_mask(&source, 1);
    let path = scan.path().join("mask.seg");
    let segments = vec![
        Segment::new(1, "Leber äöü")
            .with_description("line\nother \\ line")
            .with_colour([1, 254, 77])
            .with_algorithm(AlgorithmKind::Semiautomatic, "网络 v2"),
        Segment::new(2, "hand").with_algorithm(AlgorithmKind::Manual, ""),
        Segment::new(3, "kidney_left").with_codes(Code::new("99TEST", "k-1", "Kidney?"), Code::dcm("1", "Ж")),
        Segment::new(4, "kidney_right"),
    ];
    let table = SegmentTable::new(segments).unwrap();
    for form in [Form::Binary, Form::LabelMap] {
        segmentation::write(&path, &mask, &table, &source, &WriteOptions::default().with_form(form)).unwrap();
        assert_eq!(segmentation::read(&path, &ReadOptions::default()).unwrap().table, table);
        // An independent reader has the texts too.
        let object = open_file(&path).unwrap();
        let item = |label: &str| {
            let items = object.element(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap();
            items.iter().any(|item| item.element(tags::SEGMENT_LABEL).unwrap().to_str().unwrap() == label)
        };
        assert!(item("Leber äöü") && item("hand"));
    }
}

/// A mask of one label value with some voxels in each slice.
fn source_mask(source: &SourceSeries, label: u16) -> Volume<u16> {
    let Dhw { d, h, w } = source.shape();
    let data = Array3::from_shape_fn((d, h, w), |(d, h, w)| if (d + h + w) % 3 == 0 { label } else { 0 });
    Volume::new(data, source.geometry().clone())
}

#[test]
fn texts_keep_the_character_set_of_the_series_or_become_utf_8() {
    let one = || SegmentTable::from_names([(1, "Zyste ä")]).unwrap();
    let written = |set: Option<&str>, patient: &[u8], table: &SegmentTable| {
        let slices: Vec<Slice> = (0..2)
            .map(|z| {
                let mut slice = study(Slice::at(f64::from(z), z)).text(tags::PATIENT_NAME, "PATIENT^NAME");
                if let Some(set) = set {
                    slice = slice.text(tags::SPECIFIC_CHARACTER_SET, set);
                }
                slice
            })
            .collect();
        let scan = folder(&slices);
        for entry in fs::read_dir(scan.path()).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.windows(12).position(|part| part == b"PATIENT^NAME").unwrap();
            bytes[at..at + 12].copy_from_slice(patient);
            fs::write(&path, bytes).unwrap();
        }
        let source = source(scan.path());
        let path = scan.path().join("mask.seg");
        let mask = source_mask(&source, 1);
        segmentation::write(&path, &mask, table, &source, &WriteOptions::default())?;
        let found = segmentation::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(&found.table, table);
        let object = open_file(&path).unwrap();
        let text = |tag| object.element(tag).map_or(String::new(), |e| e.to_str().unwrap().trim().to_string());
        let bytes = fs::read(&path).unwrap();
        let at = bytes.windows(6).position(|part| part == b"\x10\x00\x10\x00PN").unwrap();
        let length = usize::from(bytes[at + 6]);
        let name = bytes[at + 8..at + 8 + length].to_vec();
        Ok::<_, SegmentationError>((text(tags::SPECIFIC_CHARACTER_SET), name))
    };
    let latin = b"M\xFCller^Paul ";
    // ASCII needs nothing, so the series' bytes stay, whatever their set.
    for set in [None, Some("ISO_IR 100"), Some("ISO 2022 IR 6\\ISO 2022 IR 87"), Some("nonsense")] {
        let (set_out, name) = written(set, latin, &SegmentTable::from_names([(1, "liver")]).unwrap()).unwrap();
        assert_eq!((set_out.as_str(), &name[..12]), (set.unwrap_or(""), &latin[..]));
    }
    let (set, name) = written(Some("ISO_IR 100"), latin, &one()).unwrap();
    assert_eq!((set.as_str(), &name[..12]), ("ISO_IR 100", &latin[..]));
    // Characters that Latin 1 lacks: all texts become UTF-8, the patient's name too.
    let table = SegmentTable::from_names([(1, "囊肿")]).unwrap();
    let (set, name) = written(Some("ISO_IR 100"), latin, &table).unwrap();
    assert_eq!((set.as_str(), String::from_utf8(name).unwrap().trim()), ("ISO_IR 192", "Müller^Paul"));
    let (set, name) = written(None, b"PATIENT^NAME", &one()).unwrap();
    assert_eq!((set.as_str(), &name[..12]), ("ISO_IR 192", &b"PATIENT^NAME"[..]));
    // What is not known cannot be changed to UTF-8.
    for set in [None, Some("ISO 2022 IR 6\\ISO 2022 IR 87"), Some("nonsense")] {
        let refused = written(set, latin, &one()).unwrap_err();
        assert!(matches!(refused, SegmentationError::CharacterSet), "{refused}");
    }
}

#[test]
fn the_object_repeats_the_study_and_refers_to_its_slices() {
    let scan = series(true, true);
    let source = source(scan.path());
    let path = scan.path().join("mask.seg");
    let mask = source_mask(&source, 1);
    let date = ContentDate::new("20261129", "134500").unwrap();
    for (options, date, time) in [
        (WriteOptions::default(), "20200229", "070809.5"),
        (WriteOptions::default().with_content_date(date), "20261129", "134500"),
    ] {
        segmentation::write(&path, &mask, &table(&[1]), &source, &options).unwrap();
        let object = open_file(&path).unwrap();
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_string();
        assert_eq!(text(tags::PATIENT_NAME), SECRET);
        assert_eq!(
            (text(tags::STUDY_INSTANCE_UID), text(tags::FRAME_OF_REFERENCE_UID)),
            ("1.2.9".into(), "1.2.4".into())
        );
        assert_eq!((text(tags::CONTENT_DATE), text(tags::CONTENT_TIME)), (date.into(), time.into()));
        assert_eq!((text(tags::MODALITY), text(tags::MANUFACTURER)), ("SEG".into(), "medseg".into()));
        assert_ne!(text(tags::SERIES_INSTANCE_UID), source.series_uid());
        // Each frame's position is that of the slice it refers to.
        let frames = object.element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap();
        assert_eq!(frames.len(), 7);
        let group = |frame: usize, tag| frames[frame].element(tag).unwrap().items().unwrap()[0].clone();
        for (n, slice) in source.slices().iter().enumerate() {
            let position = group(n, tags::PLANE_POSITION_SEQUENCE);
            let position = position.element(tags::IMAGE_POSITION_PATIENT).unwrap().to_multi_float64().unwrap();
            assert!(position.iter().zip(slice.position).all(|(a, b)| (a - b).abs() < 1e-9));
            let image = group(n, tags::DERIVATION_IMAGE_SEQUENCE);
            let image = &image.element(tags::SOURCE_IMAGE_SEQUENCE).unwrap().items().unwrap()[0];
            let uid = image.element(tags::REFERENCED_SOP_INSTANCE_UID).unwrap().to_str().unwrap().to_string();
            assert_eq!(uid.trim_end_matches('\0'), slice.instance_uid);
        }
        let found = segmentation::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(found.frame_of_reference_uid, "1.2.4");
        let references: Vec<&str> = found.references.iter().map(|image| image.instance_uid.as_str()).collect();
        assert_eq!(references, source.slices().iter().map(|s| s.instance_uid.as_str()).collect::<Vec<_>>());
    }
    // The series with a segmentation beside it is still one series of images.
    assert_eq!(describe_folder(scan.path()).unwrap().series.len(), 1);
}

#[test]
fn the_same_content_gives_the_same_file() {
    let scan = series(false, false);
    let source = source(scan.path());
    let out = tempfile::tempdir().unwrap();
    let mask = source_mask(&source, 1);
    let write = |mask: &Volume<u16>, table: &SegmentTable, options: &WriteOptions| {
        let path = out.path().join("mask.dcm");
        let written = segmentation::write(&path, mask, table, &source, options).unwrap();
        (written, fs::read(&path).unwrap())
    };
    let options = WriteOptions::default();
    let (first, bytes) = write(&mask, &table(&[1]), &options);
    // The mask's orientation is not part of the content.
    assert_eq!(write(&mask.reoriented("SPR".parse().unwrap()), &table(&[1]), &options), (first.clone(), bytes));
    let mut other = mask.clone();
    other.data[[0, 0, 0]] = 0;
    let renamed = SegmentTable::from_names([(1, "x")]).unwrap();
    for (written, _) in [
        write(&other, &table(&[1]), &options),
        write(&mask, &renamed, &options),
        write(&mask, &table(&[1]), &options.clone().with_form(Form::LabelMap)),
        write(&mask, &table(&[1]), &options.clone().with_content_label("OTHER")),
    ] {
        assert!(written.instance_uid != first.instance_uid && written.series_uid != first.series_uid);
        assert!(written.instance_uid != written.series_uid);
    }
    let (written, _) = write(&mask, &table(&[1]), &options.with_uids("1.2.3.4", "1.2.3.5"));
    assert_eq!((written.series_uid.as_str(), written.instance_uid.as_str(), written.frames), ("1.2.3.4", "1.2.3.5", 7));
}

#[test]
fn a_mask_without_a_voxel_has_all_frames() {
    let scan = series(false, false);
    let source = source(scan.path());
    let path = scan.path().join("mask.seg");
    let empty = source_mask(&source, 0);
    for (form, omit) in FORMS {
        let options = WriteOptions::default().with_form(form).with_omit_empty_frames(omit);
        let written = segmentation::write(&path, &empty, &table(&[1, 2]), &source, &options).unwrap();
        assert_eq!(written.frames, if form == Form::Binary { 14 } else { 7 });
        let found = segmentation::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!((found.mask, found.table.len()), (empty.clone(), 2));
    }
}

#[test]
fn masks_that_are_not_of_the_series_are_refused() {
    let scan = series(true, false);
    let source = source(scan.path());
    let path = scan.path().join("mask.seg");
    let write = |mask: &Volume<u16>, table: &SegmentTable, options: &WriteOptions| {
        segmentation::write(&path, mask, table, &source, options).unwrap_err()
    };
    let (mask, options) = (source_mask(&source, 1), WriteOptions::default());
    let moved = Volume::new(mask.data.clone(), mask.geometry.cropped(Dhw { d: 1, h: 0, w: 0 }));
    let cropped = Volume::new(mask.data.slice(ndarray::s![1.., .., ..]).to_owned(), moved.geometry.clone());
    for other in [&moved, &cropped] {
        let refused = write(other, &table(&[1]), &options);
        assert!(matches!(refused, SegmentationError::OtherGrid { .. }), "{refused}");
    }
    assert!(matches!(write(&mask, &SegmentTable::default(), &options), SegmentationError::NoSegments));
    // The voxel is named as the caller has it.
    let mut strange = mask.reoriented(Orientation::RAS);
    let at = strange.data.dim();
    let at = [at.0 - 1, 0, at.2 - 1];
    strange.data.fill(0);
    strange.data[at] = 9;
    let refused = write(&strange, &table(&[1]), &options);
    assert!(
        matches!(refused, SegmentationError::LabelWithoutSegment { label: 9, voxel } if voxel == Dhw::from(at)),
        "{refused}"
    );
    for bad in [
        options.clone().with_uids("1.02", "1.2"),
        options.clone().with_content_label("lower"),
        options.clone().with_content_label("MORE THAN SIXTEEN"),
        options.clone().with_series_description("x".repeat(65)),
        options.clone().with_model("", "1"),
    ] {
        let refused = write(&mask, &table(&[1]), &bad);
        assert!(
            matches!(&refused, SegmentationError::Volume(VolumeError::Series(error)) if matches!(**error, DicomError::Option { .. })),
            "{refused}"
        );
    }
    assert!(!path.exists());
}

#[test]
fn nothing_but_the_file_shows_the_patient() {
    let scan = series(false, false);
    let source = source(scan.path());
    assert!(!format!("{source:?} {:?}", source.slices()).contains(SECRET));
    let lacking = folder(&[Slice::at(0.0, 0)]);
    let refused = SourceSeries::read(lacking.path(), &SeriesOptions::default()).unwrap_err();
    assert!(matches!(&refused, DicomError::Missing { attribute: "StudyInstanceUID", .. }), "{refused}");
    for tag in [tags::SOP_INSTANCE_UID, tags::SERIES_INSTANCE_UID, tags::FRAME_OF_REFERENCE_UID] {
        let lacking = folder(&[study(Slice::at(0.0, 0)).without(tag)]);
        let refused = SourceSeries::read(lacking.path(), &SeriesOptions::default()).unwrap_err();
        assert!(matches!(&refused, DicomError::Missing { .. }), "{refused}");
        assert!(!refused.to_string().contains(SECRET));
    }
}

#[test]
fn uneven_and_tilted_series_keep_their_places() {
    let uneven = [0.0, 1.0, 2.05, 3.0, 4.0].map(|z| study(Slice::at(z, (100.0 * z) as u16)));
    let tilted = [0_u16, 1, 2, 3].map(|n| {
        let position = format!("10\\{}\\{}", -20.0 + 0.5 * f64::from(n), 2.0 * f64::from(n));
        study(Slice::at(0.0, n)).text(tags::IMAGE_POSITION_PATIENT, &position)
    });
    for (slices, warned) in [(&uneven[..], "UnevenSlices"), (&tilted[..], "GantryTilt")] {
        let scan = folder(slices);
        let source = source(scan.path());
        let options = SeriesOptions::default().with_accept_tilt(true);
        let (image, _) = read_series_with(scan.path(), &options).unwrap();
        assert_eq!(&image.geometry, source.geometry());
        let mask = source_mask(&source, 1);
        let path = scan.path().join("mask.seg");
        for form in [Form::Binary, Form::LabelMap] {
            let options = WriteOptions::default().with_form(form);
            segmentation::write(&path, &mask, &table(&[1]), &source, &options).unwrap();
            let own = segmentation::read(&path, &ReadOptions::default()).unwrap();
            assert_eq!(own.mask, mask);
            assert!(format!("{:?}", own.warnings).contains(warned), "{:?}", own.warnings);
            let found = segmentation::read(&path, &ReadOptions::default().with_grid_of(&source)).unwrap();
            assert_eq!(found.mask, mask);
        }
    }
    // One slice: its thickness is the step.
    let scan = folder(&[study(Slice::at(3.0, 0))]);
    let source = source(scan.path());
    let path = scan.path().join("mask.seg");
    let mask = source_mask(&source, 1);
    segmentation::write(&path, &mask, &table(&[1]), &source, &WriteOptions::default()).unwrap();
    assert_eq!(segmentation::read(&path, &ReadOptions::default()).unwrap().mask, mask);
}

#[test]
fn frames_of_one_image_are_referred_to_by_number() {
    let kinds = Path::new("tests/golden/dicom_kinds");
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("mask.dcm");
    for name in ["enhanced_ct.dcm", "enhanced_mr_implicit.dcm"] {
        let source = match SourceSeries::read(kinds.join(name), &SeriesOptions::default()) {
            Ok(source) => source,
            Err(refused) => {
                // The golden file has no study; a copy gets one.
                assert!(matches!(refused, DicomError::Missing { .. }), "{refused}");
                let copy = out.path().join(name);
                let mut object = open_file(kinds.join(name)).unwrap();
                for (tag, uid) in [
                    (tags::STUDY_INSTANCE_UID, "1.2.9"),
                    (tags::FRAME_OF_REFERENCE_UID, "1.2.4"),
                    (tags::SOP_INSTANCE_UID, "1.2.7"),
                ] {
                    object.put_str(tag, dicom_core::VR::UI, uid);
                }
                object.write_to_file(&copy).unwrap();
                SourceSeries::read(copy, &SeriesOptions::default()).unwrap()
            }
        };
        let mask = source_mask(&source, 1);
        segmentation::write(&path, &mask, &table(&[1]), &source, &WriteOptions::default()).unwrap();
        let found = segmentation::read(&path, &ReadOptions::default().with_grid_of(&source)).unwrap();
        assert_eq!((found.mask, found.references.len()), (mask, 1));
        let object = open_file(&path).unwrap();
        let frames = object.element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).unwrap().items().unwrap();
        let numbers: Vec<u32> = frames
            .iter()
            .map(|frame| {
                let image = &frame.element(tags::DERIVATION_IMAGE_SEQUENCE).unwrap().items().unwrap()[0];
                let image = &image.element(tags::SOURCE_IMAGE_SEQUENCE).unwrap().items().unwrap()[0];
                image.element(tags::REFERENCED_FRAME_NUMBER).unwrap().to_int().unwrap()
            })
            .collect();
        assert_eq!(numbers, source.slices().iter().map(|slice| slice.frame.unwrap()).collect::<Vec<_>>());
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=numbers.len() as u32).collect::<Vec<_>>());
    }
}

#[test]
fn another_grid_is_refused_or_takes_the_nearest_voxels() {
    let found = on_series("labelmap.dcm", ReadOptions::default()).unwrap();
    let Dhw { d, h, w } = found.mask.shape();
    // Twice as many columns.
    let shape = Dhw { d, h, w: 2 * w };
    let fine = found.mask.geometry.resized(found.mask.shape(), shape);
    let options = ReadOptions::default().with_grid(shape, fine.clone());
    let refused = segmentation::read(golden("labelmap.dcm"), &options).unwrap_err();
    assert!(matches!(refused, SegmentationError::FrameOffGrid { frame: 1, .. }), "{refused}");
    let nearest = segmentation::read(golden("labelmap.dcm"), &options.with_nearest(true)).unwrap();
    let doubled = Array3::from_shape_fn((d, h, 2 * w), |(d, h, w)| found.mask.data[[d, h, w / 2]]);
    assert_eq!((nearest.mask.data, nearest.mask.geometry), (doubled, fine));
    // A large grid is refused before memory is taken.
    let large = ReadOptions::default().with_grid(Dhw::splat(100_000), found.mask.geometry.cropped(Dhw::splat(1)));
    let straight = medseg_volume::Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    for options in [large, ReadOptions::default().with_grid(Dhw::splat(100_000), straight).with_nearest(true)] {
        let refused = segmentation::read(golden("labelmap.dcm"), &options).unwrap_err();
        assert!(matches!(refused, SegmentationError::Volume(VolumeError::Limit { .. })), "{refused}");
    }
    // A part of the grid: what lies beyond is an error unless nearest voxels are asked for.
    let part = ReadOptions::default().with_grid(Dhw { d: 2, h, w }, found.mask.geometry.clone());
    let refused = segmentation::read(golden("labelmap.dcm"), &part).unwrap_err();
    assert!(matches!(refused, SegmentationError::OutsideGrid { .. }), "{refused}");
    // Off by a fifth of a voxel.
    let off = found.mask.geometry.voxel_to_world(Dhw { d: 0.2, h: 0.0, w: 0.0 });
    let mut affine = found.mask.geometry.affine();
    (0..3).for_each(|axis| affine[axis][3] = off[axis]);
    let off = medseg_volume::Geometry::from_affine(affine).unwrap();
    let refused =
        segmentation::read(golden("labelmap.dcm"), &ReadOptions::default().with_grid(found.mask.shape(), off));
    assert!(matches!(refused, Err(SegmentationError::FrameOffGrid { .. })));
}

#[test]
fn files_that_are_no_segmentation_are_refused_by_name() {
    let other = segmentation::read(golden("series/00.dcm"), &ReadOptions::default()).unwrap_err();
    assert!(
        matches!(&other, SegmentationError::Volume(VolumeError::Unsupported { kind: UnsupportedKind::Format, .. })),
        "{other}"
    );
    assert!(segmentation::read(golden("expected.json"), &ReadOptions::default()).is_err());
    assert!(segmentation::read(golden("none.dcm"), &ReadOptions::default()).is_err());
    for (name, wanted) in [
        ("series/00.dcm", ObjectKind::Other),
        ("expected.json", ObjectKind::Other),
        ("binary.dcm", ObjectKind::Segmentation),
        ("labelmap.dcm", ObjectKind::Segmentation),
        ("../structure_set/axial_disc.dcm", ObjectKind::StructureSet),
    ] {
        assert_eq!(object_kind(golden(name)).unwrap(), wanted, "{name}");
    }
    assert!(object_kind(golden("none.dcm")).is_err());
    let limited = segmentation::read(golden("binary.dcm"), &ReadOptions::default().with_max_bytes(1000));
    assert!(limited.is_err());
}
