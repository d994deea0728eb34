//! NRRD and MetaImage: SimpleITK's files read here, and files of this crate, which SimpleITK reads.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::{
    Dhw, Geometry, MalformedKind, ReadOptions, UnstorableFault, UnsupportedKind, Volume, VolumeError, VolumeFile,
    Warning, WriteOptions, read_channels, read_image, read_info, read_label, write_channels, write_image, write_label,
    write_volume,
};
use ndarray::{Array3, Array4, s};
use serde_json::Value;

const GOLDEN: &str = "tests/golden/formats";
const ENDINGS: [&str; 6] = ["nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"];

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

/// Compares a file with what SimpleITK reads of it, in its space (LPS).
fn compare(folder: &Path, expected: &Value) {
    let name = expected["file"].as_str().unwrap();
    let path = folder.join(name);
    let (voxels, geometry) = read_channels(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (channels, d, h, w) = voxels.dim();
    assert_eq!(numbers(&expected["size"]), [w as f64, h as f64, d as f64], "{name}");
    assert_eq!(expected["channels"].as_u64(), Some(channels as u64), "{name}");
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    let (affine, spacing, direction) =
        (geometry.affine(), numbers(&expected["spacing"]), numbers(&expected["direction"]));
    let (origin, sign) = (numbers(&expected["origin"]), [-1.0, -1.0, 1.0]);
    for row in 0..3 {
        assert!(near(sign[row] * affine[row][3], origin[row]), "{name}: origin {affine:?}");
        for column in 0..3 {
            let step = direction[3 * row + column] * spacing[column];
            assert!(near(sign[row] * affine[row][column], step), "{name}: step {row} {column} {affine:?}");
        }
    }
    // A voxel's channels side by side, as SimpleITK has them.
    let together: Vec<f64> = voxels.permuted_axes([1, 2, 3, 0]).iter().map(|v| f64::from(*v)).collect();
    assert_eq!(together[..4], numbers(&expected["first"]), "{name}");
    let weighted: f64 = together.iter().enumerate().map(|(n, v)| v * (n % 251 + 1) as f64).sum();
    assert_eq!(Some(weighted), expected["weighted"].as_f64(), "{name}");
}

#[test]
fn files_are_read_as_simpleitk_reads_them() {
    let lines = fs::read_to_string(format!("{GOLDEN}/expected.jsonl")).unwrap();
    let expected: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(expected.len(), 43);
    for file in &expected {
        compare(Path::new(GOLDEN), file);
    }
}

#[test]
fn a_space_that_is_not_the_patients_is_named() {
    for (name, warns) in [("space_ras", false), ("space_scanner", true), ("space_dimension", true), ("spacings", true)]
    {
        let info = read_info(format!("{GOLDEN}/{name}.nrrd")).unwrap();
        assert_eq!(info.warnings, if warns { vec![Warning::NoPatientSpace] } else { vec![] }, "{name}");
    }
    assert_eq!(read_info(format!("{GOLDEN}/i16_raw.mha")).unwrap().warnings, []);
}

fn oblique() -> Geometry {
    let affine = [[-0.8, 0.1, 0.2, 10.0], [0.1, 0.7, -0.3, -20.0], [0.0, 0.2, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]];
    Geometry::from_affine(affine).unwrap().orthogonal()
}

/// Writes files of every type and ending. With MEDSEG_FORMATS_OUT they stay there, for `generate.py --check`.
#[test]
fn every_type_comes_back_from_every_format() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = env::var_os("MEDSEG_FORMATS_OUT").map_or(temporary.path().to_path_buf(), PathBuf::from);
    macro_rules! check {
        ($($type:ty)*) => {$(
            for ending in ENDINGS {
                for level in [0, 3] {
                    let path = folder.join(format!("{}_{level}.{ending}", stringify!($type)));
                    let data = Array3::from_shape_fn((3, 4, 5), |(d, h, w)| (40 * d + 10 * h + w) as u8 as $type);
                    let volume = Volume::new(data, oblique());
                    write_volume(&path, &volume, &WriteOptions::default().with_level(level)).unwrap();
                    let info = read_info(&path).unwrap();
                    assert_eq!((info.datatype.to_string(), info.warnings), (stringify!($type).to_string(), vec![]));
                    assert!(info.geometry.same_grid(&volume.geometry, volume.shape(), 1e-5), "{}", path.display());
                    assert_eq!(read_image(&path).unwrap().data, volume.data.mapv(|v| v as f32), "{}", path.display());
                    let part = VolumeFile::open(&path).unwrap();
                    let part = part.label(&ReadOptions::default().with_slices(1..3)).unwrap();
                    assert_eq!(part.data, volume.data.slice(s![1..3, .., ..]).mapv(|v| v as u8));
                }
            }
        )*};
    }
    check!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);
}

