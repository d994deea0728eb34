//! Pages that nobody uses, given back to the system.

/// A page size that every Linux page size divides.
#[cfg(target_os = "linux")]
const PAGE: usize = 1 << 16;

/// Gives the whole pages among these values back to the system; they are 0 from then on. Nothing changes where the system
/// is not Linux.
///
/// # Safety
/// The values are initialised memory of the allocator that nobody reads or writes meanwhile.
pub(super) unsafe fn give_back(values: std::ptr::NonNull<f32>, len: usize) {
    #[cfg(target_os = "linux")]
    {
        let start = values.as_ptr().cast::<u8>();
        let (bytes, skipped) = (len * size_of::<f32>(), start.align_offset(PAGE));
        let whole = bytes.saturating_sub(skipped) / PAGE * PAGE;
        if whole > 0 {
            // SAFETY: whole pages of private memory that nobody uses, by the caller's promise; they read as 0 afterwards.
            unsafe { libc::madvise(start.add(skipped).cast(), whole, libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (values, len);
}
