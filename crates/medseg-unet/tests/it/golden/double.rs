//! The same networks in f64, which take Burn's own operations instead of the kernels and leave no room for rounding.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};

use super::Tolerance;
use super::case::Case;
use super::checks::{check_loss_and_gradients, check_output};
use super::steps::{StepTolerance, check_steps};

/// The expected values were computed in f64 and stored as f32.
const DOUBLE: Tolerance =
    Tolerance { output: 2e-6, gradient: 1e-6, weak_gradient: 1e-5, null_gradient: 1e-12, loss: 1e-7 };

const DOUBLE_STEPPED: StepTolerance =
    StepTolerance { loss: DOUBLE.loss, parameter: 1e-6, weak_parameter: 1e-6, output: 1e-5 };

struct Widen;

impl ModuleMapper for Widen {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor) = (param.id, param.val());
        let device = tensor.device();
        let wide = Tensor::from_data(tensor.into_data().convert::<f64>(), (&device, DType::F64));
        Param::initialized(id, wide.require_grad())
    }
}

#[test]
fn every_case_agrees_with_pytorch_in_double_precision() {
    let device = Device::flex().autodiff();
    for case in Case::all() {
        let network = case.network(&device).map(&mut Widen);
        let [x, label] = ["input", "label"].map(|name| case.data(name, &device).cast(DType::F64));
        check_output(&case, "output", network.forward(x.clone()), DOUBLE.output);
        check_loss_and_gradients(&case, &network, x, label, &DOUBLE);
        check_steps(&case, network, DType::F64, &device, &DOUBLE_STEPPED);
    }
}
