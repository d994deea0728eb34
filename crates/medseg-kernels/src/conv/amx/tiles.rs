//! The instructions.
//!
//! They are written as text, since the language has no intrinsics for them yet. Before they are used for the first time
//! their result is compared with the same sum in plain Rust; a processor on which it differs goes without.

use std::marker::PhantomData;

/// Rows of a tile, words of a row of weights, and positions of a row of inputs.
pub(crate) const SIDE: usize = 16;
/// Values of a tile.
pub(crate) const TILE: usize = SIDE * SIDE;
/// Tiles of inputs that are multiplied together: each tile of weights is read for both.
pub(crate) const TOGETHER: usize = 2;
/// Taps along the width that can share a tile of inputs: all, or there is only one.
pub(crate) const TAPS: usize = 3;

/// The operands of a product: tiles of weights, one or [`TAPS`] for each step, with tiles of inputs, whose rows lie `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a> {
    weights: &'a [f32],
    input: &'a [f32],
    /// Start of each step's tile of inputs, from that of the first.
    offsets: &'a [usize],
    stride: usize,
    /// Values from the start of the first tile to the end of the furthest one.
    reach: usize,
}

impl<'a> Operands<'a> {
    /// # Panics
    /// If there is no step, or the weights are not one or [`TAPS`] tiles a step.
    pub fn new(weights: &'a [f32], input: &'a [f32], offsets: &'a [usize], stride: usize, words: usize) -> Self {
        let of = Self { weights, input, offsets, stride, reach: 0 };
        let whole = weights.len() == of.taps() * offsets.len() * TILE;
        assert!(whole && matches!(of.taps(), 1 | TAPS), "tiles of weights");
        let furthest = offsets.iter().max().expect("a step");
        Self { reach: furthest + (words - 1) * stride + SIDE, ..of }
    }

    /// Tiles of weights of a step.
    fn taps(&self) -> usize {
        self.weights.len() / (self.offsets.len().max(1) * TILE)
    }
}

/// Place of the sums: `[tap][16 channels][position]`.
pub(crate) struct Sums<'a> {
    pub values: &'a mut [f32],
    /// Values from one channel to the next.
    pub stride: usize,
    /// Values from one tap to the next.
    pub tap: usize,
}

/// A thread's tile registers, set up as long as this lives.
pub(crate) struct Tiles {
    /// Words of a tile of inputs.
    words: usize,
    /// The registers belong to a thread.
    of_thread: PhantomData<*const ()>,
}

