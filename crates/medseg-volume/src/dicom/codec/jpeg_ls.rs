//! JPEG-LS (ITU-T T.87) of one component of 2 to 16 bits, lossless and near-lossless.

use super::super::pixels::Pixels;
use super::jpeg::{frame_header, segment, short};

/// Coding parameters (T.87 C.2.4.1.1).
struct Parameters {
    /// The largest sample.
    most: i32,
    /// Bounds between the classes of a gradient.
    bounds: [i32; 3],
    /// Samples after which a context's counts are halved.
    reset: i32,
    /// The largest error of a sample; 0 if lossless.
    near: i32,
}

/// Decodes a frame to as many samples as `pixels` has.
pub(super) fn decode(frame: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let mut rest = frame.strip_prefix(&[0xFF, 0xD8]).ok_or("a JPEG-LS frame without its start")?;
    let mut precision = None;
    let mut stated: Option<[u16; 5]> = None;
    loop {
        let (marker, segment, after) = segment(rest)?;
        rest = after;
        match marker {
            0xF7 => precision = Some(frame_header(segment, pixels)?),
            // Parameters of a kind: 1 are those of coding, others are tables of colour.
            0xF8 if segment.first() == Some(&1) => {
                let mut five = [0; 5];
                for (n, to) in five.iter_mut().enumerate() {
                    *to = short(segment, 1 + 2 * n)?;
                }
                stated = Some(five);
            }
            0xF8 => return Err("a JPEG-LS frame with tables, which are not read".into()),
            0xDD if short(segment, 0)? != 0 => {
                return Err("a JPEG-LS frame with restart intervals, which are not read".into());
            }
            0xC0..=0xCF => return Err("a JPEG frame that is not JPEG-LS".into()),
            0xDA => {
                let precision = precision.ok_or("a JPEG-LS scan before its frame")?;
                // One component: its number and table; the error, no interleaving, no shift.
                let &[1, _, 0, near, 0, 0] = segment else {
                    return Err("a JPEG-LS scan that is not of one component".into());
                };
                let parameters = Parameters::new(precision, near, stated)?;
                return Scan::new(&parameters, rest).decode(pixels);
            }
            _ => {}
        }
    }
}

impl Parameters {
    fn new(precision: u8, near: u8, stated: Option<[u16; 5]>) -> Result<Self, String> {
        let [most, t1, t2, t3, reset] = stated.unwrap_or_default().map(i32::from);
        let largest = (1_i32 << precision) - 1;
        let most = if most == 0 { largest } else { most };
        let near = i32::from(near);
        if most > largest || near > 255.min(most / 2) {
            return Err("a JPEG-LS frame with parameters that cannot be".into());
        }
        let within = |value: i32, least: i32| if value > most || value < least { least } else { value };
        let defaults = if most >= 128 {
            let factor = (most.min(4095) + 128) / 256;
            let t1 = within(factor + 2 + 3 * near, near + 1);
            let t2 = within(4 * factor + 3 + 5 * near, t1);
            [t1, t2, within(17 * factor + 4 + 7 * near, t2)]
        } else {
            let factor = 256 / (most + 1);
            let t1 = within((3 / factor + 3 * near).max(2), near + 1);
            let t2 = within((7 / factor + 5 * near).max(3), t1);
            [t1, t2, within((21 / factor + 7 * near).max(4), t2)]
        };
        let bounds = [t1, t2, t3];
        let bounds = std::array::from_fn(|n| if bounds[n] == 0 { defaults[n] } else { bounds[n] });
        let reset = if reset == 0 { 64 } else { reset };
        if bounds[0] <= near || bounds[1] < bounds[0] || bounds[2] < bounds[1] || bounds[2] > most || reset < 3 {
            return Err("a JPEG-LS frame with parameters that cannot be".into());
        }
        Ok(Self { most, bounds, reset, near })
    }

    /// The class of a gradient, -4 to 4.
    fn class(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.bounds;
        let class = match gradient.abs() {
            size if size <= self.near => 0,
            size if size < t1 => 1,
            size if size < t2 => 2,
            size if size < t3 => 3,
            _ => 4,
        };
        class * gradient.signum()
    }
}

/// Counts of the errors in one context.
#[derive(Clone, Copy)]
struct Context {
    /// Sum of sizes.
    a: i32,
    /// Sum of errors.
    b: i32,
    /// Correction of the prediction.
    c: i32,
    /// Number of errors.
    n: i32,
    /// Number of negative ones, in runs.
    negative: i32,
}

