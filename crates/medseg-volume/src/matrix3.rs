//! 3×3 matrices, row by row: the linear part of an affine.

/// A 3×3 matrix, row by row.
pub(crate) type Matrix3 = [[f64; 3]; 3];

/// Lengths of the columns.
pub(crate) fn column_norms(m: &Matrix3) -> [f64; 3] {
    std::array::from_fn(|c| m.iter().map(|row| row[c] * row[c]).sum::<f64>().sqrt())
}

pub(crate) fn determinant(m: &Matrix3) -> f64 {
    let [[a, b, c], [d, e, f], [g, h, i]] = *m;
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

/// The inverse of a matrix that is not singular.
pub(crate) fn inverse(m: &Matrix3) -> Matrix3 {
    let [[a, b, c], [d, e, f], [g, h, i]] = *m;
    let determinant = determinant(m);
    let adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ];
    adjugate.map(|row| row.map(|v| v / determinant))
}

/// The polar factor of a matrix with its columns at unit length; Newton's iteration doubles its digits in every step.
pub(crate) fn nearest_rotation(linear: &Matrix3) -> Matrix3 {
    let norms = column_norms(linear);
    let mut m: Matrix3 = std::array::from_fn(|r| std::array::from_fn(|c| linear[r][c] / norms[c]));
    for _ in 0..60 {
        let inverse = inverse(&m);
        let next: Matrix3 = std::array::from_fn(|r| std::array::from_fn(|c| 0.5 * (m[r][c] + inverse[c][r])));
        let change: f64 = (0..9).map(|n| (next[n / 3][n % 3] - m[n / 3][n % 3]).abs()).sum();
        m = next;
        if change < 1e-14 {
            break;
        }
    }
    m
}
