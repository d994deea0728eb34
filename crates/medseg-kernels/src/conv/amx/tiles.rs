//! The instructions.
//!
//! They are written as text, since the language has no intrinsics for them yet. Before they are used for the first time
//! their result is compared with the same sum in plain Rust; a processor on which it differs goes without.

use std::marker::PhantomData;

/// Rows of a tile, words of a row of weights and positions of a row of inputs, at most.
pub(crate) const SIDE: usize = 16;
/// Values of a tile.
pub(crate) const TILE: usize = SIDE * SIDE;
/// Channels written together, at most: two tiles.
pub(crate) const BLOCK: usize = 2 * SIDE;
/// Tiles of positions computed together with one tile of channels.
pub(crate) const NARROW: usize = 4;
/// Tiles of positions computed together with two tiles of channels.
pub(crate) const WIDE: usize = 2;

/// Words of a tile of inputs, and positions of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub words: usize,
    pub positions: usize,
}

/// What is multiplied: tiles of weights, one or two for each step, with tiles of inputs, whose rows lie `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a> {
    weights: &'a [f32],
    input: &'a [f32],
    /// Where each step's tile of inputs begins, from that of the first.
    offsets: &'a [usize],
    stride: usize,
    /// The furthest value that a step reads, from the start of the first tile.
    reach: usize,
}

impl<'a> Operands<'a> {
    /// # Panics
    /// If there is no step, or the weights are not one or two tiles a step.
    pub fn new(weights: &'a [f32], input: &'a [f32], offsets: &'a [usize], stride: usize, shape: Shape) -> Self {
        let tiles = weights.len() / (offsets.len().max(1) * TILE);
        assert!(weights.len() == tiles * offsets.len() * TILE && (1..=2).contains(&tiles), "tiles of weights");
        let furthest = offsets.iter().max().expect("a step");
        Self { weights, input, offsets, stride, reach: furthest + (shape.words - 1) * stride + shape.positions }
    }
}

/// Where sums go: `[channel][position]`, `stride` from one channel to the next.
pub(crate) struct Sums<'a> {
    pub values: &'a mut [f32],
    pub stride: usize,
}

/// A thread's tile registers, set to a shape as long as this lives.
pub(crate) struct Tiles {
    shape: Shape,
    /// The registers belong to a thread.
    of_thread: PhantomData<*const ()>,
}

impl Tiles {
    /// Sets the registers of this thread. Another one must not be made before this is dropped.
    pub fn new(shape: Shape) -> Self {
        assert!((1..=SIDE).contains(&shape.words) && (1..=SIDE).contains(&shape.positions), "{shape:?}");
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the process may use tiles.
            unsafe { instructions::configure(shape) };
        }
        Self { shape, of_thread: PhantomData }
    }

    /// Writes the sums of the products of all channels with the tiles of inputs that start at `starts`, to `places`.
    ///
    /// # Panics
    /// If a tile of inputs or of sums does not lie inside, or there are not as many starts as tiles that are computed
    /// together: [`NARROW`] with one tile of channels, [`WIDE`] with two.
    pub fn multiply<const N: usize>(&self, of: &Operands<'_>, starts: [usize; N], sums: &mut Sums<'_>, places: [usize; N]) {
        let tiles = of.weights.len() / (of.offsets.len() * TILE);
        assert_eq!(N, if tiles == 1 { NARROW } else { WIDE }, "tiles of positions");
        assert!(starts.iter().all(|start| start + of.reach <= of.input.len()), "tiles of inputs");
        let last = (tiles * SIDE - 1) * sums.stride + self.shape.positions;
        assert!(places.iter().all(|place| place + last <= sums.values.len()), "tiles of sums");
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            let inputs = starts.map(|start| of.input[start..].as_ptr());
            let values = sums.values.as_mut_ptr();
            let places = places.map(|place| values.wrapping_add(place));
            // SAFETY: the instructions are available and the registers set; how far the pointers reach is asserted.
            unsafe { instructions::multiply(of, &inputs, places.as_ptr(), sums.stride) };
            return;
        }
        self.multiply_plain(of, &starts, sums, &places);
    }

    /// The same sums without tiles: what the instructions are checked against, and what tests run elsewhere.
    fn multiply_plain(&self, of: &Operands<'_>, starts: &[usize], sums: &mut Sums<'_>, places: &[usize]) {
        let halves = |word: f32| [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)];
        let tiles = of.weights.len() / (of.offsets.len() * TILE);
        for (start, place) in starts.iter().zip(places) {
            for (lane, position) in (0..tiles * SIDE).flat_map(|lane| (0..self.shape.positions).map(move |p| (lane, p))) {
                let mut sum = 0.0;
                for (step, offset) in of.offsets.iter().enumerate() {
                    let weights = &of.weights[(step * tiles + lane / SIDE) * TILE + lane % SIDE * SIDE..];
                    for (word, weight) in weights[..self.shape.words].iter().enumerate() {
                        let [w_even, w_odd] = halves(*weight);
                        let [x_even, x_odd] = halves(of.input[start + offset + word * of.stride + position]);
                        sum += w_even * x_even + w_odd * x_odd;
                    }
                }
                sums.values[place + lane * sums.stride + position] = sum;
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the process may use tiles, and nothing uses these any longer.
            unsafe { instructions::release() };
        }
    }
}

