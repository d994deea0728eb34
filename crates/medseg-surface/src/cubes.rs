//! The triangles in a cube between eight voxels, for each of the 256 ways in which these can belong to a label.
//!
//! The corners of a cube are numbered by bits: 1 along x, 2 along y, 4 along z. A vertex lies in the middle of each edge
//! whose ends differ. On a face, every run of corners inside the label is cut off from the rest by a segment, so corners
//! that touch diagonally are separated. The segments of the six faces form loops; each loop is filled with triangles.
//!
//! A diagonal between vertices of one face could be that of the next cube too, and then the edge of four triangles. So
//! loops are filled by diagonals through the cube's inside alone.

use std::sync::LazyLock;

/// The edges of a cube by their ends, the lower corner first.
pub(crate) const EDGES: [[usize; 2]; 12] =
    [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];

/// The corners of each face, anticlockwise seen from outside the cube.
const FACES: [[usize; 4]; 6] = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

/// The triangles of every case, as edges of the cube, anticlockwise seen from outside the label.
pub(crate) static TRIANGLES: LazyLock<Vec<Vec<[usize; 3]>>> = LazyLock::new(|| (0..256).map(triangles).collect());

fn triangles(inside: usize) -> Vec<[usize; 3]> {
    loops(inside).iter().flat_map(|vertices| fill(vertices)).collect()
}

/// The edge between two corners.
fn edge(a: usize, b: usize) -> usize {
    EDGES.iter().position(|edge| *edge == [a.min(b), a.max(b)]).unwrap_or(0)
}

/// The loops of vertices around the corners that are inside.
fn loops(inside: usize) -> Vec<Vec<usize>> {
    let mut next = [None; 12];
    for face in FACES {
        let is_inside = |corner: usize| inside >> face[corner % 4] & 1 == 1;
        for begin in (0..4).filter(|corner| is_inside(corner + 1) && !is_inside(*corner)) {
            // The run ends before the next corner that is outside.
            let end = (begin + 1..begin + 4).find(|corner| !is_inside(corner + 1)).unwrap_or(begin);
            let cut = |corner: usize| edge(face[corner % 4], face[(corner + 1) % 4]);
            next[cut(begin)] = Some(cut(end));
        }
    }
    let mut loops = Vec::new();
    for start in 0..12 {
        let mut vertices = Vec::new();
        let mut vertex = start;
        while let Some(following) = next[vertex].take() {
            vertices.push(vertex);
            vertex = following;
        }
        if !vertices.is_empty() {
            loops.push(vertices);
        }
    }
    loops
}

/// Twice the middle of an edge.
fn middle(edge: usize) -> [i32; 3] {
    let [a, b] = EDGES[edge];
    std::array::from_fn(|axis| (a >> axis & 1) as i32 + (b >> axis & 1) as i32)
}

/// True if two edges belong to one face.
fn share_a_face(a: usize, b: usize) -> bool {
    let on = |edge: usize, face: &[usize; 4]| EDGES[edge].iter().all(|corner| face.contains(corner));
    FACES.iter().any(|face| on(a, face) && on(b, face))
}

/// The squared length of a diagonal; none for one in a face.
fn diagonal(a: usize, b: usize) -> Option<i32> {
    let (a_middle, b_middle) = (middle(a), middle(b));
    (!share_a_face(a, b)).then(|| (0..3).map(|axis| (a_middle[axis] - b_middle[axis]).pow(2)).sum())
}

/// Fills a loop with the triangles that have the shortest diagonals.
fn fill(vertices: &[usize]) -> Vec<[usize; 3]> {
    // Loops have at most seven vertices.
    fill_part(vertices).map(|(_, triangles)| triangles).unwrap_or_default()
}

/// Fills the polygon of a part of a loop, closed by an edge that is allowed: the length of its diagonals, and its triangles.
fn fill_part(vertices: &[usize]) -> Option<(i32, Vec<[usize; 3]>)> {
    let [first, between @ .., last] = vertices else { return Some((0, Vec::new())) };
    if between.is_empty() {
        return Some((0, Vec::new()));
    }
    let filled = (1..vertices.len() - 1).filter_map(|apex| {
        let cost = |a: usize, b: usize| if b == a + 1 { Some(0) } else { diagonal(vertices[a], vertices[b]) };
        let cost = cost(0, apex)? + cost(apex, vertices.len() - 1)?;
        let (before, mut triangles) = fill_part(&vertices[..=apex])?;
        let (after, others) = fill_part(&vertices[apex..])?;
        triangles.push([*first, vertices[apex], *last]);
        triangles.extend(others);
        Some((cost + before + after, triangles))
    });
    filled.min_by_key(|(cost, _)| *cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_filled_with_triangles_between_its_vertices() {
        for inside in 0..256_usize {
            let cut = |edge: &[usize; 2]| (inside >> edge[0] & 1) != (inside >> edge[1] & 1);
            let loops = loops(inside);
            let vertices: usize = loops.iter().map(Vec::len).sum();
            assert_eq!(vertices, EDGES.iter().filter(|edge| cut(edge)).count(), "{inside:08b}");
            for vertices in &loops {
                assert_eq!(fill(vertices).len(), vertices.len() - 2, "{inside:08b}: {vertices:?}");
            }
        }
    }

    #[test]
    fn no_diagonal_lies_in_a_face() {
        for inside in 0..256 {
            let sides: Vec<[usize; 2]> = loops(inside)
                .iter()
                .flat_map(|l| l.iter().zip(l.iter().cycle().skip(1)).map(|(a, b)| [*a, *b]).collect::<Vec<_>>())
                .collect();
            for [a, b, c] in &TRIANGLES[inside] {
                for edge in [[*a, *b], [*b, *c], [*c, *a]] {
                    let side = sides.contains(&edge);
                    assert!(side || !share_a_face(edge[0], edge[1]), "{inside:08b}: {edge:?}");
                }
            }
        }
    }

    #[test]
    fn triangles_look_away_from_the_label() {
        for corner in 0..8_usize {
            let [[a, b, c]] = TRIANGLES[1 << corner][..] else { panic!() };
            let [a, b, c] = [a, b, c].map(middle);
            let (u, v): ([i32; 3], [i32; 3]) =
                (std::array::from_fn(|n| b[n] - a[n]), std::array::from_fn(|n| c[n] - a[n]));
            let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
            let out: [i32; 3] = std::array::from_fn(|n| a[n] - 2 * (corner >> n & 1) as i32);
            assert!((0..3).map(|n| normal[n] * out[n]).sum::<i32>() > 0, "{corner}");
        }
    }
}
