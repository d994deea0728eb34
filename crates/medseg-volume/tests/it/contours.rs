//! Outlines of pixels and pixels of polygons: exact on every mask, equal to a naive oracle on every polygon.

use std::time::{Duration, Instant};

use medseg_volume::contours::{Holes, INSET, ON_PATH, PathRule, PlanePoint, Polygon, fill_polygons, trace_contours};
use medseg_volume::ndarray::{Array2, array, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RULES: [PathRule; 2] = [PathRule::Inside, PathRule::HalfOpen];
const STYLES: [Holes; 2] = [Holes::Keyhole, Holes::ExclusiveOr];

fn mask(rows: &[&str]) -> Array2<bool> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(r, c)| rows[r].as_bytes()[c] == b'#')
}

fn random_mask(rng: &mut ChaCha8Rng, shape: (usize, usize), density: f64) -> Array2<bool> {
    Array2::from_shape_fn(shape, |_| rng.random_bool(density))
}

/// True for a pixel that polygons enclose by definition: a ray to lower columns crosses their edges an odd number of
/// times, or their path passes the centre. `None` where a centre lies too near to the path's margin to say.
fn oracle(polygons: &[Polygon], row: f64, column: f64, path: PathRule) -> Option<bool> {
    let mut odd = false;
    for polygon in polygons {
        let points = &polygon.points;
        for n in 0..points.len() {
            let (a, b) = (points[n], points[(n + 1) % points.len()]);
            let distance = distance(a, b, row, column);
            match path {
                PathRule::Inside if distance < ON_PATH - 1e-9 => return Some(true),
                // The corners of the square around the centre.
                PathRule::Inside if distance < 1.5 * ON_PATH => return None,
                _ if distance < 1e-9 * (1.0 + a.column.abs().max(b.column.abs())) => return None,
                _ => {}
            }
            if (a.row <= row) != (b.row <= row) {
                odd ^= a.column + (row - a.row) / (b.row - a.row) * (b.column - a.column) < column;
            }
        }
    }
    Some(odd)
}

/// The distance of a centre from an edge.
fn distance(a: PlanePoint, b: PlanePoint, row: f64, column: f64) -> f64 {
    let (rows, columns) = (b.row - a.row, b.column - a.column);
    let length = rows * rows + columns * columns;
    let along = if length > 0.0 { ((row - a.row) * rows + (column - a.column) * columns) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (a.row + along * rows - row).hypot(a.column + along * columns - column)
}

fn assert_filled_as_by_the_oracle(polygons: &[Polygon], shape: [usize; 2], path: PathRule) -> usize {
    let filled = fill_polygons(polygons, shape, path);
    let mut compared = 0;
    for ((row, column), inside) in filled.indexed_iter() {
        if let Some(wanted) = oracle(polygons, row as f64, column as f64, path) {
            assert_eq!(*inside, wanted, "pixel [{row}, {column}] of {polygons:?}, {path:?}");
            compared += 1;
        }
    }
    compared
}

fn assert_round_trip(mask: &Array2<bool>) {
    for holes in STYLES {
        let polygons = trace_contours(&mask.view(), &true, holes);
        for path in RULES {
            let filled = fill_polygons(&polygons, [mask.nrows(), mask.ncols()], path);
            assert_eq!(filled, mask, "{holes:?}, {path:?}");
        }
    }
}

/// Outlines of the pixels that share faces, and their holes, by flood fill.
fn components(mask: &Array2<bool>, value: bool, corners: bool) -> usize {
    let padded = Array2::from_shape_fn((mask.nrows() + 2, mask.ncols() + 2), |(r, c)| {
        r > 0 && c > 0 && mask.get((r - 1, c - 1)).copied().unwrap_or(false)
    });
    let mut seen = Array2::from_elem(padded.dim(), false);
    let mut count = 0;
    for start in padded.indexed_iter().filter(|(_, found)| **found == value).map(|(at, _)| at) {
        if seen[start] {
            continue;
        }
        count += 1;
        let mut open = vec![start];
        while let Some((r, c)) = open.pop() {
            if padded.get((r, c)) != Some(&value) || std::mem::replace(&mut seen[(r, c)], true) {
                continue;
            }
            for (dr, dc) in [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)] {
                if corners || dr == 0 || dc == 0 {
                    open.push((r.wrapping_add_signed(dr), c.wrapping_add_signed(dc)));
                }
            }
        }
    }
    count
}

