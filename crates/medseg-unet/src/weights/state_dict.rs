//! State dicts of PyTorch, in and out.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, TensorData};

use super::exact::require_finite;
use super::keys::StateDictKeys;
use super::matching::match_keys;
use super::read::WeightFile;
use super::write::{FileKind, write_weights};
use crate::layout::Layout;
use crate::parameters::Parameters;
use crate::{UNet, UNetConfig, UNetError};

/// Options of reading a state dict; the default takes exactly the network's weights, in their stored order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDictOptions {
    /// Refuse missing and unexpected keys. Without, missing tensors keep their initial values and both are reported in
    /// [`LoadedStateDict`]; another shape is an error either way.
    pub strict: bool,
    /// The network was trained on arrays indexed (x, y, z): its kernels' axes are reversed to `[depth, height, width]`.
    pub reversed_axes: bool,
    /// Prefix of the stages' names, such as `state_dict.module`; other keys are left alone. If not given, it is the
    /// prefix of `conv0_0`.
    pub prefix: Option<String>,
    /// Seed of the initial values that missing tensors keep.
    pub seed: u64,
}

impl Default for StateDictOptions {
    fn default() -> Self {
        Self { strict: true, reversed_axes: false, prefix: None, seed: 0 }
    }
}

/// A network out of a state dict, and the keys that did not fit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedStateDict {
    /// The network.
    pub network: UNet,
    /// Names of the tensors in the file, without the prefix: for writing it back with [`save_state_dict`].
    pub keys: StateDictKeys,
    /// Tensors of the network, by this crate's names, that the file lacks.
    pub missing: Vec<String>,
    /// Keys of the file that the network has no tensor for.
    pub unexpected: Vec<String>,
}

/// Loads a state dict into a network of these settings: a `.pth` or `.pt` file (with the feature `pytorch`), a safetensors or
/// a burnpack file; the content decides, not the name. As [`load_state_dict_with`] and the default options.
///
/// # Errors
/// As [`load_state_dict_with`].
pub fn load_state_dict(path: impl AsRef<Path>, config: &UNetConfig, device: &Device) -> Result<UNet, UNetError> {
    Ok(load_state_dict_with(path, config, &StateDictOptions::default(), device)?.network)
}

/// Loads a state dict into a network of these settings.
///
/// Stages have the names of [`UNet::named_parameters`] (`conv0_0`, ..., `final`); inside, modules may be nested and
/// called anything, such as `conv0_0.residual_unit.0.conv.weight`: a shortcut is known by its 1×1×1 kernel, and the
/// other convolutions stand in the natural order of their names. A norm belongs to the convolution of the same rank in
/// the same module. f16, bf16 and f64 become f32. Nothing in a pickle is run.
///
/// # Errors
/// Impossible settings, an unreadable or damaged file, several networks in it and no prefix, weights of another shape, or
/// weights that are no finite numbers in f32. Also every missing and unexpected key, unless the options allow them.
pub fn load_state_dict_with(
    path: impl AsRef<Path>,
    config: &UNetConfig,
    options: &StateDictOptions,
    device: &Device,
) -> Result<LoadedStateDict, UNetError> {
    config.validate()?;
    load(path.as_ref(), &WeightFile::open(path.as_ref())?, config, options, device)
}

