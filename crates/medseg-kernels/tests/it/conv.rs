//! `Conv3d`: every algorithm, kernel, stride and padding against the definition.

use medseg_kernels::conv::{Algorithm, Part, Read, Scale, Sink, Source};
use medseg_kernels::{Arithmetic, Conv3d, Isa};

use super::{numbers, place};

struct Case {
    batch: usize,
    channels: [usize; 2],
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    shape: [usize; 3],
}

impl Case {
    fn check(&self, isa: Isa, algorithm: Option<Algorithm>) {
        let Self { batch, channels: [input, output], kernel, stride, padding, shape } = *self;
        let conv = Conv3d::new(input, output, kernel).with_stride(stride).with_padding(padding).with_isa(isa);
        let conv = algorithm.map_or(conv, |algorithm| conv.with_algorithm(algorithm));
        let out_shape = conv.output_shape(shape);
        let [voxels, out_voxels, taps] = [shape, out_shape, kernel].map(|s| s.iter().product::<usize>());
        let (x, weight) = (numbers(batch * input * voxels, 1), numbers(output * input * taps, 2));
        let grad = numbers(batch * output * out_voxels, 3);
        let (mut y, mut x_grad) = (vec![0.0; grad.len()], vec![0.0; x.len()]);
        let mut weight_grad = vec![0.0; weight.len()];
        for (n, o, c) in (0..batch * output * input).map(|i| (i / (output * input), i / input % output, i % input)) {
            for (at, tap) in (0..out_voxels * taps).map(|i| (i / taps, i % taps)) {
                let (window, offset) = (place(at, out_shape), place(tap, kernel));
                let from: [isize; 3] =
                    std::array::from_fn(|a| (window[a] * stride[a] + offset[a]) as isize - padding[a] as isize);
                if (0..3).all(|a| (0..shape[a] as isize).contains(&from[a])) {
                    let [z, r, v] = from.map(|v| v as usize);
                    let i = (n * input + c) * voxels + (z * shape[1] + r) * shape[2] + v;
                    let (w, p) = ((o * input + c) * taps + tap, (n * output + o) * out_voxels + at);
                    y[p] += x[i] * weight[w];
                    x_grad[i] += grad[p] * weight[w];
                    weight_grad[w] += grad[p] * x[i];
                }
            }
        }
        let what = format!("{conv:?} of {batch} x {shape:?}");
        let source = Source::new(&x, batch, input, shape);
        let (mut got_y, mut got_x) = (vec![f32::NAN; y.len()], vec![f32::NAN; x.len()]);
        conv.forward(&source, &weight, &Sink::new(&mut got_y, batch, output, out_voxels));
        conv.input_grad(&grad, &weight, shape, &Sink::new(&mut got_x, batch, input, voxels));
        assert!(got_y == y, "output, {what}");
        assert!(got_x == x_grad, "input's gradient, {what}");
        assert!(conv.weight_grad(&source, &grad) == weight_grad, "weights' gradient, {what}");
    }
}

#[test]
fn every_algorithm_agrees_with_the_definition() {
    let base = Case { batch: 2, channels: [3, 5], kernel: [3; 3], stride: [1; 3], padding: [1; 3], shape: [4, 5, 9] };
    for isa in Isa::available() {
        base.check(isa, None);
        base.check(isa, Some(Algorithm::Direct));
        Case { padding: [2, 0, 1], ..base }.check(isa, None);
        Case { kernel: [1; 3], padding: [0; 3], ..base }.check(isa, None);
        for padding in [[0, 1, 1], [0, 0, 2], [0, 2, 0], [1, 1, 1]] {
            Case { kernel: [1, 3, 3], padding, ..base }.check(isa, None);
        }
        Case { kernel: [1; 3], padding: [0; 3], ..base }.check(isa, Some(Algorithm::Direct));
        Case { kernel: [2; 3], stride: [2; 3], padding: [0; 3], ..base }.check(isa, None);
        Case { kernel: [3, 1, 2], stride: [1, 2, 3], padding: [1, 0, 1], ..base }.check(isa, None);
    }
}

#[test]
fn direct_sums_read_changed_inputs_too() {
    let (shape, voxels) = ([2, 4, 6], 48);
    let (a, b, c) = (numbers(voxels, 1), numbers(voxels, 2), vec![2.0; voxels / 8]);
    let scale = Scale { shift: 1.0, rest: 0.0, scale: 2.0, bias: 1.0, slope: 0.5 };
    let parts = [
        Part { values: &a, channels: 1, read: Read::Plain },
        Part { values: &b, channels: 1, read: Read::NormRelu(&[scale]) },
        Part { values: &c, channels: 1, read: Read::Upsampled { align_corners: false } },
    ];
    let normalised = b.iter().map(|x| (x - 1.0) * 2.0 + 1.0).map(|y| if y > 0.0 { y } else { y * 0.5 });
    let dense: Vec<f32> = a.iter().copied().chain(normalised).chain(vec![2.0; voxels]).collect();
    let (weight, conv) = (numbers(2 * 3 * 8, 4), Conv3d::new(3, 2, [2; 3]).with_stride([2; 3]));
    let run = |source: &Source<'_>| {
        let mut y = vec![0.0; 2 * voxels / 8];
        conv.forward(source, &weight, &Sink::new(&mut y, 1, 2, voxels / 8));
        (y, conv.weight_grad(source, &vec![1.0; 2 * voxels / 8]))
    };
    assert!(run(&Source::from_parts(1, shape, &parts)) == run(&Source::new(&dense, 1, 3, shape)));
}

#[test]
fn bf16_products_are_exact_on_small_numbers_where_there_are_any() {
    let Some(bf16) = Arithmetic::fastest_bf16() else { return };
    let (shape, voxels) = ([3, 4, 17], 3 * 4 * 17);
    let (x, weight) = (numbers(5 * voxels, 1), numbers(5 * 7 * 27, 2));
    let run = |arithmetic: Arithmetic| {
        let conv = Conv3d::new(5, 7, [3; 3]).with_padding([1; 3]).with_arithmetic(arithmetic);
        let mut y = vec![0.0; 7 * voxels];
        conv.forward(&Source::new(&x, 1, 5, shape), &weight, &Sink::new(&mut y, 1, 7, voxels));
        y
    };
    assert!(run(bf16) == run(Arithmetic::F32));
}
