//! Masks as RT structure sets and back, and structure sets of strangers.

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, FileMetaTableBuilder, InMemDicomObject, open_file};
use medseg_volume::contours::{Holes, PathRule};
use medseg_volume::dicom::structure_set::{
    self, RasteriseOptions, StructureSet, StructureSetError, StructureSetWarning, WriteOptions,
};
use medseg_volume::dicom::{ContentDate, DicomError, SeriesOptions, SourceSeries};
use medseg_volume::ndarray::{Array3, s};
use medseg_volume::segments::{AlgorithmKind, Code, Overlap, Segment, SegmentTable, SegmentationError};
use medseg_volume::{Dhw, Geometry, Orientation, Volume};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use crate::dicom_support::{SECRET, Slice};
use crate::support::codes;

/// Slices, rows and columns of the series.
pub const SHAPE: [usize; 3] = [4, 7, 6];

/// Directions of rows, columns and steps from slice to slice, the steps in millimetres.
#[derive(Clone, Copy)]
pub struct Frame {
    row: [f64; 3],
    column: [f64; 3],
    step: [f64; 3],
}

pub const AXIAL: Frame = Frame { row: [1.0, 0.0, 0.0], column: [0.0, 1.0, 0.0], step: [0.0, 0.0, 2.5] };

/// Turned about two axes, and with slices against the normal if `reversed`; sheared if `tilt` is not 0.
fn oblique(reversed: bool, tilt: f64) -> Frame {
    let ((a, b), (c, d)) = (0.3_f64.sin_cos(), 0.7_f64.sin_cos());
    let row = [b * d, a * d, -c];
    let column = [-a, b, 0.0];
    let normal = [
        row[1] * column[2] - row[2] * column[1],
        row[2] * column[0] - row[0] * column[2],
        row[0] * column[1] - row[1] * column[0],
    ];
    let sign = if reversed { -2.5 } else { 2.5 };
    Frame { row, column, step: std::array::from_fn(|axis| sign * normal[axis] + tilt * column[axis]) }
}

/// Writes a series of slices and reads its identity.
pub fn series(frame: Frame) -> (TempDir, SourceSeries) {
    let folder = tempfile::tempdir().unwrap();
    let text = |values: &[f64]| values.iter().map(|v| format!("{v:.9}")).collect::<Vec<_>>().join("\\");
    for slice in 0..SHAPE[0] {
        let position: [f64; 3] =
            std::array::from_fn(|axis| [-31.25, 17.5, 203.75][axis] + slice as f64 * frame.step[axis]);
        let mut made = Slice::at(0.0, slice as u16 + 1)
            .text(tags::IMAGE_POSITION_PATIENT, &text(&position))
            .text(tags::IMAGE_ORIENTATION_PATIENT, &text(&[frame.row, frame.column].concat()))
            .number(tags::ROWS, SHAPE[1] as u16)
            .number(tags::COLUMNS, SHAPE[2] as u16)
            .pixels(vec![0; SHAPE[1] * SHAPE[2]]);
        let mut put = |tag, vr, value: &str| made.object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        put(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.6");
        put(tags::STUDY_DATE, VR::DA, "20260102");
        put(tags::INSTITUTION_NAME, VR::LO, "Elsewhere");
        made.write(folder.path().join(format!("{slice}.dcm")));
    }
    let source = SourceSeries::read(folder.path(), &SeriesOptions::default().with_accept_tilt(true)).unwrap();
    (folder, source)
}

/// A mask on the series' grid with label values below `labels`, of which 0 has a share of `background`.
pub fn random_mask(rng: &mut ChaCha8Rng, source: &SourceSeries, labels: u16, background: f64) -> Volume<u16> {
    let value = |_| if rng.random_bool(background) { 0 } else { rng.random_range(1..labels) };
    Volume::new(Array3::from_shape_fn(SHAPE, value), source.geometry().clone())
}

pub fn table(labels: u16) -> SegmentTable {
    let names = ["liver", "kidney_left", "Läsion"];
    let name = |label: u16| names.get(usize::from(label) - 1).map_or(format!("label {label}"), ToString::to_string);
    SegmentTable::from_names((1..labels).map(|label| (label, name(label)))).unwrap()
}

fn write(folder: &Path, mask: &Volume<u16>, source: &SourceSeries, options: &WriteOptions) -> PathBuf {
    let path = folder.join("rtstruct.dcm");
    structure_set::write(&path, mask, &table(4), source, options).unwrap();
    path
}

#[test]
fn masks_come_back_voxel_for_voxel_whatever_their_axes() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let folder = tempfile::tempdir().unwrap();
    for frame in [AXIAL, oblique(false, 0.0), oblique(true, 0.0), oblique(false, 0.8)] {
        let (_scan, source) = series(frame);
        for code in codes() {
            let mask = random_mask(&mut rng, &source, 4, 0.5);
            let turned = mask.reoriented(code);
            let path = write(folder.path(), &turned, &source, &WriteOptions::default());
            let set = structure_set::read(&path).unwrap();
            for wanted in [&mask, &turned] {
                let shape = wanted.shape();
                let read = set.rasterise(&wanted.geometry, shape, &RasteriseOptions::default()).unwrap();
                assert_eq!(read.mask, *wanted, "{code}");
                assert_eq!(read.warnings, []);
            }
        }
    }
}

