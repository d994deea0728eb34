//! The convolution: Burn's for f32; for half precision cubek's implicit matrix multiplication, which sums in f32.

use burn::backend::Backend;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::ops::ConvOptions as BurnConvOptions;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeTuneId;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward_nhwc};
use burn_cubecl::ops::numeric::empty_device_dtype;
use cubecl::tune::{LocalTuner, Tunable, TunableSet, TuneGroup, anchor, local_tuner};
use cubek::convolution::components::ConvSetupError;
use cubek::convolution::{
    AcceleratedTileKind, ConvAlgorithm, ConvolutionArgs, ConvolutionInputs, Strategy, launch_ref,
};
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::std::InputBinding;

use super::weights::{Order, arranged};
use super::{ConvOptions, CubeBackend, CubeTensor, Precision, cast, channels_first, channels_last, into_contiguous};

/// A convolution of any stride by weights `[out, in, kernel]`, or by those that `order` makes of them; the result has the
/// type of x.
pub(in super::super) fn convolve(x: CubeTensor, weight: CubeTensor, order: Order, options: ConvOptions) -> CubeTensor {
    let dtype = x.dtype;
    let bf16 = options.precision == Precision::Bf16 && dtype == DType::F32;
    let products = if bf16 && CubeBackend::supports_dtype(&x.device, DType::BF16) { DType::BF16 } else { dtype };
    let x = with_dense_channels(cast(channels_last(x), products));
    let weight = arranged(weight, order, products);
    let out = if products == DType::F32 {
        let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
        conv_forward_nhwc::<3>(x, weight, None, options, ConvStrategy::default()).expect("the direct kernel takes any")
    } else {
        in_half_precision(Problem { x, weight, options, dtype })
    };
    channels_first(out)
}

/// The channels-last tensor with its channels side by side, which otherwise every kernel that is tried makes for itself.
pub(super) fn with_dense_channels(mut x: CubeTensor) -> CubeTensor {
    if x.meta.shape()[4] == 1 {
        // The distance to the next of one is anything.
        x.meta.strides_mut()[4] = 1;
    }
    if x.meta.strides()[4] == 1 { x } else { into_contiguous(x) }
}

/// A convolution of channels-last tensors of half precision to a result of type `dtype`.
#[derive(Clone)]
struct Problem {
    x: CubeTensor,
    weight: CubeTensor,
    options: ConvOptions,
    dtype: DType,
}

/// Ways on tensor cores that are tried for each new shape: one for each kind of load and of product. Each costs a third of a
/// second of compiling; cubek's strided loads differ from its cyclic ones in the order of the copies alone.
const CANDIDATES: [(ConvAlgorithm, AcceleratedTileKind); 4] = [
    (ConvAlgorithm::SimpleSyncCyclic, AcceleratedTileKind::Cmma),
    (ConvAlgorithm::SimpleSyncCyclic, AcceleratedTileKind::Mma),
    (ConvAlgorithm::SimpleAsyncCyclic, AcceleratedTileKind::Mma),
    (ConvAlgorithm::SimpleAsyncTma, AcceleratedTileKind::Mma),
];

/// By the fastest way of those that sum in f32. Burn's own choice has a kernel among its ways that sums in half precision.
fn in_half_precision(problem: Problem) -> CubeTensor {
    static TUNER: LocalTuner<String, CubeTuneId> = local_tuner!();
    let client = problem.x.client.clone();
    let id = CubeTuneId::new(&client, &problem.x.device);
    let tunables = TUNER.init(&id, || {
        let tensor_cores = TuneGroup::new("tensor cores", |_: &String| 1);
        let rest = TuneGroup::new("rest", |_: &String| 0);
        let same = |_: &String, problem: &Problem| problem.clone();
        let mut set = TunableSet::new(key, same)
            .with(Tunable::new("f32", |problem: Problem| Ok::<_, String>(in_f32(problem))).group(&rest, |_| 0));
        for (algorithm, tile_kind) in CANDIDATES {
            let run = move |problem: Problem| by_tensor_cores(problem, algorithm, tile_kind);
            set = set.with(Tunable::new(&format!("{algorithm}_{tile_kind}"), run).group(&tensor_cores, |_| 0));
        }
        set
    });
    TUNER.execute(&id, &client, tunables, problem)
}

/// Key of the tuning: shape and batch to powers of two, the rest exactly.
fn key(Problem { x, weight, options, dtype }: &Problem) -> String {
    let rounded: Vec<usize> = x.meta.shape()[..4].iter().map(|side| anchor(*side, None, None, None)).collect();
    let aligned = x.meta.strides()[..4].iter().map(|stride| stride.trailing_zeros()).min();
    let (channels, weights) = (x.meta.shape()[4], weight.meta.shape());
    let ConvOptions { stride, padding, .. } = options;
    let types = (x.dtype, dtype);
    format!("{rounded:?} x {channels} {aligned:?} {weights:?} {stride:?} {padding:?} {types:?}")
}

/// In f32 for devices without tensor cores.
fn in_f32(Problem { x, weight, options, dtype }: Problem) -> CubeTensor {
    let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
    let (x, weight) = (cast(x, DType::F32), cast(weight, DType::F32));
    let out = conv_forward_nhwc::<3>(x, weight, None, options, ConvStrategy::default());
    cast(out.expect("the direct kernel takes any"), dtype)
}

fn by_tensor_cores(
    Problem { x, weight, options, dtype }: Problem,
    algorithm: ConvAlgorithm,
    tile_kind: AcceleratedTileKind,
) -> Result<CubeTensor, ConvSetupError> {
    let ([batch, shape @ .., _], [output, kernel @ .., _]) =
        (x.meta.shape().dims::<5>(), weight.meta.shape().dims::<5>());
    let [d, h, w] = options.output_shape(shape, kernel);
    let shape = Shape::new([batch, d, h, w, output]);
    let out = empty_device_dtype(x.client.clone(), x.device.clone(), shape, dtype);
    let types = MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: dtype_to_storage_type(x.dtype),
        rhs: dtype_to_storage_type(weight.dtype),
        out: dtype_to_storage_type(dtype),
    });
    let client = x.client.clone();
    let input = |x: CubeTensor| {
        let dtype = dtype_to_storage_type(x.dtype);
        InputBinding::new(x.binding(), dtype)
    };
    let inputs =
        ConvolutionInputs::Forward { input: input(x), weight: input(weight), bias: None, out: out.clone().binding() };
    let args = ConvolutionArgs { stride: options.stride, padding: options.padding, dilation: [1; 3] };
    launch_ref::<3>(&Strategy::Inferred { algorithm, tile_kind }, &client, inputs, args, types)?;
    Ok(out)
}
