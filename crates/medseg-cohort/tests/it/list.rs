//! Lists, friendly and hostile.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use medseg_cohort::{CohortError, FindOptions, Found, ListFault, find};

struct Lists {
    folder: tempfile::TempDir,
}

impl Lists {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["data/a.nii", "data/b.nii.gz", "data/tree/c.nii", "data/tree/d.mha", "data/one/e.nii"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        Self { folder }
    }

    fn find(&self, name: &str, content: impl AsRef<[u8]>) -> Result<Found, CohortError> {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        find(&[path], &FindOptions::default())
    }

    fn ids(&self, name: &str, content: impl AsRef<[u8]>) -> Vec<String> {
        self.find(name, content).unwrap().cases.into_iter().map(|case| case.id).collect()
    }

    fn fault(&self, name: &str, content: impl AsRef<[u8]>) -> (u64, ListFault) {
        match self.find(name, content) {
            Err(CohortError::List { line, source, .. }) => (line, source),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_path_a_line_is_relative_to_the_list() {
    let lists = Lists::new();
    let b = lists.folder.path().join("data/b.nii.gz");
    let text = format!("\u{feff}data/a.nii\r\n\n  \n{}\ndata/tree\ndata/a.nii", b.display());
    assert_eq!(lists.ids("list.txt", text), ["data/a", "data/b", "data/tree/c", "data/tree/d"]);
}

#[test]
fn rows_name_ids_and_channels() {
    let lists = Lists::new();
    let text =
        "age,ID,image2,Image\r\n7,p/1,data/b.nii.gz,data/a.nii\r\n8,\"x, y\",,data/tree/c.nii\r\n9,z,,data/one\r\n";
    let found = lists.find("list.CSV", text).unwrap();
    let cases: Vec<_> = found.cases.iter().map(|case| (case.id.as_str(), case.files().to_vec())).collect();
    let path = |name: &str| lists.folder.path().join(name);
    let expected: [(&str, Vec<PathBuf>); 3] = [
        ("p/1", vec![path("data/a.nii"), path("data/b.nii.gz")]),
        ("x, y", vec![path("data/tree/c.nii")]),
        ("z", vec![path("data/one/e.nii")]),
    ];
    assert_eq!(cases, expected);
}

#[test]
fn no_id_of_a_list_leads_out_of_the_output_folder() {
    let lists = Lists::new();
    for id in ["../x", "/etc/x", "a/../../x", "", "a//b", ".", "a/."] {
        let (line, fault) = lists.fault("list.csv", format!("id,image\nok,data/a.nii\n{id},data/b.nii.gz\n"));
        assert!(line == 3 && matches!(fault, ListFault::UnsafeId { .. }), "{id:?}: {fault}");
    }
    // Signs of other systems are no way out either.
    assert_eq!(lists.ids("list.csv", "id,image\n..\\x,data/a.nii\n"), ["%2E.%5Cx"]);
    // Paths may lie anywhere; their ids may not.
    let found = lists.find("data/list.txt", "../data/a.nii\n../../../../../../../../../etc/x.nii\n").unwrap();
    let ids: Vec<_> = found.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["data/a", "etc/x"]);
}

#[test]
fn wrong_lines_are_named() {
    let lists = Lists::new();
    assert!(matches!(lists.fault("list.csv", "name,image\na,b.nii\n"), (1, ListFault::Columns)));
    assert!(matches!(lists.fault("list.csv", ""), (1, ListFault::Columns)));
    assert!(matches!(lists.fault("list.csv", "id,image\na\n"), (2, ListFault::NoImage)));
    assert!(matches!(lists.fault("list.csv", "id,image,image2\na,,b.nii\n"), (2, ListFault::NoImage)));
    assert!(matches!(lists.fault("list.csv", b"id,image\n\xff,a.nii\n"), (2, ListFault::NotText)));
    assert!(matches!(lists.fault("list.txt", b"data/a.nii\na\0b.nii\n"), (2, ListFault::NotText)));
    let (line, fault) = lists.fault("list.txt", format!("data/a.nii\n{}", "x".repeat(70_000)));
    assert!(line == 2 && matches!(fault, ListFault::LongLine { .. }), "{fault}");
    let (line, fault) = lists.fault("list.csv", "id,image\na,data/tree\n");
    assert!(line == 2 && matches!(fault, ListFault::NotOne { found: 2, .. }), "{fault}");
    assert!(matches!(lists.find("list.txt", "data/none.png\n"), Err(CohortError::Missing { .. })));
    assert!(matches!(
        lists.find("list.csv", "id,image\nA,data/a.nii\nA,data/b.nii.gz\n"),
        Err(CohortError::SameId { .. })
    ));
    assert_eq!(lists.ids("list.txt", "\n\n"), [] as [String; 0]);
}

#[cfg(unix)]
#[test]
fn lines_that_are_no_text_are_paths_all_the_same() {
    use std::os::unix::ffi::OsStrExt;
    let lists = Lists::new();
    let name = std::ffi::OsStr::from_bytes(b"data/\xff.nii");
    fs::write(lists.folder.path().join(name), "x").unwrap();
    let found = lists.find("list.txt", b"data/\xff.nii\n").unwrap();
    assert_eq!(found.cases[0].id, "data/%FF");
    assert!(found.cases[0].files()[0].is_file());
}

#[test]
fn a_million_lines_are_a_matter_of_seconds() {
    let lists = Lists::new();
    let path = lists.folder.path().join("list.txt");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    for index in 0..1_000_000 {
        writeln!(file, "site_{}/case_{index:07}.nii.gz", index % 100).unwrap();
    }
    file.into_inner().unwrap();
    let started = Instant::now();
    let found = find(&[path], &FindOptions::default().with_output(lists.folder.path().join("data"))).unwrap();
    assert_eq!(found.cases.len(), 1_000_000);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn bytes_of_chance_are_never_a_panic() {
    let lists = Lists::new();
    let mut state = 7_u64;
    let signs = b"id,image\n\r\"/.\\ab\xff\0=";
    for _ in 0..300 {
        let mut bytes = b"id,image\n".to_vec();
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push(signs[(state >> 33) as usize % signs.len()]);
        }
        for name in ["list.csv", "list.txt"] {
            if let Ok(found) = lists.find(name, &bytes) {
                for case in found.cases {
                    assert!(case.id.split('/').all(|name| !name.is_empty() && !name.starts_with('.')), "{}", case.id);
                }
            }
        }
    }
}
