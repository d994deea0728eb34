//! Copying a region of the input and transforming it.

use super::axis;
use super::regions::{Cut, Region, TAIL};
use crate::conv::shared::SharedSlice;
use crate::conv::source::{Channel, Places};
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Buffers of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: Vec<f32>,
    half: Vec<f32>,
}

/// Rows that neighbouring regions along the height both read.
const SHARED: usize = 2;

/// Rows of one channel that the region above has read too: they need not be read, normalised or upsampled again.
pub(crate) struct Carried<'a> {
    /// [plane][SHARED][values of a row], or nothing where nothing is carried.
    rows: &'a mut [f32],
    /// True if the region above has left its rows here.
    from_above: bool,
}

impl<'a> Carried<'a> {
    /// Nothing.
    pub fn nothing() -> Self {
        Self { rows: &mut [], from_above: false }
    }

    /// Rows of a channel, [`carried_len`] values of which the region above wrote, if there is one.
    pub fn new(rows: &'a mut [f32], from_above: bool) -> Self {
        Self { rows, from_above }
    }
}

/// Values of one channel that a region carries to the next one.
pub(crate) fn carried_len(cut: &Cut) -> usize {
    cut.tile.planes_read(cut.tiles[0]) * SHARED * cut.stride()
}

/// Places of a region's rows in the scratch. The rows of a plane that have the same place in their tiles lie together, so
/// that those of all tiles lie at one offset from each other.
#[derive(Clone, Copy)]
struct Rows {
    /// Values from one row to that of the next tile.
    stride: usize,
    /// Values from one place in a tile to the next.
    place: usize,
    /// Values from one plane to the next.
    plane: usize,
}

/// Transforms the rows of one channel that a region reads, and what lies after them, into row `row` of each point of `v`
/// [point][row][values], `point_len` values from one point to the next.
///
/// # Safety
/// No other task uses this row of any point.
#[allow(clippy::too_many_arguments, reason = "one step of a longer computation")]
pub(crate) unsafe fn transform(
    isa: Isa,
    cut: &Cut,
    of: &Region,
    channel: Channel<'_>,
    carried: &mut Carried<'_>,
    scratch: &mut Scratch,
    v: &SharedSlice<'_>,
    row: usize,
    point_len: usize,
) {
    let tile = cut.tile;
    let (stride, size) = (cut.stride(), tile.rows());
    let (planes, tiles) = (tile.planes_read(of.tiles[0]), of.tiles[1]);
    let place = (tiles + 1) * stride;
    let at = Rows { stride, place, plane: size * place };
    let rows = &mut scratch.rows;
    rows.resize(planes * at.plane + 2 * WIDEST, 0.0);
    for (p, plane) in rows.chunks_exact_mut(at.plane).take(planes).enumerate() {
        copy_plane(cut, of, p, channel, carried, &mut scratch.half, plane);
    }
    rows[planes * at.plane..].fill(0.0);
    let (positions, row_len) = (tiles * stride, cut.row_len());
    // The zeros on the left of whatever follows a row pad it on the right; the last row of all is followed by the tail.
    let count = positions + TAIL;
    let whole = count.next_multiple_of(WIDEST);
    assert!((of.tiles[0] - 1) * positions + whole <= row_len);
    assert!((planes - 1) * at.plane + place + stride + whole <= rows.len());
    let v = v.pointer(row * row_len, (tile.points() - 1) * point_len + row_len);
    for z in 0..of.tiles[0] {
        let rows = rows[tile.planes() * z * at.plane..].as_ptr();
        // SAFETY: the row is as long as all rows of tiles, by the assertion.
        let v = unsafe { v.add(z * positions) };
        // That the row is this task's own is the caller's promise; how far it reaches is asserted.
        match (tile.deep(), size) {
            (true, 2) => {
                on_isa!(isa, deep_two(rows: *const f32, at: Rows, count: usize, v: *mut f32, point_len: usize))
            }
            (true, _) => {
                on_isa!(isa, deep_four(rows: *const f32, at: Rows, count: usize, v: *mut f32, point_len: usize))
            }
            (false, 2) => {
                on_isa!(isa, flat_two(rows: *const f32, at: Rows, count: usize, v: *mut f32, point_len: usize))
            }
            (false, _) => {
                on_isa!(isa, flat_four(rows: *const f32, at: Rows, count: usize, v: *mut f32, point_len: usize))
            }
        }
    }
}

