//! Operations of a residual U-Net on a GPU, level by level: what a training step of it is made of.
//!
//! `cargo bench --features cuda --bench gpu_conv3d` (or `--features webgpu`) prints a table of milliseconds, and of TFLOP/s
//! for convolutions or GB/s for the rest: multiplications and additions of the direct sum, and bytes that must be read
//! and written at least. `-- --burn` times Burn's own weight gradient too, which may need tens of gigabytes. Every time is
//! the median of several, each from an idle to an idle GPU, after runs in which the fastest kernels are chosen; a gradient
//! is timed alone, without the forward pass and without what autodiff spends on the loss.
//! `benches/peers/gpu_conv3d.py` prints the same table for PyTorch.

#[cfg(any(feature = "cuda", feature = "webgpu"))]
fn main() {
    on_gpu::main();
}

#[cfg(not(any(feature = "cuda", feature = "webgpu")))]
fn main() {
    println!("gpu_conv3d: there is nothing to measure without the feature cuda or webgpu");
}

#[cfg(any(feature = "cuda", feature = "webgpu"))]
mod on_gpu {
    use std::time::{Duration, Instant};

    use burn::tensor::{DType, Distribution};
    use clap::{Parser, ValueEnum};
    use medseg::device::DeviceChoice;
    use medseg::ops::{
        ConvOptions, NormRelu, Upsample, composed, conv3d, conv3d_concat, max_pool3d, norm_relu, upsample_trilinear2x,
    };
    use medseg::{Device, Tensor};

    #[derive(Parser)]
    struct Args {
        /// Shapes and channels.
        #[arg(long, value_enum, default_value_t = Sizes::Network)]
        sizes: Sizes,
        /// Samples in a batch.
        #[arg(long, default_value_t = 4)]
        batch: usize,
        /// Runs of each operation whose median is shown.
        #[arg(long, default_value_t = 10)]
        runs: usize,
        /// Times Burn's own weight gradient beside ours.
        #[arg(long)]
        burn: bool,
        /// Passed by cargo.
        #[arg(long, hide = true)]
        bench: bool,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum Sizes {
        /// Five levels of 16 to 256 channels at 128³ to 8³ voxels.
        Network,
        /// The same with 4 to 16 channels at 16³ to 4³, for a look on any machine.
        Small,
    }

    /// Channels and side of a level.
    fn levels(sizes: Sizes) -> Vec<[usize; 2]> {
        match sizes {
            Sizes::Network => vec![[16, 128], [32, 64], [64, 32], [128, 16], [256, 8]],
            Sizes::Small => vec![[4, 16], [8, 8], [16, 4]],
        }
    }

    type Conv = fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>;
    type Op<'a> = &'a dyn Fn(Tensor<5>) -> Tensor<5>;

    struct Bench {
        device: Device,
        runs: usize,
        batch: usize,
        dtype: DType,
    }

    pub fn main() {
        let args = Args::parse();
        let device = gpu();
        println!("{device:?}, batch {}, median of {} runs", args.batch, args.runs);
        println!("{:<9} {:<16} {:<34} {:>10} {:>9} {:>9}", "type", "level", "operation", "ms", "TFLOP/s", "GB/s");
        for dtype in [DType::F32, DType::BF16] {
            if !device.supports_dtype(dtype) {
                println!("{:<9} not on this device", format!("{dtype:?}"));
                continue;
            }
            let bench = Bench { device: device.clone(), runs: args.runs, batch: args.batch, dtype };
            for level in levels(args.sizes) {
                bench.convolutions(level, args.burn);
                bench.rest(level);
                device.memory_cleanup();
            }
            bench.ends(levels(args.sizes)[0]);
        }
    }

    /// The GPU that `MEDSEG_BENCH_DEVICE` names, else the first of CUDA's, else the first of WebGPU's.
    fn gpu() -> Device {
        let choices = match std::env::var("MEDSEG_BENCH_DEVICE") {
            Ok(name) => vec![name.parse().unwrap_or_else(|e| panic!("MEDSEG_BENCH_DEVICE: {e}"))],
            Err(_) => vec![DeviceChoice::Cuda(0), DeviceChoice::WebGpu(0)],
        };
        let opened: Vec<_> = choices.into_iter().map(DeviceChoice::open).collect();
        let reasons: Vec<_> = opened.iter().filter_map(|o| o.as_ref().err()).map(ToString::to_string).collect();
        let first = opened.into_iter().find_map(Result::ok);
        first.unwrap_or_else(|| panic!("no GPU: {}", reasons.join("; "))).device
    }

    impl Bench {
        /// A 3×3×3 convolution that keeps the channels.
        fn convolutions(&self, level @ [channels, side]: [usize; 2], burn: bool) {
            let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
            let weight = self.weights(channels, channels);
            let flops = 54.0 * (channels * channels * self.voxels(side)) as f64;
            let x = [channels, side];
            let conv = |x| conv3d(x, weight.clone(), None, options);
            self.show(level, "conv 3x3x3", self.forward(x, &conv), Some(flops), None);
            self.show(level, "conv 3x3x3, input gradient", self.backward(x, &conv), Some(flops), None);
            self.show(level, "conv 3x3x3, weight gradient", self.of_weight(level, conv3d), Some(flops), None);
            if burn {
                let time = self.of_weight(level, composed::conv3d);
                self.show(level, "conv 3x3x3, weight gradient, Burn", time, Some(flops), None);
            }
        }

