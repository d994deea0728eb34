//! A file that claims much costs an error, not memory. The only test of its process, which it measures.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use medseg_volume::{read_channels, read_image, read_label};

/// The most address space this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn bad_files_take_no_memory() {
    let folder = Path::new("tests/golden/bad");
    let before = peak();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let _ = (read_image(&path), read_label(&path), read_channels(&path));
        assert!(peak() < before + (64 << 10), "{}: {} KiB", path.display(), peak() - before);
    }
}
