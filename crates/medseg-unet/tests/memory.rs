//! Memory that a training step saves of its forward pass, as the system measures it. The only test of its process.
#![cfg(target_os = "linux")]

use burn::tensor::{Device, Tensor};
use medseg_ops::release_memory;
use medseg_unet::{BlockKind, UNetConfig, Upsample, describe};

const SIDE: usize = 64;
const BATCH: usize = 2;

/// The memory this process holds, in bytes.
fn held() -> u64 {
    release_memory();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_step_keeps_what_is_counted() {
    let networks = [
        (BlockKind::ResTwoLayer, Upsample::Trilinear),
        (BlockKind::TwoLayer, Upsample::Transposed),
        (BlockKind::ResFourLayer, Upsample::Trilinear),
    ];
    for (block, upsample) in networks {
        let config = UNetConfig {
            channels: vec![16, 32, 64],
            encoder: block,
            decoder: block,
            upsample,
            ..UNetConfig::default()
        };
        let cost = describe(&config, [SIDE; 3]).unwrap();
        let device = || Device::flex().autodiff();
        check(&config, &device(), cost.activation_bytes);
        check(&config, &device().gradient_checkpointing(), cost.checkpointed_bytes);
    }
}

fn check(config: &UNetConfig, device: &Device, counted: u64) {
    let network = config.init_seeded(1, device).unwrap();
    let image = Tensor::<5>::ones([BATCH, 1, SIDE, SIDE, SIDE], device);
    // Threads, their scratch and what the allocator keeps back are there before.
    drop(network.forward(image.clone()));
    let before = held();
    let logits = network.forward(image.clone());
    let kept = held() - before;
    // The image was there before.
    let counted = counted * BATCH as u64 - image.shape().num_elements() as u64 * 4;
    eprintln!("{:?}, {:?}: {} MiB kept, {} counted", config.encoder, config.upsample, kept >> 20, counted >> 20);
    let off = kept as f64 / counted as f64 - 1.0;
    // The allocator keeps back a little, more on some machines than on others.
    assert!(off.abs() < 0.08, "{off}");
    drop(logits);
}