#[test]
fn geometry_is_exact_where_the_format_keeps_steps() {
    let folder = tempfile::tempdir().unwrap();
    let flipped = Geometry::from_spacing(Dhw { d: -2.5, h: 0.7, w: 0.1 + 0.2 }).unwrap();
    let volume = Volume::new(Array3::from_elem((3, 4, 5), 0.1_f32), flipped);
    for ending in ["nrrd", "nhdr", "mha", "mhd"] {
        let path = folder.path().join(format!("a.{ending}"));
        write_image(&path, &volume).unwrap();
        assert_eq!(read_image(&path).unwrap(), volume, "{ending}");
    }
    let path = folder.path().join("b.nrrd");
    let volume = Volume::new(volume.data, oblique());
    write_image(&path, &volume).unwrap();
    assert_eq!(read_image(&path).unwrap(), volume);
}

#[test]
fn channels_come_back_from_every_format() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = env::var_os("MEDSEG_FORMATS_OUT").map_or(temporary.path().to_path_buf(), PathBuf::from);
    let data = Array4::from_shape_fn((3, 2, 4, 5), |(c, d, h, w)| (1000 * c + 100 * d + 10 * h + w) as i16);
    for ending in ENDINGS {
        let path = folder.join(format!("channels.{ending}"));
        write_channels(&path, &data, &oblique(), &WriteOptions::default()).unwrap();
        let (back, _) = read_channels(&path).unwrap();
        assert_eq!(back, data.mapv(f32::from), "{ending}");
        let part = VolumeFile::open(&path).unwrap().channels(&ReadOptions::default().with_slices(1..2)).unwrap();
        assert_eq!(part.0, data.slice(s![.., 1..2, .., ..]).mapv(f32::from), "{ending}");
        assert!(matches!(read_label(&path), Err(VolumeError::Unsupported { kind: UnsupportedKind::Channels, .. })));
    }
}

#[test]
fn large_files_are_read_by_all_threads() {
    let folder = tempfile::tempdir().unwrap();
    let data = Array3::from_shape_fn((40, 200, 300), |(d, h, w)| (d * 7 + h * 3 + w) as i16);
    let volume = Volume::new(data, oblique());
    for ending in ["nrrd", "mha", "nhdr", "mhd"] {
        for level in [0, 1] {
            let path = folder.path().join(format!("{level}.{ending}"));
            write_volume(&path, &volume, &WriteOptions::default().with_level(level)).unwrap();
            assert_eq!(read_image(&path).unwrap().data, volume.data.mapv(f32::from), "{level} {ending}");
        }
    }
}

#[test]
fn a_name_tells_the_format_and_an_unknown_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let label = Volume::new(Array3::from_elem((2, 3, 4), 1_u8), oblique());
    for name in ["a", "a.txt", "a.hdr", "a.img", "a.nrrd.gz", "a.gz", "a.dcm", "mha"] {
        let error = write_label(folder.path().join(name), &label).unwrap_err();
        assert!(matches!(error, VolumeError::Unstorable { fault: UnstorableFault::Ending, .. }), "{name}");
        assert!(error.to_string().contains(".nii.gz, .nrrd"), "{error}");
    }
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    for name in ["A.NRRD", "A.MHA", "A.NII.GZ", "1.2.840.nrrd"] {
        write_label(folder.path().join(name), &label).unwrap();
        // By its content too, whatever its name.
        let other = folder.path().join("renamed");
        fs::copy(folder.path().join(name), &other).unwrap();
        assert_eq!(read_label(&other).unwrap().data, label.data, "{name}");
        assert_eq!(VolumeFile::from_bytes(fs::read(&other).unwrap()).unwrap().info().shape, label.shape());
    }
    fs::write(folder.path().join("a.txt"), "a file of text that is longer than a header's first field").unwrap();
    let error = read_image(folder.path().join("a.txt")).unwrap_err();
    assert!(matches!(error, VolumeError::Unsupported { kind: UnsupportedKind::Format, .. }), "{error}");
    assert!(error.to_string().contains(".mhd"), "{error}");
}

#[test]
fn a_header_cannot_lead_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret.raw"), [1; 24]).unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let secret = folder.path().join("secret.raw");
    for name in ["../secret.raw", secret.to_str().unwrap(), "..", "sub/a.raw", "..\\secret.raw", "LIST", "a%02d.raw"] {
        let nhdr = format!(
            "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nspacings: 1 1 1\nencoding: raw\ndata file: {name}\n"
        );
        let mhd = format!("NDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = {name}\n");
        for (file, text) in [("a.nhdr", nhdr), ("a.mhd", mhd)] {
            fs::write(inner.join(file), text).unwrap();
            let error = read_image(inner.join(file)).unwrap_err();
            assert!(matches!(error, VolumeError::Unsupported { kind: UnsupportedKind::Format, .. }), "{name}: {error}");
        }
    }
}

