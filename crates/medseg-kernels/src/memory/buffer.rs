//! Memory for tensors that is used again and again.
//!
//! A map of 16 channels at 128³ voxels has 128 MiB. Fresh from the system, its pages cost several times what filling them
//! costs, and every forward pass asks for the same sizes again. So what a dropped tensor leaves is saved for the next ones.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arena::{Arena, Block};

/// Values below which a buffer comes from the allocator, which keeps small blocks by itself.
const LEAST: usize = 1 << 14;

static ARENA: Mutex<Arena> = Mutex::new(Arena::new());

/// Gives the idle memory back to the system, between buffers in use too (Linux).
pub fn release() {
    // Freed after the lock is gone.
    let idle = arena().release();
    drop(idle);
}

fn arena() -> MutexGuard<'static, Arena> {
    // Its numbers are changed without a panic in between, so they are right after one elsewhere.
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values of a tensor to be: whatever was there before, until they are written.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    len: usize,
}

/// The values' place.
#[derive(Debug)]
enum Memory {
    /// Known to the allocator alone.
    Small(Vec<f32>),
    /// A vector of its own, which is counted.
    Own(Vec<f32>),
    /// A part of the memory that is used again.
    Shared(Block),
}

impl Buffer {
    /// `len` values, in no particular state.
    pub fn new(len: usize) -> Self {
        if len < LEAST {
            return Self { memory: Memory::Small(vec![0.0; len]), len };
        }
        let (block, dropped) = arena().take(len);
        drop(dropped);
        match block {
            Some(block) => Self { memory: Memory::Shared(block), len },
            None => vec![0.0; len].into(),
        }
    }

    /// Takes the vector out that the buffer was made of, or nothing where its memory is used again.
    pub fn detach(&mut self) -> Option<Vec<f32>> {
        // Out of the buffer first: a block that is left in it would be given back twice.
        let values = match std::mem::replace(&mut self.memory, Memory::Small(Vec::new())) {
            Memory::Small(values) => values,
            Memory::Own(values) => {
                arena().forget(values.len());
                values
            }
            memory @ Memory::Shared(_) => {
                self.memory = memory;
                return None;
            }
        };
        self.len = 0;
        Some(values)
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        let len = values.len();
        if len < LEAST {
            return Self { memory: Memory::Small(values), len };
        }
        arena().note(len);
        Self { memory: Memory::Own(values), len }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        match &self.memory {
            Memory::Small(_) => {}
            Memory::Own(values) => arena().forget(values.len()),
            Memory::Shared(block) => arena().put(block),
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.memory {
            Memory::Small(values) | Memory::Own(values) => values,
            // SAFETY: the block has at least `len` initialised values, for this buffer alone and as long as it lives.
            Memory::Shared(block) => unsafe { std::slice::from_raw_parts(block.start.as_ptr(), self.len) },
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.memory {
            Memory::Small(values) | Memory::Own(values) => values,
            // SAFETY: as above, and the buffer is borrowed alone.
            Memory::Shared(block) => unsafe { std::slice::from_raw_parts_mut(block.start.as_ptr(), self.len) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_their_values_for_themselves() {
        // Threads share the arena; each checks that nobody wrote to its buffers.
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                scope.spawn(move || {
                    let mut held: Vec<(Buffer, f32)> = Vec::new();
                    let mut state = thread as u64 + 1;
                    for step in 0..300 {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let random = (state >> 33) as usize;
                        if random.is_multiple_of(3) && !held.is_empty() {
                            let (mut buffer, value) = held.swap_remove(random % held.len());
                            assert!(buffer.iter().all(|found| *found == value));
                            if random.is_multiple_of(2) {
                                let values = buffer.detach();
                                assert!(values.is_none_or(|values| values.iter().all(|found| *found == value)));
                            }
                        } else {
                            let mut buffer = Buffer::new(LEAST - 100 + random % 50_000);
                            let value = (thread * 1000 + step) as f32;
                            buffer.fill(value);
                            held.push((buffer, value));
                        }
                    }
                    for (buffer, value) in held {
                        assert!(buffer.iter().all(|found| *found == value));
                    }
                });
            }
        });
        release();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn idle_memory_between_buffers_in_use_is_given_back() {
        const MIB: usize = 1 << 18;
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() >> 10
        };
        let mut whole = Buffer::new(96 * MIB);
        whole.fill(1.0);
        drop(whole);
        let mut parts: Vec<Buffer> = (0..48).map(|_| Buffer::new(2 * MIB)).collect();
        for (n, part) in parts.iter_mut().enumerate() {
            part.fill(n as f32);
        }
        let before = resident();
        let mut n = 0..;
        parts.retain(|_| n.next().is_some_and(|n: i32| n % 4 == 0));
        release();
        // 72 MiB are idle; other tests take memory meanwhile.
        assert!(resident() + 20 < before, "{} and {before} MiB", resident());
        for (n, part) in parts.iter().enumerate() {
            assert!(part.iter().all(|value| *value == 4.0 * n as f32));
        }
        let mut again = Buffer::new(6 * MIB);
        again.fill(7.0);
        assert!(again.iter().all(|value| *value == 7.0));
    }

    #[test]
    fn a_vector_goes_in_and_comes_out() {
        for len in [0, 3, LEAST, LEAST + 5] {
            let values: Vec<f32> = (0..len).map(|n| n as f32).collect();
            let address = values.as_ptr();
            let mut buffer = Buffer::from(values);
            assert_eq!(buffer.len(), len);
            let values = buffer.detach().unwrap();
            assert_eq!((values.len(), values.as_ptr()), (len, address));
            assert!(buffer.is_empty());
        }
    }
}
