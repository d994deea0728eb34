//! From products to output rows.

use super::Tile;
use super::regions::{Cut, Region};
use crate::conv::sink::Sink;
use crate::isa::{Isa, Lanes, on_isa};

#[allow(clippy::too_many_arguments, reason = "one step of a longer computation")]
/// Transforms the products `m` [point][m stride] of one output channel and writes the region's rows of it; `rows` is
/// scratch. `point_stride` lies between the points of m.
pub(crate) fn transform(
    isa: Isa,
    cut: &Cut,
    of: &Region,
    m: &[f32],
    point_stride: usize,
    rows: &mut Vec<f32>,
    channel: usize,
    out: &Sink<'_>,
) {
    let stride = cut.stride();
    let flat = cut.flat(of);
    let row_stride = (flat + 16).next_multiple_of(16);
    let planes = cut.tile.planes();
    rows.resize(2 * planes * row_stride, 0.0);
    assert!((cut.tile.points() - 1) * point_stride + flat + 16 <= m.len());
    let (from, to) = (m.as_ptr(), rows.as_mut_ptr());
    match cut.tile {
        Tile::Deep => on_isa!(
            isa,
            transform_rows(from: *const f32, point_stride: usize, flat: usize, to: *mut f32, row_stride: usize)
        ),
        Tile::Flat => on_isa!(
            isa,
            transform_plane(from: *const f32, point_stride: usize, flat: usize, to: *mut f32, row_stride: usize)
        ),
    }
    let [depth, height, width] = cut.output;
    for (half, values) in rows.chunks_exact(row_stride).enumerate() {
        for tile in 0..of.tiles[0] * of.tiles[1] {
            let z = of.first[0] + tile / of.tiles[1] * planes + half / 2;
            let y = of.first[1] + tile % of.tiles[1] * 2 + half % 2;
            if z < depth && y < height {
                // SAFETY: regions differ in sample, planes or rows and blocks in channels, so no other task writes this row.
                let to = unsafe { out.part(of.sample, channel, (z * height + y) * width, width) };
                to.copy_from_slice(&values[tile * stride..][..width]);
            }
        }
    }
}

/// # Safety
/// `m` is readable for a vector past `flat` at each of 16 points, `to` writable for a vector past `flat` in each of 4
/// rows; the processor has V's instructions.
#[inline(always)]
unsafe fn transform_rows<V: Lanes>(m: *const f32, stride: usize, flat: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut at = 0;
        while at < flat {
            let mut planes = [[V::zero(); 2]; 4];
            for (z, plane) in planes.iter_mut().enumerate() {
                let m = m.add(4 * z * stride + at);
                *plane =
                    along([V::load(m), V::load(m.add(stride)), V::load(m.add(2 * stride)), V::load(m.add(3 * stride))]);
            }
            let [a, b, c, d] = planes;
            for y in 0..2 {
                let [first, second] = along([a[y], b[y], c[y], d[y]]);
                first.store(to.add(y * to_stride + at));
                second.store(to.add((2 + y) * to_stride + at));
            }
            at += V::WIDTH;
        }
    }
}

/// # Safety
/// As [`transform_rows`], with 4 points and 2 rows.
#[inline(always)]
unsafe fn transform_plane<V: Lanes>(m: *const f32, stride: usize, flat: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut at = 0;
        while at < flat {
            let m = m.add(at);
            let [first, second] =
                along([V::load(m), V::load(m.add(stride)), V::load(m.add(2 * stride)), V::load(m.add(3 * stride))]);
            first.store(to.add(at));
            second.store(to.add(to_stride + at));
            at += V::WIDTH;
        }
    }
}

/// # Safety
/// The processor has V's instructions.
#[inline(always)]
unsafe fn along<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 2] {
    // SAFETY: the caller's promise.
    unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
}
