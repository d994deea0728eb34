//! Maps of channels against the operations that they stand for.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_ops::{
    ChannelMap, ConvOptions, Mapped, NormRelu, channel_map, channel_map_runs, composed, conv3d_mapped, group_norm3d,
    norm_map, norm_relu, upsample_trilinear2x,
};
use medseg_testing::noise;

fn tensor<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let values: Vec<f32> = noise(shape.iter().product(), seed).into_iter().map(|v| (2.0 * v - 0.8) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec().unwrap()
}

fn assert_near(found: Tensor<5>, expected: Tensor<5>) {
    assert_eq!(found.dims(), expected.dims());
    for (a, b) in values(found).into_iter().zip(values(expected)) {
        assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} instead of {b}");
    }
}

fn random_map(rows: usize, seed: u64) -> ChannelMap {
    let mut map = ChannelMap::identity(rows);
    for (row, draw) in map.0.iter_mut().zip(noise(5 * rows, seed).as_chunks::<5>().0) {
        let [shift, scale, bias, slope, _] = draw.map(|v| v as f32);
        (row.shift, row.scale, row.bias, row.slope) = (shift, scale + 0.5, bias - 0.5, slope);
    }
    map
}

#[test]
fn a_norm_is_a_map_once_its_statistics_are_known() {
    let x = tensor([2, 6, 3, 5, 7], 1);
    let (weight, bias) = (tensor([6], 2), tensor([6], 3));
    let (w, b) = (values(weight.clone()), values(bias.clone()));
    let mut map = norm_map(&x, None, Some((&w, &b)), 1e-5);
    map.0.iter_mut().for_each(|row| row.slope = 0.1);
    let norm = NormRelu { affine: Some((weight.clone(), bias.clone())), slope: 0.1, ..NormRelu::default() };
    assert_near(channel_map(x.clone(), &map), norm_relu(x.clone(), norm));
    for groups in [1, 2, 3, 6] {
        let map = norm_map(&x, Some(groups), Some((&w, &b)), 1e-3);
        let expected = group_norm3d(x.clone(), groups, Some((weight.clone(), bias.clone())), 1e-3);
        assert_near(channel_map(x.clone(), &map), expected);
    }
}

#[test]
fn convolutions_read_through_maps() {
    for (kernel, seed) in [([3, 3, 3], 1), ([1, 1, 1], 2), ([1, 3, 3], 3), ([3, 1, 5], 4)] {
        let options = ConvOptions { padding: kernel.map(|k| k / 2), ..ConvOptions::default() };
        let (a, b) = (tensor([2, 9, 4, 6, 8], seed), tensor([2, 11, 4, 6, 8], seed + 10));
        let (of_a, of_b) = (random_map(18, seed), random_map(22, seed + 1));
        let weight = tensor([5, 9, kernel[0], kernel[1], kernel[2]], seed + 20);
        let one = conv3d_mapped(vec![Mapped::Map(a.clone(), Some(of_a.clone()))], weight.clone(), options);
        let mapped = channel_map(a.clone(), &of_a);
        assert_near(one, composed::conv3d(mapped.clone(), weight, None, options));
        let weight = tensor([5, 20, kernel[0], kernel[1], kernel[2]], seed + 30);
        let inputs = vec![Mapped::Map(a, Some(of_a)), Mapped::Map(b.clone(), Some(of_b.clone()))];
        let both = Tensor::cat(vec![mapped, channel_map(b, &of_b)], 1);
        assert_near(conv3d_mapped(inputs, weight.clone(), options), composed::conv3d(both, weight, None, options));
    }
}

#[test]
fn an_upsampled_input_may_come_first() {
    let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
    let (small, large) = (tensor([1, 10, 2, 3, 4], 1), tensor([1, 3, 4, 6, 8], 2));
    let map = random_map(3, 9);
    let weight = tensor([4, 13, 3, 3, 3], 3);
    for align_corners in [false, true] {
        let inputs =
            vec![Mapped::Upsampled(small.clone(), align_corners), Mapped::Map(large.clone(), Some(map.clone()))];
        let up = upsample_trilinear2x(small.clone(), align_corners);
        let both = Tensor::cat(vec![up, channel_map(large.clone(), &map)], 1);
        let expected = composed::conv3d(both, weight.clone(), None, options);
        assert_near(conv3d_mapped(inputs, weight.clone(), options), expected);
    }
}

#[test]
fn a_tensor_that_others_hold_stays_as_it_is() {
    let x = tensor([1, 2, 2, 2, 2], 1);
    let before = values(x.clone());
    let y = channel_map(x.clone(), &random_map(2, 3));
    assert_eq!(values(x), before);
    assert_ne!(values(y), before);
}

#[test]
fn maps_are_for_predictions_on_the_cpu() {
    assert!(channel_map_runs(&tensor([1, 1, 1, 1, 1], 1)));
    assert!(!channel_map_runs(&Tensor::zeros([1, 1, 1, 1, 1], &Device::flex().autodiff())));
    assert!(!channel_map_runs(&Tensor::zeros([1, 1, 0, 1, 1], &Device::flex())));
}

#[test]
#[should_panic(expected = "3 rows for 1 × 2 channels")]
fn a_map_of_other_rows_is_a_mistake_of_the_program() {
    let _ = channel_map(tensor([1, 2, 2, 2, 2], 1), &ChannelMap::identity(3));
}
