//! Memory that is saved for reuse.

/// Gives the memory that dropped tensors of the CPU kernels left behind back to the system.
///
/// It is saved otherwise, up to what was in use at the same time, for the tensors to come: fresh memory costs several
/// times what filling it costs. Call this after a prediction or a training in a program that goes on with other things.
///
/// On GPUs it drops the copies of dropped networks' weights; `Device::memory_cleanup` of Burn then returns the memory.
pub fn release_memory() {
    #[cfg(feature = "flex")]
    medseg_kernels::memory::release();
    #[cfg(feature = "cube")]
    crate::conv::release_arranged();
}
