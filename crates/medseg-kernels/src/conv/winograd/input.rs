//! Copying a region of the input and transforming it.

use super::Tile;
use super::regions::{Cut, Region, TAIL};
use crate::conv::source::Channel;
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Buffers of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: Vec<f32>,
    half: Vec<f32>,
}

/// Transforms the rows of one channel that a region reads into `v` [point][flat stride], and what lies after them.
/// `next` is the channel that is read after this one.
pub(crate) fn transform(
    isa: Isa,
    cut: &Cut,
    of: &Region,
    channel: Channel<'_>,
    next: Option<Channel<'_>>,
    scratch: &mut Scratch,
    v: &mut [f32],
) {
    let stride = cut.stride();
    let (planes, tiles, points) = (cut.tile.planes_read(of.tiles[0]), of.tiles[1], cut.tile.points());
    // Even rows and odd rows of a plane apart, so that the rows of all tiles lie at one offset from each other.
    let half = (tiles + 1) * stride;
    let rows = &mut scratch.rows;
    rows.resize(planes * 2 * half + 2 * WIDEST, 0.0);
    for (p, plane) in rows.chunks_exact_mut(2 * half).take(planes).enumerate() {
        copy_plane(cut, of, p, channel, next, &mut scratch.half, plane);
    }
    rows[planes * 2 * half..].fill(0.0);
    let (row, flat_stride) = (tiles * stride, cut.flat_stride());
    // The zeros on the left of whatever follows a row pad it on the right; the last row of all is followed by the tail.
    let count = row + TAIL;
    let whole = count.next_multiple_of(WIDEST);
    assert!((of.tiles[0] - 1) * row + whole <= flat_stride && points * flat_stride <= v.len());
    assert!((planes - 1) * 2 * half + half + stride + whole <= rows.len());
    for z in 0..of.tiles[0] {
        let rows = rows[cut.tile.planes() * z * 2 * half..].as_ptr();
        let v = v[z * row..].as_mut_ptr();
        match cut.tile {
            Tile::Deep => on_isa!(
                isa,
                transform_rows(rows: *const f32, half: usize, stride: usize, count: usize, v: *mut f32, flat_stride: usize)
            ),
            Tile::Flat => on_isa!(
                isa,
                transform_plane(rows: *const f32, half: usize, stride: usize, count: usize, v: *mut f32, flat_stride: usize)
            ),
        }
    }
}

/// Copies plane `p` of those a region reads, its even rows and then its odd ones, padded with zeros.
fn copy_plane(
    cut: &Cut,
    of: &Region,
    p: usize,
    channel: Channel<'_>,
    next: Option<Channel<'_>>,
    half: &mut Vec<f32>,
    to: &mut [f32],
) {
    let ([depth, height, width], stride) = (cut.input, cut.stride());
    let z = (of.first[0] + p).wrapping_sub(cut.padding[0]);
    if z >= depth {
        to.fill(0.0);
        return;
    }
    let left = cut.padding[2];
    let (even, odd) = to.split_at_mut(to.len() / 2);
    let pairs = even.chunks_exact_mut(stride).zip(odd.chunks_exact_mut(stride));
    for (r, row) in pairs.flat_map(|(even, odd)| [even, odd]).enumerate() {
        let y = (of.first[1] + r).wrapping_sub(cut.padding[1]);
        if y >= height {
            row.fill(0.0);
            continue;
        }
        if let Some(next) = next {
            next.prefetch(z, y);
        }
        row[..left].fill(0.0);
        channel.row(z, y, &mut row[left..left + width], half);
        row[left + width..].fill(0.0);
    }
}

/// Transforms `count` flat positions of one row of tiles along depth.
///
/// # Safety
/// `rows` holds four planes of two halves each and reaches a vector past `count` in the last one at offset `stride`; `v`
/// reaches a vector past `count` at the last point; the processor has V's instructions.
#[inline(always)]
unsafe fn transform_rows<V: Lanes>(
    rows: *const f32,
    half: usize,
    stride: usize,
    count: usize,
    v: *mut f32,
    v_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut at = 0;
        while at < count {
            let mut planes = [[V::zero(); 4]; 4];
            for (z, plane) in planes.iter_mut().enumerate() {
                let even = rows.add(2 * z * half + at);
                let odd = even.add(half);
                *plane = along([V::load(even), V::load(odd), V::load(even.add(stride)), V::load(odd.add(stride))]);
            }
            let [a, b, c, d] = planes;
            for y in 0..4 {
                for (z, value) in along([a[y], b[y], c[y], d[y]]).into_iter().enumerate() {
                    value.store(v.add((z * 4 + y) * v_stride + at));
                }
            }
            at += V::WIDTH;
        }
    }
}

/// Transforms `count` flat positions of one row of tiles of a plane.
///
/// # Safety
/// As [`transform_rows`], with one plane.
#[inline(always)]
unsafe fn transform_plane<V: Lanes>(
    rows: *const f32,
    half: usize,
    stride: usize,
    count: usize,
    v: *mut f32,
    v_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut at = 0;
        while at < count {
            let even = rows.add(at);
            let odd = even.add(half);
            let rows = [V::load(even), V::load(odd), V::load(even.add(stride)), V::load(odd.add(stride))];
            for (y, value) in along(rows).into_iter().enumerate() {
                value.store(v.add(y * v_stride + at));
            }
            at += V::WIDTH;
        }
    }
}

/// # Safety
/// The processor has V's instructions.
#[inline(always)]
unsafe fn along<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
}
