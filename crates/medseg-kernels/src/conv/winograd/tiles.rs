//! Products of bf16 numbers with sums in f32 on tiles: AMX, on Linux.
//!
//! A tile instruction multiplies a tile of weights, [BLOCK lanes][16 words], with one of inputs, [16 words][16 positions];
//! a word is as in [`half`](super::half). Rows of transformed input are such rows of words already; the weights are packed
//! as [tap][group of 16 rows][BLOCK][16], with zeros after the last row.
//!
//! The instructions are written as text, since the language has no intrinsics for them yet. Before they are used for the
//! first time their result is compared with the same sum in plain Rust; a processor on which it differs goes without.

use super::{BLOCK, TAPS};

/// Words of a row of a tile, and positions of a tile.
pub(crate) const WORDS: usize = 16;

/// Index of a weight among those of one point and block, packed from `rows` rows.
#[inline(always)]
pub(crate) fn place(rows: usize, row: usize, tap: usize, lane: usize) -> usize {
    ((tap * rows.div_ceil(WORDS) + row / WORDS) * BLOCK + lane) * WORDS + row % WORDS
}

/// Operands of one call: `rows` rows of `v` of which `flat` positions count, into BLOCK rows of `m`.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub v: &'a [f32],
    pub v_stride: usize,
    pub rows: usize,
    pub weights: &'a [f32],
    pub flat: usize,
    pub m_stride: usize,
}

impl Product<'_> {
    /// Sums of the products; up to a tile's width past `flat` in every row is overwritten too.
    pub fn write(self, m: &mut [f32]) {
        assert!((self.rows - 1) * self.v_stride + self.flat + WORDS + TAPS - 1 <= self.v.len());
        assert_eq!(self.weights.len(), TAPS * self.rows.next_multiple_of(WORDS) * BLOCK);
        assert!(self.flat + WORDS <= self.m_stride && BLOCK * self.m_stride <= m.len());
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if available() {
            // SAFETY: the instructions are available, and the reach is asserted above.
            unsafe { amx::write(self, m) };
            return;
        }
        self.write_plain(m);
    }

    /// The same sums without tiles: what the instructions are checked against, and what tests run elsewhere.
    fn write_plain(self, m: &mut [f32]) {
        let halves = |word: f32| [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)];
        for (lane, m) in m.chunks_mut(self.m_stride).take(BLOCK).enumerate() {
            for (f, m) in m[..self.flat].iter_mut().enumerate() {
                *m = 0.0;
                for (tap, row) in (0..TAPS).flat_map(|tap| (0..self.rows).map(move |row| (tap, row))) {
                    let [w_even, w_odd] = halves(self.weights[place(self.rows, row, tap, lane)]);
                    let [v_even, v_odd] = halves(self.v[row * self.v_stride + f + tap]);
                    *m += w_even * v_even + w_odd * v_odd;
                }
            }
        }
    }
}

