//! Cases in folders and patterns.

use std::fs;

use medseg_cohort::{CohortError, FindOptions, Found, Part, PassedOverCause, find};

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    folder
}

fn ids(found: &Found) -> Vec<&str> {
    found.cases.iter().map(|case| case.id.as_str()).collect()
}

#[test]
fn a_tree_is_mirrored_in_order_whatever_the_endings() {
    let files = ["b/2.NII.GZ", "b/1.nii", "a/x/y/z.mha", "c.nrrd", "c.nrrd.txt", "b/.x.nii", ".git/d.nii", "b/2.json"];
    let folder = folder(&files);
    let found = find(&[folder.path()], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["a/x/y/z", "b/1", "b/2", "c"]);
    assert_eq!(found.passed_over, []);
    assert_eq!(found.cases[2].files(), [folder.path().join("b/2.NII.GZ")]);
    assert_eq!(found, find(&[folder.path()], &FindOptions::default()).unwrap());
}

#[test]
fn two_files_of_one_id_are_an_error_that_names_both() {
    let folder = folder(&["s/a.nii", "s/a.nii.gz", "s/b.nii"]);
    let error = find(&[folder.path()], &FindOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, CohortError::SameId { id, .. } if id == "s/a"), "{text}");
    assert!(text.contains("s/a.nii and ") && text.contains("s/a.nii.gz "), "{text}");
}

#[test]
fn several_inputs_have_the_names_of_their_folders() {
    let folder = folder(&["x/1.nii", "y/1.nii"]);
    let inputs = ["x", "y"].map(|name| folder.path().join(name));
    assert_eq!(ids(&find(&inputs, &FindOptions::default()).unwrap()), ["x/1", "y/1"]);
    // The same file twice is one case.
    let inputs = [folder.path().join("x/1.nii"), folder.path().join("x/1.nii")];
    assert_eq!(ids(&find(&inputs, &FindOptions::default()).unwrap()), ["1"]);
}

