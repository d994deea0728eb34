//! Max-pooling and upsampling against their definitions; each gradient as the transpose of its operation.

use medseg_kernels::upsample::Axis;
use medseg_kernels::{MaxPool3d, upsample_trilinear2x, upsample_trilinear2x_grad};

use super::{numbers, place};

#[test]
fn maxima_and_their_gradients_follow_the_definition() {
    for (kernel, stride, padding) in [(2, 2, 0), (3, 2, 1), (3, 1, 0), (4, 3, 2)] {
        let (pool, shape) = (MaxPool3d::new(kernel, stride, padding), [5, 4, 7]);
        let output = pool.output_shape(shape);
        let [voxels, out_voxels] = [shape, output].map(|s| s.iter().product::<usize>());
        let (x, grad) = (numbers(3 * voxels, 1), numbers(3 * out_voxels, 2));
        let (mut want, mut want_grad) = (vec![f32::NEG_INFINITY; grad.len()], vec![0.0; x.len()]);
        for (p, want) in want.iter_mut().enumerate() {
            let (channel, window) = (p / out_voxels, place(p % out_voxels, output));
            let mut first = None;
            for tap in 0..kernel.pow(3) {
                let offset = place(tap, [kernel; 3]);
                let from: [Option<usize>; 3] =
                    std::array::from_fn(|a| (window[a] * stride + offset[a]).checked_sub(padding));
                let [Some(z), Some(y), Some(w)] = from else { continue };
                if z < shape[0] && y < shape[1] && w < shape[2] {
                    let i = channel * voxels + (z * shape[1] + y) * shape[2] + w;
                    if x[i] > *want {
                        (*want, first) = (x[i], Some(i));
                    }
                }
            }
            want_grad[first.unwrap()] += grad[p];
        }
        let (mut y, mut indexed, mut index) = (vec![0.0; want.len()], vec![0.0; want.len()], vec![0; want.len()]);
        pool.forward(&x, shape, &mut y);
        pool.forward_indexed(&x, shape, &mut indexed, &mut index);
        let mut x_grad = vec![f32::NAN; x.len()];
        pool.input_grad(&grad, &index, shape, &mut x_grad);
        assert!(y == want && indexed == want && x_grad == want_grad, "{pool:?}");
    }
}

#[test]
fn upsampling_interpolates_along_three_axes() {
    for align_corners in [false, true] {
        let (shape, voxels) = ([2, 3, 5], 30);
        let (x, grad) = (numbers(2 * voxels, 1), numbers(16 * voxels, 2));
        let axes = shape.map(|size| Axis::new(size, align_corners));
        let (mut y, mut x_grad) = (vec![f32::NAN; grad.len()], vec![f32::NAN; x.len()]);
        upsample_trilinear2x(&x, shape, align_corners, &mut y);
        upsample_trilinear2x_grad(&grad, shape, align_corners, &mut x_grad);
        let mut want_grad = vec![0.0; x.len()];
        for (p, y) in y.iter().enumerate() {
            let at = place(p % (8 * voxels), shape.map(|size| 2 * size));
            let from: [_; 3] = std::array::from_fn(|a| axes[a].sources(at[a]));
            let mut want = 0.0;
            for n in 0..8 {
                let [z, r, w] = [from[0][n / 4], from[1][n / 2 % 2], from[2][n % 2]];
                let i = p / (8 * voxels) * voxels + (z.0 * shape[1] + r.0) * shape[2] + w.0;
                want += z.1 * r.1 * w.1 * x[i];
                want_grad[i] += z.1 * r.1 * w.1 * grad[p];
            }
            assert!((y - want).abs() < 1e-5, "{y} {want}");
        }
        assert!(x_grad.iter().zip(&want_grad).all(|(got, want)| (got - want).abs() < 1e-4));
    }
}
