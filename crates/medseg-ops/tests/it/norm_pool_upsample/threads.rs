//! The number of threads changes no bit.

use super::compare::{Numbers, add_relu, assert_same_bits, relu, with_grad};
use burn::tensor::{Device, Tensor};

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    type Op = fn(Tensor<5>) -> Tensor<5>;
    let ops: [(&str, Op); 6] = [
        ("instance_norm3d", |x| medseg_ops::instance_norm3d(x, None, 1e-5)),
        ("norm_relu", relu),
        ("norm_add_relu", |x| add_relu(x.clone(), x.flip([4]))),
        ("max_pool3d", |x| medseg_ops::max_pool3d(x, 3, 2, 1)),
        ("upsample_trilinear2x, aligned", |x| medseg_ops::upsample_trilinear2x(x, true)),
        ("upsample_trilinear2x", |x| medseg_ops::upsample_trilinear2x(x, false)),
    ];
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(7);
    // One row of several parts, rows fewer and more than threads.
    for shape in [[1, 1, 41, 39, 37], [2, 3, 20, 33, 35], [1, 2, 3, 4, 5]] {
        let x = numbers.tensor(shape, &device);
        for (name, op) in ops {
            let cotangent = numbers.tensor(op(x.clone()).dims(), &device);
            let [one, two, three] = [1, 2, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| with_grad(op, &x, &cotangent))
            });
            for other in [two, three] {
                assert_same_bits(name, &other.0, &one.0);
                assert_same_bits(&format!("{name}, gradient"), &other.1, &one.1);
            }
        }
    }
}