#[test]
fn masks_of_any_density_come_back_by_every_rule() {
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let (folder, source) = series(oblique(true, 0.0));
    let out = tempfile::tempdir().unwrap();
    for background in [0.0, 0.1, 0.4, 0.8, 0.97, 1.0] {
        for holes in [Holes::Keyhole, Holes::ExclusiveOr] {
            let mask = random_mask(&mut rng, &source, 4, background);
            let path = write(out.path(), &mask, &source, &WriteOptions::default().with_holes(holes));
            let set = structure_set::read(path).unwrap();
            if background == 1.0 {
                assert_eq!(set.rois.len(), 3);
                let none = set.rasterise(source.geometry(), source.shape(), &RasteriseOptions::default());
                assert!(matches!(none, Err(StructureSetError::NoContours)));
                continue;
            }
            for path in [PathRule::Inside, PathRule::HalfOpen] {
                let options = RasteriseOptions::default().with_path(path);
                let read = set.rasterise(source.geometry(), source.shape(), &options).unwrap();
                assert_eq!(read.mask, mask, "{background} {holes:?} {path:?}");
            }
        }
    }
    drop(folder);
}

#[test]
fn segments_come_back_with_names_codes_and_colours() {
    let (_scan, source) = series(AXIAL);
    let out = tempfile::tempdir().unwrap();
    let segments = vec![
        Segment::new(1, "kidney_left").with_colour([1, 2, 255]),
        Segment::new(7, "Läsion 結節").with_algorithm(AlgorithmKind::Manual, ""),
        Segment::new(300, "liver").with_codes(Code::new("99X", "1", "Kind"), Code::new("99X", "2", "Thing")),
    ];
    let table = SegmentTable::new(segments).unwrap();
    let mut mask = Volume::new(Array3::<u16>::zeros(SHAPE), source.geometry().clone());
    (mask.data[[0, 0, 0]], mask.data[[1, 2, 3]], mask.data[[3, 6, 5]]) = (1, 7, 300);
    let path = out.path().join("a.dcm");
    let written = structure_set::write(&path, &mask, &table, &source, &WriteOptions::default()).unwrap();
    assert_eq!((written.contours, written.points), (vec![1, 1, 1], 12));
    let set = structure_set::read(&path).unwrap();
    assert_eq!((set.series.as_str(), set.frame_of_reference.as_str()), ("1.2.3", "1.2.4"));
    assert_eq!(set.label, "medseg");
    let types: Vec<&str> = set.rois.iter().map(|roi| roi.interpreted_type.as_str()).collect();
    assert_eq!(types, ["ORGAN", "", ""]);
    let read = set.rasterise(source.geometry(), source.shape(), &RasteriseOptions::default()).unwrap();
    assert_eq!(read.mask, mask);
    for (read, wanted) in read.segments.segments().iter().zip(table.segments()) {
        assert_eq!((read.label, &read.name, read.colour), (wanted.label, &wanted.name, wanted.colour));
        assert_eq!((&read.category, &read.property_type), (&wanted.category, &wanted.property_type));
        assert_eq!((&read.modifier, read.algorithm), (&wanted.modifier, wanted.algorithm));
    }
    assert_eq!(set.roi(" LIVER ").unwrap().number, 300);
    let Err(StructureSetError::UnknownRoi { names, .. }) = set.roi("spleen") else { panic!() };
    assert_eq!(names, ["kidney_left", "Läsion 結節", "liver"]);
}