/// Copies plane `p` of those a region reads, padded with zeros; `to` is laid out as [`Rows`] says.
fn copy_plane(
    cut: &Cut,
    of: &Region,
    p: usize,
    channel: Channel<'_>,
    carried: &mut Carried<'_>,
    half: &mut Vec<f32>,
    to: &mut [f32],
) {
    let ([depth, height, width], stride, size) = (cut.input, cut.stride(), cut.tile.rows());
    let z = (of.first[0] + p).wrapping_sub(cut.padding[0]);
    if z >= depth {
        to.fill(0.0);
        return;
    }
    let (left, place) = (cut.padding[2], to.len() / size);
    let all = cut.tile.rows_read(of.tiles[1]);
    let at = |r: usize| r % size * place + r / size * stride;
    let carried_rows = carried.rows.chunks_exact_mut(SHARED * stride).nth(p);
    let mut from = 0;
    if let Some(rows) = carried_rows.as_deref().filter(|_| carried.from_above) {
        for (r, row) in rows.chunks_exact(stride).enumerate() {
            to[at(r)..][..stride].copy_from_slice(row);
        }
        from = SHARED;
    }
    // Those that lie in the volume; zeros are above and below.
    let end = (height + cut.padding[1]).saturating_sub(of.first[1]).min(all);
    let begin = cut.padding[1].saturating_sub(of.first[1]).clamp(from, end.max(from));
    for r in (from..begin).chain(end.max(from)..all) {
        to[at(r)..][..stride].fill(0.0);
    }
    for r in begin..end {
        let row = &mut to[at(r)..][..stride];
        row[..left].fill(0.0);
        row[left + width..].fill(0.0);
    }
    if begin < end {
        let y = of.first[1] + begin - cut.padding[1];
        let rows = end - begin;
        let places = Places { start: left, skipped: begin, rows, period: size, apart: place, next: stride };
        channel.rows(z, y, to, places, half);
    }
    if let Some(rows) = carried_rows {
        for (r, row) in rows.chunks_exact_mut(stride).enumerate() {
            row.copy_from_slice(&to[at(all - SHARED + r)..][..stride]);
        }
    }
}

/// Row `n` of a tile.
///
/// # Safety
/// The row is readable for a vector; the processor has V's instructions.
#[inline(always)]
unsafe fn row<V: Lanes, const M: usize>(rows: *const f32, at: Rows, n: usize) -> V {
    // SAFETY: the caller's promise.
    unsafe { V::load(rows.add(n % M * at.place + n / M * at.stride)) }
}

/// Transforms `count` flat positions of one row of tiles along depth.
///
/// # Safety
/// `rows` holds N planes laid out as `at` says and reaches a vector past `count` in every row of the first tile; `v`
/// reaches a vector past `count` at the last point; the processor has V's instructions.
#[inline(always)]
unsafe fn deep<V: Lanes, const N: usize, const M: usize>(
    rows: *const f32,
    at: Rows,
    count: usize,
    v: *mut f32,
    v_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut f = 0;
        while f < count {
            let mut planes = [[V::zero(); N]; N];
            for (z, plane) in planes.iter_mut().enumerate() {
                let rows = rows.add(z * at.plane + f);
                *plane = axis::input(std::array::from_fn(|n| row::<V, M>(rows, at, n)));
            }
            #[allow(clippy::needless_range_loop, reason = "a column, of which each plane has a value")]
            for y in 0..N {
                let column = axis::input::<V, N>(std::array::from_fn(|z| planes[z][y]));
                for (z, value) in column.into_iter().enumerate() {
                    value.store(v.add((z * N + y) * v_stride + f));
                }
            }
            f += V::WIDTH;
        }
    }
}

/// Transforms `count` flat positions of one row of tiles of a plane.
///
/// # Safety
/// As [`deep`], with one plane.
#[inline(always)]
unsafe fn flat<V: Lanes, const N: usize, const M: usize>(
    rows: *const f32,
    at: Rows,
    count: usize,
    v: *mut f32,
    v_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut f = 0;
        while f < count {
            let column = axis::input::<V, N>(std::array::from_fn(|n| row::<V, M>(rows.add(f), at, n)));
            for (y, value) in column.into_iter().enumerate() {
                value.store(v.add(y * v_stride + f));
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
        unsafe fn $name<V: Lanes>(rows: *const f32, at: Rows, count: usize, v: *mut f32, v_stride: usize) {
            // SAFETY: the caller's promise.
            unsafe { $kernel::<V, $points, $rows>(rows, at, count, v, v_stride) }
        }
    };
}

of_tile!(deep_two: deep<4, 2>);
of_tile!(deep_four: deep<6, 4>);
of_tile!(flat_two: flat<4, 2>);
of_tile!(flat_four: flat<6, 4>);