#[test]
fn outlines_enclose_exactly_their_pixels() {
    let cases = [
        mask(&["#"]),
        mask(&["##", "##"]),
        mask(&["#.", ".#"]),
        mask(&[".#", "#."]),
        mask(&["#.#", ".#.", "#.#"]),
        mask(&[".#.", "#.#", ".#."]),
        mask(&["###", "#.#", "###"]),
        mask(&["####", "#.##", "##.#", "####"]),
        mask(&["####", "##.#", "#.##", "####"]),
        mask(&["#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"]),
        mask(&["#.##.#", "######", "#.##.#", "######"]),
        mask(&["#####", "#.#.#", "##.##", "#.#.#", "#####"]),
        Array2::from_elem((5, 7), true),
        Array2::from_shape_fn((9, 8), |(r, c)| (r + c) % 2 == 0),
        Array2::from_shape_fn((9, 8), |(r, c)| (r + c) % 2 == 1),
    ];
    cases.iter().for_each(assert_round_trip);
}

#[test]
fn every_mask_of_three_by_four_pixels_comes_back() {
    for bits in 0..1_u32 << 12 {
        assert_round_trip(&Array2::from_shape_fn((3, 4), |(r, c)| bits >> (4 * r + c) & 1 == 1));
    }
}

#[test]
fn random_masks_of_any_density_come_back() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for round in 0..600 {
        let density = [0.02, 0.2, 0.4, 0.5, 0.6, 0.8, 0.97][round % 7];
        let shape = (rng.random_range(1..40), rng.random_range(1..40));
        assert_round_trip(&random_mask(&mut rng, shape, density));
    }
}

#[test]
fn there_is_one_outline_for_each_component_and_for_each_hole() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..200 {
        let mask = random_mask(&mut rng, (17, 23), [0.3, 0.5, 0.6, 0.7, 0.9][round % 5]);
        let pieces = components(&mask, true, false);
        // All but the outside.
        let holes = components(&mask, false, true) - 1;
        assert_eq!(trace_contours(&mask.view(), &true, Holes::Keyhole).len(), pieces);
        let polygons = trace_contours(&mask.view(), &true, Holes::ExclusiveOr);
        assert_eq!(polygons.len(), pieces + holes);
        assert_eq!(polygons.iter().filter(|polygon| polygon.area() < 0.0).count(), holes);
    }
}

#[test]
fn keyholes_make_union_and_exclusive_or_equal() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..100 {
        let mask = random_mask(&mut rng, (19, 21), 0.65);
        let polygons = trace_contours(&mask.view(), &true, Holes::Keyhole);
        let mut union = Array2::from_elem(mask.dim(), false);
        for polygon in polygons {
            union.zip_mut_with(&fill_polygons(&[polygon], [19, 21], PathRule::Inside), |all, one| *all |= one);
        }
        assert_eq!(union, mask);
    }
}

#[test]
fn a_reader_that_takes_vertices_to_pixels_and_fills_the_boundary_finds_the_mask() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for round in 0..200 {
        let mask = random_mask(&mut rng, (18, 20), [0.1, 0.4, 0.6, 0.9][round % 4]);
        for holes in STYLES {
            let polygons = trace_contours(&mask.view(), &true, holes);
            let rounded = polygons.iter().map(|polygon| {
                let point = |p: &PlanePoint| PlanePoint { row: p.row.round(), column: p.column.round() };
                Polygon { points: polygon.points.iter().map(point).collect() }
            });
            let rounded: Vec<Polygon> = rounded.collect();
            let mut filled = fill_polygons(&rounded, [18, 20], PathRule::HalfOpen);
            for polygon in &rounded {
                for (a, b) in polygon.points.iter().zip(polygon.points.iter().cycle().skip(1)) {
                    let (rows, columns) = ((a.row.min(b.row), a.row.max(b.row)), (a.column, b.column));
                    let columns = (columns.0.min(columns.1), columns.0.max(columns.1));
                    let (rows, columns) = (rows.0 as usize..=rows.1 as usize, columns.0 as usize..=columns.1 as usize);
                    filled.slice_mut(s![rows, columns]).fill(true);
                }
            }
            assert_eq!(filled, mask, "{holes:?}");
            assert_eq!(fill_polygons(&rounded, [18, 20], PathRule::Inside), mask, "{holes:?}");
        }
    }
}