impl Tiles {
    /// Sets the registers of this thread for tiles of so many words. Another one must not be made before this is dropped.
    pub fn new(words: usize) -> Self {
        assert!((1..=SIDE).contains(&words), "{words} words");
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the process may use tiles, and the number of words is asserted.
            unsafe { instructions::configure(words) };
        }
        Self { words, of_thread: PhantomData }
    }

    /// Writes the sums of the products of every tap with the tiles of inputs that start at `starts`, to `places`.
    ///
    /// # Panics
    /// If a tile of inputs or of sums does not lie inside.
    pub fn multiply(
        &self,
        of: &Operands<'_>,
        starts: [usize; TOGETHER],
        sums: &mut Sums<'_>,
        places: [usize; TOGETHER],
    ) {
        assert!(starts.iter().all(|start| start + of.reach <= of.input.len()), "tiles of inputs");
        let last = (of.taps() - 1) * sums.tap + (SIDE - 1) * sums.stride + SIDE;
        assert!(places.iter().all(|place| place + last <= sums.values.len()), "tiles of sums");
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the instructions are available and the registers set; how far the tiles reach is asserted.
            unsafe { instructions::multiply(of, starts, sums, places) };
            return;
        }
        self.multiply_plain(of, starts, sums, places);
    }

    /// The same sums without tiles: what the instructions are checked against, and what tests run elsewhere.
    fn multiply_plain(
        &self,
        of: &Operands<'_>,
        starts: [usize; TOGETHER],
        sums: &mut Sums<'_>,
        places: [usize; TOGETHER],
    ) {
        let halves = |word: f32| [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)];
        for (start, place) in starts.into_iter().zip(places) {
            for (tap, lane, position) in (0..of.taps() * TILE).map(|n| (n / TILE, n / SIDE % SIDE, n % SIDE)) {
                let mut sum = 0.0;
                for (step, offset) in of.offsets.iter().enumerate() {
                    let weights = &of.weights[(step * of.taps() + tap) * TILE + lane * SIDE..];
                    for (word, weight) in weights[..self.words].iter().enumerate() {
                        let [w_even, w_odd] = halves(*weight);
                        let [x_even, x_odd] = halves(of.input[start + offset + word * of.stride + position]);
                        sum += w_even * x_even + w_odd * x_odd;
                    }
                }
                sums.values[place + tap * sums.tap + lane * sums.stride + position] = sum;
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

    use super::{Operands, SIDE, Sums, TAPS, TILE, TOGETHER, Tiles};

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
        [1, 5, 16].into_iter().all(|words| [1, TAPS].into_iter().all(|taps| agrees(words, taps)))
    }

    /// As [`agree`], for one number of words and of taps.
    fn agrees(words: usize, taps: usize) -> bool {
        let mut state = 1u32;
        let mut numbers = |len| -> Vec<f32> {
            let mut word = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                crate::conv::words::word((state >> 28) as f32 - 8.0, (state >> 24 & 15) as f32 - 7.0)
            };
            (0..len).map(|_| word()).collect()
        };
        let (stride, offsets, starts, places) = (29, [3, 0, 40], [0, 20], [17, 0]);
        let (weights, input) = (numbers(offsets.len() * taps * TILE), numbers(20 + 40 + SIDE * stride));
        let of = Operands::new(&weights, &input, &offsets, stride, words);
        let (stride, tap) = (40, 40 * SIDE);
        let [mut got, mut want] = [(); 2].map(|()| vec![0.0f32; TAPS * tap]);
        // SAFETY: `permitted` holds, and the buffers are as large as the furthest tile reaches.
        unsafe {
            configure(words);
            multiply(&of, starts, &mut Sums { values: &mut got, stride, tap }, places);
            release();
        }
        // Not made by `new`, which would ask whether the instructions agree.
        let plain = std::mem::ManuallyDrop::new(Tiles { words, of_thread: PhantomData });
        plain.multiply_plain(&of, starts, &mut Sums { values: &mut want, stride, tap }, places);
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

    /// Sets the registers: 0 to 5 sums, 6 inputs, 7 weights.
    ///
    /// # Safety
    /// The process may use tiles; there are 16 words at most.
    pub(super) unsafe fn configure(words: usize) {
        const ROW: u16 = (SIDE * size_of::<f32>()) as u16;
        let (mut bytes_in_row, mut rows) = ([0; 16], [0; 16]);
        bytes_in_row[..8].fill(ROW);
        rows[..8].fill(SIDE as u8);
        rows[6] = words as u8;
        bytes_in_row[7] = (words * size_of::<f32>()) as u16;
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

    /// Defines a loop over all steps: `$zero` clears the sums, `$products` adds those of a step, `$store` writes the sums.
    macro_rules! steps {
        ($of:ident, $starts:ident, $sums:ident, $places:ident,
         zero [$($zero:literal)*], products [$($products:literal)*], bytes $bytes:literal, store [$($store:literal)*]) => {{
            let input = $of.input.as_ptr();
            let to = $sums.values.as_mut_ptr();
            asm!(
                $($zero,)*
                "2:",
                "mov {offset}, [{table}]",
                $($products,)*
                concat!("add {weights}, ", $bytes),
                "add {table}, 8",
                "dec {steps}",
                "jnz 2b",
                $($store,)*
                weights = inout(reg) $of.weights.as_ptr() => _,
                table = inout(reg) $of.offsets.as_ptr() => _,
                steps = inout(reg) $of.offsets.len() => _,
                row = in(reg) 4 * SIDE,
                a = in(reg) input.wrapping_add($starts[0]),
                b = in(reg) input.wrapping_add($starts[1]),
                input_stride = in(reg) 4 * $of.stride,
                to_a = inout(reg) to.wrapping_add($places[0]) => _,
                to_b = inout(reg) to.wrapping_add($places[1]) => _,
                stride = in(reg) 4 * $sums.stride,
                tap = in(reg) 4 * $sums.tap,
                offset = out(reg) _,
                at = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        }};
    }

    /// The sums of [`TOGETHER`] tiles of inputs.
    ///
    /// # Safety
    /// The registers are set to the words of the operands. Every tile is readable from its start on, at every offset, and
    /// writable at its place, for every tap.
    pub(super) unsafe fn multiply(
        of: &Operands<'_>,
        starts: [usize; TOGETHER],
        sums: &mut Sums<'_>,
        places: [usize; TOGETHER],
    ) {
        if of.taps() == 1 {
            // SAFETY: the tiles' reach is the caller's promise, and there is a tile of weights for each step; the registers
            // are nobody else's.
            unsafe {
                steps!(
                    of, starts, sums, places,
                    zero ["tilezero tmm0" "tilezero tmm3"],
                    products [
                        "tileloadd tmm7, [{weights} + {row}*1]"
                        "lea {at}, [{a} + {offset}*4]"
                        "tileloadd tmm6, [{at} + {input_stride}*1]"
                        "tdpbf16ps tmm0, tmm7, tmm6"
                        "lea {at}, [{b} + {offset}*4]"
                        "tileloadd tmm6, [{at} + {input_stride}*1]"
                        "tdpbf16ps tmm3, tmm7, tmm6"
                    ],
                    bytes "1024",
                    store [
                        "tilestored [{to_a} + {stride}*1], tmm0"
                        "tilestored [{to_b} + {stride}*1], tmm3"
                        "/* {tap} */"
                    ]
                );
            }
            return;
        }
        // SAFETY: as above; three tiles of weights.
        unsafe {
            steps!(
                of, starts, sums, places,
                zero ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3" "tilezero tmm4" "tilezero tmm5"],
                products [
                    "lea {at}, [{a} + {offset}*4]"
                    "tileloadd tmm6, [{at} + {input_stride}*1]"
                    "tileloadd tmm7, [{weights} + {row}*1]"
                    "tdpbf16ps tmm0, tmm7, tmm6"
                    "tileloadd tmm7, [{weights} + {row}*1 + 1024]"
                    "tdpbf16ps tmm1, tmm7, tmm6"
                    "tileloadd tmm7, [{weights} + {row}*1 + 2048]"
                    "tdpbf16ps tmm2, tmm7, tmm6"
                    "lea {at}, [{b} + {offset}*4]"
                    "tileloadd tmm6, [{at} + {input_stride}*1]"
                    "tileloadd tmm7, [{weights} + {row}*1]"
                    "tdpbf16ps tmm3, tmm7, tmm6"
                    "tileloadd tmm7, [{weights} + {row}*1 + 1024]"
                    "tdpbf16ps tmm4, tmm7, tmm6"
                    "tileloadd tmm7, [{weights} + {row}*1 + 2048]"
                    "tdpbf16ps tmm5, tmm7, tmm6"
                ],
                bytes "3072",
                store [
                    "tilestored [{to_a} + {stride}*1], tmm0"
                    "tilestored [{to_b} + {stride}*1], tmm3"
                    "add {to_a}, {tap}"
                    "add {to_b}, {tap}"
                    "tilestored [{to_a} + {stride}*1], tmm1"
                    "tilestored [{to_b} + {stride}*1], tmm4"
                    "add {to_a}, {tap}"
                    "add {to_b}, {tap}"
                    "tilestored [{to_a} + {stride}*1], tmm2"
                    "tilestored [{to_b} + {stride}*1], tmm5"
                ]
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
    fn tiles_of_every_number_of_words_give_the_plain_sums() {
        for (words_of_tile, taps) in (1..=SIDE).flat_map(|words| [(words, 1), (words, TAPS)]) {
            let (row, offsets, starts, places) = (SIDE + 3, [2, 0, 5, 2], [0, 9], [21, 0]);
            let pack = |values: Vec<f32>| -> Vec<f32> {
                values.chunks_exact(2).map(|pair| words::word(pair[0], pair[1])).collect()
            };
            let input = pack(numbers(2 * (words_of_tile * row + 40), 1));
            let weights = pack(numbers(2 * taps * offsets.len() * TILE, 2));
            let of = Operands::new(&weights, &input, &offsets, row, words_of_tile);
            let (stride, tap) = (50, 50 * SIDE + 7);
            let tiles = Tiles::new(words_of_tile);
            let [mut got, mut want] = [(); 2].map(|()| vec![-1.0; TAPS * tap]);
            tiles.multiply(&of, starts, &mut Sums { values: &mut got, stride, tap }, places);
            tiles.multiply_plain(&of, starts, &mut Sums { values: &mut want, stride, tap }, places);
            assert!(got == want, "{words_of_tile} words, {taps} taps");
        }
    }

    #[test]
    #[should_panic(expected = "tiles of inputs")]
    fn a_tile_that_reaches_beyond_the_input_is_refused() {
        let (weights, input) = (vec![0.0; TILE], vec![0.0; 15 * 20 + 16]);
        let of = Operands::new(&weights, &input, &[0], 20, SIDE);
        let mut values = vec![0.0; SIDE * 32];
        Tiles::new(SIDE).multiply(&of, [0, 1], &mut Sums { values: &mut values, stride: 32, tap: 0 }, [0, 16]);
    }
}
