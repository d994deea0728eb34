//! Work without Python's lock, in threads of the module's own, that neither panics nor takes memory which is not there.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The threads, and the process that they run in.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The threads of this process; new ones after a fork, which copies none.
///
/// Called with Python's lock held, so that no fork finds the pool's own lock taken.
pub fn pool(_: Python<'_>) -> PyResult<Arc<ThreadPool>> {
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, threads)) = &*pool
        && *of == process
    {
        return Ok(Arc::clone(threads));
    }
    // Joining threads of the process before the fork would wait for ever.
    std::mem::forget(pool.take());
    let threads = ThreadPoolBuilder::new().thread_name(|number| format!("medseg-{number}")).build();
    let threads = Arc::new(threads.map_err(|error| PyRuntimeError::new_err(format!("no threads: {error}")))?);
    *pool = Some((process, Arc::clone(&threads)));
    Ok(threads)
}

/// Does something without Python's lock; a panic becomes a `RuntimeError`.
pub fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let pool = pool(py)?;
    py.detach(|| pool.install(|| catch_unwind(AssertUnwindSafe(work)))).map_err(|panic| panicked(&*panic))
}

/// The exception of a panic: a fault of medseg that people can report.
pub fn panicked(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    PyRuntimeError::new_err(format!("a fault of medseg, please report it: {text}"))
}

/// Refuses work that takes more bytes than the computer has.
///
/// # Errors
/// `MemoryError` with both numbers.
pub fn check_memory(what: &str, bytes: u128) -> PyResult<()> {
    /// Every computer has so much.
    const SMALL: u128 = 64 << 20;
    if bytes <= SMALL || !sysinfo::IS_SUPPORTED_SYSTEM {
        return Ok(());
    }
    let only = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(only);
    let mut total = system.total_memory();
    if let Some(container) = system.cgroup_limits().filter(|limits| limits.total_memory > 0) {
        total = total.min(container.total_memory);
    }
    if total > 0 && bytes > u128::from(total) {
        let (needed, total) = (bytes >> 20, total >> 20);
        return Err(PyMemoryError::new_err(format!(
            "{what} needs about {needed} MiB, and this computer has {total} MiB"
        )));
    }
    Ok(())
}
