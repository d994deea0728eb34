//! The convolution on tiles beside sums written out; where there are no tiles, with plain sums in their place.

use super::{Weights, convolve};
use crate::conv::direct::Geometry;
use crate::conv::tests::{Case, Volumes, numbers};
use crate::conv::winograd::Pass;
use crate::conv::{Part, Read, Scale, Sink, Source};

/// The convolution, and the sums of its channels; of those that are not finite there are none.
fn forward(x: &Source<'_>, weights: &[f32], case: &Case) -> (Vec<f32>, Option<Vec<[f64; 2]>>) {
    let geometry = Geometry::new(x.shape(), case.kernel, [1; 3], case.padding);
    let voxels: usize = geometry.output.iter().product();
    let mut out = vec![f32::NAN; x.batch() * case.output * voxels];
    let sink = Sink::new(&mut out, x.batch(), case.output, voxels).with_sums(geometry.output[2]);
    let packed = Weights::new(weights, case.output, x.channels(), case.kernel, Pass::Forward);
    convolve(x, &geometry, &packed, &sink);
    let sums = sink.sums();
    drop(sink);
    (out, sums)
}

/// Compares forward pass and input gradient with sums over all products, which are exact for small whole numbers.
fn check(case: &Case) {
    let Volumes { batch, channels, shape } = case.x;
    let voxels: usize = case.output_shape().iter().product();
    let x = numbers(case.x.len(), 1);
    let weights = numbers(case.output * channels * case.taps(), 2);
    let gradient = numbers(batch * case.output * voxels, 3);
    let (mut y, mut grad) = (vec![0.0f32; gradient.len()], vec![0.0f32; x.len()]);
    case.products(|o, i, w| {
        y[o] += x[i] * weights[w];
        grad[i] += gradient[o] * weights[w];
    });
    let what = format!("{:?} -> {} k{:?} p{:?}", case.x, case.output, case.kernel, case.padding);
    let (out, sums) = forward(&Source::new(&x, batch, channels, shape), &weights, case);
    assert!(out == y, "{what}");
    for (sums, y) in sums.expect("every row is written").iter().zip(y.chunks_exact(voxels)) {
        let of = |power: i32| y.iter().map(|y| f64::from(*y).powi(power)).sum::<f64>();
        assert_eq!(*sums, [of(1), of(2)], "{what}");
    }
    if (0..3).all(|a| case.padding[a] < case.kernel[a]) {
        let padding = std::array::from_fn(|a| case.kernel[a] - 1 - case.padding[a]);
        let geometry = Geometry::new(case.output_shape(), case.kernel, [1; 3], padding);
        let packed = Weights::new(&weights, case.output, channels, case.kernel, Pass::InputGrad);
        let mut out = vec![f32::NAN; x.len()];
        let sink = Sink::new(&mut out, batch, channels, shape.iter().product());
        convolve(&Source::new(&gradient, batch, case.output, case.output_shape()), &geometry, &packed, &sink);
        assert!(out == grad, "gradient of {what}");
    }
}

#[test]
fn rows_of_every_length_are_exact() {
    for width in 1..=70 {
        let (channels, output) = (1 + width * 5 % 23, 1 + width * 3 % 37);
        let x = Volumes { batch: 1 + width % 2, channels, shape: [1 + width % 3, 1 + width * 2 % 5, width] };
        check(&Case { x, output, kernel: [3; 3], padding: [1; 3] });
        check(&Case { x, output, kernel: [1; 3], padding: [0; 3] });
        if width > 2 {
            check(&Case { x, output, kernel: [1, 3, 3], padding: [0, 2, 0] });
        }
    }
}

#[test]
fn every_number_of_channels_is_exact() {
    for channels in 1..=70 {
        let x = Volumes { batch: 1 + channels % 2, channels, shape: [2, 3, 5] };
        check(&Case { x, output: 71 - channels, kernel: [3; 3], padding: [1; 3] });
        check(&Case { x, output: 1 + channels % 34, kernel: [1, 2, 3], padding: [3, 1, 5] });
        check(&Case { x, output: channels, kernel: [1; 3], padding: [0; 3] });
    }
}

#[test]
fn work_that_is_cut_up_is_exact() {
    // Several runs of planes and several columns of rows to a sample, the last ones shorter.
    let wide = Volumes { batch: 2, channels: 90, shape: [5, 61, 35] };
    check(&Case { x: wide, output: 3, kernel: [3; 3], padding: [1; 3] });
    // Weights that are many, of a sample that is packed whole.
    let deep = Volumes { batch: 2, channels: 150, shape: [3, 4, 5] };
    check(&Case { x: deep, output: 70, kernel: [3; 3], padding: [1; 3] });
}