        /// The operations between the convolutions.
        fn rest(&self, level @ [channels, side]: [usize; 2]) {
            let bytes = (self.dtype.size() * channels * self.voxels(side)) as f64;
            let show = |name: &str, op: Op<'_>, x: [usize; 2], forward: f64, backward: f64| {
                self.show(level, name, self.forward(x, op), None, Some(bytes * forward));
                self.show(level, &format!("{name}, gradient"), self.backward(x, op), None, Some(bytes * backward));
            };
            // Twice read, or twice the input and the gradient, and once written.
            show("norm and ReLU", &|x| norm_relu(x, NormRelu::default()), level, 3.0, 5.0);
            // The numbers of the maxima in a byte each.
            let index = 1.0 / self.dtype.size() as f64;
            let of_pool = (1.0 + (1.0 + index) / 8.0, 1.0 + (1.0 + index) / 8.0);
            show("max pool 2", &|x| max_pool3d(x, 2, 2, 0), level, of_pool.0, of_pool.1);
            let upsample = |x| upsample_trilinear2x(x, true);
            show("upsample to it", &upsample, [channels, side / 2], 1.125, 1.125);
        }

        /// The first convolution of the network, and the first on the way up at its largest level.
        fn ends(&self, [channels, side]: [usize; 2]) {
            let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
            let flops = |input: usize| Some(54.0 * (input * channels * self.voxels(side)) as f64);
            let level = [channels, side];
            let weight = self.weights(1, channels);
            let conv = |x| conv3d(x, weight.clone(), None, options);
            self.show(level, "conv 3x3x3 of one channel", self.forward([1, side], &conv), flops(1), None);
            let weight = self.weights(3 * channels, channels);
            let below = self.random(2 * channels, side / 2, &self.device);
            let enlarge = Upsample::Trilinear2x { align_corners: true };
            let conv = |x: Tensor<5>| conv3d_concat(x, below.clone(), weight.clone(), enlarge, options);
            let time = self.forward([channels, side], &conv);
            self.show(level, "conv 3x3x3 of skip and below", time, flops(3 * channels), None);
        }

        fn voxels(&self, side: usize) -> usize {
            self.batch * side.pow(3)
        }

        /// With the channels of a voxel side by side in memory, as the operations make them.
        fn random(&self, channels: usize, side: usize, device: &Device) -> Tensor<5> {
            let uniform = Distribution::Uniform(-1.0, 1.0);
            let x = Tensor::<5>::random([self.batch, side, side, side, channels], uniform, device);
            x.cast(self.dtype).permute([0, 4, 1, 2, 3])
        }

        /// In f32, as training has them.
        fn weights(&self, input: usize, output: usize) -> Tensor<5> {
            Tensor::random([output, input, 3, 3, 3], Distribution::Uniform(-1.0, 1.0), &self.device)
        }

        fn forward(&self, [channels, side]: [usize; 2], op: Op<'_>) -> Duration {
            let x = self.random(channels, side, &self.device);
            self.median(|| {
                let start = self.idle();
                let y = op(x.clone());
                let time = self.idle() - start;
                drop(y);
                time
            })
        }

        /// The gradient of the input.
        fn backward(&self, [channels, side]: [usize; 2], op: Op<'_>) -> Duration {
            let device = self.device.clone().autodiff();
            let x = self.random(channels, side, &device).detach().require_grad();
            self.gradient(|| op(x.clone()))
        }

        /// The gradient of the weights of a convolution that keeps the channels.
        fn of_weight(&self, [channels, side]: [usize; 2], conv: Conv) -> Duration {
            let device = self.device.clone().autodiff();
            let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
            let x = self.random(channels, side, &device).detach();
            let uniform = Distribution::Uniform(-1.0, 1.0);
            let weight = Tensor::<5>::random([channels, channels, 3, 3, 3], uniform, &device).require_grad();
            self.gradient(|| conv(x.clone(), weight.clone(), None, options))
        }

        /// The backward pass of a loss, less what it takes without the operation.
        fn gradient(&self, forward: impl Fn() -> Tensor<5>) -> Duration {
            let leaf = forward().detach().require_grad();
            let backward = |y: Tensor<5>| {
                // The pooling changes nothing, but hands on a gradient with the channels side by side, as the operations
                // after a convolution do.
                let loss = max_pool3d(y, 1, 1, 0).sum();
                let start = self.idle();
                let gradients = loss.backward();
                let time = self.idle() - start;
                drop(gradients);
                time
            };
            let alone = self.median(|| backward(leaf.clone()));
            self.median(|| backward(forward())).saturating_sub(alone)
        }

        fn median(&self, run: impl Fn() -> Duration) -> Duration {
            // The first chooses kernels.
            for _ in 0..3 {
                run();
            }
            let mut times: Vec<Duration> = (0..self.runs.max(1)).map(|_| run()).collect();
            times.sort();
            times[times.len() / 2]
        }

        /// The time at which the GPU has nothing left to do.
        fn idle(&self) -> Instant {
            self.device.sync().expect("a working device");
            Instant::now()
        }

        fn show(
            &self,
            [channels, side]: [usize; 2],
            name: &str,
            time: Duration,
            flops: Option<f64>,
            bytes: Option<f64>,
        ) {
            let rate = |work: Option<f64>, unit: f64| match work {
                // The backward pass took no longer with the operation than without.
                Some(_) if time.is_zero() => "-".into(),
                Some(work) => format!("{:.2}", work / time.as_secs_f64() / unit),
                None => String::new(),
            };
            let (dtype, level) = (format!("{:?}", self.dtype), format!("{channels} at {side}^3"));
            let ms = time.as_secs_f64() * 1e3;
            let (flops, bytes) = (rate(flops, 1e12), rate(bytes, 1e9));
            println!("{dtype:<9} {level:<16} {name:<34} {ms:>10.3} {flops:>9} {bytes:>9}");
        }
    }
}
