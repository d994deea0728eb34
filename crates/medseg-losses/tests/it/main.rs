//! Losses against MONAI and PyTorch, against central differences, and their rules.

mod behaviour;
mod golden;
mod golden_json;
mod gradients;
mod support;

use medseg_losses::{CrossEntropyLoss, DeepSupervision, DiceCrossEntropyLoss, DiceLoss, DiceLossConfig, LossError};
use medseg_testing::assert_send_sync;

#[test]
fn public_types_can_cross_threads() {
    assert_send_sync::<DiceLossConfig>();
    assert_send_sync::<DiceLoss>();
    assert_send_sync::<CrossEntropyLoss>();
    assert_send_sync::<DiceCrossEntropyLoss>();
    assert_send_sync::<DeepSupervision>();
    assert_send_sync::<LossError>();
}
