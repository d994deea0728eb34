//! Segment tables: their CSV files, their checks, and the codes of names.

use std::fs;

use medseg_volume::error_chain;
use medseg_volume::segments::{AlgorithmKind, Code, Segment, SegmentFault, SegmentTable, SegmentTableError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The table of a CSV file with this content.
fn read(content: &str) -> Result<SegmentTable, SegmentTableError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segments.csv");
    fs::write(&path, content).unwrap();
    SegmentTable::read_csv(path)
}

/// The line and the fault of a file that is refused.
fn fault(content: &str) -> (u64, SegmentFault) {
    match read(content).unwrap_err() {
        SegmentTableError::Line { line, fault, .. } => (line, fault),
        other => panic!("{other}"),
    }
}

#[test]
fn a_short_file_takes_codes_and_colours_by_name() {
    let table = read("name,label\nSpleen,7\n\"liver, left\",2\nliver,1\n").unwrap();
    let labels: Vec<u16> = table.segments().iter().map(|segment| segment.label).collect();
    assert_eq!(labels, [1, 2, 7]);
    assert_eq!(table.get(7).unwrap().property_type, Code::sct("78961009", "Spleen"));
    assert_eq!(table.get(2).unwrap().property_type, Code::sct("85756007", "Tissue"));
    assert_eq!(table, SegmentTable::from_names([(7, "Spleen"), (2, "liver, left"), (1, "liver")]).unwrap());
    assert_eq!(table.named("SPLEEN").unwrap().label, 7);
    assert_eq!((table.named("heart"), table.get(3), table.len()), (None, None, 3));
}

#[test]
fn all_columns_are_read_in_any_order_with_a_byte_order_mark() {
    let content = "\u{feff}Algorithm_Name,algorithm,color,description,modifier,type,category,name,label\r\n\
                   net: v2, Semiautomatic ,#01fF10,\"two\nlines\",SCT:7771000:Left,99X:a:b: c,SCT:1:Cat,Ünïcode,65535\r\n";
    let table = read(content).unwrap();
    let expected = Segment::new(65535, "Ünïcode")
        .with_algorithm(AlgorithmKind::Semiautomatic, "net: v2")
        .with_colour([1, 255, 16])
        .with_description("two\nlines")
        .with_codes(Code::sct("1", "Cat"), Code::new("99X", "a", "b: c"))
        .with_modifier(Code::sct("7771000", "Left"));
    assert_eq!(table.segments(), [expected]);
}

#[test]
fn what_is_written_is_read_again() {
    const PIECES: [&str; 10] = ["a", "B ", "\"", ",", "é", "ß", "#", ";", "0", "中"];
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segments.csv");
    for _ in 0..200 {
        let mut text = |random: &mut ChaCha8Rng, most: usize| {
            let words: String = (0..random.random_range(0..most)).map(|_| PIECES[random.random_range(0..10)]).collect();
            format!("x{words}x")
        };
        let mut segments = Vec::new();
        for label in 1..random.random_range(2..9) {
            let mut segment = Segment::new(label * 11, text(&mut random, 20)).with_colour(random.random());
            let code = |random: &mut ChaCha8Rng, text: &mut dyn FnMut(&mut ChaCha8Rng, usize) -> String| {
                Code::new("S", random.random_range(0..99).to_string(), text(random, 20))
            };
            if random.random() {
                let (category, property_type) = (code(&mut random, &mut text), code(&mut random, &mut text));
                segment = segment.with_codes(category, property_type);
            }
            if random.random() {
                segment = segment.with_description(text(&mut random, 100));
            }
            if random.random() {
                segment = segment.with_modifier(code(&mut random, &mut text));
            }
            segments.push(segment);
        }
        let table = SegmentTable::new(segments).unwrap();
        table.write_csv(&path).unwrap();
        assert_eq!(SegmentTable::read_csv(&path).unwrap(), table, "{}", fs::read_to_string(&path).unwrap());
    }
}