/// Orders of the lengths of runs (T.87 A.2.1).
const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The state of decoding.
struct Scan<'a> {
    parameters: &'a Parameters,
    bits: Bits<'a>,
    contexts: [Context; 367],
    run_index: usize,
    /// Number of different errors.
    range: i32,
    /// Bits of an error.
    error_bits: u32,
    /// Longest code.
    limit: u32,
}

impl<'a> Scan<'a> {
    fn new(parameters: &'a Parameters, data: &'a [u8]) -> Self {
        let Parameters { most, near, .. } = *parameters;
        let range = (most + 2 * near) / (2 * near + 1) + 1;
        let bits = |values: i32| 32 - (values - 1).leading_zeros();
        let sample_bits = bits(most + 1).max(2);
        let context = Context { a: ((range + 32) >> 6).max(2), b: 0, c: 0, n: 1, negative: 0 };
        Self {
            parameters,
            bits: Bits { data, at: 0, word: 0, count: 0, beyond: 0, stuffed: false },
            contexts: [context; 367],
            run_index: 0,
            range,
            error_bits: bits(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
        }
    }

    fn decode(mut self, pixels: &Pixels) -> Result<Vec<u16>, String> {
        let columns = usize::from(pixels.columns);
        let mut samples = Vec::new();
        samples.try_reserve_exact(pixels.count()).map_err(|_| "no memory for a JPEG-LS frame")?;
        // A line with one sample before it and one after it.
        let mut above = vec![0; columns + 2];
        let mut line = vec![0; columns + 2];
        for _ in 0..pixels.rows {
            line[0] = above[1];
            above[columns + 1] = above[columns];
            let mut at = 1;
            while at <= columns {
                let (left, up, up_left, up_right) = (line[at - 1], above[at], above[at - 1], above[at + 1]);
                let class = |gradient| self.parameters.class(gradient);
                let classes = [class(up_right - up), class(up - up_left), class(up_left - left)];
                if classes == [0; 3] {
                    at = self.run(&mut line, &above, at, columns)?;
                } else {
                    line[at] = self.regular(classes, left, up, up_left)?;
                    at += 1;
                }
            }
            samples.extend(line[1..=columns].iter().map(|sample| *sample as u16));
            std::mem::swap(&mut above, &mut line);
        }
        self.bits.check()?;
        Ok(samples)
    }

    /// A sample by its neighbours (A.4 to A.6).
    fn regular(&mut self, [q1, q2, q3]: [i32; 3], left: i32, up: i32, up_left: i32) -> Result<i32, String> {
        let context = 81 * q1 + 9 * q2 + q3;
        let sign = context.signum();
        let index = context.unsigned_abs() as usize;
        let prediction = if up_left >= left.max(up) {
            left.min(up)
        } else if up_left <= left.min(up) {
            left.max(up)
        } else {
            left + up - up_left
        };
        let Parameters { most, near, reset, .. } = *self.parameters;
        let context = self.contexts[index];
        let prediction = (prediction + sign * context.c).clamp(0, most);
        let k = order(context.n, context.a)?;
        let mapped = self.mapped_error(k, self.limit)?;
        let error = if near == 0 && k == 0 && 2 * context.b <= -context.n {
            if mapped & 1 == 1 { (mapped - 1) / 2 } else { -mapped / 2 - 1 }
        } else if mapped & 1 == 0 {
            mapped / 2
        } else {
            -(mapped + 1) / 2
        };
        let context = &mut self.contexts[index];
        context.b += error * (2 * near + 1);
        context.a = context.a.saturating_add(error.abs());
        if context.n == reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        Ok(self.sample(prediction, sign * error))
    }

    /// An error as the number that stands for it and its sign; more than twice the number of errors is damage.
    fn mapped_error(&mut self, k: u32, limit: u32) -> Result<i32, String> {
        let mapped = self.bits.golomb(k, limit, self.error_bits)?;
        if mapped > 2 * self.range + 1 { Err("a damaged JPEG-LS scan".into()) } else { Ok(mapped) }
    }

    /// A sample from its prediction and error (A.4.4, A.4.5).
    fn sample(&self, prediction: i32, error: i32) -> i32 {
        let Parameters { most, near, .. } = *self.parameters;
        let step = 2 * near + 1;
        let sample = prediction + error * step;
        let wrapped = if sample < -near {
            sample + self.range * step
        } else if sample > most + near {
            sample - self.range * step
        } else {
            sample
        };
        wrapped.clamp(0, most)
    }

    /// Samples equal to the left one, and the one that ends them (A.7); returns the next place.
    fn run(&mut self, line: &mut [i32], above: &[i32], start: usize, columns: usize) -> Result<usize, String> {
        let left = line[start - 1];
        let mut at = start;
        loop {
            let order = RUN_ORDERS[self.run_index];
            if self.bits.bits(1)? == 1 {
                let length = 1 << order;
                let end = (at + length).min(columns + 1);
                line[at..end].fill(left);
                if at + length == end {
                    self.run_index = (self.run_index + 1).min(31);
                }
                at = end;
                if at > columns {
                    return Ok(at);
                }
                continue;
            }
            let end = at + self.bits.bits(order)? as usize;
            // The sample that ends a run lies within the line.
            if end > columns {
                return Err("a JPEG-LS run beyond its line".into());
            }
            line[at..end].fill(left);
            line[end] = self.run_end(left, above[end], order)?;
            self.run_index = self.run_index.saturating_sub(1);
            return Ok(end + 1);
        }
    }

    fn run_end(&mut self, left: i32, up: i32, order_of_run: u32) -> Result<i32, String> {
        let Parameters { near, reset, .. } = *self.parameters;
        let same = (left - up).abs() <= near;
        let context = self.contexts[365 + usize::from(same)];
        let kind = i32::from(same);
        let k = order(context.n, context.a + if same { context.n >> 1 } else { 0 })?;
        let mapped = self.mapped_error(k, self.limit - order_of_run - 1)?;
        let twice = mapped + kind;
        let odd = twice & 1;
        let size = (twice + odd) / 2;
        let error = if (k != 0 || 2 * context.negative >= context.n) == (odd == 1) { -size } else { size };
        let context = &mut self.contexts[365 + usize::from(same)];
        context.negative += i32::from(error < 0);
        context.a = context.a.saturating_add((mapped + 1 - kind) >> 1);
        if context.n == reset {
            context.a >>= 1;
            context.n >>= 1;
            context.negative >>= 1;
        }
        context.n += 1;
        let (prediction, sign) = match (same, left > up) {
            (true, _) => (left, 1),
            (false, true) => (up, -1),
            (false, false) => (up, 1),
        };
        Ok(self.sample(prediction, sign * error))
    }
}

/// The order of a context's codes: the least k with n 2^k >= a.
fn order(n: i32, a: i32) -> Result<u32, String> {
    (0..24).find(|k| i64::from(n) << k >= i64::from(a)).ok_or_else(|| "a damaged JPEG-LS scan".into())
}

/// The bits of a scan; after a byte FF the next has seven. Beyond a marker or the end they are 0, which
/// [`Bits::check`] finds out.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    word: u64,
    /// Number of them.
    count: u32,
    /// Number of them that are made up.
    beyond: u32,
    /// True after a byte FF.
    stuffed: bool,
}

