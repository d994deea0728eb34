//! Transfer syntaxes: how a file's elements and pixels are encoded.

use dicom_dictionary_std::uids;

/// Encodings of a file's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

impl Encoding {
    /// The encoding of a data set by its first element, where nothing tells it: group 8 comes first, and an explicit
    /// element has the letters of its representation after its tag.
    pub(super) fn guess(start: &[u8]) -> Option<Self> {
        let [g0, g1, e0, e1, v0, v1, l0, l1] = *start.first_chunk::<8>()?;
        let explicit = is_representation([v0, v1]);
        match ([g0, g1], explicit) {
            ([0x08, 0], true) => Some(Self::ExplicitLittle),
            // Values of the first elements are short.
            ([0x08, 0], false) if e1 == 0 && (v1, l0, l1) == (0, 0, 0) => Some(Self::ImplicitLittle),
            ([0, 0x08], true) if e0 == 0 => Some(Self::ExplicitBig),
            _ => None,
        }
    }
}

/// The family of a transfer syntax whose pixels are not read.
fn family(uid: &str) -> &'static str {
    match uid.strip_prefix("1.2.840.10008.1.2.4.").and_then(|number| number.parse::<u16>().ok()) {
        Some(52..=66) => "a retired process of JPEG",
        Some(92..=93) => "JPEG 2000 of several components",
        Some(94..=95 | 204..=205) => "JPIP, whose pixels are elsewhere",
        Some(100..=108) => "MPEG or HEVC video",
        Some(110..=112) => "JPEG XL",
        Some(201..=203) => "high-throughput JPEG 2000",
        _ => "a private or unknown one",
    }
}

/// True for the letters of a value representation (PS3.5 6.2).
pub(super) fn is_representation(letters: [u8; 2]) -> bool {
    const ALL: &[u8] = b"AEASATCSDADSDTFDFLISLOLTOBODOFOLOVOWPNSHSLSQSSSTSVTMUCUIULUNURUSUTUV";
    ALL.as_chunks::<2>().0.contains(&letters)
}

/// Encodings of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Rle,
    JpegLossless,
    /// Baseline and extended: lossy, by a cosine transform.
    JpegDct,
    JpegLs,
    Jpeg2000,
    /// Known by name or UID only: such a file is listed, its pixels are refused.
    Other,
}

/// Explicit big endian.
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
/// The deflated transfer syntax.
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// A transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub encoding: Encoding,
    pub compression: Compression,
    /// True if all elements after group 2 are packed, the pixels with them.
    pub deflated: bool,
    /// For people.
    pub name: String,
}

impl Syntax {
    /// The uncompressed syntax of an encoding.
    pub(super) fn native(encoding: Encoding) -> Self {
        Self::of(match encoding {
            Encoding::ImplicitLittle => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            Encoding::ExplicitLittle => uids::EXPLICIT_VR_LITTLE_ENDIAN,
            Encoding::ExplicitBig => EXPLICIT_BIG,
        })
    }

    /// The syntax of a UID; one that is not known is taken for explicit little endian, as all new ones are.
    pub(super) fn of(uid: &str) -> Self {
        use Compression::{Jpeg2000, JpegDct, JpegLossless, JpegLs, None as Raw, Other, Rle};
        use Encoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};
        let (encoding, compression, name) = match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => (ImplicitLittle, Raw, "implicit little endian"),
            uids::EXPLICIT_VR_LITTLE_ENDIAN => (ExplicitLittle, Raw, "explicit little endian"),
            // Retired, but written by scanners still in use.
            EXPLICIT_BIG => (ExplicitBig, Raw, "explicit big endian"),
            uids::RLE_LOSSLESS => (ExplicitLittle, Rle, "RLE"),
            uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => (ExplicitLittle, JpegLossless, "JPEG lossless"),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => (ExplicitLittle, Jpeg2000, "JPEG 2000"),
            "1.2.840.10008.1.2.4.50" => (ExplicitLittle, JpegDct, "JPEG baseline (lossy)"),
            "1.2.840.10008.1.2.4.51" => (ExplicitLittle, JpegDct, "JPEG extended (lossy)"),
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => (ExplicitLittle, JpegLs, "JPEG-LS"),
            DEFLATED => (ExplicitLittle, Raw, "deflated explicit little endian"),
            _ => (ExplicitLittle, Other, family(uid)),
        };
        let name = if compression == Other { format!("{name} ({uid})") } else { name.to_string() };
        Self { encoding, compression, deflated: uid == DEFLATED, name }
    }
}
