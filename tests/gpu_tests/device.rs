//! Which GPU, and what is said where there is none.

use std::sync::LazyLock;

use burn::tensor::Tensor;
use medseg::Device;
use medseg::device::{DeviceChoice, DeviceError, free_memory, has_own_memory, reserved_bytes, within_memory};

/// The GPU under test: the one that `MEDSEG_GPU` names as `--device` does, else the first that CUDA has, else the first that
/// WebGPU has, be it a software one.
pub fn gpu() -> Device {
    static GPU: LazyLock<Device> = LazyLock::new(|| {
        let asked = std::env::var("MEDSEG_GPU").ok();
        let choices = match &asked {
            Some(name) => vec![name.parse().unwrap_or_else(|e| panic!("MEDSEG_GPU: {e}"))],
            None => vec![DeviceChoice::Cuda(0), DeviceChoice::WebGpu(0)],
        };
        let mut reasons = Vec::new();
        for choice in choices {
            match choice.open() {
                Ok(chosen) => {
                    let memory = free_memory(&chosen.device).map(|memory| memory.total >> 20);
                    eprintln!("GPU under test: {}, MiB of memory: {memory:?}", chosen.name);
                    return chosen.device;
                }
                Err(reason) => reasons.push(reason.to_string()),
            }
        }
        panic!("no GPU: {}", reasons.join("; "))
    });
    GPU.clone()
}

/// True if the GPU under test is one of CUDA's.
pub fn on_cuda() -> bool {
    #[cfg(feature = "cuda")]
    return (0..64).any(|number| gpu() == Device::cuda(number));
    #[cfg(not(feature = "cuda"))]
    false
}

/// Runs the body of the test of this name in a process of its own, where nothing else takes memory of the GPU.
pub fn alone(name: &str, body: impl FnOnce()) {
    const ALONE: &str = "MEDSEG_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("this program");
    let run = std::process::Command::new(program).args([name, "--exact", "--nocapture"]).env(ALONE, "1").output();
    let run = run.expect("this program runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_gpu_is_no_cpu_and_tells_what_it_has_taken_of_its_memory() {
    let gpu = gpu();
    assert!(has_own_memory(&gpu) && !has_own_memory(&Device::flex()));
    let kept = Tensor::<1>::ones([1 << 20], &gpu) * 2.0;
    gpu.sync().unwrap();
    assert!(reserved_bytes(&gpu).unwrap() >= 4 << 20);
    // Not a sum: of so many values Burn's is wrong on Mesa's software adapter.
    assert_eq!(kept.max().into_scalar::<f32>(), 2.0);
}

/// A pool of threads queues a training step, by now one and now another: each with memory of its own, it would be taken many
/// times over.
#[test]
fn threads_share_one_memory_of_a_gpu() {
    alone("device::threads_share_one_memory_of_a_gpu", || {
        let gpu = gpu();
        let work = || {
            let made = Tensor::<1>::ones([16 << 20], &gpu) * 2.0;
            assert_eq!(made.max().into_scalar::<f32>(), 2.0);
            reserved_bytes(&gpu).unwrap()
        };
        let taken = work();
        assert!(taken >= 64 << 20, "{taken}");
        for _ in 0..3 {
            let (before, after) = std::thread::scope(|scope| {
                let thread = scope.spawn(|| (reserved_bytes(&gpu).unwrap(), work()));
                thread.join().unwrap()
            });
            // Tuning may take a little more; a memory of the thread's own would begin at 0 and take 64 MiB.
            assert!(before >= taken && after < taken + (16 << 20), "{taken}, then {before} and {after}");
        }
    });
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    for choice in [DeviceChoice::Cuda(999), DeviceChoice::WebGpu(999)] {
        let text = choice.open().map(|chosen| chosen.name).unwrap_err().to_string();
        assert!(text.contains(&choice.to_string()) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn auto_takes_a_gpu_or_says_why_not_and_never_a_software_one() {
    let chosen = DeviceChoice::Auto.open().unwrap();
    assert!(!chosen.name.contains("software"), "{}", chosen.name);
    let on_the_cpu = chosen.device == Device::flex();
    assert_eq!(on_the_cpu, !has_own_memory(&chosen.device));
    if on_the_cpu {
        assert!(chosen.passed_over.iter().any(|reason| !reason.is_not_built_in()), "{:?}", chosen.passed_over);
    }
}

/// 4 TiB, more than any device has. The device stays usable.
#[test]
fn too_little_memory_is_an_error() {
    let gpu = gpu();
    let much = within_memory("the GPU", || {
        let x = Tensor::<3>::ones([1 << 14, 1 << 13, 1 << 13], &gpu) * 2.0;
        x.slice([0..1, 0..1, 0..1]).try_into_vec_as::<f32>().map_err(|e| e.to_string())
    });
    let text = match much {
        Err(error @ DeviceError::OutOfMemory { .. }) => error.to_string(),
        Ok(Err(text)) if medseg::device::is_out_of_memory(&text) => text,
        other => panic!("{other:?}"),
    };
    eprintln!("{text}");
    assert_eq!((Tensor::<1>::ones([3], &gpu) * 2.0).try_into_vec_as::<f32>().unwrap(), vec![2.0; 3]);
}
