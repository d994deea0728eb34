//! Weights whose names are exactly the network's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::UNetError;
use crate::parameters::Parameters;

/// True for the number of batches that a batch norm of PyTorch has seen, which is of no use here.
pub(crate) fn is_batch_count(key: &str) -> bool {
    key.rsplit('.').next() == Some("num_batches_tracked")
}

/// Refuses values that are no finite numbers.
pub(crate) fn require_finite(path: &Path, tensor: &str, values: &[f32]) -> Result<(), UNetError> {
    match values.iter().copied().find(|value| !value.is_finite()) {
        Some(value) => Err(UNetError::NotFinite { path: path.to_path_buf(), tensor: tensor.into(), value }),
        None => Ok(()),
    }
}

/// The values of tensors with these names and shapes, from a file or another place that holds `found`; `read` takes a
/// name. Shapes are compared before anything is read: a damaged file may claim more than there is memory for.
pub(crate) fn exact_parameters(
    place: &Path,
    wanted: &[(String, Vec<usize>)],
    mut found: BTreeMap<String, Vec<usize>>,
    mut read: impl FnMut(&str) -> Result<Vec<f32>, UNetError>,
) -> Result<Parameters, UNetError> {
    let (mut missing, mut shapes) = (Vec::new(), Vec::new());
    for (name, expected) in wanted {
        match found.remove(name) {
            None => missing.push(name.clone()),
            Some(shape) if shape != *expected => shapes.push(format!("{name} {shape:?} instead of {expected:?}")),
            Some(_) => {}
        }
    }
    let unexpected: Vec<String> = found.into_keys().filter(|key| !is_batch_count(key)).collect();
    if !(missing.is_empty() && unexpected.is_empty() && shapes.is_empty()) {
        return Err(UNetError::Weights { place: place.display().to_string(), missing, unexpected, shapes });
    }
    let mut values = BTreeMap::new();
    for (name, shape) in wanted {
        let of_tensor = read(name)?;
        if of_tensor.len() != shape.iter().product::<usize>() {
            let reason = format!("{name}: {} values for a shape of {shape:?}", of_tensor.len());
            return Err(UNetError::malformed(place)(reason));
        }
        require_finite(place, name, &of_tensor)?;
        values.insert(name.clone(), of_tensor);
    }
    Ok(Parameters::new(values))
}