#[test]
fn outlines_turn_at_every_vertex() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..100 {
        let mask = random_mask(&mut rng, (15, 16), 0.6);
        for polygon in trace_contours(&mask.view(), &true, Holes::ExclusiveOr) {
            let points = &polygon.points;
            for n in 0..points.len() {
                let (a, b, c) = (points[n], points[(n + 1) % points.len()], points[(n + 2) % points.len()]);
                assert!((a.row == b.row) != (a.column == b.column) && (a.row == b.row) != (b.row == c.row));
                for place in [b.row, b.column] {
                    assert!((place - place.round()).abs() == 0.5 - INSET, "{place}");
                }
            }
        }
    }
}

#[test]
fn outlines_and_channels_stay_away_from_pixel_centres() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (holes, nearest) in [(Holes::ExclusiveOr, 0.375), (Holes::Keyhole, 0.25)] {
        let mut found = f64::INFINITY;
        for _ in 0..10 {
            let mask = random_mask(&mut rng, (9, 10), 0.7);
            for polygon in trace_contours(&mask.view(), &true, holes) {
                let points = &polygon.points;
                for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
                    for ((row, column), _) in mask.indexed_iter() {
                        found = found.min(distance(*a, *b, row as f64, column as f64));
                    }
                }
            }
        }
        assert_eq!(found, nearest, "{holes:?}");
    }
}

#[test]
fn vertices_rounded_to_a_tenth_of_a_pixel_enclose_the_same_centres() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for _ in 0..100 {
        let mask = random_mask(&mut rng, (15, 16), 0.6);
        for holes in STYLES {
            let mut polygons = trace_contours(&mask.view(), &true, holes);
            for point in polygons.iter_mut().flat_map(|polygon| &mut polygon.points) {
                *point =
                    PlanePoint { row: (10.0 * point.row).round() / 10.0, column: (10.0 * point.column).round() / 10.0 };
            }
            assert_eq!(fill_polygons(&polygons, [15, 16], PathRule::Inside), mask, "{holes:?}");
        }
    }
}

#[test]
fn outlines_are_those_of_one_value_wherever_it_lies() {
    let plane = array![[0, 0, 0, 0], [0, 3, 3, 7], [0, 3, 7, 7]];
    let outline = &trace_contours(&plane.view(), &3, Holes::Keyhole)[0];
    let point = |row, column| PlanePoint { row, column };
    let wanted = [
        point(0.625, 2.375),
        point(1.375, 2.375),
        point(1.375, 1.375),
        point(2.375, 1.375),
        point(2.375, 0.625),
        point(0.625, 0.625),
    ];
    assert_eq!(outline.points, wanted);
    assert!(trace_contours(&plane.view(), &4, Holes::Keyhole).is_empty());
    let empty = Array2::<u8>::zeros((0, 3));
    assert!(trace_contours(&empty.view(), &0, Holes::Keyhole).is_empty());
}

#[test]
fn any_polygon_is_filled_as_by_the_oracle() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut compared = 0;
    for round in 0..4_000 {
        let count = rng.random_range(0..4);
        let polygons: Vec<Polygon> = (0..count)
            .map(|_| {
                let points = rng.random_range(0..12);
                let mut coordinate = || match round % 5 {
                    0 => rng.random_range(-4.0..14.0),
                    1 => f64::from(rng.random_range(-4..14)),
                    2 => f64::from(rng.random_range(-8..28)) / 2.0,
                    3 => rng.random_range(-1e3..1e3),
                    _ => rng.random_range(-4.0_f64..14.0).round() + 0.375,
                };
                Polygon {
                    points: (0..points).map(|_| PlanePoint { row: coordinate(), column: coordinate() }).collect(),
                }
            })
            .collect();
        compared += RULES.map(|path| assert_filled_as_by_the_oracle(&polygons, [10, 11], path)).iter().sum::<usize>();
    }
    assert!(compared > 750_000, "{compared}");
}

