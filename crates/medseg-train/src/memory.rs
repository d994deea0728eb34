//! The process's memory.

/// Highest resident set size of this process so far, in bytes; `None` where the system does not report it.
///
/// Read from `VmHWM` in `/proc/self/status`, so it is known on Linux only.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Resident set size of this process now, in bytes (`VmRSS`); `None` where the system does not report it.
#[must_use]
pub fn memory_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

fn status_bytes(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(key))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn touching_memory_raises_the_peak() {
        let before = peak_memory_bytes().unwrap();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = peak_memory_bytes().unwrap();
        assert!(after >= before);
        assert!(after > std::hint::black_box(block).len() as u64);
        assert!(memory_bytes().unwrap() <= peak_memory_bytes().unwrap());
    }
}
