//! Transfer syntaxes: how a file's elements and pixels are encoded.

use dicom_dictionary_std::uids;

/// Encodings of a file's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// Encodings of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Rle,
    JpegLossless,
    Jpeg2000,
    /// Known by name or UID only: such a file is listed, its pixels are refused.
    Other,
}

/// A transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub encoding: Encoding,
    pub compression: Compression,
    /// For people.
    pub name: String,
}

impl Syntax {
    /// The syntax of a UID; `None` for one in which not even the elements can be read.
    pub(super) fn of(uid: &str) -> Option<Self> {
        use Compression::{Jpeg2000, JpegLossless, None as Raw, Other, Rle};
        use Encoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};
        let (encoding, compression, name) = match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => (ImplicitLittle, Raw, "implicit little endian"),
            uids::EXPLICIT_VR_LITTLE_ENDIAN => (ExplicitLittle, Raw, "explicit little endian"),
            // Retired, but written by scanners still in use.
            "1.2.840.10008.1.2.2" => (ExplicitBig, Raw, "explicit big endian"),
            uids::RLE_LOSSLESS => (ExplicitLittle, Rle, "RLE"),
            uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => (ExplicitLittle, JpegLossless, "JPEG lossless"),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => (ExplicitLittle, Jpeg2000, "JPEG 2000"),
            "1.2.840.10008.1.2.4.50" => (ExplicitLittle, Other, "JPEG baseline (lossy)"),
            "1.2.840.10008.1.2.4.51" => (ExplicitLittle, Other, "JPEG extended (lossy)"),
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => (ExplicitLittle, Other, "JPEG-LS"),
            "1.2.840.10008.1.2.4.201" | "1.2.840.10008.1.2.4.202" | "1.2.840.10008.1.2.4.203" => {
                (ExplicitLittle, Other, "high-throughput JPEG 2000")
            }
            _ if uid.starts_with("1.2.840.10008.1.2.4.") => (ExplicitLittle, Other, uid),
            _ => return None,
        };
        Some(Self { encoding, compression, name: name.to_string() })
    }
}