impl Bits<'_> {
    fn refill(&mut self) {
        while self.count <= 48 {
            let next = self.data.get(self.at).copied();
            let (byte, bits) = match (next, self.stuffed) {
                // A marker, or the end.
                (Some(0x80..), true) | (None, _) => {
                    self.beyond += 8;
                    self.count += 8;
                    continue;
                }
                (Some(byte), true) => (byte, 7),
                (Some(byte), false) => (byte, 8),
            };
            // FF before a marker belongs to it.
            if byte == 0xFF && self.data.get(self.at + 1).is_none_or(|after| *after >= 0x80) {
                self.data = &self.data[..self.at];
                continue;
            }
            self.word |= u64::from(byte) << (64 - bits - self.count);
            self.count += bits;
            self.stuffed = byte == 0xFF;
            self.at += 1;
        }
    }

    /// Up to 32 bits as a number.
    fn bits(&mut self, count: u32) -> Result<i32, String> {
        if count == 0 {
            return Ok(0);
        }
        if self.count < count {
            self.refill();
            self.check()?;
        }
        let bits = (self.word >> (64 - count)) as i32;
        self.word <<= count;
        self.count -= count;
        Ok(bits)
    }

    /// A number in Golomb's code of limited length (A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, error_bits: u32) -> Result<i32, String> {
        let escape = limit - error_bits - 1;
        let mut zeros = 0;
        while self.bits(1)? == 0 {
            zeros += 1;
            if zeros > escape {
                return Err("a JPEG-LS scan with a code that is too long".into());
            }
        }
        if zeros < escape { Ok(((zeros << k) as i32) + self.bits(k)?) } else { Ok(self.bits(error_bits)? + 1) }
    }

    /// Refuses a scan of which more was used than there is.
    fn check(&self) -> Result<(), String> {
        if self.beyond > self.count { Err("a JPEG-LS scan is truncated".into()) } else { Ok(()) }
    }
}