#[test]
fn outputs_are_never_inputs() {
    let folder = folder(&["a.nii", "out/a.nii.gz", "out/deep/b.nii"]);
    let path = |name: &str| folder.path().join(name);
    let options = |output: &str| FindOptions::default().with_output(path(output));
    assert_eq!(ids(&find(&[folder.path()], &options("out")).unwrap()), ["a"]);
    assert_eq!(ids(&find(&[folder.path()], &options("out/deep/..")).unwrap()), ["a"]);
    for (input, output) in [("", ""), ("out", ""), ("out/deep", "out")] {
        let error = find(&[path(input)], &options(output)).unwrap_err();
        assert!(matches!(error, CohortError::OutputIsInput { .. }), "{error}");
    }
    let pattern = path("**/*.nii*");
    assert_eq!(ids(&find(&[pattern], &options("out")).unwrap()), ["a"]);
    let found = find(&[path("out/a.nii.gz")], &options("out")).unwrap();
    assert_eq!((found.cases.len(), &found.passed_over[0].reason), (0, &PassedOverCause::InOutput));
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles_and_not_into_the_output() {
    use std::os::unix::fs::symlink;
    let folder = folder(&["in/a.nii", "elsewhere/b.nii", "out/c.nii"]);
    let path = |name: &str| folder.path().join(name);
    symlink(path("elsewhere"), path("in/link")).unwrap();
    symlink(path("in"), path("elsewhere/back")).unwrap();
    symlink(path("out"), path("in/results")).unwrap();
    symlink(path("elsewhere/b.nii"), path("in/one.nii")).unwrap();
    symlink("nowhere", path("in/broken")).unwrap();
    let found = find(&[path("in")], &FindOptions::default().with_output(path("out"))).unwrap();
    assert_eq!(ids(&found), ["a", "link/b", "one"]);
    let over: Vec<_> = found.passed_over.iter().map(|input| (input.id.as_str(), &input.reason)).collect();
    assert_eq!(over, [("link/back", &PassedOverCause::LinkLoop)]);
    // The output folder by another name.
    symlink(path("out"), path("o")).unwrap();
    let found = find(&[path("in")], &FindOptions::default().with_output(path("o"))).unwrap();
    assert_eq!(ids(&found), ["a", "link/b", "one"]);
}

#[test]
fn depth_and_number_are_bounded() {
    let folder = folder(&["a/b/c/d.nii", "1.nii"]);
    let found = find(&[folder.path()], &FindOptions::default().with_max_depth(2)).unwrap();
    assert_eq!(ids(&found), ["1"]);
    assert_eq!(found.passed_over[0].reason, PassedOverCause::TooDeep(2));
    let error = find(&[folder.path()], &FindOptions::default().with_max_entries(3)).unwrap_err();
    assert!(matches!(error, CohortError::Limit { limit: 3, .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_cases_with_ids_of_their_own() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |bytes: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(bytes));
    for name in [&b"a\xff.nii.gz"[..], b"a\xfe.nii.gz", b"\xff_0000.nii"] {
        fs::write(path(name), "x").unwrap();
    }
    let found = find(&[folder.path()], &FindOptions::default()).unwrap();
    assert_eq!(ids(&found), ["%FF_0000", "a%FE", "a%FF"]);
    assert!(found.cases.iter().all(|case| case.files()[0].exists()));
}

#[test]
fn patterns_match_files_and_folders_below_their_fixed_part() {
    let folder = folder(&["in/p1/ct.nii", "in/p1/mr.nii", "in/p2/ct.nii", "in/p2/deep/x.mha", "in/.h/ct.nii"]);
    let ids_of = |pattern: &str| {
        let found = find(&[folder.path().join(pattern)], &FindOptions::default())?;
        Ok::<_, CohortError>(ids(&found).into_iter().map(String::from).collect::<Vec<_>>())
    };
    assert_eq!(ids_of("in/*/ct.nii").unwrap(), ["p1/ct", "p2/ct"]);
    assert_eq!(ids_of("in/**/*.mha").unwrap(), ["p2/deep/x"]);
    assert_eq!(ids_of("in/p[2]").unwrap(), ["p2/ct", "p2/deep/x"]);
    assert_eq!(ids_of("in/p?/?r.nii").unwrap(), ["p1/mr"]);
    assert!(matches!(ids_of("in/*.png"), Err(CohortError::Missing { .. })));
    assert!(matches!(ids_of("in/p1/ct.niix"), Err(CohortError::Missing { .. })));
    assert!(matches!(ids_of("in/***"), Err(CohortError::Pattern { .. })));
}

#[test]
fn a_file_of_no_known_kind_is_an_error() {
    let folder = folder(&["notes.pdf", "a[1].nii"]);
    let error = find(&[folder.path().join("notes.pdf")], &FindOptions::default()).unwrap_err();
    assert!(matches!(error, CohortError::UnknownInput { .. }), "{error}");
    // A name with signs of a pattern that is there is a file.
    assert_eq!(ids(&find(&[folder.path().join("a[1].nii")], &FindOptions::default()).unwrap()), ["a[1]"]);
}

#[test]
fn parts_share_all_cases_out_and_do_not_change_when_cases_come() {
    let names: Vec<String> = (0..600).map(|index| format!("s{}/case_{index}.nii", index % 7)).collect();
    let folder = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let all = find(&[folder.path()], &FindOptions::default()).unwrap();
    let part = |part| {
        let options = FindOptions::default().with_part(Part::new(part, 4).unwrap());
        find(&[folder.path()], &options).unwrap()
    };
    let parts: Vec<Found> = (1..=4).map(part).collect();
    let mut together: Vec<&str> = parts.iter().flat_map(ids).collect();
    together.sort_unstable();
    assert_eq!(together, ids(&all));
    for part in &parts {
        assert!((110..190).contains(&part.cases.len()), "{}", part.cases.len());
    }
    fs::write(folder.path().join("s0/another.nii"), "x").unwrap();
    for (before, number) in parts.iter().zip(1..) {
        let now = part(number);
        let kept: Vec<&str> = ids(&now).into_iter().filter(|id| *id != "s0/another").collect();
        assert_eq!(kept, ids(before));
    }
    for wrong in [(0, 4), (5, 4), (1, 0)] {
        assert!(matches!(Part::new(wrong.0, wrong.1), Err(CohortError::Part { .. })));
    }
    let first = all.clone().starting_with(Part::new(2, 4).unwrap());
    let own = parts[1].cases.len();
    assert_eq!(ids(&first)[..own], ids(&parts[1]));
    assert_eq!(first.cases.len(), all.cases.len());
}

#[test]
fn ids_are_those_of_golden_places() {
    // Parts are part of the interface: a case must not wander when the program is updated.
    let part = |id: &str| (1..=10).find(|part| Part::new(*part, 10).unwrap().holds(id)).unwrap();
    assert_eq!(["case_1", "patient_7/ct", "ü"].map(part), PARTS_OF_TEN);
}

/// XXH3 (64 bits) of the ids modulo 10, plus 1, by Python's xxhash 3.
const PARTS_OF_TEN: [u32; 3] = [1, 5, 3];