/// True if this processor and system have the instructions, and they give the right sums.
pub(crate) fn available() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use std::sync::OnceLock;
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| instructions::permitted() && instructions::agree())
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod instructions {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::marker::PhantomData;

    use super::{NARROW, Operands, SIDE, Shape, Sums, TILE, Tiles, WIDE};

    /// Asks the processor for bf16 tiles and the system for leave to use them, which holds for all threads.
    pub(super) fn permitted() -> bool {
        const FEATURES: (u32, u32) = (7, 0);
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        // arch_prctl(2): ARCH_REQ_XCOMP_PERM, and the number of the state component that holds the tiles.
        const REQUEST_PERMISSION: libc::c_ulong = 0x1023;
        const TILE_DATA: libc::c_ulong = 18;
        // The words are packed with its instructions.
        if !crate::conv::words::available() {
            return false;
        }
        let features = __cpuid_count(FEATURES.0, FEATURES.1).edx;
        // SAFETY: the call changes only what the process may use; a system that does not know it returns an error.
        features & AMX_BF16 != 0
            && features & AMX_TILE != 0
            && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) } == 0
    }

    /// True if the instructions give the sums of small whole numbers, which are exact in any order.
    pub(super) fn agree() -> bool {
        [[1, 1], [5, 16], [16, 7], [16, 16]].into_iter().all(|[words, positions]| {
            [1, 2].into_iter().all(|tiles| agrees(Shape { words, positions }, tiles))
        })
    }

    /// As [`agree`], for one shape and number of tiles of channels.
    fn agrees(shape: Shape, tiles: usize) -> bool {
        let mut state = 1u32;
        let mut words = |len| -> Vec<f32> {
            let mut word = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                crate::conv::words::word((state >> 28) as f32 - 8.0, (state >> 24 & 15) as f32 - 7.0)
            };
            (0..len).map(|_| word()).collect()
        };
        let (stride, offsets) = (29, [3, 0, 40]);
        let (weights, input) = (words(offsets.len() * tiles * TILE), words(20 + 40 + SIDE * stride));
        let of = Operands::new(&weights, &input, &offsets, stride, shape);
        let (starts, places) = ([0, 20, 7, 1], [48, 0, 32, 16]);
        let (sums_stride, count) = (70, if tiles == 1 { NARROW } else { WIDE });
        let [mut got, mut want] = [(); 2].map(|()| vec![0.0f32; 2 * SIDE * sums_stride]);
        let inputs = starts.map(|start| input[start..].as_ptr());
        let to = places.map(|place| got.as_mut_ptr().wrapping_add(place));
        // SAFETY: `permitted` holds, and the buffers are as large as the furthest tile reaches.
        unsafe {
            configure(shape);
            multiply(&of, &inputs[..count], to.as_ptr(), sums_stride);
            release();
        }
        // Not made by `new`, which would ask whether the instructions agree.
        let plain = std::mem::ManuallyDrop::new(Tiles { shape, of_thread: PhantomData });
        let mut sums = Sums { values: &mut want, stride: sums_stride };
        plain.multiply_plain(&of, &starts[..count], &mut sums, &places[..count]);
        got == want
    }

    /// The shapes of the eight tile registers.
    #[repr(C, align(64))]
    struct Registers {
        palette: u8,
        reserved: [u8; 15],
        bytes_in_row: [u16; 16],
        rows: [u8; 16],
    }

    /// Sets the registers: 0 to 3 sums, 4 and 5 weights, 6 and 7 inputs.
    ///
    /// # Safety
    /// The process may use tiles.
    pub(super) unsafe fn configure(shape: Shape) {
        const BYTES: usize = size_of::<f32>();
        let (mut bytes_in_row, mut rows) = ([0; 16], [0; 16]);
        bytes_in_row[..8].fill((BYTES * shape.positions) as u16);
        rows[..4].fill(SIDE as u8);
        bytes_in_row[4..6].fill((BYTES * shape.words) as u16);
        rows[4..6].fill(SIDE as u8);
        rows[6..8].fill(shape.words as u8);
        let registers = Registers { palette: 1, reserved: [0; 15], bytes_in_row, rows };
        // SAFETY: the shapes are valid for palette 1: at most 16 rows of 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const registers, options(nostack, readonly, preserves_flags)) };
    }

    /// Gives the registers back.
    ///
    /// # Safety
    /// The process may use tiles.
    pub(super) unsafe fn release() {
        // SAFETY: the caller's promise.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }

    /// The sums of [`NARROW`] or [`WIDE`] tiles of inputs, as many as there are `inputs`, to as many places at `to`.
    ///
    /// # Safety
    /// The registers are set to the operands' shape. Every tile is readable from its input on, at every offset, and
    /// writable at its place.
    pub(super) unsafe fn multiply(of: &Operands<'_>, inputs: &[*const f32], to: *const *mut f32, stride: usize) {
        let &Operands { weights, offsets, stride: input_stride, .. } = of;
        let (weights, table, steps) = (weights.as_ptr(), offsets.as_ptr(), offsets.len());
        match *inputs {
            // SAFETY: the caller's promise; there is a tile of weights for each step.
            [a, b, c, d] => unsafe { narrow(weights, table, steps, [a, b, c, d], 4 * input_stride, to, 4 * stride) },
            // SAFETY: as above, two tiles.
            [a, b] => unsafe { wide(weights, table, steps, [a, b], 4 * input_stride, to, 4 * stride) },
            _ => unreachable!("two or four tiles of inputs"),
        }
    }

    /// One tile of channels, four of positions; strides in bytes.
    ///
    /// # Safety
    /// As [`multiply`].
    unsafe fn narrow(
        weights: *const f32,
        table: *const usize,
        steps: usize,
        [a, b, c, d]: [*const f32; NARROW],
        input_stride: usize,
        to: *const *mut f32,
        stride: usize,
    ) {
        // SAFETY: the pointers' reach is the caller's promise; the registers are nobody else's.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "mov {offset}, [{table}]",
                "tileloadd tmm4, [{weights} + {row}*1]",
                "lea {at}, [{a} + {offset}*4]",
                "tileloadd tmm6, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "lea {at}, [{b} + {offset}*4]",
                "tileloadd tmm7, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "lea {at}, [{c} + {offset}*4]",
                "tileloadd tmm6, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm2, tmm4, tmm6",
                "lea {at}, [{d} + {offset}*4]",
                "tileloadd tmm7, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm3, tmm4, tmm7",
                "add {weights}, 1024",
                "add {table}, 8",
                "dec {steps}",
                "jnz 2b",
                "mov {at}, [{to}]",
                "tilestored [{at} + {stride}*1], tmm0",
                "mov {at}, [{to} + 8]",
                "tilestored [{at} + {stride}*1], tmm1",
                "mov {at}, [{to} + 16]",
                "tilestored [{at} + {stride}*1], tmm2",
                "mov {at}, [{to} + 24]",
                "tilestored [{at} + {stride}*1], tmm3",
                weights = inout(reg) weights => _,
                table = inout(reg) table => _,
                steps = inout(reg) steps => _,
                row = in(reg) 4 * SIDE,
                a = in(reg) a,
                b = in(reg) b,
                c = in(reg) c,
                d = in(reg) d,
                input_stride = in(reg) input_stride,
                to = in(reg) to,
                stride = in(reg) stride,
                offset = out(reg) _,
                at = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Two tiles of channels, two of positions; strides in bytes.
    ///
    /// # Safety
    /// As [`multiply`].
    unsafe fn wide(
        weights: *const f32,
        table: *const usize,
        steps: usize,
        [a, b]: [*const f32; WIDE],
        input_stride: usize,
        to: *const *mut f32,
        stride: usize,
    ) {
        // SAFETY: as in `narrow`; the second tile of channels lies 16 rows of sums after the first.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "mov {offset}, [{table}]",
                "tileloadd tmm4, [{weights} + {row}*1]",
                "lea {at}, [{a} + {offset}*4]",
                "tileloadd tmm6, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "lea {at}, [{b} + {offset}*4]",
                "tileloadd tmm7, [{at} + {input_stride}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{weights} + {row}*1 + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {weights}, 2048",
                "add {table}, 8",
                "dec {steps}",
                "jnz 2b",
                "mov {table}, {stride}",
                "shl {table}, 4",
                "mov {at}, [{to}]",
                "tilestored [{at} + {stride}*1], tmm0",
                "add {at}, {table}",
                "tilestored [{at} + {stride}*1], tmm2",
                "mov {at}, [{to} + 8]",
                "tilestored [{at} + {stride}*1], tmm1",
                "add {at}, {table}",
                "tilestored [{at} + {stride}*1], tmm3",
                weights = inout(reg) weights => _,
                table = inout(reg) table => _,
                steps = inout(reg) steps => _,
                row = in(reg) 4 * SIDE,
                a = in(reg) a,
                b = in(reg) b,
                input_stride = in(reg) input_stride,
                to = in(reg) to,
                stride = in(reg) stride,
                offset = out(reg) _,
                at = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    #[cfg(test)]
    mod tests {
        use std::mem::{offset_of, size_of};

        use super::Registers;

        #[test]
        fn the_registers_are_described_as_the_instruction_reads_them() {
            let offsets = (size_of::<Registers>(), offset_of!(Registers, bytes_in_row), offset_of!(Registers, rows));
            assert_eq!(offsets, (64, 16, 48));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::tests::numbers;
    use crate::conv::words;

    #[test]
    fn tiles_of_every_shape_give_the_plain_sums() {
        for words_of_tile in 1..=SIDE {
            for positions in 1..=SIDE {
                let shape = Shape { words: words_of_tile, positions };
                let (stride, offsets) = (positions + 3, [2, 0, 5, 2]);
                let pack = |values: Vec<f32>| -> Vec<f32> {
                    values.chunks_exact(2).map(|pair| words::word(pair[0], pair[1])).collect()
                };
                let input = pack(numbers(2 * (words_of_tile * stride + 40), 1));
                let weights = pack(numbers(2 * 2 * offsets.len() * TILE, 2));
                let sums_stride = 4 * SIDE;
                let tiles = Tiles::new(shape);
                let [mut got, mut want] = [(); 2].map(|()| vec![-1.0; BLOCK * sums_stride]);
                let of = Operands::new(&weights, &input, &offsets, stride, shape);
                tiles.multiply(&of, [0, 9], &mut Sums { values: &mut got, stride: sums_stride }, [16, 32]);
                tiles.multiply_plain(&of, &[0, 9], &mut Sums { values: &mut want, stride: sums_stride }, &[16, 32]);
                assert!(got == want, "{shape:?}");
                let of = Operands::new(&weights[..offsets.len() * TILE], &input, &offsets, stride, shape);
                let (starts, places) = ([0, 9, 3, 30], [48, 32, 0, 16]);
                tiles.multiply(&of, starts, &mut Sums { values: &mut got, stride: sums_stride }, places);
                tiles.multiply_plain(&of, &starts, &mut Sums { values: &mut want, stride: sums_stride }, &places);
                assert!(got == want, "{shape:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "tiles of inputs")]
    fn a_tile_that_reaches_beyond_the_input_is_refused() {
        let shape = Shape { words: 16, positions: 16 };
        let (weights, input) = (vec![0.0; TILE], vec![0.0; 15 * 20 + 16]);
        let of = Operands::new(&weights, &input, &[0], 20, shape);
        let mut values = vec![0.0; SIDE * 64];
        Tiles::new(shape).multiply(&of, [0, 0, 0, 1], &mut Sums { values: &mut values, stride: 64 }, [0, 16, 32, 48]);
    }
}
