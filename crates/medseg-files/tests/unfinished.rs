//! Files of a process that ends at a signal. One test, since it holds up every file of the process.

use std::fs;
use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use medseg_files::{AtomicFile, remove_unfinished, write_atomic, write_folder};

#[test]
fn nothing_unfinished_is_left_and_nothing_gets_its_name_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let names = || {
        let mut names: Vec<String> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    write_atomic(path("done"), b"whole").unwrap();
    // One that was dropped and one that has its name are no longer the process's to remove.
    drop(AtomicFile::create(path("dropped")).unwrap());
    let mut half = AtomicFile::create(path("half")).unwrap();
    half.write_all(b"half of").unwrap();
    let (begun, wait) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let bundle = path("bundle");
    let folder = thread::spawn(move || {
        write_folder(
            &bundle,
            |new| {
                fs::write(new.join("file"), "half of")?;
                begun.send(()).unwrap();
                gone.recv().unwrap();
                Ok(())
            },
            |error: std::io::Error| error,
        )
    });
    wait.recv().unwrap();
    assert_eq!(names().len(), 3, "{:?}", names());

    let nothing = remove_unfinished();
    assert_eq!(names(), ["done"]);
    go.send(()).unwrap();
    let (finished, wait) = mpsc::channel();
    let file = thread::spawn(move || {
        let result = half.commit();
        finished.send(()).unwrap();
        result
    });
    assert!(wait.recv_timeout(Duration::from_millis(200)).is_err(), "it must wait");
    assert_eq!(names(), ["done"]);
    drop(nothing);
    assert!(file.join().unwrap().is_err() && folder.join().unwrap().is_err());
    assert_eq!(names(), ["done"]);
    write_atomic(path("later"), b"whole").unwrap();
    assert_eq!(names(), ["done", "later"]);
}
