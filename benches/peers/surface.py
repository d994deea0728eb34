"""Compares surfaces with trimesh, VTK and scikit-image.

    cargo build -p medseg-surface --example mask_to_surface
    python benches/peers/surface.py target/debug/examples/mask_to_surface [MASK.nii.gz LABEL]

trimesh reads the files and says whether they are watertight and wound alike, their volume and Euler characteristic. VTK
makes the surface of the same mask by discrete marching cubes and smooths it by a windowed sinc; scikit-image makes it by
Lewiner's marching cubes. Needs numpy, nibabel, trimesh, vtk, scikit-image.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import trimesh
import vtk
from skimage.measure import marching_cubes
from vtk.util.numpy_support import numpy_to_vtk


def masks():
    """Masks with their affines; one affine mirrors."""
    grid = np.indices((40, 40, 40)) - 19.5
    radius = np.sqrt((grid ** 2).sum(axis=0))
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    oblique = np.eye(4)
    oblique[:3, :3], oblique[:3, 3] = turn * [0.8, 0.8, 2.5], [10, -20, 30]
    mirrored = oblique @ np.diag([-1, 1, 1, 1])
    random = np.random.default_rng(7)
    yield "ball of 15", radius <= 15, np.eye(4)
    yield "ball of 15, oblique", radius <= 15, oblique
    yield "ball of 15, mirrored", radius <= 15, mirrored
    yield "shell", (radius <= 15) & (radius > 8), mirrored
    yield "torus", (np.hypot(grid[0], grid[1]) - 12) ** 2 + grid[2] ** 2 <= 16, oblique
    yield "one voxel", radius < 1, mirrored
    for density in (0.05, 0.5, 0.9):
        yield f"random {density}", random.random((17, 18, 19)) < density, mirrored
    yield "full", np.ones((5, 6, 7), bool), oblique


def by_vtk(mask, affine, iterations):
    """Volume and area of VTK's surface."""
    padded = np.pad(mask, 1).astype(np.uint8)
    image = vtk.vtkImageData()
    image.SetDimensions(padded.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(order="F"), deep=True))
    cubes = vtk.vtkDiscreteMarchingCubes()
    cubes.SetInputData(image)
    cubes.GenerateValues(1, 1, 1)
    matrix = vtk.vtkMatrix4x4()
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, affine[row, column])
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix)
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetTransform(transform)
    if iterations:
        sinc = vtk.vtkWindowedSincPolyDataFilter()
        sinc.SetInputConnection(cubes.GetOutputPort())
        sinc.SetNumberOfIterations(iterations)
        sinc.SetPassBand(0.1)
        sinc.NormalizeCoordinatesOn()
        moved.SetInputConnection(sinc.GetOutputPort())
    else:
        moved.SetInputConnection(cubes.GetOutputPort())
    measure = vtk.vtkMassProperties()
    measure.SetInputConnection(moved.GetOutputPort())
    measure.Update()
    return measure.GetVolume(), measure.GetSurfaceArea()


def by_skimage(mask, affine):
    vertices, triangles, _, _ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5, gradient_direction="ascent")
    world = (vertices - 1) @ affine[:3, :3].T + affine[:3, 3]
    mesh = trimesh.Trimesh(world, triangles)
    return abs(mesh.volume), mesh.area


def compare(example, name, mask, affine, folder):
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), affine), folder / "mask.nii")
    voxels = mask.sum() * abs(np.linalg.det(affine[:3, :3]))
    for iterations in (0, 20):
        for ending in ("stl", "obj"):
            out = folder / f"surface.{ending}"
            command = [example, str(folder / "mask.nii"), "1", str(iterations), str(out)]
            said = [float(value) for value in subprocess.check_output(command, text=True).split()]
            mesh = trimesh.load_mesh(out)
            assert mesh.is_watertight and mesh.is_winding_consistent, (name, ending)
            assert mesh.volume > 0 and abs(mesh.volume / said[0] - 1) < 1e-4, (name, mesh.volume, said)
            assert abs(mesh.area / said[1] - 1) < 1e-4 and mesh.euler_number == said[2], (name, mesh.euler_number, said)
        vtk_volume, vtk_area = by_vtk(mask, affine, iterations)
        line = f"{name:22} {iterations:2} iterations, volume of voxels {voxels:10.1f}: medseg {said[0]:10.1f} mm³ " \
               f"{said[1]:9.1f} mm², VTK {vtk_volume:10.1f} {vtk_area:9.1f}"
        if not iterations:
            line += ", scikit-image {:10.1f} {:9.1f}".format(*by_skimage(mask, affine))
        print(line, f"(Euler {int(said[2])})", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        for case in masks():
            compare(sys.argv[1], *case, Path(folder))
        if len(sys.argv) == 4:
            image = nibabel.load(sys.argv[2])
            mask = np.asarray(image.dataobj) == int(sys.argv[3])
            compare(sys.argv[1], "given mask", mask, image.affine, Path(folder))
