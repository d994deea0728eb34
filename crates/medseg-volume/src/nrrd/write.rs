//! NRRD headers to be written.

use crate::file::Grid;
use crate::{Datatype, Dhw};

/// The header of a file in LPS; with the name of the data's file if that is another one.
pub(crate) fn head(grid: &Grid<'_>, packed: bool, data_file: Option<&str>) -> String {
    let &Grid { datatype, shape, channels, geometry } = grid;
    let kind = match datatype {
        Datatype::U8 => "uchar",
        Datatype::I8 => "signed char",
        Datatype::U16 => "ushort",
        Datatype::I16 => "short",
        Datatype::U32 => "uint",
        Datatype::I32 => "int",
        Datatype::U64 => "ulonglong",
        Datatype::I64 => "longlong",
        Datatype::F32 => "float",
        Datatype::F64 => "double",
    };
    let vector = |[x, y, z]: [f64; 3]| format!("({x},{y},{z})");
    let (steps, first) = geometry.to_lps();
    let [i, j, k] = steps.map(vector);
    let Dhw { d, h, w } = shape;
    let (dimension, size, none, list) =
        if channels == 1 { (3, String::new(), "", "") } else { (4, format!(" {channels}"), " none", " list") };
    let encoding = if packed { "gzip" } else { "raw" };
    let mut head = format!(
        "NRRD0004\ntype: {kind}\ndimension: {dimension}\nspace: left-posterior-superior\nsizes: {w} {h} {d}{size}\n\
         space directions: {i} {j} {k}{none}\nkinds: domain domain domain{list}\nendian: little\nencoding: {encoding}\n\
         space origin: {}\n",
        vector(first)
    );
    if let Some(name) = data_file {
        head.push_str(&format!("data file: {name}\n"));
    }
    // The empty line that ends a header.
    head.push('\n');
    head
}
