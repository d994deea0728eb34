//! Vectors of f32 on each instruction set.

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

/// Plain Rust that the compiler vectorises for whatever the target has (NEON, SSE2, ...).
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 8]);

impl Lanes for Portable {
    const WIDTH: usize = 8;
    const REGISTERS: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 8])
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises 8 readable values; an array of f32 needs no more alignment than they have.
        Self(unsafe { from.cast::<[f32; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises 8 writable values.
        unsafe { to.cast::<[f32; 8]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // Without a fused instruction `mul_add` would be a library call.
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let v = self.0;
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256);

    impl Lanes for Avx2 {
        const WIDTH: usize = 8;
        const REGISTERS: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY (this and the following): the caller runs on a processor with AVX2 and FMA and passes valid pointers.
            Self(unsafe { _mm256_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe {
                let half = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
                let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
                _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
            }
        }
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    impl Lanes for Avx512 {
        const WIDTH: usize = 16;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY (this and the following): the caller runs on a processor with AVX-512F and passes valid pointers.
            Self(unsafe { _mm512_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// Most values in a vector of any path.
pub(super) const WIDEST: usize = 16;

/// The instructions a kernel runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Path {
    /// Whatever the target's baseline has.
    Portable,
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
        let mut paths = vec![Self::Portable];
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
            #[cfg(target_arch = "x86_64")]
            $crate::conv::kernel::lanes::Path::Avx2 => unsafe { with_avx2($($name),*) },
            #[cfg(target_arch = "x86_64")]
            $crate::conv::kernel::lanes::Path::Avx512 => unsafe { with_avx512($($name),*) },
        }
    }};
}
pub(super) use on_path;
