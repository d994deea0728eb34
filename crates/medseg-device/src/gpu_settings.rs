//! CubeCL's settings of this process, made before a GPU's first kernel.

use std::sync::Once;

use cubecl::config::streaming::StreamPolicy;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

static SETTLED: Once = Once::new();

/// Settles them: one queue of work for each GPU, and on the disk the kernels of NVIDIA's GPUs, if `versions` names those of
/// driver and compiler. The first call counts, and a program that has configured CubeCL by itself keeps its configuration.
///
/// Left alone, CubeCL gives each thread a queue of its own (a CUDA stream), and each queue memory of its own. A training step
/// is queued by a pool of threads, by now one and now another, so its memory is taken several times.
pub(crate) fn settle(versions: Option<&str>) {
    SETTLED.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        config.streaming.policy = StreamPolicy::Single;
        #[cfg(feature = "cuda")]
        {
            let folder = crate::kernel_cache::configure(&mut config, versions);
            if CubeClRuntimeConfig::try_set(config) {
                crate::kernel_cache::is_in(folder);
            }
        }
        #[cfg(not(feature = "cuda"))]
        {
            let _ = (versions, CubeClRuntimeConfig::try_set(config));
        }
    });
}
