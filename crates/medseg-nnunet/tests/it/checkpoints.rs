//! Checkpoints of PyTorch, and tensors in unusual places.

use std::collections::BTreeMap;

use medseg_nnunet::{Checkpoint, StoredTensor};

use crate::fixture;
use crate::written::{checkpoint, message, one, open_pickle, tensor, text};

fn checksum(tensor: &StoredTensor) -> u32 {
    let bytes: Vec<u8> = tensor.values().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect();
    crc32fast::hash(&bytes)
}

#[test]
fn every_value_is_the_one_that_pytorch_reads() {
    let golden = std::fs::read_to_string(fixture("weights.json")).unwrap();
    let golden: BTreeMap<String, BTreeMap<String, (Vec<usize>, u32)>> = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden.len(), 11);
    for (path, tensors) in golden {
        let checkpoint = Checkpoint::open(fixture(&path)).unwrap();
        assert_eq!(checkpoint.weights.len(), tensors.len(), "{path}");
        for (key, (shape, expected)) in tensors {
            let key = key.rsplit("module.").next().unwrap();
            let tensor = checkpoint.weight(key, &shape).unwrap();
            assert_eq!(checksum(tensor), expected, "{path}: {key}");
        }
    }
}

#[test]
fn settings_of_the_training_are_read() {
    for (name, configuration, axes) in [
        ("plain_2d", "2d", vec![0, 1]),
        ("res_iso_transposed", "3d_fullres", vec![0, 1, 2]),
        ("cascade", "3d_cascade_fullres", vec![0, 1]),
    ] {
        let path = fixture(name).join("fold_0/checkpoint_final.pth");
        let checkpoint = Checkpoint::open(&path).unwrap();
        assert_eq!(checkpoint.path(), path);
        assert_eq!(checkpoint.trainer_name, "nnUNetTrainer");
        assert_eq!(checkpoint.configuration, configuration);
        assert_eq!(checkpoint.mirroring_axes, Some(axes));
    }
    assert_eq!(Checkpoint::open(fixture("odd/types.pth")).unwrap().mirroring_axes, None);
}

#[test]
fn the_format_before_zip_is_refused() {
    let message = message(Checkpoint::open(fixture("odd/legacy.pth")));
    assert!(message.contains("legacy.pth: the file has the format before PyTorch 1.6"), "{message}");
}

#[test]
fn calls_are_not_executed() {
    let harmless = Checkpoint::open(fixture("odd/calls_in_logging.pth")).unwrap();
    assert_eq!(harmless.weights["a"].values().unwrap(), [1.0]);
    for (name, part) in
        [("calls", "the checkpoint"), ("calls_for_weights", "network_weights"), ("calls_for_one_weight", "a")]
    {
        let message = message(Checkpoint::open(fixture(&format!("odd/{name}.pth"))));
        let expected = format!("the pickle calls posix.system to make {part}, which is not executed");
        assert!(message.ends_with(&expected), "{message}");
    }
}

#[test]
fn missing_parts_are_named() {
    let lacks = |pickle: &[u8]| message(open_pickle(pickle));
    assert!(lacks(b"\x80\x02}.").ends_with("init_args is missing, so this is no checkpoint of nnU-Net"));
    assert!(lacks(b"\x80\x02N.").ends_with("the checkpoint should be a dictionary"));
    assert!(lacks(&checkpoint(b"N")).ends_with("network_weights should be a dictionary"));
    let number = [b"\x80\x02}(", &text("init_args")[..], b"K\x01u."].concat();
    assert!(lacks(&number).ends_with("network_weights is missing, so this is no checkpoint of nnU-Net"));
    let checkpoint = open_pickle(&checkpoint(&one("w", &tensor("FloatStorage", 0, &[2], &[1])))).unwrap();
    let lacks = |key, shape: &[usize]| message(checkpoint.weight(key, shape));
    assert!(lacks("v", &[2]).ends_with("the weights lack v, which the plans' network has"));
    assert!(lacks("w", &[3]).ends_with("w has shape [2], and the plans' network needs [3]"));
}

#[test]
fn axes_of_mirroring_are_checked() {
    let axes = |axes: &[u8]| {
        let key = text("inference_allowed_mirroring_axes");
        let mut pickle = checkpoint(b"}");
        pickle.truncate(pickle.len() - 2);
        open_pickle(&[&pickle[..], &key, axes, b"u."].concat())
    };
    assert_eq!(axes(b"(K\x02K\x00t").unwrap().mirroring_axes, Some(vec![2, 0]));
    assert_eq!(axes(b")").unwrap().mirroring_axes, Some(vec![]));
    assert_eq!(axes(b"N").unwrap().mirroring_axes, None);
    for wrong in [&b"K\x01"[..], b"(K\x03t", b"(K\x01K\x01t", b"(Nt"] {
        assert!(message(axes(wrong)).ends_with("should be up to three of the axes 0, 1 and 2"));
    }
}
