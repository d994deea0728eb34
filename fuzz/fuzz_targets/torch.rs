//! Files of PyTorch, new and old by the first byte: whatever the others are, an error or tensors of their shapes.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use medseg_torch::TorchFile;

/// The pickle with which files before PyTorch 1.6 begin.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let head = if first % 2 == 0 { LEGACY } else { b"PK" };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.pth");
    fs::write(&path, [head, bytes].concat()).unwrap();
    let Ok(file) = TorchFile::open(&path) else { return };
    for tensor in file.state_dict(&["model"]).iter().flat_map(|tensors| tensors.values()) {
        if let Ok(values) = tensor.values() {
            assert_eq!(values.len(), tensor.shape().iter().product::<usize>());
        }
    }
});
