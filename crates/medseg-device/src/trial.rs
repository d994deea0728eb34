//! Small computations that show whether a device works.

use burn::tensor::{Device, Tensor};

use crate::quiet::{one_line, quietly};

/// Uploads, computes, reads back and compares; the error says in one line what went wrong.
pub(crate) fn try_out(device: &Device) -> Result<(), String> {
    let wrong = |values: Vec<f32>| format!("it computed {values:?} instead of [1.5, 4.5, 9.5]");
    let values = computed(|| {
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0], device);
        x.clone() * x + 0.5
    })?;
    if values == [1.5, 4.5, 9.5] { Ok(()) } else { Err(wrong(values)) }
}

/// Checks that the device adds up many values, as losses do: one software adapter was seen not to.
pub(crate) fn add_up(device: &Device) -> Result<(), String> {
    const ROW: usize = 1 << 18;
    let ones = || Tensor::<2>::ones([4, ROW], device);
    let sums = computed(|| Tensor::cat(vec![ones().sum(), ones().sum_dim(1).flatten::<1>(0, 1)], 0))?;
    let want = [4 * ROW, ROW, ROW, ROW, ROW].map(|sum| sum as f32);
    if sums == want { Ok(()) } else { Err(format!("it added up ones to {sums:?} instead of {want:?}")) }
}

fn computed(of: impl FnOnce() -> Tensor<1>) -> Result<Vec<f32>, String> {
    match quietly(|| of().try_into_vec_as::<f32>()) {
        Err(panicked) => Err(panicked.reason()),
        Ok(Err(error)) => Err(one_line(&error.to_string())),
        Ok(Ok(values)) => Ok(values),
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_computes_and_adds_up() {
        assert_eq!((try_out(&Device::flex()), add_up(&Device::flex())), (Ok(()), Ok(())));
    }
}
