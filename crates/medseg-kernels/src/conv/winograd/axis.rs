//! The transforms along one axis.
//!
//! A tile of m outputs of a 3-tap filter takes m + 2 products. The filter is a polynomial, which the products evaluate at
//! m + 1 numbers and at infinity (Toom and Cook; Winograd 1980).
//!
//! F(2, 3) takes 0, 1 and -1: its transforms are sums, exact for whole numbers. F(4, 3) takes 0, ±a and ±b with
//! a = 5/8 and b = 3/2, whose powers are exact in f32. Of the pairs that were tried these round least: the mean error of a
//! sum over 32 channels is twice that of the direct sum, where the usual 1 and 2 have 4.5 times
//! (compare Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
//! Networks", ACM TOMS 2020).

use crate::isa::Lanes;

const A: f32 = 0.625;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// One over the product of each number's differences from the others, for 0, ±a and ±b.
const OF_ZERO: f64 = 1.0 / (A2 as f64 * B2 as f64);
const OF_A: f64 = 1.0 / (2.0 * A2 as f64 * (A2 as f64 - B2 as f64));
const OF_B: f64 = 1.0 / (2.0 * B2 as f64 * (B2 as f64 - A2 as f64));

/// The N = m + 2 input rows of a tile, transformed.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
pub(super) unsafe fn input<V: Lanes, const N: usize>(d: [V; N]) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut v = [V::zero(); N];
        if N == 4 {
            v[0] = d[0].sub(d[2]);
            v[1] = d[1].add(d[2]);
            v[2] = d[2].sub(d[1]);
            v[3] = d[1].sub(d[3]);
            return v;
        }
        let splat = |value: f32| V::splat(value);
        v[0] = d[4].add_product(splat(-(A2 + B2)), d[2]).add_product(splat(A2 * B2), d[0]);
        let [even, odd] = [d[4].add_product(splat(-B2), d[2]), d[3].add_product(splat(-B2), d[1])];
        v[1] = even.add_product(splat(A), odd);
        v[2] = even.add_product(splat(-A), odd);
        let [even, odd] = [d[4].add_product(splat(-A2), d[2]), d[3].add_product(splat(-A2), d[1])];
        v[3] = even.add_product(splat(B), odd);
        v[4] = even.add_product(splat(-B), odd);
        v[5] = d[5].add_product(splat(-(A2 + B2)), d[3]).add_product(splat(A2 * B2), d[1]);
        v
    }
}

/// The M output rows of a tile from its N = M + 2 sums of products.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
pub(super) unsafe fn output<V: Lanes, const N: usize, const M: usize>(m: [V; N]) -> [V; M] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut y = [V::zero(); M];
        if N == 4 {
            y[0] = m[0].add(m[1]).add(m[2]);
            y[1] = m[1].sub(m[2]).sub(m[3]);
            return y;
        }
        let splat = |value: f32| V::splat(value);
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        let zero = V::zero();
        y[0] = m[0].add(even_a).add(even_b);
        y[1] = zero.add_product(splat(A), odd_a).add_product(splat(B), odd_b);
        y[2] = zero.add_product(splat(A2), even_a).add_product(splat(B2), even_b);
        y[3] = m[5].add_product(splat(A2 * A), odd_a).add_product(splat(B2 * B), odd_b);
        y
    }
}

/// The M output rows of a tile in the domain of the products: the transpose of [`output`], for the weights' gradient.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
pub(super) unsafe fn gradient<V: Lanes, const N: usize, const M: usize>(y: [V; M]) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut m = [V::zero(); N];
        m[0] = y[0];
        if N == 4 {
            m[1] = y[0].add(y[1]);
            m[2] = y[0].sub(y[1]);
            m[3] = V::zero().sub(y[1]);
            return m;
        }
        let splat = |value: f32| V::splat(value);
        let zero = V::zero();
        for (n, point, square) in [(1, A, A2), (3, B, B2)] {
            let even = y[0].add_product(splat(square), y[2]);
            let odd = zero.add_product(splat(point), y[1]).add_product(splat(square * point), y[3]);
            m[n] = even.add(odd);
            m[n + 1] = even.sub(odd);
        }
        m[5] = y[3];
        m
    }
}

