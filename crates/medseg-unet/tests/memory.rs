//! Memory that a training step saves of its forward pass, as the system measures it. The only test of its process.
#![cfg(target_os = "linux")]

use burn::tensor::{Device, Tensor};
use medseg_ops::release_memory;
use medseg_unet::{
    Activation, BlockKind, EncoderKind, StageConfig, StagedUNetConfig, UNetConfig, Upsample, describe, describe_staged,
};

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
        let name = format!("{block:?}, {upsample:?}");
        let plain = |device: &Device, counted: u64| {
            let network = config.init_seeded(1, device).unwrap();
            check(&name, |x| vec![network.forward(x)], device, counted);
        };
        plain(&device(), cost.activation_bytes);
        plain(&device().gradient_checkpointing(), cost.checkpointed_bytes);
    }
    for (name, config) in staged() {
        let cost = describe_staged(&config, [SIDE; 3]).unwrap();
        let device = Device::flex().autodiff();
        let network = config.init_seeded(1, &device).unwrap();
        check(name, |x| network.forward_all(x).unwrap(), &device, cost.activation_bytes);
        let device = Device::flex().autodiff().gradient_checkpointing();
        let network = config.init_seeded(1, &device).unwrap();
        check(name, |x| network.forward_all(x).unwrap(), &device, cost.checkpointed_bytes);
    }
}

/// Networks that are described stage by stage.
fn staged() -> Vec<(&'static str, StagedUNetConfig)> {
    let stage = |features, stride| StageConfig::new(features, stride);
    let cubic = vec![stage(16, [1; 3]), stage(32, [2; 3]), stage(64, [2; 3])];
    let flat =
        vec![stage(16, [1; 3]).with_kernel([1, 3, 3]), stage(32, [1, 2, 2]).with_kernel([1, 3, 3]), stage(64, [2; 3])];
    let config = StagedUNetConfig::default().with_decoder_convs(vec![2; 2]);
    vec![
        ("cubic", config.clone().with_stages(cubic.clone())),
        ("anisotropic", config.clone().with_stages(flat)),
        ("residual", config.clone().with_stages(cubic.clone()).with_encoder(EncoderKind::Residual)),
        (
            "residual with ReLU",
            config.with_activation(Activation::Relu).with_stages(cubic).with_encoder(EncoderKind::Residual),
        ),
    ]
}

fn check(name: &str, forward: impl Fn(Tensor<5>) -> Vec<Tensor<5>>, device: &Device, counted: u64) {
    let image = Tensor::<5>::ones([BATCH, 1, SIDE, SIDE, SIDE], device);
    // Threads, their scratch and what the allocator keeps back are there before.
    drop(forward(image.clone()));
    let before = held();
    let logits = forward(image.clone());
    let kept = held() - before;
    // The image was there before.
    let counted = counted * BATCH as u64 - image.shape().num_elements() as u64 * 4;
    eprintln!("{name}: {} MiB kept, {} counted", kept >> 20, counted >> 20);
    let off = kept as f64 / counted as f64 - 1.0;
    // The allocator keeps back memory in the middle of its heap: blocks of up to 32 MiB, a map of this network or two. How
    // many differs from run to run and with its settings (MALLOC_MMAP_THRESHOLD_).
    assert!(off > -0.08 && off < 0.25, "{off}");
    drop(logits);
}
