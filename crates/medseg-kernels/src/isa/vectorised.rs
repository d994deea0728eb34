//! Plain loops compiled for the vector units of the CPU at hand.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// Defines functions whose bodies are compiled for AVX-512, for AVX2 and for the target's baseline; a call takes the
/// widest that the CPU has. The loops in the body are left to the compiler's vectoriser, which neither reorders sums nor
/// fuses multiplications with additions: every version gives the same bits.
macro_rules! vectorised {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident $(<const $flag:ident: bool>)? (
        $($arg:ident: $ty:ty),* $(,)?
    ) $(-> $ret:ty)? $body:block)+) => {$(
        $(#[$doc])*
        $vis fn $name $(<const $flag: bool>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn portable $(<const $flag: bool>)? ($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2 $(<const $flag: bool>)? ($($arg: $ty),*) $(-> $ret)? {
                    portable $(::<$flag>)? ($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512 $(<const $flag: bool>)? ($($arg: $ty),*) $(-> $ret)? {
                    portable $(::<$flag>)? ($($arg),*)
                }
                match $crate::isa::unit() {
                    // SAFETY: `unit` found AVX-512 F, BW, DQ and VL.
                    $crate::isa::Unit::Avx512 => return unsafe { avx512 $(::<$flag>)? ($($arg),*) },
                    // SAFETY: `unit` found AVX2.
                    $crate::isa::Unit::Avx2 => return unsafe { avx2 $(::<$flag>)? ($($arg),*) },
                    $crate::isa::Unit::Baseline => {}
                }
            }
            portable $(::<$flag>)? ($($arg),*)
        }
    )+};
}
pub(crate) use vectorised;

/// The vector units that loops are compiled for.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Avx512,
    Avx2,
    Baseline,
}

/// The widest vector unit of the CPU; asked once a process.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn unit() -> Unit {
    static WIDEST: OnceLock<Unit> = OnceLock::new();
    *WIDEST.get_or_init(|| {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            Unit::Avx512
        } else if has!("avx2") {
            Unit::Avx2
        } else {
            Unit::Baseline
        }
    })
}
