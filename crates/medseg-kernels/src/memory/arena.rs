//! Large regions of memory, and the blocks that they are divided into.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use super::{pages, prefer_large_pages};

/// Values of which blocks are multiples: a cache line.
const STEP: usize = 16;

/// Memory that was once in use and is divided anew for the tensors to come; all sizes in values.
///
/// A U-Net asks for maps of many sizes, and never for all at once: one large region serves the many small maps of its deep
/// stages and then a large one again. All regions together exceed what was once in use at the same time by a quarter at most.
pub(super) struct Arena {
    regions: BTreeMap<u64, Region>,
    next: u64,
    /// Values in use, those outside of regions too.
    used: usize,
    /// Values in use outside of regions.
    outside: usize,
    peak: usize,
}

/// Memory of one allocation, and the parts of it that nobody has.
struct Region {
    memory: Memory,
    /// Length of each free block by its first value; neighbours are joined.
    free: BTreeMap<usize, usize>,
}

/// Values whose parts others write to, from the start of a cache line on: vectors that straddle lines cost twice.
pub(super) struct Memory {
    start: NonNull<f32>,
    len: usize,
    /// The first value of the vector that they lie in, and its length.
    vector: (NonNull<f32>, usize),
}

/// A part of a region that one buffer has for itself.
#[derive(Debug)]
pub(super) struct Block {
    region: u64,
    first: usize,
    /// A multiple of [`STEP`], at least what was asked for.
    len: usize,
    pub start: NonNull<f32>,
}

// SAFETY: it is plain memory of values that it owns, as a vector does.
unsafe impl Send for Memory {}
// SAFETY: a block has its part of a region for itself, and the arena does not touch it.
unsafe impl Send for Block {}
// SAFETY: as above; shared, it only tells where it is.
unsafe impl Sync for Block {}

impl Memory {
    fn new(len: usize) -> Self {
        let mut values = vec![0.0; len + STEP];
        prefer_large_pages(&mut values);
        let values = Box::leak(values.into_boxed_slice());
        let vector = (NonNull::from(&mut *values).cast(), values.len());
        let skipped = values.as_ptr().align_offset(STEP * size_of::<f32>()).min(STEP);
        Self { start: NonNull::from(&mut values[skipped..]).cast(), len, vector }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let (start, len) = self.vector;
        // SAFETY: `new` leaked a boxed slice of this start and length, and memory that is given up has no blocks.
        drop(unsafe { Vec::from_raw_parts(start.as_ptr(), len, len) });
    }
}

impl Region {
    fn new(len: usize) -> Self {
        Self { memory: Memory::new(len), free: BTreeMap::from([(0, len)]) }
    }

    fn len(&self) -> usize {
        self.memory.len
    }

    /// Gives the pages of the free blocks back to the system.
    fn release_free(&self) {
        for (first, len) in &self.free {
            // SAFETY: the block lies within the region, whose values were all 0 at first; nobody has it, and nobody can
            // get it while the arena is borrowed.
            unsafe { pages::give_back(self.memory.start.add(*first), *len) };
        }
    }

    fn is_free(&self) -> bool {
        self.free.get(&0) == Some(&self.len())
    }

    /// Joins a block with its free neighbours.
    fn give_back(&mut self, mut first: usize, mut len: usize) {
        if let Some((&before, &size)) = self.free.range(..first).next_back()
            && before + size == first
        {
            self.free.remove(&before);
            (first, len) = (before, len + size);
        }
        if let Some(size) = self.free.remove(&(first + len)) {
            len += size;
        }
        self.free.insert(first, len);
    }
}

impl Arena {
    pub const fn new() -> Self {
        Self { regions: BTreeMap::new(), next: 0, used: 0, outside: 0, peak: 0 }
    }

    /// Finds a block for `len` values: the smallest free one that holds them, or a new region. Nothing if the regions would
    /// grow beyond their limit; the caller then takes memory of its own and notes it.
    ///
    /// The second value is memory to be freed once the arena is unlocked.
    pub fn take(&mut self, len: usize) -> (Option<Block>, Vec<Memory>) {
        let len = len.next_multiple_of(STEP);
        self.used += len;
        self.peak = self.peak.max(self.used);
        let free =
            self.regions.iter().flat_map(|(id, region)| region.free.iter().map(move |(at, size)| (*size, *id, *at)));
        let mut dropped = Vec::new();
        let (region, first) = match free.filter(|(size, ..)| *size >= len).min() {
            Some((_, region, first)) => (region, first),
            None => {
                dropped = self.make_room(len);
                if self.total() + len > self.peak + self.peak / 4 {
                    self.used -= len;
                    return (None, dropped);
                }
                self.next += 1;
                self.regions.insert(self.next, Region::new(len));
                (self.next, 0)
            }
        };
        (self.cut(region, first, len), dropped)
    }

