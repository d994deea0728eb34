//! DICOM series.

use std::fs;
use std::path::Path;

use medseg_cohort::{CaseImage, CaseStatus, FindOptions, Found, PassedOverCause, find};
use medseg_volume::dicom::{SeriesOptions, read_series_files};

/// One slice: explicit little endian, without preamble and group 2.
fn slice(folder: &Path, name: &str, series: &str, z: f64, kind: &str) {
    let mut bytes = Vec::new();
    let mut put = |group: u16, element: u16, vr: &str, value: &[u8]| {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == "UI" { 0 } else { b' ' });
        }
        bytes.extend(group.to_le_bytes());
        bytes.extend(element.to_le_bytes());
        bytes.extend(vr.as_bytes());
        if vr == "OW" {
            bytes.extend([0, 0]);
            bytes.extend((value.len() as u32).to_le_bytes());
        } else {
            bytes.extend((value.len() as u16).to_le_bytes());
        }
        bytes.extend(value);
    };
    put(0x0008, 0x0008, "CS", kind.as_bytes());
    put(0x0008, 0x0016, "UI", b"1.2.840.10008.5.1.4.1.1.2");
    put(0x0008, 0x0060, "CS", b"CT");
    put(0x0010, 0x0010, "PN", b"SECRET^NAME");
    put(0x0018, 0x0050, "DS", b"2");
    put(0x0020, 0x000d, "UI", b"1.9.9");
    put(0x0020, 0x000e, "UI", series.as_bytes());
    put(0x0020, 0x0032, "DS", format!("0\\0\\{z}").as_bytes());
    put(0x0020, 0x0037, "DS", b"1\\0\\0\\0\\1\\0");
    put(0x0020, 0x0052, "UI", b"1.7.7");
    put(0x0028, 0x0002, "US", &1_u16.to_le_bytes());
    put(0x0028, 0x0004, "CS", b"MONOCHROME2");
    put(0x0028, 0x0010, "US", &2_u16.to_le_bytes());
    put(0x0028, 0x0011, "US", &2_u16.to_le_bytes());
    put(0x0028, 0x0030, "DS", b"1\\1");
    for (element, value) in [(0x0100, 16_u16), (0x0101, 16), (0x0102, 15), (0x0103, 1)] {
        put(0x0028, element, "US", &value.to_le_bytes());
    }
    put(0x7fe0, 0x0010, "OW", &[1, 0, 2, 0, 3, 0, 4, 0]);
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn volume(folder: &Path, series: &str) {
    for index in 0..3 {
        slice(folder, &format!("{series}_{index}.dcm"), series, 2.0 * f64::from(index), "ORIGINAL\\PRIMARY\\AXIAL");
    }
}

fn ids(found: &Found) -> Vec<&str> {
    found.cases.iter().map(|case| case.id.as_str()).collect()
}

#[test]
fn each_series_that_makes_a_volume_is_a_case_and_the_others_say_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    volume(&path("patient_1/study/ct"), "1.2.1");
    volume(&path("patient_2"), "1.2.2");
    volume(&path("patient_2"), "1.2.3");
    slice(&path("patient_2"), "scout", "1.2.4", 0.0, "ORIGINAL\\PRIMARY\\LOCALIZER");
    // A gap: slices at 0, 2, 4 and 10.
    volume(&path("patient_3/gap"), "1.2.5");
    slice(&path("patient_3/gap"), "late.dcm", "1.2.5", 10.0, "ORIGINAL\\PRIMARY\\AXIAL");
    fs::write(path("patient_2/report.txt"), "SECRET").unwrap();
    fs::write(path("plain.nii.gz"), "x").unwrap();
    let found = find(&[folder.path()], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["patient_1/study/ct", "patient_2/1.2.2_0", "patient_2/1.2.3_0", "plain"]);
    let over: Vec<_> = found.passed_over.iter().map(|input| (input.id.as_str(), input.reason.to_string())).collect();
    assert_eq!(over[0], ("patient_2/scout", "1 file(s) a localizer by its ImageType".into()));
    assert!(over[1].0 == "patient_3/gap/1.2.5_0" && over[1].1.contains("missing"), "{over:?}");
    assert_eq!(over.len(), 2);
    assert!(matches!(found.passed_over[0].reason, PassedOverCause::NoVolume(_)));

    let CaseImage::Series(files) = &found.cases[1].image else { panic!("{:?}", found.cases[1]) };
    let (image, _) = read_series_files(path("patient_2"), files, &SeriesOptions::default()).unwrap();
    assert_eq!(image.shape().to_array(), [3, 2, 2]);
}