#[test]
fn a_centre_on_a_path_is_inside_or_on_one_side_alone() {
    let point = |row, column| PlanePoint { row, column };
    let square = Polygon { points: vec![point(1.0, 1.0), point(1.0, 3.0), point(3.0, 3.0), point(3.0, 1.0)] };
    let half_open = fill_polygons(std::slice::from_ref(&square), [5, 5], PathRule::HalfOpen);
    assert_eq!(half_open, mask(&[".....", ".##..", ".##..", ".....", "....."]));
    let inside = fill_polygons(std::slice::from_ref(&square), [5, 5], PathRule::Inside);
    assert_eq!(inside, mask(&[".....", ".###.", ".###.", ".###.", "....."]));
    // A hole whose path passes the centres around it, and a path to its right that text moved.
    let hole = Polygon { points: vec![point(1.0, 1.0), point(1.0, 2.995), point(3.0, 2.995), point(3.0, 1.0)] };
    let ring = fill_polygons(&[square, hole], [5, 5], PathRule::Inside);
    assert_eq!(ring, mask(&[".....", ".###.", ".#.#.", ".###.", "....."]));
    let dot = Polygon { points: vec![point(2.0, 4.0)] };
    assert_eq!(fill_polygons(&[dot], [3, 5], PathRule::Inside), mask(&[".....", ".....", "....#"]));
}

#[test]
fn polygons_of_strangers_have_a_result() {
    let point = |row, column| PlanePoint { row, column };
    let filled = |points: Vec<PlanePoint>| {
        fill_polygons(&[Polygon { points }], [4, 4], PathRule::HalfOpen).iter().filter(|v| **v).count()
    };
    assert_eq!(filled(vec![]), 0);
    assert_eq!(filled(vec![point(1.0, 1.0)]), 0);
    assert_eq!(filled(vec![point(1.0, 1.0); 9]), 0);
    assert_eq!(filled(vec![point(0.5, 0.5), point(2.5, 2.5)]), 0);
    assert_eq!(filled(vec![point(0.5, 0.5), point(f64::NAN, 2.5), point(2.5, 2.5)]), 0);
    assert_eq!(filled(vec![point(0.5, 0.5), point(0.5, f64::INFINITY), point(2.5, 2.5)]), 0);
    let huge = f64::MAX;
    assert_eq!(filled(vec![point(-huge, -huge), point(-huge, huge), point(huge, huge), point(huge, -huge)]), 16);
    assert_eq!(filled(vec![point(-huge, -huge), point(-huge, 1.5), point(huge, 1.5), point(huge, -huge)]), 8);
    // The first point again at the end, and a way there and back.
    let open = [point(-0.5, -0.5), point(-0.5, 1.5), point(1.5, 1.5), point(1.5, -0.5)];
    assert_eq!(filled(open.to_vec()), 4);
    assert_eq!(filled([&open[..], &open[..1]].concat()), 4);
    assert_eq!(filled([&open[..3], &[point(1.5, 9.0), point(1.5, 1.5)], &open[3..]].concat()), 4);
    assert_eq!(fill_polygons(&[Polygon { points: open.to_vec() }], [0, 3], PathRule::Inside).len(), 0);
    assert_eq!(fill_polygons(&[Polygon { points: open.to_vec() }], [3, 0], PathRule::Inside).len(), 0);
}

#[test]
fn many_points_far_away_take_little_time() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut coordinate = || rng.random_range(-1e300..1e300);
    let points = (0..200_000).map(|_| PlanePoint { row: coordinate(), column: coordinate() }).collect();
    let started = Instant::now();
    assert_eq!(fill_polygons(&[Polygon { points }], [64, 64], PathRule::Inside).dim(), (64, 64));
    assert!(started.elapsed() < Duration::from_secs(5));
}
