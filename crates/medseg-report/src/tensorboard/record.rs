//! TFRecord: length and data, each with a masked CRC-32C.

/// The bytes of one record.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked(crc32c(&length)).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked(crc32c(data)).to_le_bytes());
    bytes
}

/// The checksum as TFRecord stores it: rotated and shifted, so that checksums of data that holds checksums stay apart.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli), bit by bit: a few hundred bytes an epoch need no table.
fn crc32c(data: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ POLYNOMIAL } else { c >> 1 })
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The data of every record; panics where a checksum is wrong.
    pub(in super::super) fn read_records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let crc = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(crc(8), masked(crc32c(&bytes[..8])), "checksum of a length");
            assert_eq!(crc(12 + length), masked(crc32c(&bytes[12..12 + length])), "checksum of data");
            found.push(bytes[12..12 + length].to_vec());
            bytes = &bytes[16 + length..];
        }
        found
    }

    #[test]
    fn the_checksum_is_that_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn a_record_is_read_back_and_a_flipped_bit_noticed() {
        let mut bytes = [record(b"abc"), record(b"")].concat();
        assert_eq!(read_records(&bytes), [b"abc".to_vec(), Vec::new()]);
        bytes[13] ^= 1;
        assert!(std::panic::catch_unwind(|| read_records(&bytes)).is_err());
    }
}