#[test]
fn lines_that_are_no_segment_are_named() {
    assert_eq!(fault("label,name\n1,liver\n0,x\n"), (3, SegmentFault::NoLabel("0".into())));
    for label in ["-1", "65536", "1.0", "one", ""] {
        assert_eq!(fault(&format!("label,name\n{label},x\n")), (2, SegmentFault::NoLabel(label.into())));
    }
    assert_eq!(fault("label,name\n1,\n"), (2, SegmentFault::Empty("the name")));
    assert_eq!(fault("label,name\n1\n"), (2, SegmentFault::Empty("the name")));
    assert_eq!(fault("label,name\n1,a\\b\n"), (2, SegmentFault::Characters("the name")));
    let long = SegmentFault::Long { attribute: "the name", length: 65, most: 64 };
    assert_eq!(fault(&format!("label,name\n1,{}\n", "é".repeat(65))), (2, long));
    assert_eq!(fault("label,name,colour\n1,a,red\n"), (2, SegmentFault::NoColour("red".into())));
    assert_eq!(fault("label,name,type\n1,a,SCT:1:b\n"), (2, SegmentFault::HalfCoded));
    assert_eq!(fault("label,name,modifier\n1,a,left\n"), (2, SegmentFault::NoCode("left".into())));
    assert_eq!(fault("label,name,algorithm\n1,a,magic\n"), (2, SegmentFault::NoAlgorithm("magic".into())));
    assert!(matches!(fault("label\n1\n"), (1, SegmentFault::Columns(text)) if text.contains("name is missing")));
    assert!(matches!(fault("label,name,size\n"), (1, SegmentFault::Columns(text)) if text.contains("\"size\"")));
    assert!(matches!(fault("label,name,label\n"), (1, SegmentFault::Columns(text)) if text.contains("twice")));
    assert!(matches!(fault(""), (1, SegmentFault::Columns(_))));
    assert!(matches!(read("label,name\n3,a\n3,b\n"), Err(SegmentTableError::DuplicateLabel(3))));
    let missing = SegmentTable::read_csv("no such folder/segments.csv").unwrap_err();
    assert!(error_chain(&missing).contains("no such folder"), "{missing}");
}

#[test]
fn segments_that_dicom_cannot_hold_are_refused() {
    let refused = |segment: Segment| SegmentTable::new(vec![segment]).unwrap_err().to_string();
    assert!(refused(Segment::new(0, "liver")).contains("no label value"));
    assert!(refused(Segment::new(1, "  ")).contains("the name is empty"));
    let code = Code::sct("1".repeat(17), "x");
    assert!(refused(Segment::new(1, "a").with_codes(code.clone(), Code::sct("1", "x"))).contains("the category"));
    assert!(refused(Segment::new(1, "a").with_codes(Code::sct("1", "x"), code)).contains("the type"));
    assert!(refused(Segment::new(1, "a").with_modifier(Code::sct("", "x"))).contains("the modifier is empty"));
    assert!(refused(Segment::new(1, "a").with_algorithm(AlgorithmKind::Automatic, "")).contains("algorithm"));
    assert!(refused(Segment::new(1, "a").with_description("\u{7}")).contains("the description"));
    let manual = Segment::new(1, "a").with_algorithm(AlgorithmKind::Manual, "");
    assert!(SegmentTable::new(vec![manual]).is_ok());
}

#[test]
fn random_files_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let start = "label,name,category,type,modifier,colour,description,algorithm,algorithm_name\n";
    let sound = format!("{start}1,liver,SCT:1:a,SCT:2:b,SCT:3:c,#dd8265,text,automatic,net\n2,b,,,,,,,\n");
    let (mut read_anyway, mut refused) = (0, 0);
    for _ in 0..3000 {
        let mut bytes = sound.clone().into_bytes();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] = b",\"\n:#\\"[random.random_range(0..6)],
                _ => bytes.truncate(at.max(1)),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segments.csv");
        fs::write(&path, bytes).unwrap();
        match SegmentTable::read_csv(&path) {
            Ok(_) => read_anyway += 1,
            Err(error) => refused += usize::from(!error.to_string().is_empty()),
        }
    }
    assert!(read_anyway > 100 && refused > 1000, "{read_anyway} {refused}");
}
