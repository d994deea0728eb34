//! Maps of channels on Burn's Flex backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;
use medseg_kernels::InstanceNorm3d;
use medseg_kernels::conv::{Part, Read, Scale, Source};
use medseg_kernels::memory::Buffer;
use medseg_kernels::norm::{Moments, scale_rows};

use super::{ChannelMap, Mapped};
use crate::ConvOptions;
use crate::conv::flex::convolve;
use crate::flex_values::{contiguous, known_sums, tensor, values, values_mut};
use crate::norm::flex::statistics;

/// The change with which a tensor is read.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Plain,
    Map(Vec<Scale>),
    Upsampled { align_corners: bool },
}

/// A convolution's settings and the changes of its inputs.
#[derive(Clone, Debug)]
pub(crate) struct MappedConv {
    changes: Vec<Change>,
    options: ConvOptions,
}

/// Equal stretches of a tensor, each with a mean and a variance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretches {
    rows: usize,
    eps: f64,
}

/// The backend with maps of channels.
#[backend_extension(Flex: cfg(feature = "flex"))]
pub(crate) trait ChannelMapBackend: Backend {
    /// x through a map.
    fn channel_map(x: FloatTensor<Self>, map: ChannelMap) -> FloatTensor<Self>;

    /// Moments `[rows, 3]` of stretches of x: shift, rest and scale of each.
    fn stretch_moments(x: FloatTensor<Self>, stretches: Stretches) -> FloatTensor<Self>;

    /// The convolution of one input.
    fn conv3d_mapped(x: FloatTensor<Self>, weight: FloatTensor<Self>, conv: MappedConv) -> FloatTensor<Self>;

    /// The convolution of two inputs' channels.
    fn conv3d_mapped_concat(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        conv: MappedConv,
    ) -> FloatTensor<Self>;
}

impl ChannelMapBackend for Flex {
    fn channel_map(x: FloatTensor<Self>, map: ChannelMap) -> FloatTensor<Self> {
        let mut x = contiguous(x);
        if let Some(values) = values_mut(&mut x) {
            scale_rows(values, &map.0);
            return x;
        }
        let mut copy = Buffer::new(values(&x).len());
        copy.copy_from_slice(values(&x));
        scale_rows(&mut copy, &map.0);
        tensor(copy, x.layout().shape().clone())
    }

    fn stretch_moments(x: FloatTensor<Self>, stretches: Stretches) -> FloatTensor<Self> {
        let x = contiguous(x);
        let norm = InstanceNorm3d::new(values(&x).len() / stretches.rows).with_eps(stretches.eps);
        let sums = known_sums(&x, stretches.rows);
        statistics(&sums.map_or_else(|| norm.moments(values(&x)), |sums| norm.moments_of_sums(&sums)))
    }

    fn conv3d_mapped(x: FloatTensor<Self>, weight: FloatTensor<Self>, conv: MappedConv) -> FloatTensor<Self> {
        read(&[contiguous(x)], weight, &conv)
    }

    fn conv3d_mapped_concat(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        conv: MappedConv,
    ) -> FloatTensor<Self> {
        read(&[contiguous(a), contiguous(b)], weight, &conv)
    }
}

/// Moments of `rows` stretches of x.
pub(super) fn moments_of(x: Tensor<5>, rows: usize, eps: f64) -> Vec<Moments> {
    let moments = Dispatch::stretch_moments(x.into_dispatch(), Stretches { rows, eps });
    let values = Tensor::<2>::from_dispatch(moments).into_data().try_to_vec::<f32>().expect("values of f32");
    values.as_chunks::<3>().0.iter().map(|&[shift, rest, scale]| Moments { shift, rest, scale }).collect()
}

pub(super) fn channel_map(x: Tensor<5>, map: &ChannelMap) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::channel_map(x.into_dispatch(), map.clone()))
}

pub(super) fn conv3d_mapped(inputs: Vec<Mapped>, weight: Tensor<5>, options: ConvOptions) -> Tensor<5> {
    let (mut tensors, mut changes) = (Vec::new(), Vec::new());
    for input in inputs {
        let (x, change) = match input {
            Mapped::Map(x, Some(ChannelMap(rows))) => (x, Change::Map(rows)),
            Mapped::Map(x, None) => (x, Change::Plain),
            Mapped::Upsampled(x, align_corners) => (x, Change::Upsampled { align_corners }),
        };
        tensors.push(x.into_dispatch());
        changes.push(change);
    }
    let (conv, weight) = (MappedConv { changes, options }, weight.cast(DType::F32).into_dispatch());
    let second = (tensors.len() == 2).then(|| tensors.pop()).flatten();
    let first = tensors.pop().expect("an input was checked");
    Tensor::from_dispatch(match second {
        None => Dispatch::conv3d_mapped(first, weight, conv),
        Some(second) => Dispatch::conv3d_mapped_concat(first, second, weight, conv),
    })
}

fn read(inputs: &[FlexTensor], weight: FlexTensor, conv: &MappedConv) -> FlexTensor {
    let factor = |change: &Change| if matches!(change, Change::Upsampled { .. }) { 2 } else { 1 };
    let parts: Vec<Part<'_>> = inputs
        .iter()
        .zip(&conv.changes)
        .map(|(x, change)| {
            let read = match change {
                Change::Plain => Read::Plain,
                Change::Map(rows) => Read::NormRelu(rows),
                Change::Upsampled { align_corners } => Read::Upsampled { align_corners: *align_corners },
            };
            Part { values: values(x), channels: x.layout().shape()[1], read }
        })
        .collect();
    let [batch, _, shape @ ..] = inputs[0].layout().shape().dims::<5>();
    let shape = shape.map(|size| size * factor(&conv.changes[0]));
    convolve(&Source::from_parts(batch, shape, &parts), weight, conv.options)
}
