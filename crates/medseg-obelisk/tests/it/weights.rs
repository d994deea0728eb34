//! Logits of imported weights against those of PyTorch.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_obelisk::{Channels, architecture};
use medseg_testing::{Golden, assert_close, bits};
use ndarray::{Array4, s};

use crate::{image, imported, scores};

const SMALL: Channels = Channels { encoder: [2, 3, 4, 4, 5, 5], decoder: [4, 4, 3, 3, 2], classes: 3 };

#[test]
fn logits_are_those_of_pytorch() {
    let cases = Golden::all("logits");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let name = case.params["weights"].as_str().unwrap();
        let names = if name == "fold1" { vec!["fold1_old", "fold1_new"] } else { vec![name] };
        for file in names {
            let bundle = imported(&[file]);
            assert_eq!(bundle.config().architecture, architecture(&SMALL));
            let logits = scores(&bundle);
            case.check("logits", logits.slice(s![.., ..;3, ..;3, ..;5]).iter().map(|v| f64::from(*v)));
            let means = logits.outer_iter().map(|class| class.iter().map(|v| f64::from(*v)).sum::<f64>() / 65_536.0);
            case.check("means", means);
            // The network itself, without a bundle.
            let x = Tensor::<5>::from_data(
                TensorData::new(image().into_raw_vec_and_offset().0, [1, 1, 32, 32, 64]),
                &Device::flex(),
            );
            let y = bundle.folds()[0].forward(x).into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(bits(&logits), bits(&y));
        }
    }
}

#[test]
fn both_formats_of_a_file_give_the_same_bits() {
    assert_eq!(bits(&scores(&imported(&["fold1_old"]))), bits(&scores(&imported(&["fold1_new"]))));
}

#[test]
fn logits_of_folds_are_averaged() {
    let [one, two] = ["fold1_old", "fold2"].map(|name| scores(&imported(&[name])));
    let both = scores(&imported(&["fold1_new", "fold2"]));
    let mean: Array4<f32> = (&one + &two) / 2.0;
    assert!(one != two);
    assert_close("mean", both.as_slice().unwrap(), mean.as_slice().unwrap(), 1e-6, 1e-6);
}

#[test]
fn the_published_channels_are_the_default() {
    let graph = architecture(&Channels::default()).graph().unwrap();
    assert_eq!((graph.in_channels(), graph.out_channels(), graph.size_multiple()), (1, 9, [1; 3]));
    // 27 weights and a bias for each pair of channels; weight and bias of the norms; none behind the last convolution.
    let pairs = [
        (1, 5),
        (5, 14),
        (14, 14),
        (14, 28),
        (28, 28),
        (28, 42),
        (42, 42),
        (42, 56),
        (56, 56),
        (56, 70),
        (70, 70),
        (70 + 56, 56),
        (56 + 42, 42),
        (42 + 28, 28),
        (28 + 14, 14),
        (14 + 5, 9),
    ];
    let units: u64 = pairs.iter().map(|(input, out)| 27 * input * out + 3 * out).sum();
    assert_eq!(graph.cost([32; 3]).unwrap().parameters, units + 27 * 9 * 9 + 9);
}
