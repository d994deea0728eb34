//! Segment tables as CSV files that people edit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use medseg_files::write_atomic;

use super::{Code, Segment, SegmentFault, SegmentTable, SegmentTableError, colour};

/// The columns; the first two must be there.
const COLUMNS: [&str; 9] =
    ["label", "name", "category", "type", "modifier", "colour", "description", "algorithm", "algorithm_name"];
/// Longest file that is read.
const LONGEST: u64 = 16 << 20;

/// Cells of a line by the number of their column in [`COLUMNS`].
struct Cells<'a> {
    record: &'a csv::StringRecord,
    /// The place of each column in the file.
    places: [Option<usize>; COLUMNS.len()],
}

impl Cells<'_> {
    /// A cell's text, if it has any.
    fn get(&self, column: usize) -> Option<&str> {
        self.places[column].and_then(|at| self.record.get(at)).map(str::trim).filter(|text| !text.is_empty())
    }

    fn code(&self, column: usize) -> Result<Option<Code>, SegmentFault> {
        self.get(column).map(str::parse).transpose()
    }

    fn segment(&self) -> Result<Segment, SegmentFault> {
        let label = self.get(0).unwrap_or_default();
        let label: u16 = label.parse().map_err(|_| SegmentFault::NoLabel(label.to_string()))?;
        let mut segment = Segment::new(label, self.get(1).ok_or(SegmentFault::Empty("the name"))?);
        match (self.code(2)?, self.code(3)?) {
            (Some(category), Some(property_type)) => segment = segment.with_codes(category, property_type),
            (None, None) => {}
            _ => return Err(SegmentFault::HalfCoded),
        }
        if let Some(modifier) = self.code(4)? {
            segment = segment.with_modifier(modifier);
        }
        if let Some(text) = self.get(5) {
            segment.colour = colour::parse(text).ok_or_else(|| SegmentFault::NoColour(text.to_string()))?;
        }
        segment.description = self.get(6).map(str::to_string);
        if let Some(kind) = self.get(7) {
            segment.algorithm = kind.parse()?;
        }
        if let Some(name) = self.get(8) {
            segment.algorithm_name = name.to_string();
        }
        segment.check()?;
        Ok(segment)
    }
}

impl SegmentTable {
    /// Reads a CSV file with a line for each segment.
    ///
    /// The first line names the columns, in any order: `label` and `name`, and as wanted `category`, `type`, `modifier`
    /// (codes as `SCT:10200004:Liver`), `colour` (`#dd8265`), `description`, `algorithm` (automatic, semiautomatic or
    /// manual) and `algorithm_name`. Empty cells take what [`Segment::new`] finds for the name.
    ///
    /// # Errors
    /// A file that cannot be read or is above 16 MiB; a line that is no segment, with its number; a label value twice.
    ///
    /// ```
    /// use medseg_volume::segments::SegmentTable;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("segments.csv");
    /// std::fs::write(&path, "label,name,colour\n1,liver,#dd8265\n2,spleen,\n")?;
    /// let table = SegmentTable::read_csv(&path)?;
    /// assert_eq!(table.named("liver").map(|liver| liver.colour), Some([0xdd, 0x82, 0x65]));
    /// table.write_csv(&path)?; // all columns
    /// assert_eq!(SegmentTable::read_csv(&path)?, table);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_csv(path: impl AsRef<Path>) -> Result<Self, SegmentTableError> {
        let path = path.as_ref();
        let failed = |source| SegmentTableError::Io { action: "read", path: path.to_path_buf(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > LONGEST {
            return Err(failed(io::Error::other("a segment table has at most 16 MiB")));
        }
        let at_line = |line, fault| SegmentTableError::Line { path: path.to_path_buf(), line, fault };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes));
        let of_csv = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            at_line(line, SegmentFault::Csv(error.to_string()))
        };
        let places = places(reader.headers().map_err(of_csv)?).map_err(|fault| at_line(1, fault))?;
        let mut segments = Vec::new();
        for record in reader.records() {
            let record = record.map_err(of_csv)?;
            let line = record.position().map_or(0, csv::Position::line);
            segments.push(Cells { record: &record, places }.segment().map_err(|fault| at_line(line, fault))?);
        }
        Self::new(segments)
    }

    /// Writes a CSV file with all columns, whole or not at all.
    ///
    /// # Errors
    /// The system's; the old file, if any, is left as it was.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<(), SegmentTableError> {
        let path = path.as_ref();
        let failed = |source| SegmentTableError::Io { action: "write", path: path.to_path_buf(), source };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let write = |writer: &mut csv::Writer<Vec<u8>>, cells: [&str; COLUMNS.len()]| writer.write_record(cells);
        write(&mut writer, COLUMNS).map_err(|e| failed(e.into()))?;
        for segment in self.segments() {
            let modifier = segment.modifier.as_ref().map(Code::to_string).unwrap_or_default();
            let cells = [
                &segment.label.to_string(),
                &segment.name,
                &segment.category.to_string(),
                &segment.property_type.to_string(),
                &modifier,
                &colour::hex(segment.colour),
                segment.description.as_deref().unwrap_or_default(),
                &segment.algorithm.to_string(),
                &segment.algorithm_name,
            ];
            write(&mut writer, cells).map_err(|e| failed(e.into()))?;
        }
        let bytes = writer.into_inner().map_err(|e| failed(e.into_error()))?;
        write_atomic(path, &bytes).map_err(failed)
    }
}

/// The places of the columns by the names in the first line.
fn places(names: &csv::StringRecord) -> Result<[Option<usize>; COLUMNS.len()], SegmentFault> {
    let mut places = [None; COLUMNS.len()];
    for (at, name) in names.iter().enumerate() {
        let name = name.to_lowercase();
        let known = if name == "color" { "colour" } else { &name };
        let column = COLUMNS.iter().position(|column| *column == known).ok_or_else(|| {
            SegmentFault::Columns(format!("unknown column {name:?}; the columns are {}", COLUMNS.join(", ")))
        })?;
        if places[column].replace(at).is_some() {
            return Err(SegmentFault::Columns(format!("the column {known} occurs twice")));
        }
    }
    match COLUMNS[..2].iter().zip(places).find(|(_, place)| place.is_none()) {
        Some((missing, _)) => Err(SegmentFault::Columns(format!("the column {missing} is missing"))),
        None => Ok(places),
    }
}