#[test]
fn headers_that_cannot_be_are_errors_of_their_kind() {
    let nrrd = |change: &dyn Fn(String) -> String| {
        let text = "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: 4 3 2\n\
                    space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\n\n";
        let mut bytes = change(text.to_string()).into_bytes();
        bytes.extend([1; 24]);
        VolumeFile::from_bytes(bytes).and_then(|file| file.label(&ReadOptions::default()))
    };
    assert_eq!(nrrd(&|text| text).unwrap().data.sum(), 24);
    for (from, to) in [
        ("sizes: 4 3 2", "sizes: 4 3"),
        ("sizes: 4 3 2", "sizes: 4 3 0"),
        ("sizes: 4 3 2", "sizes: 4 3 -2"),
        ("sizes: 4 3 2", "sizes: 4294967296 4294967296 4294967296"),
        ("sizes: 4 3 2", "sizes: 400 300 200"),
        ("(0,0,1)", "(0,0,x)"),
        ("(0,0,1)", "(0,0)"),
        ("(0,0,1)", "none"),
        ("(0,0,1)", "(0,0,0)"),
        ("(0,0,1)", "(0,0,nan)"),
        ("(0,0,1)", "(0,0,1) (0,0,1)"),
        ("encoding: raw", "encoding: raw\nencoding: raw"),
        ("encoding: raw", "encoding: raw\nbyte skip: -2"),
        ("encoding: raw", "encoding: raw\nbyte skip: 99"),
        ("type: uchar", "no field"),
        ("\n\n", "\n"),
    ] {
        let error = nrrd(&|text| text.replace(from, to)).unwrap_err();
        assert!(matches!(error, VolumeError::Malformed { .. }), "{from} -> {to}: {error}");
    }
    for (from, to, kind) in [
        ("uchar", "block", UnsupportedKind::Datatype),
        ("encoding: raw", "encoding: bzip2", UnsupportedKind::Compression),
        ("encoding: raw", "encoding: ascii", UnsupportedKind::Compression),
        ("dimension: 3", "dimension: 2", UnsupportedKind::Channels),
        ("LPS", "left-posterior-superior-time", UnsupportedKind::Format),
    ] {
        let error = nrrd(&|text| text.replace(from, to)).unwrap_err();
        assert!(matches!(error, VolumeError::Unsupported { kind: found, .. } if found == kind), "{to}: {error}");
    }
    let middle = "NRRD0004\ntype: uchar\ndimension: 4\nspace: LPS\nsizes: 4 3 2 2\nencoding: raw\n\
                  space directions: (1,0,0) none (0,1,0) (0,0,1)\n\n";
    let error = VolumeFile::from_bytes(middle.as_bytes()).unwrap_err();
    assert!(matches!(error, VolumeError::Unsupported { kind: UnsupportedKind::Channels, .. }), "{error}");
}

#[test]
fn units_of_an_nrrd_are_converted() {
    let units = |units: &str| {
        let text = format!(
            "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nspace units: {units}\nsizes: 1 1 1\nencoding: raw\n\
             space directions: (2000,0,0) (0,2000,0) (0,0,3000)\nspace origin: (1000,0,0)\n\n1"
        );
        VolumeFile::from_bytes(text.into_bytes()).unwrap().into_info()
    };
    let millimetres = units("\"mm\" \"mm\" \"mm\"");
    assert_eq!((millimetres.geometry.spacing().d, millimetres.warnings), (3000.0, vec![]));
    let micrometres = units("\"um\" \"um\" \"um\"");
    assert_eq!(micrometres.geometry.spacing(), Dhw { d: 3.0, h: 2.0, w: 2.0 });
    assert_eq!(micrometres.geometry.voxel_to_world(Dhw::splat(0.0))[0], -1.0);
    assert_eq!(micrometres.warnings, [Warning::NamedUnits("um".into())]);
    assert_eq!(units("\"furlong\" \"furlong\" \"furlong\"").geometry.spacing().d, 3000.0);
    assert_eq!(units("\"mm\" \"um\" \"mm\"").warnings.len(), 1);
}

#[test]
fn files_cut_or_damaged_anywhere_are_errors_or_sound() {
    for name in ["i16_raw.nrrd", "i16_packed.nrrd", "i16_raw.mha", "i16_packed.mha"] {
        let bytes = fs::read(format!("{GOLDEN}/{name}")).unwrap();
        let whole = VolumeFile::from_bytes(bytes.clone()).unwrap().image(&ReadOptions::default()).unwrap();
        for length in 0..bytes.len() {
            let read = VolumeFile::from_bytes(&bytes[..length]).and_then(|file| file.image(&ReadOptions::default()));
            assert!(read.is_err(), "{length} of {}", bytes.len());
        }
        let last = bytes.len() - 1;
        let mut damaged = bytes;
        damaged[last] ^= 1;
        match VolumeFile::from_bytes(damaged).unwrap().image(&ReadOptions::default()) {
            Ok(read) => assert!(name.contains("raw") && read.data != whole.data),
            Err(error) => {
                assert!(matches!(error, VolumeError::Malformed { kind: MalformedKind::Damaged, .. }), "{error}");
            }
        }
    }
}
