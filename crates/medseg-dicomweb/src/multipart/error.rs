//! Errors of multipart bodies.

/// An error of reading a multipart body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The boundary is not 1 to 70 of the characters that RFC 2046 allows.
    #[error("the boundary is not 1 to 70 of the characters that are allowed there")]
    Boundary,
    /// The body has no boundary where one must be.
    #[error("no boundary within the first {limit} bytes of the body")]
    Preamble {
        /// Bytes that were searched.
        limit: u64,
    },
    /// A line begins with the boundary and goes on with something else.
    #[error("a line begins with the boundary but goes on")]
    Delimiter,
    /// The headers of a part are damaged, too long or too many.
    #[error("the headers of a part are damaged: {reason}")]
    Headers {
        /// The damage.
        reason: &'static str,
    },
    /// A part is longer than the limit.
    #[error("a part has more than {limit} bytes")]
    PartTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// A part has another length than its header says.
    #[error("a part has {found} bytes, its header says {declared}")]
    Length {
        /// The length in the header.
        declared: u64,
        /// The length up to the boundary.
        found: u64,
    },
    /// The body ends before its last boundary.
    #[error("the body ends before its last boundary")]
    Truncated,
    /// The stream failed.
    #[error("the transfer broke off")]
    Io(#[from] std::io::Error),
}
