//! 3D Slicer's `.seg.nrrd` files.

use std::fs;
use std::path::Path;

use medseg_volume::segments::{
    AlgorithmKind, Code, Overlap, SegNrrdOptions, Segment, SegmentChoice, SegmentTable, SegmentationError,
    read_seg_nrrd, write_seg_nrrd,
};
use medseg_volume::{Dhw, Geometry, Orientation, Volume, read_label, read_label_values};
use ndarray::Array3;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::codes;

fn read(path: impl AsRef<Path>) -> Result<(Volume<u16>, SegmentTable), SegmentationError> {
    read_seg_nrrd(path, &SegNrrdOptions::default())
}

fn oblique() -> Geometry {
    let rows = [[0.7, 0.2, 0.1, -3.0], [-0.15, 0.8, 0.4, 7.5], [0.05, -0.3, 2.4, 11.0]];
    Geometry::from_affine([rows[0], rows[1], rows[2], [0.0, 0.0, 0.0, 1.0]]).unwrap()
}

fn table() -> SegmentTable {
    let tumour = Segment::new(4, "Tumour | ~ ^ ß")
        .with_codes(Code::sct("49755003", "Morphologically Abnormal Structure"), Code::sct("108369006", "Neoplasm"))
        .with_modifier(Code::sct("7771000", "Left"))
        .with_description("drawn")
        .with_algorithm(AlgorithmKind::Manual, "");
    SegmentTable::new(vec![Segment::new(1, "liver"), Segment::new(2, "kidney_right"), tumour]).unwrap()
}

#[test]
fn masks_and_tables_come_back_in_every_orientation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let mask = Array3::from_shape_fn((3, 4, 5), |(d, h, w)| [0_u16, 1, 2, 4][(d * 7 + h * 3 + w) % 4]);
    let mask = Volume::new(mask, oblique()).reoriented(Orientation::RAS);
    for code in codes() {
        let turned = mask.reoriented(code);
        write_seg_nrrd(&path, &turned, &table()).unwrap();
        let (found, segments) = read(&path).unwrap();
        assert_eq!((&found, segments), (&turned, table()));
        // Any reader of NRRD has the same voxels.
        let label = read_label(&path).unwrap();
        assert_eq!((label.data.mapv(u16::from), label.geometry), (turned.data, turned.geometry));
    }
    let first = fs::read(&path).unwrap();
    write_seg_nrrd(&path, &mask.reoriented(*codes().last().unwrap()), &table()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first, "the same input gives the same file");
}

#[test]
fn label_values_above_255_take_two_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let data = Array3::from_shape_fn((2, 3, 4), |(d, h, w)| if d == 1 { 65535 } else { (h * w) as u16 });
    let names = [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (6, "e"), (65535, "f")];
    let table = SegmentTable::from_names(names).unwrap();
    let mask = Volume::new(data, oblique());
    write_seg_nrrd(&path, &mask, &table).unwrap();
    assert_eq!(read(&path).unwrap(), (mask.clone(), table));
    assert_eq!(read_label_values(&path).unwrap().data, mask.data.mapv(i32::from));
}

#[test]
fn masks_that_the_table_does_not_describe_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let mut data = Array3::<u8>::zeros((2, 3, 4));
    data[[1, 2, 3]] = 3;
    let mask = Volume::new(data, oblique());
    let refused = write_seg_nrrd(&path, &mask, &table()).unwrap_err();
    assert!(
        matches!(refused, SegmentationError::LabelWithoutSegment { label: 3, voxel } if voxel == Dhw { d: 1, h: 2, w: 3 })
    );
    assert!(matches!(write_seg_nrrd(&path, &mask, &SegmentTable::default()), Err(SegmentationError::NoSegments)));
    assert!(write_seg_nrrd(folder.path().join("a.nii"), &mask, &table()).unwrap_err().to_string().contains(".nrrd"));
    assert!(!path.exists());
}

/// A file as 3D Slicer 5 writes several layers: the channels first, raw.
fn slicer(keys: &str, layers: usize, voxels: &[u8]) -> Vec<u8> {
    let sizes = if layers == 1 { "2 2 1".to_string() } else { format!("{layers} 2 2 1") };
    let (dimension, none, list) = if layers == 1 { (3, "", "") } else { (4, "none ", "list ") };
    let head = format!(
        "NRRD0004\n# Complete NRRD file format specification at:\n# http://teem.sourceforge.net/nrrd/format.html\n\
         type: unsigned char\ndimension: {dimension}\nspace: left-posterior-superior\nsizes: {sizes}\n\
         space directions: {none}(1,0,0) (0,1,0) (0,0,2)\nkinds: {list}domain domain domain\nencoding: raw\n\
         space origin: (0,0,0)\n{keys}Segmentation_ContainedRepresentationNames:=Binary labelmap|\n\n"
    );
    [head.as_bytes(), voxels].concat()
}

const TWO_LAYERS: &str = "Segment0_Color:=0.5 0.68 0.2\nSegment0_ID:=Segment_1\nSegment0_LabelValue:=1\n\
    Segment0_Layer:=0\nSegment0_Name:=liver\nSegment0_Tags:=Segmentation.Status:inprogress|TerminologyEntry:Segmentation \
    category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney~\
    SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^|\nSegment1_ID:=Segment_2\nSegment1_LabelValue:=1\n\
    Segment1_Layer:=1\nSegment1_Name:=tumour\nSegment2_ID:=Segment_3\nSegment2_LabelValue:=2\nSegment2_Layer:=0\n";

