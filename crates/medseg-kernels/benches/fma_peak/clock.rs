//! The time that work takes.

use std::time::Instant;

/// Seconds that the work takes; of the processor instead of the clock if `MEDSEG_BENCH_CPU` is set (Linux).
pub fn seconds_of(work: impl FnOnce()) -> f64 {
    let processor = processor_seconds();
    let start = Instant::now();
    work();
    let elapsed = start.elapsed().as_secs_f64();
    match (processor, processor_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => elapsed,
    }
}

#[cfg(target_os = "linux")]
fn processor_seconds() -> Option<f64> {
    std::env::var_os("MEDSEG_BENCH_CPU")?;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the function writes to the place that it is given, which is valid.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) } != 0;
    (!failed).then_some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(target_os = "linux"))]
fn processor_seconds() -> Option<f64> {
    None
}
