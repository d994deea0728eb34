//! `scale_rows` against its formula, value by value.

use medseg_kernels::conv::Scale;
use medseg_kernels::norm::scale_rows;

use super::numbers;

/// Maps whose numbers are small powers of two, so that every order of the operations gives the same bits.
fn maps(rows: usize) -> Vec<Scale> {
    let of = |n: usize| Scale {
        shift: n as f32,
        rest: [0.0, 0.5][n % 2],
        scale: [0.5, -2.0, 1.0][n % 3],
        bias: [0.25, -1.0][n / 2 % 2],
        slope: [0.0, 0.125, 1.0][n % 3],
    };
    (0..rows).map(of).collect()
}

fn mapped(x: f32, map: Scale) -> f32 {
    let y = ((x - map.shift) - map.rest) * map.scale + map.bias;
    if y > 0.0 { y } else { y * map.slope }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn every_value_goes_through_the_map_of_its_row() {
    let lengths = (0..36).chain([63, 64, 65, 127, 1000, 1 << 16, (1 << 16) + 1, (1 << 17) + 1, 5 * (1 << 16) + 7]);
    for len in lengths {
        for rows in [1, 2, 7] {
            let (x, maps) = (numbers(len * rows, len as u64), maps(rows));
            let want: Vec<f32> = x.iter().enumerate().map(|(n, x)| mapped(*x, maps[n / len])).collect();
            let mut got = x;
            scale_rows(&mut got, &maps);
            assert_eq!(bits(&got), bits(&want), "{rows} rows of {len}");
        }
    }
}

#[test]
fn not_a_number_stays_one_and_infinity_keeps_its_sign() {
    let leaky = Scale { shift: 1.0, rest: 0.0, scale: 2.0, bias: 3.0, slope: 0.1 };
    for len in [1, 8, 9, 33] {
        for at in 0..len {
            let mut x = vec![1.0; len];
            x[at] = f32::NAN;
            scale_rows(&mut x, &[leaky]);
            assert!(x.iter().enumerate().all(|(n, x)| if n == at { x.is_nan() } else { *x == 3.0 }), "{len} {at}");
            for relu in [0.0, 0.1] {
                let mut x = vec![1.0; len];
                x[at] = f32::NAN;
                scale_rows(&mut x, &[Scale { slope: relu, ..leaky }]);
                assert!(x[at].is_nan(), "slope {relu}");
            }
            let mut x = vec![f32::INFINITY; len];
            x[at] = f32::NEG_INFINITY;
            scale_rows(&mut x, &[leaky]);
            assert!(x.iter().enumerate().all(|(n, x)| x.is_infinite() && (*x < 0.0) == (n == at)));
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let rows = [(3, 200_003), (1, 400_001), (1000, 37)];
    let run = || {
        rows.map(|(rows, len)| {
            let mut x: Vec<f32> = (0..rows * len).map(|n| (n as f32 * 0.37).sin() * 30.0).collect();
            let map = |n: usize| Scale {
                shift: n as f32 * 0.1,
                rest: 1e-7,
                scale: 0.3 + n as f32,
                bias: -0.7,
                slope: 0.01 * n as f32,
            };
            scale_rows(&mut x, &(0..rows).map(map).collect::<Vec<_>>());
            bits(&x)
        })
    };
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = with(1);
    assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one));
}

#[test]
#[should_panic(expected = "7 values in 2 rows")]
fn values_that_make_no_rows_are_refused() {
    scale_rows(&mut [0.0; 7], &maps(2));
}

#[test]
#[should_panic(expected = "0 rows")]
fn no_row_at_all_is_refused() {
    scale_rows(&mut [], &[]);
}
