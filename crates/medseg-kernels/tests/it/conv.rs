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
    // The last three are not for tiles, and nothing else than f32.
    let windows = [
        ([3; 3], [1; 3], [1; 3]),
        ([1, 3, 3], [1; 3], [0, 2, 0]),
        ([1; 3], [1; 3], [0; 3]),
        ([3, 1, 1], [1; 3], [1, 0, 0]),
        ([3; 3], [2; 3], [1; 3]),
        ([2; 3], [1; 3], [0; 3]),
        ([1; 3], [1; 3], [0, 0, 17]),
    ];
    for (kernel, stride, padding) in windows {
        let taps: usize = kernel.iter().product();
        let weight = numbers(5 * 7 * taps, 2);
        let run = |arithmetic: Arithmetic| {
            let conv = Conv3d::new(5, 7, kernel).with_stride(stride).with_padding(padding).with_arithmetic(arithmetic);
            let conv = if arithmetic == Arithmetic::F32 { conv.with_algorithm(Algorithm::Direct) } else { conv };
            let out_voxels = conv.output_shape(shape).iter().product();
            let (x, grad) = (numbers(5 * voxels, 1), numbers(7 * out_voxels, 3));
            let (mut y, mut x_grad) = (vec![f32::NAN; grad.len()], vec![f32::NAN; x.len()]);
            conv.forward(&Source::new(&x, 1, 5, shape), &weight, &Sink::new(&mut y, 1, 7, out_voxels));
            conv.input_grad(&grad, &weight, shape, &Sink::new(&mut x_grad, 1, 5, voxels));
            (y, x_grad)
        };
        assert!(run(bf16) == run(Arithmetic::F32), "{kernel:?} {stride:?} {padding:?}");
    }
}

#[test]
fn large_maps_round_little() {
    // Numbers that no sum of f32 has exactly, in maps that tiles of four rows suit.
    let (shape, channels) = ([21, 22, 35], [12, 9]);
    let (voxels, taps) = (21 * 22 * 35, 27);
    let fractions =
        |count, seed| -> Vec<f32> { numbers(count, seed).iter().map(|n| (n * 0.37 + 0.11).sin()).collect() };
    let (x, weight) = (fractions(channels[0] * voxels, 1), fractions(channels[1] * channels[0] * taps, 2));
    let conv = Conv3d::new(channels[0], channels[1], [3; 3]).with_padding([1; 3]);
    let run = |conv: Conv3d| {
        let mut y = vec![0.0; channels[1] * voxels];
        conv.forward(&Source::new(&x, 1, channels[0], shape), &weight, &Sink::new(&mut y, 1, channels[1], voxels));
        y
    };
    let (got, direct) = (run(conv), run(conv.with_algorithm(Algorithm::Direct)));
    assert!(got != direct, "Winograd's algorithm is not used");
    let largest = direct.iter().fold(0.0f32, |largest, y| largest.max(y.abs()));
    let worst = got.iter().zip(&direct).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max);
    assert!(worst < 2e-6 * largest, "{worst} of {largest}");
}

#[test]
fn sums_of_the_output_are_those_of_its_values() {
    let (shape, voxels) = ([18, 20, 33], 18 * 20 * 33);
    let (x, parts) = (numbers(2 * 9 * voxels, 1), [3, 8]);
    for (kernel, algorithm) in [([3; 3], None), ([1, 3, 3], None), ([1; 3], None), ([3; 3], Some(Algorithm::Direct))] {
        let weight = numbers(11 * 9 * kernel.iter().product::<usize>(), 2);
        let conv = Conv3d::new(9, 11, kernel).with_padding(kernel.map(|size| size / 2));
        let conv = algorithm.map_or(conv, |algorithm| conv.with_algorithm(algorithm));
        let mut outs = parts.map(|channels| vec![0.0; 2 * channels * voxels]);
        let [first, second] = &mut outs;
        let sink = Sink::from_parts(2, voxels, [(first, 3), (second, 8)]).with_sums(33);
        assert_eq!(sink.sums(), None, "nothing is written");
        conv.forward(&Source::new(&x, 2, 9, shape), &weight, &sink);
        let sums = sink.sums().expect("whole rows");
        assert_eq!(sums.len(), 22);
        for (n, [sum, squares]) in sums.into_iter().enumerate() {
            let (sample, channel) = (n / 11, n % 11);
            let of_part = |values: &[f32], at: usize| values[at * voxels..][..voxels].to_vec();
            let values = if channel < 3 {
                of_part(&outs[0], sample * 3 + channel)
            } else {
                of_part(&outs[1], sample * 8 + channel - 3)
            };
            let direct: f64 = values.iter().map(|y| f64::from(*y)).sum();
            let direct_squares: f64 = values.iter().map(|y| f64::from(*y).powi(2)).sum();
            assert!((sum - direct).abs() < 1e-6 && (squares - direct_squares).abs() < 1e-9 * direct_squares, "{n}");
        }
    }
}

#[test]
fn regions_of_different_heights_leave_nothing_to_each_other() {
    // Regions of eight and of five tiles in turn, worked on by one thread.
    let (shape, channels) = ([68, 50, 20], [20, 3]);
    let voxels: usize = shape.iter().product();
    let (x, weight) = (numbers(channels[0] * voxels, 1), numbers(channels[1] * channels[0] * 27, 2));
    let grad = numbers(channels[1] * voxels, 3);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for padding in [[1; 3], [1, 2, 2]] {
        let conv = Conv3d::new(channels[0], channels[1], [3; 3]).with_padding(padding);
        let out_voxels = conv.output_shape(shape).iter().product();
        let run = |conv: Conv3d| {
            let mut y = vec![0.0; channels[1] * out_voxels];
            let source = Source::new(&x, 1, channels[0], shape);
            conv.forward(&source, &weight, &Sink::new(&mut y, 1, channels[1], out_voxels));
            let grad: Vec<f32> = grad.iter().copied().cycle().take(y.len()).collect();
            (y, conv.weight_grad(&source, &grad))
        };
        let (y, sums) = one_thread.install(|| run(conv));
        let (want_y, want_sums) = run(conv.with_algorithm(Algorithm::Direct));
        assert!(y.iter().zip(&want_y).all(|(got, want)| (got - want).abs() < 0.05), "{padding:?}");
        assert!(sums.iter().zip(&want_sums).all(|(got, want)| (got - want).abs() < 0.5), "weights, {padding:?}");
    }
}