/// True if this processor and system have the instructions, and they give the right sums.
pub(crate) fn available() -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use std::sync::OnceLock;
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| amx::permitted() && amx::agrees())
    }
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    false
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    use super::{BLOCK, Product, TAPS, WORDS};

    /// Asks the processor for bf16 tiles and the system for leave to use them, which holds for all threads.
    pub(crate) fn permitted() -> bool {
        const FEATURES: (u32, u32) = (7, 0);
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        // arch_prctl(2): ARCH_REQ_XCOMP_PERM, and the number of the state component that holds the tiles.
        const REQUEST_PERMISSION: libc::c_ulong = 0x1023;
        const TILE_DATA: libc::c_ulong = 18;
        if !is_x86_feature_detected!("avx512bf16") {
            return false;
        }
        let features = __cpuid_count(FEATURES.0, FEATURES.1).edx;
        // SAFETY: the call changes only what the process may use; a system that does not know it returns an error.
        features & AMX_BF16 != 0
            && features & AMX_TILE != 0
            && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) } == 0
    }

    /// True if the instructions give the sums of small whole numbers, which are exact in any order.
    pub(crate) fn agrees() -> bool {
        [(1, 5), (16, 48), (21, 70), (40, 16)].into_iter().all(|(rows, flat)| {
            let mut state = 1u32;
            let mut words = |len| -> Vec<f32> {
                let mut word = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    super::super::half::word((state >> 28) as f32 - 8.0, (state >> 24 & 15) as f32 - 7.0)
                };
                (0..len).map(|_| word()).collect()
            };
            let (v_stride, m_stride) = (flat + WORDS + TAPS, flat + WORDS);
            let v = words(rows * v_stride);
            let weights = words(TAPS * rows.next_multiple_of(WORDS) * BLOCK);
            let product = Product { v: &v, v_stride, rows, weights: &weights, flat, m_stride };
            let [mut got, mut want] = [(); 2].map(|()| vec![0.0; BLOCK * m_stride]);
            // SAFETY: permitted() holds, and the buffers reach as far as `Product::write` asserts.
            unsafe { write(product, &mut got) };
            product.write_plain(&mut want);
            got.chunks(m_stride).zip(want.chunks(m_stride)).all(|(got, want)| got[..flat] == want[..flat])
        })
    }

    /// The shapes of the eight tile registers: 0 to 2 sums, 3 weights, 4 and 5 inputs, 6 and 7 weights and inputs of a
    /// last group of fewer rows.
    #[repr(C, align(64))]
    struct Shapes {
        palette: u8,
        reserved: [u8; 15],
        bytes_in_row: [u16; 16],
        rows: [u8; 16],
    }

    impl Shapes {
        fn new(last_group: usize) -> Self {
            const ROW: u16 = 4 * WORDS as u16;
            let (mut bytes_in_row, mut rows) = ([0; 16], [0; 16]);
            bytes_in_row[..6].fill(ROW);
            rows[..4].fill(BLOCK as u8);
            rows[4..6].fill(WORDS as u8);
            if last_group > 0 {
                (bytes_in_row[6], rows[6]) = (4 * last_group as u16, BLOCK as u8);
                (bytes_in_row[7], rows[7]) = (ROW, last_group as u8);
            }
            Self { palette: 1, reserved: [0; 15], bytes_in_row, rows }
        }
    }

    /// Operands of a chunk of positions; strides in bytes. The offsets of the fields are written out below.
    #[repr(C)]
    struct Chunk {
        weights: *const f32,
        v: *const f32,
        v_stride: usize,
        group_stride: usize,
        groups: usize,
        last_group: usize,
        m: *mut f32,
        m_stride: usize,
    }

    /// # Safety
    /// The process may use tiles, and the slices reach as far as [`Product::write`] asserts.
    pub(super) unsafe fn write(product: Product<'_>, m: &mut [f32]) {
        let last_group = product.rows % WORDS;
        let shapes = Shapes::new(last_group);
        let mut at = 0;
        // SAFETY: the shapes are valid for palette 1; a chunk begins below `flat` and ends less than a tile past it, and
        // at the last tap two further. Nothing but these lines uses tiles, and they are given back at the end.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, readonly, preserves_flags));
            while at < product.flat {
                let chunk = Chunk {
                    weights: product.weights.as_ptr(),
                    v: product.v.as_ptr().add(at),
                    v_stride: 4 * product.v_stride,
                    group_stride: 4 * WORDS * product.v_stride,
                    groups: product.rows / WORDS,
                    last_group,
                    m: m.as_mut_ptr().add(at),
                    m_stride: 4 * product.m_stride,
                };
                if product.flat - at > 2 * WORDS {
                    three_tiles(&chunk);
                    at += 3 * WORDS;
                } else {
                    one_tile(&chunk);
                    at += WORDS;
                }
            }
            asm!("tilerelease", options(nostack, nomem, preserves_flags));
        }
    }

    /// Defines a function that makes all lanes of some tiles of positions. `$zero` clears the sums; `$full` and `$last`
    /// add a group's products, reading inputs from `b`; `$store` writes the sums.
    macro_rules! tiles {
        ($name:ident, zero $zero:tt, full $full:tt, last $last:tt, store $store:tt) => {
            /// # Safety
            /// As [`write`], with the shapes loaded.
            unsafe fn $name(chunk: &Chunk) {
                // SAFETY: the pointers' reach is the caller's promise; the tiles are nobody else's.
                unsafe {
                    tiles!(@asm chunk, $zero, $full, $last, $store);
                }
            }
        };
        (@asm $chunk:ident, [$($zero:literal)*], [$($full:literal)*], [$($last:literal)*], [$($store:literal)*]) => {
            asm!(
                $($zero,)*
                "mov {a}, [{chunk}]",
                "mov {v}, [{chunk} + 8]",
                "mov {stride}, [{chunk} + 16]",
                "mov {taps}, 3",
                "2:",
                "mov {b}, {v}",
                "mov {groups}, [{chunk} + 32]",
                "test {groups}, {groups}",
                "jz 4f",
                "3:",
                "tileloadd tmm3, [{a} + {row}*1]",
                $($full,)*
                "add {a}, 512",
                "add {b}, [{chunk} + 24]",
                "dec {groups}",
                "jnz 3b",
                "4:",
                "cmp qword ptr [{chunk} + 40], 0",
                "je 5f",
                "tileloadd tmm6, [{a} + {row}*1]",
                $($last,)*
                "add {a}, 512",
                "5:",
                "add {v}, 4",
                "dec {taps}",
                "jnz 2b",
                "mov {b}, [{chunk} + 48]",
                "mov {stride}, [{chunk} + 56]",
                $($store,)*
                chunk = in(reg) $chunk,
                row = in(reg) 4 * WORDS,
                a = out(reg) _,
                b = out(reg) _,
                v = out(reg) _,
                stride = out(reg) _,
                groups = out(reg) _,
                taps = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        };
    }

    tiles!(
        one_tile,
        zero ["tilezero tmm0"],
        full ["tileloadd tmm4, [{b} + {stride}*1]" "tdpbf16ps tmm0, tmm3, tmm4"],
        last ["tileloadd tmm7, [{b} + {stride}*1]" "tdpbf16ps tmm0, tmm6, tmm7"],
        store ["tilestored [{b} + {stride}*1], tmm0"]
    );
    tiles!(
        three_tiles,
        zero ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2"],
        full [
            "tileloadd tmm4, [{b} + {stride}*1]" "tdpbf16ps tmm0, tmm3, tmm4"
            "tileloadd tmm5, [{b} + {stride}*1 + 64]" "tdpbf16ps tmm1, tmm3, tmm5"
            "tileloadd tmm4, [{b} + {stride}*1 + 128]" "tdpbf16ps tmm2, tmm3, tmm4"
        ],
        last [
            "tileloadd tmm7, [{b} + {stride}*1]" "tdpbf16ps tmm0, tmm6, tmm7"
            "tileloadd tmm7, [{b} + {stride}*1 + 64]" "tdpbf16ps tmm1, tmm6, tmm7"
            "tileloadd tmm7, [{b} + {stride}*1 + 128]" "tdpbf16ps tmm2, tmm6, tmm7"
        ],
        store [
            "tilestored [{b} + {stride}*1], tmm0"
            "tilestored [{b} + {stride}*1 + 64], tmm1"
            "tilestored [{b} + {stride}*1 + 128], tmm2"
        ]
    );

    #[cfg(test)]
    mod tests {
        use std::mem::{offset_of, size_of};

        use super::{Chunk, Shapes};

        #[test]
        fn the_offsets_written_into_the_instructions_are_those_of_the_fields() {
            let offsets = [
                offset_of!(Chunk, weights),
                offset_of!(Chunk, v),
                offset_of!(Chunk, v_stride),
                offset_of!(Chunk, group_stride),
                offset_of!(Chunk, groups),
                offset_of!(Chunk, last_group),
                offset_of!(Chunk, m),
                offset_of!(Chunk, m_stride),
            ];
            assert_eq!(offsets, [0, 8, 16, 24, 32, 40, 48, 56]);
            let shapes = (size_of::<Shapes>(), offset_of!(Shapes, bytes_in_row), offset_of!(Shapes, rows));
            assert_eq!(shapes, (64, 16, 48));
        }
    }
}
