//! gzip streams of several members.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The two bytes every gzip member begins with.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Deflate makes at most this many bytes of one.
pub(super) const MOST_EXPANSION: u64 = 1032;

/// The content of all members one after the other; each member's checksum and length are checked at its end. What
/// follows the last member and is no gzip member is ignored, as gzip itself does.
pub(super) struct Members<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let n = member.read(buffer)?;
            if n > 0 {
                self.member = Some(member);
                return Ok(n);
            }
            let mut rest = member.into_inner();
            let start = rest.fill_buf()?;
            // The buffer may end between the two bytes; then the first decides.
            if !start.is_empty() && MAGIC.starts_with(&start[..start.len().min(MAGIC.len())]) {
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}
