//! `InstanceNorm3d` against its formulas in f64, and its gradients against central differences.

use medseg_kernels::InstanceNorm3d;
use medseg_kernels::norm::Affine;

use super::numbers;

const AFFINE: [Affine; 2] = [Affine { weight: 1.5, bias: -0.25 }, Affine { weight: -0.5, bias: 0.5 }];

/// The norm of a row written out.
fn normalised(row: &[f64], affine: Affine) -> Vec<f64> {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
    let scale = (variance + 1e-5).sqrt().recip();
    row.iter().map(|x| (x - mean) * scale * f64::from(affine.weight) + f64::from(affine.bias)).collect()
}

fn relu(x: f64, slope: f64) -> f64 {
    if x > 0.0 { x } else { x * slope }
}

fn close(got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-4, "{got} {want}");
    }
}

#[test]
fn rows_are_normalised_by_their_own_moments() {
    let x: Vec<f32> = numbers(4 * 37, 1).iter().map(|x| x + 1000.0).collect();
    let want: Vec<f64> = x
        .chunks(37)
        .enumerate()
        .flat_map(|(n, row)| normalised(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), AFFINE[n % 2]))
        .map(|y| relu(y, 0.25))
        .collect();
    let norm = InstanceNorm3d::new(37).with_relu(0.25);
    let (mut y, mut in_place) = (vec![0.0; x.len()], x.clone());
    let moments = norm.moments(&x);
    norm.forward(&x, &moments, &AFFINE, &mut y);
    norm.forward_in_place(&mut in_place, &moments, &AFFINE);
    close(&y, &want);
    assert!(y == in_place);
}

#[test]
fn the_sum_of_two_branches_and_its_gradients_follow_the_formulas() {
    let (a, b, seed) = (numbers(29, 1), numbers(29, 2), numbers(29, 3));
    let norm = InstanceNorm3d::new(29).with_relu(0.0);
    let value = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let [a, b] = [normalised(a, AFFINE[0]), normalised(b, AFFINE[1])];
        a.iter().zip(b).map(|(a, b)| relu(a + b, 0.0)).collect()
    };
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|x| f64::from(*x)).collect() };
    let (mut y, mut in_place) = (vec![0.0; 29], a.clone());
    let moments = [norm.moments(&a), norm.moments(&b)];
    let moments = moments.each_ref().map(|m| &m[..]);
    norm.add_relu([&a, &b], moments, &[AFFINE], &mut y);
    norm.add_relu_in_place(&mut in_place, &b, moments, &[AFFINE]);
    close(&y, &value(&wide(&a), &wide(&b)));
    assert!(y == in_place);

    let (mut grad, mut grad_b) = (seed.clone(), vec![0.0; 29]);
    let sums = norm.add_relu_backward([&a, &b], &mut grad, &mut grad_b, moments, &[AFFINE]);
    let through: f64 = seed.iter().zip(&y).filter(|(_, y)| **y > 0.0).map(|(g, _)| f64::from(*g)).sum();
    assert!((sums[0][0] - through).abs() < 1e-6, "the bias' gradient");
    let loss = |a: &[f64], b: &[f64]| -> f64 { value(a, b).iter().zip(&seed).map(|(y, g)| y * f64::from(*g)).sum() };
    let central = |branch: usize| -> Vec<f64> {
        (0..29)
            .map(|n| {
                let at = |step: f64| {
                    let mut x = [wide(&a), wide(&b)];
                    x[branch][n] += step;
                    loss(&x[0], &x[1])
                };
                (at(1e-6) - at(-1e-6)) / 2e-6
            })
            .collect()
    };
    close(&grad, &central(0));
    close(&grad_b, &central(1));
}
