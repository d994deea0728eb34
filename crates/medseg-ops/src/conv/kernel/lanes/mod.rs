//! Vectors of f32 on each instruction set.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// A vector of consecutive f32.
///
/// # Safety
/// The methods of a type may only be called on a processor with its instructions; [`Path`] sees to it. Pointers must be
/// valid for [`WIDTH`](Lanes::WIDTH) values.
pub(super) trait Lanes: Copy {
    /// Values in a vector.
    const WIDTH: usize;
    /// Vectors that the processor's registers hold.
    const REGISTERS: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// self + a · b
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    /// The sum of the values, in a fixed order.
    unsafe fn sum(self) -> f32;
}

#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// Most values in a vector of any path.
pub(super) const WIDEST: usize = 16;

/// The instructions a kernel runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Path {
    /// Whatever the target's baseline has.
    Portable,
    /// NEON, which every aarch64 has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Path {
    /// Values in a vector.
    pub fn width(self) -> usize {
        match self {
            Self::Portable => Portable::WIDTH,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::WIDTH,
        }
    }

    /// The path with the narrowest vectors that still hold `count` values, where wide ones would be half empty.
    pub fn narrowed(self, count: usize) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if count <= Avx2::WIDTH && Self::available().contains(&Self::Avx2) => Self::Avx2,
            _ => self,
        }
    }

    /// Every path this processor can run.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "on targets with nothing else")]
        let mut paths = vec![Self::Portable];
        #[cfg(target_arch = "aarch64")]
        paths.push(Self::Neon);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                paths.push(Self::Avx512);
            }
        }
        paths
    }
}

/// The widest path of this processor.
pub(in super::super) fn best_path() -> Path {
    use std::sync::OnceLock;
    static BEST: OnceLock<Path> = OnceLock::new();
    *BEST.get_or_init(|| *Path::available().last().unwrap_or(&Path::Portable))
}

/// Calls a generic kernel `$kernel::<Lanes>(args...)` compiled for a path's instructions.
///
/// The kernel must be `#[inline(always)]`, so that it is compiled inside the function that has the instructions.
///
/// # Safety
/// The arguments must be what the kernel asks for, which the function that uses this asserts beforehand; paths come from
/// [`Path::available`] alone.
macro_rules! on_path {
    ($path:expr, $kernel:ident($($name:ident: $type:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn with_avx2($($name: $type),*) {
            // SAFETY: the caller's promises; this function has the instructions.
            unsafe { $kernel::<$crate::conv::kernel::lanes::Avx2>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn with_avx512($($name: $type),*) {
            // SAFETY: as above.
            unsafe { $kernel::<$crate::conv::kernel::lanes::Avx512>($($name),*) }
        }
        match $path {
            // SAFETY: for all three, what this macro demands of the function that uses it.
            $crate::conv::kernel::lanes::Path::Portable => unsafe {
                $kernel::<$crate::conv::kernel::lanes::Portable>($($name),*)
            },
            #[cfg(target_arch = "aarch64")]
            $crate::conv::kernel::lanes::Path::Neon => unsafe {
                $kernel::<$crate::conv::kernel::lanes::Neon>($($name),*)
            },
            #[cfg(target_arch = "x86_64")]
            $crate::conv::kernel::lanes::Path::Avx2 => unsafe { with_avx2($($name),*) },
            #[cfg(target_arch = "x86_64")]
            $crate::conv::kernel::lanes::Path::Avx512 => unsafe { with_avx512($($name),*) },
        }
    }};
}
pub(super) use on_path;
