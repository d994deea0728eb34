//! Surfaces as files.

use std::fs;

use medseg_surface::{Space, Surface, SurfaceError};

use crate::shapes::ball;

#[test]
fn stl_has_every_triangle_with_its_normal() {
    let surface = Surface::of_label(&ball(4.0), &true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for space in [Space::Ras, Space::Lps] {
        let path = folder.path().join("a.stl");
        surface.write_stl(&path, space).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.starts_with(b"solid") && bytes[..80].is_ascii());
        assert_eq!(u32::from_le_bytes(bytes[80..84].try_into().unwrap()) as usize, surface.triangles().len());
        assert_eq!(bytes.len(), 84 + 50 * surface.triangles().len());
        let sign = if space == Space::Ras { 1.0 } else { -1.0 };
        for (triangle, bytes) in surface.triangles().iter().zip(bytes[84..].chunks(50)) {
            let number = |n: usize| f32::from_le_bytes(bytes[4 * n..4 * n + 4].try_into().unwrap());
            for (n, vertex) in triangle.iter().enumerate() {
                let [x, y, z] = surface.vertices()[*vertex as usize].map(|v| v as f32);
                let read = [0, 1, 2].map(|axis| number(3 + 3 * n + axis));
                assert_eq!(read, [sign * x, sign * y, z]);
            }
            // The normal points away from the ball's centre at (5.5, 5.5, 5.5) or so: from the corner's direction.
            let middle = 5.0;
            let out = [sign * (number(3) * sign - middle), sign * (number(4) * sign - middle), number(5) - middle];
            let normal = [number(0), number(1), number(2)];
            let length: f32 = normal.iter().map(|v| v * v).sum();
            assert!((length - 1.0).abs() < 1e-5);
            assert!(normal.iter().zip(out).map(|(a, b)| a * b).sum::<f32>() > 0.0);
        }
    }
}

#[test]
fn obj_has_vertices_that_triangles_share() {
    let surface = Surface::of_label(&ball(4.0), &true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.obj");
    surface.write_obj(&path, Space::Lps).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let numbers = |start: &str| -> Vec<Vec<f64>> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start));
        lines.map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect()
    };
    let vertices = numbers("v ");
    let wanted = surface.vertices().iter().map(|[x, y, z]| vec![0.0 - x, 0.0 - y, *z]);
    assert_eq!(vertices, wanted.collect::<Vec<_>>());
    let triangles = surface.triangles().iter().map(|t| t.map(|v| f64::from(v) + 1.0).to_vec());
    assert_eq!(numbers("f "), triangles.collect::<Vec<_>>());
    assert!(!text.contains("-0 "));
}

#[test]
fn equal_surfaces_give_equal_files_and_failures_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let surface = Surface::of_label(&ball(3.0), &true).unwrap();
        surface.write_stl(folder.path().join(name), Space::Ras).unwrap();
        fs::read(folder.path().join(name)).unwrap()
    };
    assert_eq!(write("a.stl"), write("b.stl"));
    let surface = Surface::of_label(&ball(3.0), &true).unwrap();
    let missing = folder.path().join("none").join("a.stl");
    assert!(matches!(surface.write_stl(&missing, Space::Ras), Err(SurfaceError::Io { .. })));
    assert!(matches!(surface.write_obj(&missing, Space::Ras), Err(SurfaceError::Io { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
