//! The few fields of TensorFlow's `Event` message that scalars need, in Protobuf's wire format.

/// Field numbers of `Event`, `Summary` and `Summary.Value`.
const WALL_TIME: u64 = 1;
const STEP: u64 = 2;
const FILE_VERSION: u64 = 3;
const SUMMARY: u64 = 5;
const VALUE: u64 = 1;
const TAG: u64 = 1;
const SIMPLE_VALUE: u64 = 2;

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// The event that starts a file.
pub(super) fn file_version(time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, WALL_TIME, FIXED64);
    event.extend(time.to_le_bytes());
    bytes(&mut event, FILE_VERSION, b"brain.Event:2");
    event
}

/// An event with the values of one step.
pub(super) fn scalars(time: f64, step: i64, values: &[(&str, f32)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut entry = Vec::new();
        bytes(&mut entry, TAG, tag.as_bytes());
        key(&mut entry, SIMPLE_VALUE, FIXED32);
        entry.extend(value.to_le_bytes());
        bytes(&mut summary, VALUE, &entry);
    }
    let mut event = Vec::new();
    key(&mut event, WALL_TIME, FIXED64);
    event.extend(time.to_le_bytes());
    key(&mut event, STEP, VARINT);
    varint(&mut event, step as u64);
    bytes(&mut event, SUMMARY, &summary);
    event
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn bytes(out: &mut Vec<u8>, field: u64, data: &[u8]) {
    key(out, field, BYTES);
    varint(out, data.len() as u64);
    out.extend(data);
}

/// Seven bits a byte, the lowest first.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An event read back.
    #[derive(Default)]
    pub(in super::super) struct Read {
        pub time: f64,
        pub step: u64,
        pub version: Option<String>,
        pub scalars: Vec<(String, f32)>,
    }

    fn read_varint(data: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = data[0];
            *data = &data[1..];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    /// The fields of a message: number and bytes, a varint as its eight.
    fn fields(mut data: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        while !data.is_empty() {
            let key = read_varint(&mut data);
            let length = match key & 7 {
                VARINT => {
                    found.push((key >> 3, read_varint(&mut data).to_le_bytes().to_vec()));
                    continue;
                }
                FIXED64 => 8,
                FIXED32 => 4,
                BYTES => read_varint(&mut data) as usize,
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, data[..length].to_vec()));
            data = &data[length..];
        }
        found
    }

    pub(in super::super) fn read_event(data: &[u8]) -> Read {
        let mut event = Read::default();
        for (field, value) in fields(data) {
            match field {
                WALL_TIME => event.time = f64::from_le_bytes(value.try_into().unwrap()),
                STEP => event.step = u64::from_le_bytes(value.try_into().unwrap()),
                FILE_VERSION => event.version = Some(String::from_utf8(value).unwrap()),
                SUMMARY => event.scalars = fields(&value).into_iter().map(|(_, entry)| scalar(&entry)).collect(),
                other => panic!("field {other}"),
            }
        }
        event
    }

    fn scalar(entry: &[u8]) -> (String, f32) {
        let [(_, tag), (_, value)] = <[_; 2]>::try_from(fields(entry)).unwrap();
        (String::from_utf8(tag).unwrap(), f32::from_le_bytes(value.try_into().unwrap()))
    }

    #[test]
    fn long_steps_and_tags_survive() {
        let tag = "t".repeat(300);
        let event = read_event(&scalars(1.5, 1_000_000, &[(&tag, -0.5)]));
        assert_eq!((event.time, event.step), (1.5, 1_000_000));
        assert_eq!(event.scalars, [(tag, -0.5)]);
    }
}
