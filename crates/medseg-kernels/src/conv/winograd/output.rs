//! From products to output rows.

use super::axis;
use super::regions::{Cut, Region, Vectors};
use crate::conv::sink::Sink;
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

#[allow(clippy::too_many_arguments, reason = "one step of a longer computation")]
/// Transforms the sums `m` [point][values] of one output channel, in the order of the `vectors`, and writes the region's rows of it; `rows` is
/// scratch. `point_stride` lies between the points of m.
pub(crate) fn transform(
    isa: Isa,
    cut: &Cut,
    of: &Region,
    vectors: Vectors,
    m: &[f32],
    point_stride: usize,
    rows: &mut Vec<f32>,
    channel: usize,
    out: &Sink<'_>,
) {
    let count = vectors.len();
    let row_stride = count.next_multiple_of(WIDEST);
    let (planes, size) = (cut.tile.planes(), cut.tile.rows());
    rows.resize(planes * size * row_stride, 0.0);
    assert!((cut.tile.points() - 1) * point_stride + row_stride <= m.len());
    let (from, to) = (m.as_ptr(), rows.as_mut_ptr());
    match (cut.tile.deep(), size) {
        (true, 2) => {
            on_isa!(isa, deep_two(from: *const f32, point_stride: usize, count: usize, to: *mut f32, row_stride: usize))
        }
        (true, _) => {
            on_isa!(isa, deep_four(from: *const f32, point_stride: usize, count: usize, to: *mut f32, row_stride: usize))
        }
        (false, 2) => {
            on_isa!(isa, flat_two(from: *const f32, point_stride: usize, count: usize, to: *mut f32, row_stride: usize))
        }
        (false, _) => {
            on_isa!(isa, flat_four(from: *const f32, point_stride: usize, count: usize, to: *mut f32, row_stride: usize))
        }
    }
    let [depth, height, width] = cut.output;
    for (place, values) in rows.chunks_exact(row_stride).enumerate() {
        for tile in 0..of.tiles[0] * of.tiles[1] {
            let z = of.first[0] + tile / of.tiles[1] * planes + place / size;
            let y = of.first[1] + tile % of.tiles[1] * size + place % size;
            if z < depth && y < height {
                let values = &values[tile * vectors.stride..][..width];
                // SAFETY: regions differ in sample, planes or rows and blocks in channels, so no other task writes this row.
                unsafe { out.write(of.sample, channel, (z * height + y) * width, values) };
            }
        }
    }
    out.finish();
}

/// # Safety
/// `m` is readable for a vector past `count` at each of N·N points, `to` writable for a vector past `count` in each of M·M
/// rows; the processor has V's instructions.
#[inline(always)]
unsafe fn deep<V: Lanes, const N: usize, const M: usize>(
    m: *const f32,
    stride: usize,
    count: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut f = 0;
        while f < count {
            let mut planes = [[V::zero(); M]; N];
            for (z, plane) in planes.iter_mut().enumerate() {
                let m = m.add(N * z * stride + f);
                *plane = axis::output::<V, N, M>(std::array::from_fn(|n| V::load(m.add(n * stride))));
            }
            #[allow(clippy::needless_range_loop, reason = "a column, of which each plane has a value")]
            for y in 0..M {
                let column = axis::output::<V, N, M>(std::array::from_fn(|z| planes[z][y]));
                for (z, value) in column.into_iter().enumerate() {
                    value.store(to.add((z * M + y) * to_stride + f));
                }
            }
            f += V::WIDTH;
        }
    }
}

/// # Safety
/// As [`deep`], with N points and M rows.
#[inline(always)]
unsafe fn flat<V: Lanes, const N: usize, const M: usize>(
    m: *const f32,
    stride: usize,
    count: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut f = 0;
        while f < count {
            let column = axis::output::<V, N, M>(std::array::from_fn(|n| V::load(m.add(n * stride + f))));
            for (y, value) in column.into_iter().enumerate() {
                value.store(to.add(y * to_stride + f));
            }
            f += V::WIDTH;
        }
    }
}

/// Defines the transform of one kind of tile.
macro_rules! of_tile {
    ($name:ident: $kernel:ident<$points:literal, $rows:literal>) => {
        /// # Safety
        #[doc = concat!("As [`", stringify!($kernel), "`].")]
        #[inline(always)]
        unsafe fn $name<V: Lanes>(m: *const f32, stride: usize, count: usize, to: *mut f32, to_stride: usize) {
            // SAFETY: the caller's promise.
            unsafe { $kernel::<V, $points, $rows>(m, stride, count, to, to_stride) }
        }
    };
}

of_tile!(deep_two: deep<4, 2>);
of_tile!(deep_four: deep<6, 4>);
of_tile!(flat_two: flat<4, 2>);
of_tile!(flat_four: flat<6, 4>);