fn open(path: &Path) -> DefaultDicomObject {
    open_file(path).unwrap()
}

fn item(object: &InMemDicomObject, sequence: Tag, at: usize) -> InMemDicomObject {
    object.element(sequence).unwrap().items().unwrap()[at].clone()
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_string()
}

#[test]
fn a_file_refers_to_its_series_and_copies_nothing_else() {
    let (_scan, source) = series(oblique(false, 0.0));
    let out = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let mask = random_mask(&mut rng, &source, 4, 0.6);
    let date = ContentDate::new("20261129", "134500").unwrap();
    let options = WriteOptions::default().with_content_date(date).with_label("A label").with_model("net");
    let path = write(out.path(), &mask, &source, &options);
    let file = open(&path);
    assert_eq!(file.meta().transfer_syntax.trim_end_matches('\0'), uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let wanted = [
        (tags::SOP_CLASS_UID, uids::RT_STRUCTURE_SET_STORAGE),
        (tags::MODALITY, "RTSTRUCT"),
        (tags::PATIENT_NAME, SECRET),
        (tags::STUDY_INSTANCE_UID, "1.2.6"),
        (tags::STUDY_DATE, "20260102"),
        (tags::FRAME_OF_REFERENCE_UID, "1.2.4"),
        (tags::STRUCTURE_SET_LABEL, "A label"),
        (tags::STRUCTURE_SET_DATE, "20261129"),
        (tags::MANUFACTURER_MODEL_NAME, "net"),
    ];
    for (tag, wanted) in wanted {
        assert_eq!(text(&file, tag), wanted);
    }
    assert!(file.element(tags::INSTITUTION_NAME).is_err() && file.element(tags::ROWS).is_err());
    let frame = item(&file, tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, 0);
    let study = item(&frame, tags::RT_REFERENCED_STUDY_SEQUENCE, 0);
    assert_eq!(text(&study, tags::REFERENCED_SOP_INSTANCE_UID), "1.2.6");
    let referenced = item(&study, tags::RT_REFERENCED_SERIES_SEQUENCE, 0);
    let images = referenced.element(tags::CONTOUR_IMAGE_SEQUENCE).unwrap().items().unwrap().to_vec();
    let images: Vec<String> = images.iter().map(|image| text(image, tags::REFERENCED_SOP_INSTANCE_UID)).collect();
    assert_eq!(images, ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"]);
    // Each contour lies on the plane of the image that it refers to.
    let mut contours = 0;
    for roi in file.element(tags::ROI_CONTOUR_SEQUENCE).unwrap().items().unwrap() {
        for contour in roi.element(tags::CONTOUR_SEQUENCE).unwrap().items().unwrap() {
            assert_eq!(text(contour, tags::CONTOUR_GEOMETRIC_TYPE), "CLOSED_PLANAR");
            let data = text(contour, tags::CONTOUR_DATA);
            assert!(data.split('\\').all(|number| (1..=16).contains(&number.len()) && number != "-0"));
            let numbers: Vec<f64> = data.split('\\').map(|number| number.parse().unwrap()).collect();
            assert_eq!(numbers.len(), 3 * text(contour, tags::NUMBER_OF_CONTOUR_POINTS).parse::<usize>().unwrap());
            let image = text(&item(contour, tags::CONTOUR_IMAGE_SEQUENCE, 0), tags::REFERENCED_SOP_INSTANCE_UID);
            let slice = source.slices().iter().position(|slice| slice.instance_uid == image).unwrap();
            for point in numbers.chunks(3) {
                let voxel = source.geometry().world_to_voxel([-point[0], -point[1], point[2]]);
                assert!((voxel.d - slice as f64).abs() < 1e-5, "{voxel:?}");
            }
            contours += 1;
        }
    }
    assert!(contours > 20);
}

#[test]
fn contours_on_an_image_of_several_frames_name_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = open_file("tests/golden/dicom_kinds/enhanced_ct.dcm").unwrap();
    image.put(DataElement::new(tags::STUDY_INSTANCE_UID, VR::UI, PrimitiveValue::from("1.2.6")));
    image.write_to_file(folder.path().join("image.dcm")).unwrap();
    let source = SourceSeries::read(folder.path(), &SeriesOptions::default()).unwrap();
    let shape = source.shape();
    let data = Array3::from_shape_fn(shape.to_array(), |(d, h, w)| u16::from(h == 2 * d && w == 3));
    let mask = Volume::new(data, source.geometry().clone());
    let path = folder.path().join("rtstruct");
    structure_set::write(&path, &mask, &table(2), &source, &WriteOptions::default()).unwrap();
    let file = open(&path);
    let contours = item(&file, tags::ROI_CONTOUR_SEQUENCE, 0);
    let contours = contours.element(tags::CONTOUR_SEQUENCE).unwrap().items().unwrap().to_vec();
    let frames: Vec<String> = contours
        .iter()
        .map(|contour| text(&item(contour, tags::CONTOUR_IMAGE_SEQUENCE, 0), tags::REFERENCED_FRAME_NUMBER))
        .collect();
    let wanted: Vec<String> = source.slices().iter().map(|slice| slice.frame.unwrap().to_string()).collect();
    assert_eq!((frames.len(), frames), (4, wanted));
    let frame = item(&file, tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, 0);
    let series = item(&item(&frame, tags::RT_REFERENCED_STUDY_SEQUENCE, 0), tags::RT_REFERENCED_SERIES_SEQUENCE, 0);
    assert_eq!(series.element(tags::CONTOUR_IMAGE_SEQUENCE).unwrap().items().unwrap().len(), 1);
    // The structure set in the folder is no image of the series.
    let again = SourceSeries::read(folder.path(), &SeriesOptions::default()).unwrap();
    let set = structure_set::read(&path).unwrap();
    let read = set.rasterise(again.geometry(), again.shape(), &RasteriseOptions::default()).unwrap();
    assert_eq!(read.mask, mask);
}

#[test]
fn equal_masks_give_equal_files() {
    let (_scan, source) = series(AXIAL);
    let [a, b] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let mut mask = random_mask(&mut ChaCha8Rng::seed_from_u64(24), &source, 4, 0.5);
    let options = WriteOptions::default();
    let first = fs::read(write(a.path(), &mask, &source, &options)).unwrap();
    let turned = mask.reoriented(Orientation::RAS);
    assert_eq!(fs::read(write(b.path(), &turned, &source, &options)).unwrap(), first);
    let uid = |path: &Path| text(&open(path), tags::SOP_INSTANCE_UID);
    let before = uid(&a.path().join("rtstruct.dcm"));
    mask.data[[0, 0, 0]] = 3 - mask.data[[0, 0, 0]];
    assert_ne!(uid(&write(a.path(), &mask, &source, &options)), before);
    let named = options.with_uids("1.2.7", "1.2.8");
    assert_eq!(uid(&write(a.path(), &mask, &source, &named)), "1.2.8");
}

#[test]
fn masks_that_do_not_fit_are_refused() {
    let (_scan, source) = series(AXIAL);
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("a.dcm");
    let mask = random_mask(&mut ChaCha8Rng::seed_from_u64(25), &source, 4, 0.5);
    let write = |mask: &Volume<u16>, labels, options: &WriteOptions| {
        structure_set::write(&path, mask, &table(labels), &source, options).unwrap_err()
    };
    let options = WriteOptions::default();
    let other = Volume::new(mask.data.clone(), mask.geometry.cropped(Dhw { d: 0, h: 0, w: 1 }));
    let part = Volume::new(mask.data.slice(s![.., .., 1..]).to_owned(), other.geometry.clone());
    for mask in [other, part] {
        let error = write(&mask, 4, &options);
        assert!(matches!(error, StructureSetError::Mask(SegmentationError::OtherGrid { .. })), "{error}");
    }
    let error = write(&mask, 1, &options);
    assert!(matches!(error, StructureSetError::Mask(SegmentationError::NoSegments)), "{error}");
    let mut turned = mask.reoriented("RSP".parse().unwrap());
    turned.data[[1, 2, 3]] = 9;
    let error = write(&turned, 4, &options);
    let wanted = SegmentationError::LabelWithoutSegment { label: 9, voxel: Dhw { d: 1, h: 2, w: 3 } };
    assert_eq!(error.to_string(), wanted.to_string());
    let error = write(&mask, 4, &options.clone().with_max_points(20));
    assert!(matches!(error, StructureSetError::ManyPoints { limit: 20 }), "{error}");
    for options in [
        options.clone().with_label("more than sixteen characters"),
        options.clone().with_series_description(""),
        options.clone().with_uids("1", "a"),
    ] {
        let error = write(&mask, 4, &options);
        assert!(matches!(error, StructureSetError::File(DicomError::Option { .. })), "{error}");
    }
    assert!(!path.exists());
}

/// A region of a structure set that is made by hand: its contours' types and numbers.
struct Region<'a> {
    number: &'a str,
    name: &'a str,
    contours: Vec<(&'a str, String)>,
}

fn object_of(elements: Vec<(Tag, VR, PrimitiveValue)>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements.into_iter().map(|(tag, vr, value)| DataElement::new(tag, vr, value)))
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, dicom_core::value::DataSetSequence::from(items))
}