#[test]
fn threads_change_no_bit() {
    let x = Volumes { batch: 2, channels: 37, shape: [7, 33, 21] };
    let deep = Volumes { batch: 1, channels: 150, shape: [6, 5, 7] };
    for (x, output) in [(x, 21), (deep, 75)] {
        let case = Case { x, output, kernel: [3; 3], padding: [1; 3] };
        let fractions = |count, seed| -> Vec<f32> { numbers(count, seed).iter().map(|x| x / 7.0).collect() };
        let (values, weights) = (fractions(x.len(), 1), fractions(output * x.channels * 27, 2));
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| forward(&Source::new(&values, x.batch, x.channels, x.shape), &weights, &case))
        };
        let one = of(1);
        assert!([2, 3, 8].into_iter().all(|threads| of(threads) == one));
    }
}

#[test]
fn inputs_are_concatenated_normalised_and_upsampled_while_they_are_packed() {
    // Every odd number of channels shifts which part a word's two channels come from.
    let (batch, shape) = (2, [4, 6, 18]);
    let voxels: usize = shape.iter().product();
    for plain in 1..4 {
        let scales: Vec<Scale> = (0..batch * 3)
            .map(|n| Scale {
                shift: n as f32,
                rest: 0.5,
                scale: [0.5, 0.0, 1.0, -2.0, 2.0, 0.25][n],
                bias: [0.0, 1.0, -0.5, 2.0, 0.0, 0.0][n],
                slope: [0.0, 0.0, 0.25, 0.5, 1.0, 0.0][n],
            })
            .collect();
        let small = voxels / 8;
        let (a, b, c) =
            (numbers(batch * plain * voxels, 1), numbers(batch * 3 * voxels, 2), numbers(batch * 2 * small, 3));
        let parts = [
            Part { values: &a, channels: plain, read: Read::Plain },
            Part { values: &b, channels: 3, read: Read::NormRelu(&scales) },
            Part { values: &c, channels: 2, read: Read::Upsampled { align_corners: false } },
        ];
        let source = Source::from_parts(batch, shape, &parts);
        let mut read = vec![0.0; batch * source.channels() * voxels];
        for (n, rows) in read.chunks_exact_mut(voxels).enumerate() {
            for (row, to) in rows.chunks_exact_mut(shape[2]).enumerate() {
                let channel = source.channel(n / source.channels(), n % source.channels());
                channel.row(row / shape[1], row % shape[1], to, &mut Vec::new());
            }
        }
        let x = Volumes { batch, channels: source.channels(), shape };
        let case = Case { x, output: 5, kernel: [3; 3], padding: [1; 3] };
        let weights = numbers(5 * source.channels() * 27, 4);
        let read = Source::new(&read, batch, source.channels(), shape);
        assert!(forward(&source, &weights, &case) == forward(&read, &weights, &case), "{plain}");
    }
}

#[test]
fn a_single_channel_has_twice_the_digits() {
    let x: Vec<f32> = (0..4 * 5 * 21).map(|n| (n as f32 * 0.37).sin()).collect();
    let weights = numbers(27, 1);
    let case =
        Case { x: Volumes { batch: 1, channels: 1, shape: [4, 5, 21] }, output: 1, kernel: [3; 3], padding: [1; 3] };
    let mut want = vec![0.0f64; x.len()];
    case.products(|o, i, w| want[o] += f64::from(x[i]) * f64::from(weights[w]));
    let (got, _) = forward(&Source::new(&x, 1, 1, [4, 5, 21]), &weights, &case);
    let error = got.iter().zip(&want).map(|(got, want)| (f64::from(*got) - want).abs()).fold(0.0, f64::max);
    // 27 products of at most 4, with 16 bits.
    assert!(error < 27.0 * 4.0 / 65536.0, "{error}");
}

#[test]
fn what_is_not_finite_stays_in_the_reach_of_the_kernel() {
    let shape = [5, 7, 33];
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = numbers(3 * shape.iter().product::<usize>(), 1);
        let at = [2, 3, 17];
        x[(at[0] * shape[1] + at[1]) * shape[2] + at[2]] = bad;
        let case = Case { x: Volumes { batch: 1, channels: 3, shape }, output: 2, kernel: [3; 3], padding: [1; 3] };
        let weights = vec![1.0; 2 * 3 * 27];
        let (y, _) = forward(&Source::new(&x, 1, 3, shape), &weights, &case);
        for (n, y) in y.iter().enumerate() {
            let place = [n / (shape[1] * shape[2]) % shape[0], n / shape[2] % shape[1], n % shape[2]];
            let near = (0..3).all(|a| place[a].abs_diff(at[a]) < 2);
            assert_eq!(y.is_finite(), !near, "{place:?}");
        }
    }
}
