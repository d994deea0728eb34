//! The operations that kernels are written in.

/// A vector of consecutive f32.
///
/// # Safety
/// The methods of a type may only be called on a processor with its instructions; [`Isa`](super::Isa) sees to it.
/// Pointers must be valid for [`WIDTH`](Lanes::WIDTH) values.
pub(crate) trait Lanes: Copy {
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