/// Writes a structure set of regions and reads it.
fn read_regions(regions: &[Region], syntax: &str) -> Result<StructureSet, StructureSetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    let is = |text: &str| PrimitiveValue::from(text);
    let mut file = object_of(vec![
        (tags::SOP_CLASS_UID, VR::UI, is(uids::RT_STRUCTURE_SET_STORAGE)),
        (tags::SOP_INSTANCE_UID, VR::UI, is("1.2.3")),
        (tags::PATIENT_NAME, VR::PN, is(SECRET)),
    ]);
    let roi = |region: &Region| {
        object_of(vec![(tags::ROI_NUMBER, VR::IS, is(region.number)), (tags::ROI_NAME, VR::LO, is(region.name))])
    };
    let contours = |region: &Region| {
        let contour = |(kind, data): &(&str, String)| {
            let points = (data.split('\\').count() / 3).to_string();
            object_of(vec![
                (tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, is(kind)),
                (tags::NUMBER_OF_CONTOUR_POINTS, VR::IS, is(&points)),
                (tags::CONTOUR_DATA, VR::DS, is(data)),
            ])
        };
        let mut item = object_of(vec![(tags::REFERENCED_ROI_NUMBER, VR::IS, is(region.number))]);
        item.put(sequence(tags::CONTOUR_SEQUENCE, region.contours.iter().map(contour).collect()));
        item
    };
    file.put(sequence(tags::STRUCTURE_SET_ROI_SEQUENCE, regions.iter().map(roi).collect()));
    file.put(sequence(tags::ROI_CONTOUR_SEQUENCE, regions.iter().map(contours).collect()));
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(uids::RT_STRUCTURE_SET_STORAGE)
        .media_storage_sop_instance_uid("1.2.3")
        .transfer_syntax(syntax);
    file.with_meta(meta).unwrap().write_to_file(&path).unwrap();
    structure_set::read(&path)
}

