//! A small computation that shows whether a device works.

use burn::tensor::{Device, Tensor};

use crate::quiet::{one_line, quietly};

/// Uploads, computes, reads back and compares; the error says in one line what went wrong.
pub(crate) fn try_out(device: &Device) -> Result<(), String> {
    let computed = quietly(|| {
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0], device);
        (x.clone() * x + 0.5).try_into_vec_as::<f32>()
    });
    match computed {
        Err(panicked) => Err(panicked.reason()),
        Ok(Err(error)) => Err(one_line(&error.to_string())),
        Ok(Ok(values)) if values == [1.5, 4.5, 9.5] => Ok(()),
        Ok(Ok(values)) => Err(format!("it computed {values:?} instead of [1.5, 4.5, 9.5]")),
    }
}
