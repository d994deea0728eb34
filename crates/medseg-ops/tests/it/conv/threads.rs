//! The number of threads changes no bit.

use medseg_ops::{ConvOptions, conv3d};

use super::compare::{SAME, inputs, with_gradients};

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for (kernel, options) in [(3, SAME), (1, ConvOptions::default())] {
        let inputs = inputs(1, [2, 6, 9, 20, 21], [10, 6, kernel, kernel, kernel]);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| with_gradients(conv3d, &inputs, options))
        };
        let one = with(1);
        for threads in [2, 3, 5] {
            assert!(with(threads) == one, "{threads} threads, kernel {kernel}");
        }
    }
}
