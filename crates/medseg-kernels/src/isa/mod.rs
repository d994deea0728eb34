//! Instruction sets: which one this processor has, and its vectors of f32.

mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod peak;
mod portable;
mod prefetch;
mod vectorised;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;
use std::sync::OnceLock;

pub(crate) use lanes::Lanes;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;
pub(crate) use prefetch::{LINE, ahead_of, prefetch, prefetch_for_later};
pub(crate) use vectorised::vectorised;
#[cfg(target_arch = "x86_64")]
pub(crate) use vectorised::{Unit, unit};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Avx512Bf16};

/// Most values in a vector of any instruction set.
pub(crate) const WIDEST: usize = 16;

/// The instruction set that a convolution runs with.
///
/// A value exists only for what this processor has, so safe code cannot run instructions that are missing.
///
/// ```
/// use medseg_kernels::Isa;
///
/// let isa = Isa::detect();
/// assert!(Isa::available().contains(&isa));
/// println!("{isa}: {} values in a vector", isa.lanes());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa(Kind);

/// The instruction sets that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The target's baseline.
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

impl Isa {
    /// The target's baseline, in plain Rust; every processor has it.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// The widest instruction set of this processor; asked once a process.
    #[must_use]
    pub fn detect() -> Self {
        static WIDEST: OnceLock<Isa> = OnceLock::new();
        *WIDEST.get_or_init(|| *Self::available().last().unwrap_or(&Self::PORTABLE))
    }

    /// Every instruction set that this processor has, from the narrowest to the widest.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "on targets with nothing else")]
        let mut all = vec![Self::PORTABLE];
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Kind::Neon));
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self(Kind::Avx2));
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Self(Kind::Avx512));
            }
        }
        all
    }

    /// Values in a vector.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self.0 {
            Kind::Portable => Portable::WIDTH,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => Neon::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Avx2::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Avx512::WIDTH,
        }
    }

    /// The name, such as `AVX-512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "NEON",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
        }
    }

    /// The available set with the narrowest vectors that still hold `count` values: wide ones would be half empty.
    pub(crate) fn narrowed(self, count: usize) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 if count <= Avx2::WIDTH && Self::available().contains(&Self(Kind::Avx2)) => Self(Kind::Avx2),
            _ => self,
        }
    }

    pub(crate) const fn kind(self) -> Kind {
        self.0
    }
}

impl Default for Isa {
    /// [`Isa::detect`].
    fn default() -> Self {
        Self::detect()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Calls a generic kernel `$kernel::<Lanes>(args...)` compiled for an instruction set.
///
/// The kernel must be `#[inline(always)]`, so that it is compiled inside the function that has the instructions.
///
/// # Safety
/// The arguments must be what the kernel asks for, which the function that uses this asserts beforehand. That the
/// processor has the instructions is shown by the [`Isa`].
macro_rules! on_isa {
    ($isa:expr, $kernel:ident($($name:ident: $type:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn with_avx2($($name: $type),*) {
            // SAFETY: the caller's promises; this function has the instructions.
            unsafe { $kernel::<$crate::isa::Avx2>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn with_avx512($($name: $type),*) {
            // SAFETY: as above.
            unsafe { $kernel::<$crate::isa::Avx512>($($name),*) }
        }
        match $crate::isa::Isa::kind($isa) {
            // SAFETY: for all of them, what this macro demands of the function that uses it.
            $crate::isa::Kind::Portable => unsafe { $kernel::<$crate::isa::Portable>($($name),*) },
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Kind::Neon => unsafe { $kernel::<$crate::isa::Neon>($($name),*) },
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Kind::Avx2 => unsafe { with_avx2($($name),*) },
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Kind::Avx512 => unsafe { with_avx512($($name),*) },
        }
    }};
}
pub(crate) use on_isa;
