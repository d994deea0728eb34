//! The weights of a bundle.

use std::collections::BTreeMap;

use burn::tensor::Device;
use medseg_architecture::Parameter;
use medseg_network::Network;
use medseg_torch::{StoredTensor, TorchFile};

use super::ImportError;
use crate::MonaiBundle;

/// The network with its weights. Kernels of the state dict have the axes x, y, z, which are turned around.
pub(super) fn network(bundle: &MonaiBundle, device: &Device) -> Result<Network, ImportError> {
    let path = bundle.checkpoint_file()?;
    let bad = |reason: String| ImportError::Weights { path: path.clone(), reason };
    let tensors = TorchFile::open(&path)?.state_dict(&[&bundle.checkpoint.key])?;
    let mut unread: BTreeMap<&str, &StoredTensor> = tensors.iter().map(|(key, tensor)| (&key[..], tensor)).collect();
    unread.retain(|key, _| !bundle.network.is_repeat(key));
    let read = |parameter: &Parameter| -> Result<Vec<f32>, ImportError> {
        let name = &parameter.name;
        let tensor = unread.remove(&name[..]).ok_or_else(|| bad(format!("there is no {name}")))?;
        let mut expected = parameter.shape.clone();
        if let [_, _, kernel @ ..] = &mut expected[..] {
            kernel.reverse();
        }
        // A row may be stored with axes of length 1 around it.
        if tensor.shape() != expected {
            let found = tensor.shape();
            return Err(bad(format!("{name} has the shape {found:?} instead of {expected:?}")));
        }
        let values = tensor.values()?;
        Ok(match expected[..] {
            [_, _, x, y, z] => turned(&values, [x, y, z]),
            _ => values,
        })
    };
    let network = Network::from_values(&bundle.network.architecture, &path.display().to_string(), read, device)?;
    match unread.keys().next() {
        Some(key) => Err(bad(format!("the network has no {key}"))),
        None => Ok(network),
    }
}

/// Kernels of `[x, y, z]` as `[z, y, x]`.
fn turned(values: &[f32], [x, y, z]: [usize; 3]) -> Vec<f32> {
    let mut turned = Vec::with_capacity(values.len());
    for kernel in values.chunks_exact(x * y * z) {
        for c in 0..z {
            for b in 0..y {
                turned.extend((0..x).map(|a| kernel[(a * y + b) * z + c]));
            }
        }
    }
    turned
}