#[test]
fn a_series_over_two_folders_is_one_case_and_a_copy_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for index in 0..6 {
        let part = if index < 3 { "p/study/A" } else { "p/study/B" };
        slice(&path(part), &index.to_string(), "1.2.1", 2.0 * f64::from(index), "ORIGINAL\\PRIMARY\\AXIAL");
    }
    volume(&path("q/one"), "1.2.2");
    volume(&path("q/copy"), "1.2.2");
    // By a pattern the folders that match are looked at as a whole.
    let found = find(&[path("*/study")], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["p/study"]);
    let found = find(&[path("p/study/A/1")], &FindOptions::default()).unwrap();
    assert_eq!((ids(&found), found.cases[0].files().len()), (vec!["1"], 1));
    let found = find(&[folder.path()], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["p/study", "q/copy", "q/one"]);
    assert_eq!(found.cases[0].files().len(), 6);
    assert_eq!(found.passed_over, []);
}

#[test]
fn a_damaged_file_spoils_the_series_that_it_may_belong_to() {
    let folder = tempfile::tempdir().unwrap();
    volume(&folder.path().join("p"), "1.2.1");
    volume(&folder.path().join("q"), "1.2.2");
    let slice = folder.path().join("p/1.2.1_2.dcm");
    let bytes = fs::read(&slice).unwrap();
    fs::write(&slice, &bytes[..60]).unwrap();
    let found = find(&[folder.path()], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["q"]);
    assert!(found.passed_over.iter().any(|input| input.reason.to_string().contains("damaged")), "{found:?}");
}

#[test]
fn parts_hold_folders_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    for patient in 0..8 {
        volume(&folder.path().join(format!("patient_{patient}")), "1.2.1");
        volume(&folder.path().join(format!("patient_{patient}")), "1.2.2");
    }
    let all = find(&[folder.path()], &FindOptions::default()).unwrap();
    let mut together = Vec::new();
    for part in 1..=3 {
        let options = FindOptions::default().with_part(medseg_cohort::Part::new(part, 3).unwrap());
        let found = find(&[folder.path()], &options).unwrap();
        assert_eq!(found.cases.len() % 2, 0);
        together.extend(found.cases);
    }
    together.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(together, all.cases);
}

#[test]
fn nothing_of_a_patient_is_in_ids_records_or_tables() {
    use medseg_cohort::{Cohort, RunIdentity, merge};
    let place = crate::support::Place::new(0);
    volume(&place.input().join("p"), "1.2.999.1");
    slice(&place.input().join("p"), "scout", "1.2.999.2", 0.0, "ORIGINAL\\PRIMARY\\LOCALIZER");
    for index in 0..3 {
        let old = place.input().join(format!("p/1.2.999.1_{index}.dcm"));
        fs::rename(old, place.input().join(format!("p/{index}.dcm"))).unwrap();
    }
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let report = Cohort::new(place.out(), RunIdentity::new("m"))
        .run(&found, &crate::support::Sum, |_, input| Ok(input.len() as u64))
        .unwrap();
    assert_eq!((report.count(CaseStatus::Done), report.count(CaseStatus::PassedOver)), (1, 1));
    merge(&place.out()).unwrap();
    for (path, content) in crate::support::files(place.out().root()) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("SECRET") && !text.contains("1.2.999"), "{}: {text}", path.display());
    }
}
