//! NovoGrad, schedules, the average of weights and clipping, against PyTorch, MONAI and their definitions.

mod ema_and_clipping;
mod novograd;
mod schedules;

use burn::nn::Linear;
use medseg_optim::{CosineWarmRestarts, Ema, NovoGrad, NovoGradConfig, OptimError, Schedule, ScheduleConfig};
use medseg_testing::assert_send_sync;

#[test]
fn public_types_can_cross_threads() {
    assert_send_sync::<CosineWarmRestarts>();
    assert_send_sync::<Ema<Linear>>();
    assert_send_sync::<NovoGrad>();
    assert_send_sync::<NovoGradConfig>();
    assert_send_sync::<OptimError>();
    assert_send_sync::<Schedule>();
    assert_send_sync::<ScheduleConfig>();
}
