//! Tensors in unusual places.

use medseg_torch::Element;

use crate::written::{checkpoint, message, one, open_bytes, tensor, weights_of, zip};

#[test]
fn offsets_and_strides_are_respected() {
    let values = |shape: &[i64], strides: &[i64], offset| {
        let pickle = checkpoint(&one("w", &tensor("FloatStorage", offset, shape, strides)));
        weights_of(&pickle).unwrap()["w"].values().unwrap()
    };
    assert_eq!(values(&[2, 3], &[3, 1], 6), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    assert_eq!(values(&[3, 2], &[1, 3], 0), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(&[2, 1, 2], &[6, i64::MAX, 2], 1), [1.0, 3.0, 7.0, 9.0]);
    assert_eq!(values(&[], &[], 11), [11.0]);
    assert_eq!(values(&[0, 5], &[5, 1], 12), [0.0; 0]);
}

#[test]
fn big_numbers_come_first_in_a_big_archive() {
    let pickle = checkpoint(&one("w", &tensor("FloatStorage", 0, &[1], &[1])));
    let storage = 1.5_f32.to_be_bytes();
    let archive = |order: &[u8]| zip(&[("a/data.pkl", &pickle), ("a/data/0", &storage), ("a/byteorder", order)]);
    let file = open_bytes(&archive(b"big")).unwrap();
    assert_eq!(file.state_dict(&["weights"]).unwrap()["w"].values().unwrap(), [1.5]);
    assert!(message(open_bytes(&archive(b"middle"))).ends_with("the byte order is neither little nor big"));
}

#[test]
fn tensors_that_do_not_fit_their_storage_are_refused() {
    for (shape, strides, offset, expected) in [
        (&[13][..], &[1][..], 0, "it reaches past the end of its storage"),
        (&[2], &[1], 11, "it reaches past the end of its storage"),
        (&[1], &[1], 13, "it begins past the end of its storage"),
        (&[1], &[1], -1, "its offset is negative"),
        (&[2], &[-1], 3, "its strides are not a few sizes"),
        (&[-1], &[1], 0, "its shape is not a few sizes"),
        (&[1; 9], &[1; 9], 0, "its shape is not a few sizes"),
        (&[1, 1], &[1], 0, "its shape and strides differ in length"),
        (&[4, 4], &[0, 1], 0, "it repeats values of its storage"),
        (&[i64::MAX, i64::MAX], &[0, 0], 0, "its sizes overflow"),
        (&[i64::MAX], &[i64::MAX], 0, "its sizes overflow"),
        (&[i64::MAX], &[1], 0, "it reaches past the end of its storage"),
    ] {
        let pickle = checkpoint(&one("w", &tensor("FloatStorage", offset, shape, strides)));
        let message = message(weights_of(&pickle));
        assert!(message.ends_with(&format!("tensor w: {expected}")), "{shape:?}: {message}");
    }
    let strange = weights_of(&checkpoint(&one("w", &tensor("ComplexFloatStorage", 0, &[1], &[1])))).unwrap();
    assert!(message(strange["w"].values()).ends_with("tensor w holds ComplexFloatStorage, which is not read"));
    assert!(strange["w"].element() == &Element::Other("ComplexFloatStorage".into()) && !Element::I8.is_float());
}

#[test]
fn the_same_values_are_found_in_one_storage_and_in_two() {
    let tensors = [("a", 0, [2, 1]), ("b", 0, [2, 1]), ("c", 2, [2, 1]), ("d", 0, [1, 2])];
    let tensors =
        tensors.map(|(key, offset, shape)| one(key, &tensor("FloatStorage", offset, &shape, &[1, 1])).split_off(1));
    let weights = weights_of(&checkpoint(&[b"}", &tensors.concat()[..]].concat())).unwrap();
    let same = |other| weights["a"].is_same(&weights[other]).unwrap();
    assert!(same("a") && same("b") && !same("c") && !same("d"));
    let again = weights_of(&checkpoint(&[b"}", &tensors.concat()[..]].concat())).unwrap();
    assert!(weights["a"].is_same(&again["b"]).unwrap());
}
