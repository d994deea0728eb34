//! The public functions against sums written out, on small whole numbers, for which f32 is exact in any order.

mod conv;
mod lengths;
mod norm;
mod pool_and_upsample;
mod scale;
mod threads;

/// Small whole numbers.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 9) as f32 - 4.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// The place of voxel `number` in a volume.
fn place(number: usize, [_, h, w]: [usize; 3]) -> [usize; 3] {
    [number / (h * w), number / w % h, number % w]
}

/// Things that users move between threads.
#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<medseg_kernels::Conv3d>();
    check::<medseg_kernels::InstanceNorm3d>();
    check::<medseg_kernels::MaxPool3d>();
    check::<medseg_kernels::conv::InputGrad<'_>>();
    check::<medseg_kernels::conv::Source<'_>>();
    check::<medseg_kernels::conv::Sink<'_>>();
    check::<medseg_kernels::memory::Buffer>();
}
