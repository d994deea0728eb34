//! Numbering the different values of an image.

/// Values that a 16-bit number can tell apart.
const MOST: usize = 1 << 16;
/// Places of the hash table: twice the most values, so that a free one is near.
const PLACES: u32 = 17;

/// The different values, in the order of their first voxels, and for each voxel the number of its value; `None` if there
/// are more than 65536. Values are distinguished by their bits, so NaN and -0 come back as they were.
pub(super) fn numbered(voxels: impl Iterator<Item = f32>) -> Option<(Vec<f32>, Vec<u16>)> {
    // Per place 0 if it is free, else a value's bits above its number plus one.
    let mut places = vec![0u64; 1 << PLACES];
    let mut values = Vec::new();
    let mut numbers = Vec::with_capacity(voxels.size_hint().0);
    for voxel in voxels {
        let bits = voxel.to_bits();
        let mut place = (bits.wrapping_mul(0x9E37_79B1) >> (32 - PLACES)) as usize;
        let number = loop {
            let entry = places[place];
            if entry == 0 {
                if values.len() == MOST {
                    return None;
                }
                values.push(voxel);
                places[place] = u64::from(bits) << 32 | values.len() as u64;
                break values.len() - 1;
            }
            if (entry >> 32) as u32 == bits {
                break (entry as u32 - 1) as usize;
            }
            place = (place + 1) & ((1 << PLACES) - 1);
        };
        numbers.push(number as u16);
    }
    Some((values, numbers))
}