    /// Takes the first `len` values of a free block.
    fn cut(&mut self, id: u64, first: usize, len: usize) -> Option<Block> {
        let region = self.regions.get_mut(&id)?;
        let size = region.free.remove(&first)?;
        if size > len {
            region.free.insert(first + len, size - len);
        }
        // SAFETY: the free block lies within the region.
        let start = unsafe { region.memory.start.add(first) };
        Some(Block { region: id, first, len, start })
    }

    /// Gives a block back.
    pub fn put(&mut self, block: &Block) {
        self.used -= block.len;
        if let Some(region) = self.regions.get_mut(&block.region) {
            region.give_back(block.first, block.len);
        }
    }

    /// Notes memory outside of the arena that is in use.
    pub fn note(&mut self, len: usize) {
        self.used += len;
        self.outside += len;
        self.peak = self.peak.max(self.used);
    }

    /// Notes that memory outside of the arena is no longer in use.
    pub fn forget(&mut self, len: usize) {
        self.used -= len;
        self.outside -= len;
    }

    /// The regions without a block, taken out; the other regions' free blocks lose their pages. What is in use counts as
    /// the most there ever was.
    pub fn release(&mut self) -> Vec<Memory> {
        self.peak = self.used;
        self.regions.values().filter(|region| !region.is_free()).for_each(Region::release_free);
        let idle: Vec<u64> = self.regions.iter().filter(|(_, region)| region.is_free()).map(|(id, _)| *id).collect();
        idle.into_iter().filter_map(|id| self.regions.remove(&id)).map(|region| region.memory).collect()
    }

    /// Takes out regions without a block, the oldest first, until `len` more values keep within the peak.
    fn make_room(&mut self, len: usize) -> Vec<Memory> {
        let mut dropped = Vec::new();
        while self.total() + len > self.peak {
            let Some(id) = self.regions.iter().find(|(_, region)| region.is_free()).map(|(id, _)| *id) else { break };
            dropped.extend(self.regions.remove(&id).map(|region| region.memory));
        }
        dropped
    }

    /// Values of all memory, in use or idle.
    fn total(&self) -> usize {
        self.outside + self.regions.values().map(Region::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(arena: &Arena) -> Vec<usize> {
        arena.regions.values().map(Region::len).collect()
    }

    #[test]
    fn a_large_region_serves_small_blocks_and_is_whole_again() {
        let mut arena = Arena::new();
        let large = arena.take(1000).0.unwrap();
        assert_eq!(large.len, 1008);
        arena.put(&large);
        let small: Vec<Block> = (0..4).map(|_| arena.take(240).0.unwrap()).collect();
        assert_eq!(sizes(&arena), [1008]);
        // In an order in which both neighbours, one and none are free.
        for at in [1, 3, 2, 0] {
            arena.put(&small[at]);
        }
        assert!(arena.regions.values().all(Region::is_free));
        let again = arena.take(1008).0.unwrap();
        assert_eq!((again.start, arena.used, arena.peak), (large.start, 1008, 1008));
        arena.put(&again);
        assert_eq!((arena.release().len(), arena.used), (1, 0));
    }

    #[test]
    fn blocks_begin_with_a_cache_line() {
        let mut arena = Arena::new();
        for len in [1, 17, 1000, 3 << 20] {
            assert!(arena.take(len).0.unwrap().start.addr().get().is_multiple_of(64));
        }
    }

    #[test]
    fn the_smallest_block_that_fits_is_taken() {
        let mut arena = Arena::new();
        let blocks = [640, 160, 320].map(|len| arena.take(len).0.unwrap());
        blocks.iter().for_each(|block| arena.put(block));
        let (small, middle) = (arena.take(100).0.unwrap(), arena.take(200).0.unwrap());
        assert_eq!([small.start, middle.start], [blocks[1].start, blocks[2].start]);
    }

    #[test]
    fn regions_keep_within_the_peak_or_are_refused() {
        let mut arena = Arena::new();
        let first = arena.take(1024).0.unwrap();
        arena.put(&first);
        // The idle region must go for one that it cannot hold.
        let (larger, dropped) = arena.take(1040);
        assert_eq!((dropped.len(), sizes(&arena)), (1, vec![1040]));
        arena.put(&larger.unwrap());
        // Blocks that are left in the way: the rest cannot serve, and a region more would be too much.
        let parts: Vec<Block> = (0..4).map(|_| arena.take(256).0.unwrap()).collect();
        arena.put(&parts[0]);
        arena.put(&parts[2]);
        assert!(arena.take(512).0.is_none());
        parts.iter().skip(1).step_by(2).for_each(|part| arena.put(part));
        assert_eq!(arena.used, 0);
        assert_eq!(arena.release().len(), 1);
    }
}