/// A square of pixels on the plane at `z`, as `ContourData`; its path passes half a pixel outside of their centres.
fn square(rows: [f64; 2], columns: [f64; 2], z: f64) -> String {
    let corners = [(0, 0), (0, 1), (1, 1), (1, 0)];
    let point = |(r, c): (usize, usize)| {
        let (row, column) = (rows[r] + r as f64 - 0.5, columns[c] + c as f64 - 0.5);
        format!("{column}\\{row}\\{z}")
    };
    corners.map(point).join("\\")
}

/// A grid whose voxel `[d, h, w]` lies at LPS millimetres `[w, h, d]`.
fn grid() -> (Geometry, Dhw<usize>) {
    let geometry = Geometry::from_spacing(Dhw { d: 1.0, h: -1.0, w: -1.0 }).unwrap();
    (geometry, Dhw::from([5, 8, 9]))
}

fn closed(name: &str, contours: Vec<String>) -> Region<'_> {
    Region { number: "1", name, contours: contours.into_iter().map(|data| ("CLOSED_PLANAR", data)).collect() }
}

/// The slices with voxels, and the number of voxels, of regions on the grid.
fn rasterised(regions: &[Region]) -> (Vec<usize>, usize, Vec<StructureSetWarning>) {
    let (geometry, shape) = grid();
    let set = read_regions(regions, uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let read = set.rasterise(&geometry, shape, &RasteriseOptions::default()).unwrap();
    let slices = (0..shape.d).filter(|slice| read.mask.data.slice(s![*slice, .., ..]).iter().any(|v| *v > 0));
    (slices.collect(), read.mask.data.iter().filter(|label| **label > 0).count(), read.warnings)
}

#[test]
fn contours_go_to_the_nearest_slice_within_half_a_step() {
    let roi = || "a".to_string();
    let at = |z: f64| square([1.0, 2.0], [3.0, 5.0], z);
    assert_eq!(rasterised(&[closed("a", vec![at(1.0)])]), (vec![1], 6, vec![]));
    assert_eq!(rasterised(&[closed("a", vec![at(1.05)])]), (vec![1], 6, vec![]));
    let off = |steps| StructureSetWarning::OffPlane { roi: roi(), steps };
    assert_eq!(rasterised(&[closed("a", vec![at(1.375)])]), (vec![1], 6, vec![off(0.375)]));
    // Half a step: the lower slice.
    assert_eq!(rasterised(&[closed("a", vec![at(1.5)])]), (vec![1], 6, vec![off(0.5)]));
    assert_eq!(rasterised(&[closed("a", vec![at(4.25), at(0.0)])]), (vec![0, 4], 12, vec![off(0.25)]));
    let outside = |contours| StructureSetWarning::OutsideGrid { roi: roi(), contours };
    assert_eq!(rasterised(&[closed("a", vec![at(0.0), at(-0.5), at(5.0), at(1e300)])]), (vec![0], 6, vec![outside(3)]));
}

#[test]
fn the_nearest_of_several_planes_at_a_slice_counts() {
    let [small, large] = [[3.0, 3.0], [2.0, 5.0]].map(|columns| move |z: f64| square([1.0, 2.0], columns, z));
    let dense = |contours| StructureSetWarning::DensePlanes { roi: "a".into(), contours };
    let read = rasterised(&[closed("a", vec![large(0.75), small(1.0), large(1.25), large(1.5)])]);
    assert_eq!(read, (vec![1], 2, vec![dense(3)]));
    // Two contours of one plane are combined, though text moved one of them.
    let read = rasterised(&[closed("a", vec![large(1.0), small(1.001)])]);
    assert_eq!(read, (vec![1], 6, vec![]));
}

#[test]
fn nothing_is_interpolated_between_planes() {
    let at = |z: f64| square([1.0, 2.0], [3.0, 5.0], z);
    let sparse = StructureSetWarning::SparsePlanes { roi: "a".into(), slices: 2 };
    let read = rasterised(&[closed("a", vec![at(4.0), at(0.0), at(2.0)])]);
    assert_eq!(read, (vec![0, 2, 4], 18, vec![sparse]));
}

#[test]
fn points_and_open_contours_are_passed_over() {
    let data = square([1.0, 2.0], [3.0, 5.0], 1.0);
    let kinds = ["CLOSED_PLANAR", "POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"];
    let contours = kinds.map(|kind| (kind, data.clone())).to_vec();
    let (slices, voxels, warnings) = rasterised(&[Region { number: "1", name: "a", contours }]);
    assert_eq!((slices, voxels), (vec![1], 6));
    assert_eq!(warnings, [StructureSetWarning::OpenContours { roi: "a".into(), contours: 3 }]);
    let xor = vec![("CLOSEDPLANAR_XOR", data.clone()), ("CLOSEDPLANAR_XOR", square([1.0, 1.0], [4.0, 4.0], 1.0))];
    assert_eq!(rasterised(&[Region { number: "1", name: "a", contours: xor }]), (vec![1], 5, vec![]));
}

#[test]
fn overlapping_regions_are_refused_by_name_or_read_one_by_one() {
    let (geometry, shape) = grid();
    let region = |number, name, columns| Region {
        number,
        name,
        contours: vec![("CLOSED_PLANAR", square([1.0, 2.0], columns, 1.0))],
    };
    let regions = [
        region("1", "left", [1.0, 3.0]),
        region("5", "middle", [3.0, 5.0]),
        region("2", "right", [6.0, 7.0]),
        region("3", "right ", [6.0, 7.0]),
    ];
    let set = read_regions(&regions, uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let rasterise = |options: &RasteriseOptions| set.rasterise(&geometry, shape, options);
    let Err(StructureSetError::Overlap(shared)) = rasterise(&RasteriseOptions::default()) else { panic!() };
    let names: Vec<_> = shared.iter().map(|both| (both.first.as_str(), both.second.as_str(), both.voxels)).collect();
    assert_eq!(names, [("left", "middle", 2), ("right", "right", 4)]);
    let count = |read: &structure_set::RoiMask, label| read.mask.data.iter().filter(|v| **v == label).count();
    let one = rasterise(&RasteriseOptions::default().with_rois(["Middle"])).unwrap();
    assert_eq!((count(&one, 5), one.segments.len()), (6, 1));
    let both = RasteriseOptions::default().with_rois(["middle", "left"]);
    let both = rasterise(&both.with_overlap(Overlap::First)).unwrap();
    assert_eq!((count(&both, 5), count(&both, 1)), (6, 4));
    let last = rasterise(&RasteriseOptions::default().with_overlap(Overlap::Last)).unwrap();
    assert_eq!([1, 5, 2, 3].map(|label| count(&last, label)), [4, 6, 0, 4]);
    let several = rasterise(&RasteriseOptions::default().with_rois(["right"]));
    assert!(matches!(several, Err(StructureSetError::SeveralRois { .. })));
    let limit = rasterise(&RasteriseOptions::default().with_max_bytes(100));
    assert!(matches!(limit, Err(StructureSetError::Memory { needed: 720, limit: 100 })));
}

#[test]
fn contours_of_another_frame_of_reference_are_refused() {
    let (scan, source) = series(AXIAL);
    let mask = random_mask(&mut ChaCha8Rng::seed_from_u64(26), &source, 4, 0.5);
    let path = scan.path().join("rtstruct");
    let options = SeriesOptions::default();
    let written =
        structure_set::write_for_series(&path, &mask, &table(4), (scan.path(), &options), &WriteOptions::default());
    assert_eq!(written.unwrap().contours.len(), 3);
    let mut set = structure_set::read(&path).unwrap();
    assert_eq!(set.rasterise_on_series(&source, &RasteriseOptions::default()).unwrap().mask, mask);
    set.frame_of_reference = "1.2.5".into();
    let error = set.rasterise_on_series(&source, &RasteriseOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "the contours lie in the frame of reference 1.2.5, the series in 1.2.4");
    set.frame_of_reference.clear();
    assert!(set.rasterise_on_series(&source, &RasteriseOptions::default()).is_ok());
}

#[test]
fn numbers_that_are_no_label_values_are_replaced_by_places() {
    let (geometry, shape) = grid();
    let region = |number, row: f64| Region {
        number,
        name: "",
        contours: vec![("CLOSED_PLANAR", square([row, row], [1.0, 1.0], 1.0))],
    };
    let set = read_regions(&[region("70000", 1.0), region("0", 3.0)], "1.2.840.10008.1.2.2").unwrap();
    let read = set.rasterise(&geometry, shape, &RasteriseOptions::default()).unwrap();
    assert_eq!((read.mask.data[[1, 1, 1]], read.mask.data[[1, 3, 1]]), (1, 2));
    assert_eq!(read.segments.get(1).unwrap().name, "ROI 70000");
}

#[test]
fn grids_across_the_contours_are_refused() {
    let (_, shape) = grid();
    let set = read_regions(&[closed("a", vec![square([1.0, 5.0], [1.0, 5.0], 1.0)])], uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .unwrap();
    let (sin, cos) = 0.2_f64.sin_cos();
    let turned = Geometry::from_affine([
        [-1.0, 0.0, 0.0, 0.0],
        [0.0, -cos, -sin, 0.0],
        [0.0, -sin, cos, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ])
    .unwrap();
    let error = set.rasterise(&turned, shape, &RasteriseOptions::default()).unwrap_err();
    let StructureSetError::NotParallel { roi, steps } = &error else { panic!("{error}") };
    assert!(roi == "a" && (*steps - 5.0 * sin).abs() < 1e-9, "{error}");
}

#[test]
fn damaged_structure_sets_are_refused_with_the_reason() {
    let good = || square([1.0, 2.0], [1.0, 2.0], 1.0);
    let read = |regions: &[Region]| read_regions(regions, uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap_err().to_string();
    for (data, reason) in [
        ("1\\2\\nan".to_string(), "no finite number"),
        ("1\\2\\1e999".into(), "no finite number"),
        ("1\\\\3".into(), "no finite number"),
        ("1\\2\\3\\4".into(), "has 4 numbers"),
        ("1\\2\\3\\".into(), "has 4 numbers"),
        ("one\\2\\3".into(), "no finite number"),
    ] {
        let error = read(&[closed("a", vec![good(), data])]);
        assert!(error.contains(reason) && !error.contains(SECRET), "{error}");
    }
    let twice = [closed("a", vec![good()]), closed("b", vec![good()])];
    assert!(read(&twice).contains("two ROIs have the number 1"));
    let unnumbered = Region { number: "x", name: "a", contours: vec![] };
    assert!(read(&[unnumbered]).contains("no ROINumber"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    Slice::at(1.0, 1).write(&path);
    assert!(matches!(structure_set::read(&path), Err(StructureSetError::OtherObject { .. })));
    fs::write(&path, "no DICOM").unwrap();
    assert!(structure_set::read(&path).unwrap_err().to_string().contains("not DICOM"));
    assert!(structure_set::read(folder.path().join("none")).is_err());
}

#[test]
fn contours_without_points_and_wrong_counts_are_harmless() {
    let contours = vec![("CLOSED_PLANAR", String::new()), ("CLOSED_PLANAR", square([1.0, 2.0], [3.0, 5.0], 1.0) + " ")];
    let (slices, voxels, warnings) = rasterised(&[Region { number: " 1 ", name: "a", contours }]);
    assert_eq!((slices, voxels, warnings), (vec![1], 6, vec![]));
}

#[test]
fn files_of_rt_utils_give_its_own_masks() {
    #[derive(serde::Deserialize)]
    struct Wanted {
        affine: [[f64; 4]; 4],
        shape: [usize; 3],
        mask: Vec<String>,
    }
    let folder = Path::new("tests/golden/structure_set");
    let wanted = fs::read_to_string(folder.join("expected.json")).unwrap();
    let wanted: std::collections::BTreeMap<String, Wanted> = serde_json::from_str(&wanted).unwrap();
    assert_eq!(wanted.len(), 10);
    for (name, wanted) in wanted {
        let set = structure_set::read(folder.join(&name)).unwrap();
        assert_eq!((set.rois.len(), set.rois[0].name.as_str()), (1, "label 1"));
        let geometry = Geometry::from_affine(wanted.affine).unwrap();
        let read = set.rasterise(&geometry, Dhw::from(wanted.shape), &RasteriseOptions::default()).unwrap();
        let mask: Vec<u16> = wanted.mask.concat().bytes().map(|digit| u16::from(digit == b'1')).collect();
        assert_eq!(read.mask.data.into_raw_vec_and_offset().0, mask, "{name}");
    }
}
