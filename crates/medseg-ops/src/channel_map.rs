//! Norms and activations whose numbers are known, for predictions on a CPU.

#[cfg(feature = "flex")]
mod flex;

use burn::tensor::Tensor;
pub use medseg_kernels::conv::Scale;

use crate::ConvOptions;

/// A norm and a ReLU with known numbers: one [`Scale`] for each channel of each sample, sample after sample.
///
/// A batch norm in prediction is such a map, a bias is one, and so is every other norm once its statistics are known. Maps
/// that follow a convolution need no pass over the voxels: the next convolution reads through them.
///
/// Gradients do not pass: maps are for predictions, on the CPU backend of this crate alone. [`channel_map_runs`] says for
/// which tensors they are.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMap(pub Vec<Scale>);

impl ChannelMap {
    /// The map that changes nothing, for `rows` channels of all samples together.
    #[must_use]
    pub fn identity(rows: usize) -> Self {
        Self(vec![Scale { shift: 0.0, rest: 0.0, scale: 1.0, bias: 0.0, slope: 1.0 }; rows])
    }
}

/// An input of [`conv3d_mapped`]: a tensor, and the change with which it is read.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// Through a map, or as it is.
    Map(Tensor<5>, Option<ChannelMap>),
    /// Upsampled to twice the size, with or without aligned corners.
    Upsampled(Tensor<5>, bool),
}

/// True if the other functions of this kind take `x`: a tensor of f32 on Burn's Flex backend, without autodiff.
#[must_use]
pub fn channel_map_runs(x: &Tensor<5>) -> bool {
    #[cfg(feature = "flex")]
    {
        let known = crate::kernels::kernels(x) == Some(crate::kernels::Kernels::Flex);
        known && !x.device().is_autodiff() && x.shape().num_elements() > 0
    }
    #[cfg(not(feature = "flex"))]
    {
        let _ = x;
        false
    }
}

/// The map of an instance norm of `x`, or of a group norm if `groups` is given; weight and bias have one value a channel.
///
/// # Panics
/// If [`channel_map_runs`] is false for `x`, or the numbers of channels do not fit.
#[must_use]
pub fn norm_map(x: &Tensor<5>, groups: Option<usize>, affine: Option<(&[f32], &[f32])>, eps: f64) -> ChannelMap {
    check("norm_map", &[x]);
    let [batch, channels, ..] = x.dims();
    let groups = groups.unwrap_or(channels);
    assert!(groups > 0 && channels.is_multiple_of(groups), "norm_map: {channels} channels in {groups} groups");
    #[cfg(feature = "flex")]
    {
        let moments = flex::moments_of(x.clone(), batch * groups, eps);
        let row = |row: usize| {
            let (sample, channel) = (row / channels, row % channels);
            let of = moments[sample * groups + channel / (channels / groups)];
            let (weight, bias) = affine.map_or((1.0, 0.0), |(weight, bias)| (weight[channel], bias[channel]));
            Scale { shift: of.shift, rest: of.rest, scale: of.scale * weight, bias, slope: 1.0 }
        };
        ChannelMap((0..batch * channels).map(row).collect())
    }
    #[cfg(not(feature = "flex"))]
    {
        let _ = (batch, affine, eps);
        unreachable!("checked above")
    }
}

/// `x` through a map, in its own memory if nothing else reads it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{ChannelMap, channel_map};
///
/// let x = Tensor::<1>::from_floats([1.0, -3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let mut map = ChannelMap::identity(1);
/// map.0[0].slope = 0.5;
/// let y: Vec<f32> = channel_map(x, &map).into_data().try_to_vec().unwrap();
/// assert_eq!(y, [1.0, -1.5]);
/// ```
///
/// # Panics
/// If [`channel_map_runs`] is false for `x`, or the map has another number of rows.
#[must_use]
pub fn channel_map(x: Tensor<5>, map: &ChannelMap) -> Tensor<5> {
    check("channel_map", &[&x]);
    check_rows("channel_map", &x, map);
    #[cfg(feature = "flex")]
    return flex::channel_map(x, map);
    #[cfg(not(feature = "flex"))]
    unreachable!("checked above")
}

/// `conv3d` of the channels of one or two inputs, each read through its change, which is never carried out by itself.
///
/// # Shapes
/// - inputs: `[batch, in, depth, height, width]`, upsampled ones half as large
/// - weight: `[out, sum of in, kernel depth, kernel height, kernel width]`
///
/// # Panics
/// If [`channel_map_runs`] is false for an input, there is none or more than two, or shapes do not fit together.
#[must_use]
pub fn conv3d_mapped(inputs: Vec<Mapped>, weight: Tensor<5>, options: ConvOptions) -> Tensor<5> {
    const NAME: &str = "conv3d_mapped";
    assert!((1..=2).contains(&inputs.len()), "{NAME}: {} inputs", inputs.len());
    let (mut channels, mut grid) = (0, None);
    for input in &inputs {
        let (x, factor) = match input {
            Mapped::Map(x, map) => {
                if let Some(map) = map {
                    check_rows(NAME, x, map);
                }
                (x, 1)
            }
            Mapped::Upsampled(x, _) => (x, 2),
        };
        check(NAME, &[x]);
        let [batch, of, sizes @ ..] = x.dims();
        let read = (batch, sizes.map(|size| size * factor));
        assert!(*grid.get_or_insert(read) == read, "{NAME}: inputs of {grid:?} and {read:?} voxels");
        channels += of;
    }
    super::conv::check_channels(NAME, channels, weight.dims()[1], weight.dims()[0], None);
    super::conv::check_fit(NAME, grid.map_or([0; 3], |(_, sizes)| sizes), &weight, options);
    #[cfg(feature = "flex")]
    return flex::conv3d_mapped(inputs, weight, options);
    #[cfg(not(feature = "flex"))]
    unreachable!("checked above")
}

fn check(name: &str, tensors: &[&Tensor<5>]) {
    assert!(tensors.iter().all(|x| channel_map_runs(x)), "{name}: a tensor that channel_map_runs refuses");
}

fn check_rows(name: &str, x: &Tensor<5>, map: &ChannelMap) {
    let [batch, channels, ..] = x.dims();
    assert!(map.0.len() == batch * channels, "{name}: {} rows for {batch} × {channels} channels", map.0.len());
}