/// The gradients of three taps from those of the N transformed ones of F(2, 3) or F(4, 3), of several kernels at once.
#[inline(always)]
pub(super) fn weights_grad<const N: usize, const L: usize>(u: [[f64; L]; N]) -> [[f64; L]; 3] {
    let of = |sum: &dyn Fn(usize) -> f64| -> [f64; L] { std::array::from_fn(sum) };
    if N == 4 {
        let half = |i: usize| 0.5 * (u[1][i] + u[2][i]);
        return [of(&|i| u[0][i] + half(i)), of(&|i| 0.5 * (u[1][i] - u[2][i])), of(&|i| half(i) + u[3][i])];
    }
    let (a, b) = (f64::from(A), f64::from(B));
    let even = |i: usize| [OF_A * (u[1][i] + u[2][i]), OF_B * (u[3][i] + u[4][i])];
    let odd = |i: usize| [OF_A * (u[1][i] - u[2][i]), OF_B * (u[3][i] - u[4][i])];
    [
        of(&|i| OF_ZERO * u[0][i] + even(i)[0] + even(i)[1]),
        of(&|i| a * odd(i)[0] + b * odd(i)[1]),
        of(&|i| a * a * even(i)[0] + b * b * even(i)[1] + u[5][i]),
    ]
}

/// Transformed weights of F(2, 3), of several kernels at once.
#[inline(always)]
pub(super) fn weights_of_two<const L: usize>([a, b, c]: [[f32; L]; 3]) -> [[f32; L]; 4] {
    let mut u = [a, [0.0; L], [0.0; L], c];
    // Plain loops: a closure for each array is not inlined, and not compiled for vectors then.
    for i in 0..L {
        let ends = a[i] + c[i];
        u[1][i] = 0.5 * (ends + b[i]);
        u[2][i] = 0.5 * (ends - b[i]);
    }
    u
}

/// Transformed weights of F(4, 3), of several kernels at once. In f64, so that they are rounded once.
#[inline(always)]
pub(super) fn weights_of_four<const L: usize>([x, y, z]: [[f64; L]; 3]) -> [[f64; L]; 6] {
    const A: f64 = self::A as f64;
    const B: f64 = self::B as f64;
    let mut u = [[0.0; L], [0.0; L], [0.0; L], [0.0; L], [0.0; L], z];
    for i in 0..L {
        u[0][i] = OF_ZERO * x[i];
        let even = x[i] + A * A * z[i];
        u[1][i] = OF_A * (even + A * y[i]);
        u[2][i] = OF_A * (even - A * y[i]);
        let even = x[i] + B * B * z[i];
        u[3][i] = OF_B * (even + B * y[i]);
        u[4][i] = OF_B * (even - B * y[i]);
    }
    u
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Portable;

    /// Sums of three taps by the transforms.
    fn outputs<const N: usize, const M: usize>(d: [f32; N], u: [f32; N]) -> [f32; M] {
        let load = |values: [f32; N]| values.map(|value| [value; Portable::WIDTH]);
        let mut sums = [0.0; M];
        // SAFETY: every processor has the portable instructions, and the pointers are of whole vectors.
        unsafe {
            let v = input::<Portable, N>(load(d).map(|d| Portable::load(d.as_ptr())));
            let zero = Portable::zero();
            let m: [Portable; N] = std::array::from_fn(|n| zero.add_product(Portable::splat(u[n]), v[n]));
            for (sum, y) in sums.iter_mut().zip(output::<Portable, N, M>(m)) {
                let mut to = [0.0; Portable::WIDTH];
                y.store(to.as_mut_ptr());
                *sum = to[0];
            }
        }
        sums
    }

    #[test]
    fn the_transforms_give_the_sums_of_three_taps() {
        let taps = [0.75, -2.0, 1.25];
        let d = [3.0, -1.0, 0.5, 2.0, -4.0, 1.5];
        let direct = |at: usize| (0..3).map(|tap| taps[tap] * d[at + tap]).sum::<f32>();
        let two = outputs::<4, 2>([d[0], d[1], d[2], d[3]], weights_of_two(taps.map(|tap| [tap])).map(|[u]| u));
        assert_eq!(two, [direct(0), direct(1)]);
        let four: [f32; 4] = outputs(d, weights_of_four(taps.map(|tap| [f64::from(tap)])).map(|[u]| u as f32));
        for (at, y) in four.into_iter().enumerate() {
            assert!((y - direct(at)).abs() < 1e-5, "{at}: {y} and {}", direct(at));
        }
    }
}