#[test]
fn layers_of_slicer_are_joined_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    // Voxels (layer 0, layer 1): both segments claim the third one.
    fs::write(&path, slicer(TWO_LAYERS, 2, &[0, 0, 1, 0, 1, 1, 2, 0])).unwrap();
    let refused = read(&path).unwrap_err();
    assert!(
        matches!(&refused, SegmentationError::Overlap { first, second, voxel, .. }
            if first == "liver" && second == "tumour" && *voxel == Dhw { d: 0, h: 1, w: 0 }),
        "{refused}"
    );
    let with = |overlap| read_seg_nrrd(&path, &SegNrrdOptions::default().with_overlap(overlap)).unwrap();
    let (mask, table) = with(Overlap::First);
    // Label values repeat in the layers, so segments are numbered.
    assert_eq!(mask.data.into_raw_vec_and_offset().0, [0, 1, 1, 3]);
    let names: Vec<&str> = table.segments().iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["liver", "tumour", "Segment_3"]);
    let kidney = table.get(1).unwrap();
    assert_eq!(kidney.colour, [128, 173, 51]);
    assert_eq!(kidney.property_type, Code::sct("64033007", "Kidney"));
    assert_eq!(kidney.modifier, Some(Code::sct("7771000", "Left")));
    assert_eq!(with(Overlap::Last).0.data.into_raw_vec_and_offset().0, [0, 1, 2, 3]);
    let chosen = SegNrrdOptions::default().with_segments(SegmentChoice::Names(vec!["TUMOUR".into()]));
    let (mask, table) = read_seg_nrrd(&path, &chosen).unwrap();
    assert_eq!((mask.data.into_raw_vec_and_offset().0, table.len()), (vec![0, 0, 2, 0], 1));
    let unknown = SegNrrdOptions::default().with_segments(SegmentChoice::Labels(vec![9]));
    let unknown = read_seg_nrrd(&path, &unknown).unwrap_err().to_string();
    assert!(unknown.contains("no segment 9") && unknown.contains("liver"), "{unknown}");
}

#[test]
fn files_without_label_values_have_a_segment_a_channel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.seg.nrrd");
    let keys = "Segment0_ID:=a\nSegment0_Name:=liver\nSegment1_ID:=b\nSegment1_Name:=spleen\n";
    fs::write(&path, slicer(keys, 2, &[0, 0, 1, 0, 0, 1, 1, 0])).unwrap();
    assert_eq!(read(&path).unwrap().0.data.into_raw_vec_and_offset().0, [0, 1, 2, 1]);
}

#[test]
fn files_that_describe_no_segments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let refused = |keys: &str| {
        fs::write(&path, slicer(keys, 1, &[0, 1, 0, 1])).unwrap();
        read(&path).unwrap_err().to_string()
    };
    assert!(refused("").contains("no segment"));
    for (keys, reason) in [
        ("Segment0_LabelValue:=0\n", "from 1 to 65535"),
        ("Segment0_LabelValue:=65536\n", "from 1 to 65535"),
        ("Segment0_LabelValue:=x\n", "no number"),
        ("Segment0_Layer:=1\n", "there are 1 layers"),
        ("Segment1_ID:=b\n", "of another segment"),
    ] {
        let text = refused(&format!("Segment0_ID:=a\n{keys}"));
        assert!(text.contains(reason), "{text}");
    }
}

/// Damages files; how many were read, and how many refused.
fn damaged_files(rounds: usize, seed: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.seg.nrrd");
    let mask = Array3::from_shape_fn((3, 4, 5), |(d, h, w)| [0_u16, 1, 2, 4][(d * 7 + h * 3 + w) % 4]);
    write_seg_nrrd(&path, &Volume::new(mask, oblique()), &table()).unwrap();
    let files = [fs::read(&path).unwrap(), slicer(TWO_LAYERS, 2, &[0, 0, 1, 0, 1, 0, 2, 0])];
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut read_anyway, mut refused) = (0, 0);
    for round in 0..rounds {
        let mut bytes = files[round % 2].clone();
        damage(&mut bytes, &mut random);
        fs::write(&path, bytes).unwrap();
        match read_seg_nrrd(&path, &SegNrrdOptions::default().with_max_bytes(64 << 20)) {
            Ok((mask, table)) => {
                read_anyway += 1;
                assert!(mask.data.iter().all(|label| *label == 0 || table.get(*label).is_some()));
            }
            Err(error) => refused += usize::from(!error.to_string().is_empty()),
        }
    }
    (read_anyway, refused)
}

#[test]
fn damaged_files_never_panic() {
    let (read_anyway, refused) = damaged_files(4000, 21);
    assert!(read_anyway > 300 && refused > 300, "{read_anyway} read, {refused} refused");
}

#[test]
#[ignore = "minutes; run once in a while, under a memory limit"]
fn a_million_damaged_files() {
    println!("{:?} of 1,000,000 files read and refused", damaged_files(1_000_000, 22));
}

fn damage(bytes: &mut Vec<u8>, random: &mut impl Rng) {
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..5) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] = b"0123456789:=~^|\n"[random.random_range(0..16)],
            2 => bytes[at] ^= 1 << random.random_range(0..8),
            3 => {
                let end = (at + random.random_range(0..9)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            _ => drop(bytes.splice(at..at, *b"99999")),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}
