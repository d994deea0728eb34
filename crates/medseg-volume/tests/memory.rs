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
    let huge = tempfile::tempdir().unwrap();
    for encoding in ["raw", "gzip"] {
        let nrrd = format!(
            "NRRD0004\ntype: double\ndimension: 3\nsizes: 30000 30000 900\nspacings: 1 1 1\nendian: little\n\
             encoding: {encoding}\n\nfew bytes"
        );
        let packed = encoding == "gzip";
        let mha = format!(
            "NDims = 3\nDimSize = 30000 30000 900\nCompressedData = {packed}\nElementType = MET_DOUBLE\n\
             ElementDataFile = LOCAL\nfew bytes"
        );
        fs::write(huge.path().join(format!("{encoding}.nrrd")), nrrd).unwrap();
        fs::write(huge.path().join(format!("{encoding}.mha")), mha).unwrap();
        // A header without an end.
        fs::write(huge.path().join(format!("{encoding}_endless.nrrd")), "NRRD0004\n#".repeat(1 << 20)).unwrap();
    }
    for entry in fs::read_dir(huge.path()).unwrap() {
        let path = entry.unwrap().path();
        assert!(read_image(&path).is_err() && read_channels(&path).is_err());
        assert!(peak() < before + (64 << 10), "{}: {} KiB", path.display(), peak() - before);
    }
    #[cfg(feature = "dicom")]
    {
        // A label map of few bytes in RLE that claims 20,000 rows and columns.
        let mut bytes = fs::read("tests/golden/segmentation/labelmap_rle.dcm").unwrap();
        for element in [b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"] {
            let at = bytes.windows(8).position(|part| part == element).unwrap();
            bytes[at + 8..at + 10].copy_from_slice(&20_000_u16.to_le_bytes());
        }
        let path = huge.path().join("huge.dcm");
        fs::write(&path, bytes).unwrap();
        let options = medseg_volume::dicom::segmentation::ReadOptions::default();
        let refused = medseg_volume::dicom::segmentation::read(&path, &options).unwrap_err().to_string();
        assert!(refused.contains("RLE") && peak() < before + (64 << 10), "{refused}: {} KiB", peak() - before);
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let _ = (read_image(&path), read_label(&path), read_channels(&path));
        assert!(peak() < before + (64 << 10), "{}: {} KiB", path.display(), peak() - before);
    }
}
