//! Files that are cut, changed or made to harm: an error that names the file, never a panic.
#![cfg(feature = "pytorch")]

use std::fs;

use burn::tensor::Device;
use medseg_unet::{UNetConfig, load_state_dict, load_state_dict_with, load_weights};

use super::golden::Case;

#[test]
fn cut_and_changed_checkpoints_are_errors_or_other_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.pth");
    for case in Case::all() {
        let bytes = fs::read(case.file("pth")).unwrap();
        let load = || load_state_dict_with(&path, &case.config, &case.options, &Device::flex());
        for length in (0..bytes.len()).step_by(bytes.len() / 40) {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = load().unwrap_err().to_string();
            assert!(error.contains("w.pth"), "{error}");
        }
        // The head and the tail, where the structure is, and a sample of the rest.
        let dense = (0..bytes.len().min(1500)).step_by(13).chain((bytes.len() - 1500..bytes.len()).step_by(13));
        for at in dense.chain((0..bytes.len()).step_by(bytes.len() / 50)) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).unwrap();
            if let Err(error) = load() {
                assert!(error.to_string().contains("w.pth"), "{error}");
            }
        }
    }
}

#[test]
fn a_pickle_is_not_run_and_cannot_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.pth");
    let mark = folder.path().join("run");
    // os.system("touch ..."), as pickle protocol 0 has it.
    let call = format!("cos\nsystem\n(S'touch {}'\ntR.", mark.display()).into_bytes();
    // Forty lists, each of two of the one before.
    let mut bomb = b"\x80\x02]q\x00".to_vec();
    for i in 0..40u8 {
        bomb.extend([b']', b'q', i + 1, b'(', b'h', i, b'h', i, b'e']);
    }
    bomb.push(b'.');
    let deep = [b"\x80\x02".to_vec(), vec![b']'; 1 << 16], vec![b'a'; (1 << 16) - 1], b".".to_vec()].concat();
    for content in [call, bomb, deep, b"\x80\x02}q\x00.".to_vec(), vec![0; 64], b"PK\x03\x04".to_vec()] {
        fs::write(&path, content).unwrap();
        let error = load_state_dict(&path, &UNetConfig::default(), &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("evil.pth"), "{error}");
        assert!(load_weights(&path, &Device::flex()).is_err());
    }
    assert!(!mark.exists());
}