/// As [`load_state_dict_with`], of an open file and valid settings.
pub(super) fn load(
    path: &Path,
    file: &WeightFile,
    config: &UNetConfig,
    options: &StateDictOptions,
    device: &Device,
) -> Result<LoadedStateDict, UNetError> {
    let layout = Layout::new(config);
    let shapes = file.tensors.iter().map(|(key, tensor)| (key.clone(), tensor.shape.clone())).collect();
    let matched = match match_keys(&shapes, &layout, options.prefix.as_deref()) {
        Ok(matched) => matched,
        Err(prefixes) => return Err(UNetError::SeveralNetworks { path: path.to_path_buf(), prefixes }),
    };
    let stored = |name: &str| {
        let key = format!("{}{}", matched.prefix, matched.keys.get(name)?);
        file.tensors.get(&key).map(|tensor| (key, tensor))
    };
    // Shapes first: a damaged file may claim more than there is memory for.
    let reverse = |shape: &[usize]| if options.reversed_axes { reversed(shape) } else { shape.to_vec() };
    let tensors = layout.tensors();
    let differing = tensors.iter().filter_map(|(name, expected)| {
        let (key, tensor) = stored(name)?;
        let shape = reverse(&tensor.shape);
        (shape != *expected).then(|| format!("{key} {:?} instead of {expected:?}", tensor.shape))
    });
    let shapes: Vec<String> = differing.collect();
    let refused = options.strict && !(matched.missing.is_empty() && matched.unexpected.is_empty());
    if refused || !shapes.is_empty() {
        let place = path.display().to_string();
        return Err(UNetError::Weights { place, missing: matched.missing, unexpected: matched.unexpected, shapes });
    }
    let mut values = BTreeMap::new();
    for (name, _) in &tensors {
        let Some((key, tensor)) = stored(name) else { continue };
        let read = tensor.values().map_err(|e| UNetError::malformed(path)(format!("{key}: {e}")))?;
        require_finite(path, &key, &read)?;
        let read = if options.reversed_axes { with_reversed_axes(&tensor.shape, &read) } else { read };
        values.insert(name.clone(), read);
    }
    let mut parameters = Parameters::new(values);
    if !matched.missing.is_empty() {
        parameters =
            Parameters::kaiming_normal(layout.convs(), config.activation.squared_gain(), options.seed).with(parameters);
    }
    let network = UNet::new(config, &layout, parameters, device);
    let keys = StateDictKeys { keys: matched.keys, reversed_axes: options.reversed_axes };
    Ok(LoadedStateDict { network, keys, missing: matched.missing, unexpected: matched.unexpected })
}

/// Writes a network as a safetensors file for PyTorch (`load_state_dict(safetensors.torch.load_file(path))`), with the
/// names that [`StateDictKeys::own`] or [`StateDictKeys::reference`] give or that [`load_state_dict_with`] found. The
/// settings are not in it; [`save_weights`](crate::save_weights) writes those.
///
/// # Errors
/// A name that does not end in `.safetensors`, or what the system says, naming the file.
pub fn save_state_dict(network: &UNet, path: impl AsRef<Path>, keys: &StateDictKeys) -> Result<(), UNetError> {
    let path = path.as_ref();
    if FileKind::from_name(path)? != FileKind::Safetensors {
        let expected = "a state dict is written to a .safetensors file";
        return Err(UNetError::Ending { path: path.to_path_buf(), expected });
    }
    let tensors = network.named_parameters().into_iter().chain(network.named_statistics());
    let mut renamed = Vec::new();
    for (name, data) in tensors {
        let data = if keys.reversed_axes { reverse_data(data)? } else { data };
        renamed.push((keys.key_of(&name).to_string(), data));
    }
    write_weights(path, FileKind::Safetensors, renamed, &[("format", "pt".into())])
}

fn reverse_data(data: TensorData) -> Result<TensorData, UNetError> {
    let shape = data.shape().to_vec();
    let values = data.convert::<f32>().try_to_vec::<f32>().map_err(|e| UNetError::Device(format!("{e:?}")))?;
    Ok(TensorData::new(with_reversed_axes(&shape, &values), reversed(&shape)))
}

/// The shape of a kernel with its last three axes reversed; of anything else the same.
fn reversed(shape: &[usize]) -> Vec<usize> {
    match shape {
        [a, b, x, y, z] => vec![*a, *b, *z, *y, *x],
        other => other.to_vec(),
    }
}

/// The values of a kernel with its last three axes reversed; of anything else the same.
fn with_reversed_axes(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let [a, b, x, y, z] = *shape else { return values.to_vec() };
    let mut out = Vec::with_capacity(values.len());
    for kernel in 0..a * b {
        for k in 0..z {
            for j in 0..y {
                out.extend((0..x).map(|i| values[((kernel * x + i) * y + j) * z + k]));
            }
        }
    }
    out
}
