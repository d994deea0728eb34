//! State dicts: which dictionary is taken, and the names in it.

use medseg_torch::TorchFile;

use crate::fixture;
use crate::written::{message, one, open_pickle, tensor, text};

fn weight() -> Vec<u8> {
    tensor("FloatStorage", 0, &[1], &[1])
}

/// The message of a file whose value has this pickle.
fn problem(pickle: &[u8], keys: &[&str]) -> String {
    message(open_pickle(&[b"\x80\x02", pickle, b"."].concat()).unwrap().state_dict(keys))
}

/// Names of the tensors of a file whose value has this pickle.
fn names(pickle: &[u8], keys: &[&str]) -> Vec<String> {
    let file = open_pickle(&[b"\x80\x02", pickle, b"."].concat()).unwrap();
    file.state_dict(keys).unwrap().into_keys().collect()
}

#[test]
fn the_first_key_that_is_there_is_taken_or_else_the_file() {
    let nested = one("model", &one("w", &weight()));
    assert_eq!(names(&nested, &["network", "model"]), ["w"]);
    assert_eq!(names(&nested, &["network"]), ["model.w"]);
    assert_eq!(names(&nested, &[]), ["model.w"]);
    let both = [b"}(", &text("ema")[..], &one("a", &weight()), &text("model"), &one("b", &weight()), b"u"].concat();
    assert_eq!(names(&both, &["model", "ema"]), ["b"]);
    assert_eq!(names(&both, &[]), ["ema.a", "model.b"]);
}

#[test]
fn another_value_than_a_dictionary_is_refused() {
    assert!(problem(b"N", &[]).ends_with("the file should be a dictionary or a module"));
    assert!(problem(&one("model", b"K\x01"), &["model"]).ends_with("model should be a dictionary or a module"));
    let call = one("model", b"cos\nsystem\n)R");
    assert!(problem(&call, &["model"]).ends_with("calls os.system to make model, which is not executed"));
    let alone = TorchFile::open(fixture("tensor.pt")).unwrap();
    assert!(message(alone.state_dict(&["model"])).contains("torch._utils._rebuild_tensor_v2 to make the file"));
}

#[test]
fn foreign_objects_are_left_out_but_not_tensors_of_an_unknown_kind() {
    let others = |value: &[u8]| [b"}(", &text("w")[..], &weight(), &text("other"), value, b"u"].concat();
    for value in [&b"cos\nsystem\n)R"[..], b"K\x01", b"cargparse\nNamespace\n)R}X\x01\0\0\0aK\x01sb", b"(K\x01t"] {
        assert_eq!(names(&others(value), &[]), ["w"]);
    }
    let sparse = others(b"ctorch._utils\n_rebuild_sparse_tensor\n)R");
    assert!(
        problem(&sparse, &[]).ends_with("torch._utils._rebuild_sparse_tensor to make other, which is not executed")
    );
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let twice = [b"}(", &text("w")[..], &weight(), &text("w"), &weight(), b"u"].concat();
    assert!(problem(&twice, &[]).ends_with("two tensors have the name w"));
    let nested = [b"}(", &text("a.w")[..], &weight(), &text("a"), &one("w", &weight()), b"u"].concat();
    assert!(problem(&nested, &[]).ends_with("two tensors have the name a.w"));
    let models = [b"}(", &text("model")[..], b"}", &text("model"), b"}u"].concat();
    assert!(problem(&models, &["model"]).ends_with("two tensors have the name model"));
}

#[test]
fn circles_and_shared_lists_end() {
    let own = [b"}q\x01", &text("self")[..], b"h\x01s"].concat();
    assert!(problem(&own, &[]).contains("self.self"));
    let long = one(&"x".repeat(1025), &weight());
    assert!(
        problem(&long, &[])
            .ends_with("the file has parts whose names have more than 1024 bytes, or parts in too many levels")
    );
    assert_eq!(names(&one(&"x".repeat(1024), &weight()), &[]).len(), 1);
    // Sixty lists, each of two of the one before.
    let mut laughs = [b"}", &text("x")[..], b"]q\x000"].concat();
    for number in 0..60 {
        laughs.extend([b']', b'q', number + 1, b'(', b'h', number, b'h', number, b'e', b'0']);
    }
    assert!(problem(&[&laughs[..], b"h\x3cs"].concat(), &[]).ends_with("the state dict has more than 4194304 values"));
    // One tensor under more names than any network has.
    let keys: Vec<u8> = (0..70_000).flat_map(|number| [&text(&number.to_string())[..], b"h\x00"].concat()).collect();
    let many = [b"}(", &text("w")[..], &weight(), b"q\x00", &keys, b"u"].concat();
    assert!(problem(&many, &[]).ends_with("the state dict has more than 65536 tensors"));
    // Many modules that share a large state.
    let state = [&b"}q\x00("[..], &b"K\x01N".repeat(100_000), b"u0"].concat();
    let modules = [b"](", &state[..], &b"cm\nM\n)\x81h\x00b".repeat(100_000), b"e"].concat();
    assert!(problem(&one("m", &modules), &[]).ends_with("the state dict has more than 4194304 values"));
}
