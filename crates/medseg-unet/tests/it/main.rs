//! Networks and their files, against PyTorch and in themselves.

mod architecture;
mod behaviour;
mod golden;
mod initialisation;
mod seeds;
mod staged;
mod state_dict;
mod weights;

use medseg_testing::assert_send_sync;
use medseg_unet::{NetworkCost, StagedUNet, StagedUNetConfig, StateDictKeys, UNet, UNetConfig, UNetError};

#[test]
fn public_types_can_cross_threads() {
    assert_send_sync::<NetworkCost>();
    assert_send_sync::<StagedUNet>();
    assert_send_sync::<StagedUNetConfig>();
    assert_send_sync::<StateDictKeys>();
    assert_send_sync::<UNet>();
    assert_send_sync::<UNetConfig>();
    assert_send_sync::<UNetError>();
}
