//! Sums of products, held in registers: where the time goes.

use crate::isa::{Isa, Lanes, on_isa};

/// Rows of weights that are multiplied with each vector together.
pub(crate) const BLOCK: usize = 8;
/// Vectors of values multiplied together.
const VECTORS: usize = 3;
/// Rows of weights multiplied together if few registers are there.
const HALF: usize = BLOCK / 2;

/// Places of a factor among the values and of its partner among the weights, or steps between such places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Places {
    pub value: usize,
    pub weight: usize,
}

/// The places of a vector: its first value among those read, and its first sum among those written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vector {
    pub from: usize,
    pub to: usize,
}

/// Sums over channels and taps: `out[lane][v.to + i] = Σ values[channel + tap + v.from + i] · weights[lane + channel + tap]`
/// for every vector v, each term standing for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product<'a> {
    pub values: &'a [f32],
    pub weights: &'a [f32],
    pub channels: usize,
    /// From one channel to the next.
    pub step: Places,
    /// From the weights of one lane to those of the next.
    pub lane: usize,
    pub taps: &'a [Places],
    pub vectors: &'a [Vector],
    /// True if the sums are added to what `out` holds; vectors must not overlap then.
    pub add: bool,
}

impl Product<'_> {
    /// Writes the sums of up to [`BLOCK`] lanes, each to its slice of `outs`.
    ///
    /// # Panics
    /// If a place lies outside its slice.
    pub fn write(&self, isa: Isa, outs: &mut [&mut [f32]]) {
        let len = outs.iter().map(|out| out.len()).min().unwrap_or(0);
        let outs: Vec<*mut f32> = outs.iter_mut().map(|out| out.as_mut_ptr()).collect();
        // SAFETY: the slices have so many values at least, and are borrowed.
        unsafe { self.write_to(isa, &outs, len) }
    }

    /// As [`write`](Self::write), to `len` values from each of `outs`.
    ///
    /// # Safety
    /// The values that the vectors write to are valid, and nobody else uses them meanwhile.
    ///
    /// # Panics
    /// If a place lies outside its slice or beyond `len`.
    pub unsafe fn write_to(&self, isa: Isa, outs: &[*mut f32], len: usize) {
        assert!((1..=BLOCK).contains(&outs.len()), "lanes");
        let width = isa.lanes();
        let last = self.channels.saturating_sub(1);
        let most = |places: &mut dyn Iterator<Item = usize>| places.max().unwrap_or(0);
        let from = most(&mut self.vectors.iter().map(|vector| vector.from)) + width;
        let to = most(&mut self.vectors.iter().map(|vector| vector.to)) + width;
        if self.channels > 0 && !self.taps.is_empty() {
            let tap = Places {
                value: most(&mut self.taps.iter().map(|tap| tap.value)),
                weight: most(&mut self.taps.iter().map(|tap| tap.weight)),
            };
            assert!(last * self.step.value + tap.value + from <= self.values.len(), "values");
            let lane = (outs.len() - 1) * self.lane;
            assert!(last * self.step.weight + tap.weight + lane < self.weights.len(), "weights");
        }
        assert!(to <= len, "sums");
        let sums = Sums {
            values: self.values.as_ptr(),
            weights: self.weights.as_ptr(),
            to: std::array::from_fn(|l| outs.get(l).map_or(std::ptr::null_mut(), |out| *out)),
            lanes: outs.len(),
            product: self,
        };
        let sums = &sums;
        on_isa!(isa, all(sums: &Sums<'_>));
    }
}

/// A product with the pointers of its lanes.
struct Sums<'a> {
    values: *const f32,
    weights: *const f32,
    to: [*mut f32; BLOCK],
    lanes: usize,
    product: &'a Product<'a>,
}

/// All vectors.
///
/// # Safety
/// All places lie inside of what [`Product::write_to`] asserts for vectors of V, and the processor has V's instructions.
#[inline(always)]
unsafe fn all<V: Lanes>(sums: &Sums<'_>) {
    let mut vectors = sums.product.vectors;
    while !vectors.is_empty() {
        // Four vectors are better done as two and two than as three and one.
        let count = if vectors.len() == 4 { 2 } else { vectors.len().min(VECTORS) };
        let (chunk, rest) = vectors.split_at(count);
        // SAFETY: the caller's promise; the chunk has as many vectors as the constants say.
        unsafe {
            match count {
                1 => lanes::<V, 1>(sums, chunk),
                2 => lanes::<V, 2>(sums, chunk),
                _ => lanes::<V, VECTORS>(sums, chunk),
            }
        }
        vectors = rest;
    }
}

/// The lanes of N vectors: together if the registers hold them, else in parts.
///
/// # Safety
/// As [`all`]; there are N vectors.
#[inline(always)]
unsafe fn lanes<V: Lanes, const N: usize>(sums: &Sums<'_>, vectors: &[Vector]) {
    let mut first = 0;
    while first < sums.lanes {
        // SAFETY: the caller's promise; as many lanes are left as the constants say.
        first += unsafe {
            match sums.lanes - first {
                BLOCK if V::REGISTERS >= 32 => tile::<V, N, BLOCK>(sums, vectors, first),
                HALF.. => tile::<V, N, HALF>(sums, vectors, first),
                2.. => tile::<V, N, 2>(sums, vectors, first),
                _ => tile::<V, N, 1>(sums, vectors, first),
            }
        };
    }
}

/// L lanes from `first` of N vectors; returns L.
///
/// # Safety
/// As [`lanes`].
#[inline(always)]
unsafe fn tile<V: Lanes, const N: usize, const L: usize>(sums: &Sums<'_>, vectors: &[Vector], first: usize) -> usize {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let Product { channels, step, taps, add, lane, .. } = *sums.product;
        let from: [usize; N] = std::array::from_fn(|n| vectors.get_unchecked(n).from);
        let mut totals = [[V::zero(); N]; L];
        let mut values = sums.values;
        let mut weights = sums.weights.wrapping_add(first * lane);
        for _ in 0..channels {
            for tap in taps {
                let x = values.wrapping_add(tap.value);
                let x: [V; N] = std::array::from_fn(|n| V::load(x.wrapping_add(from[n])));
                let mut weight = weights.wrapping_add(tap.weight);
                for totals in totals.chunks_mut(HALF) {
                    for (l, totals) in totals.iter_mut().enumerate() {
                        let w = V::splat(*weight.wrapping_add(l.wrapping_mul(lane)));
                        for (total, x) in totals.iter_mut().zip(x) {
                            *total = total.add_product(w, x);
                        }
                    }
                    weight = weight.wrapping_add(HALF.wrapping_mul(lane));
                }
            }
            values = values.wrapping_add(step.value);
            weights = weights.wrapping_add(step.weight);
        }
        for (l, totals) in totals.iter().enumerate() {
            for (n, total) in totals.iter().enumerate() {
                let to = sums.to[first + l].add(vectors.get_unchecked(n).to);
                let total = if add { V::load(to).add(*total) } else { *total };
                total.store(to);
            }
        }
    }
    L
}
