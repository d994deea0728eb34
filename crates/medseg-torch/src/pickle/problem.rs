//! The ways in which a pickle can be wrong.

/// The reason why a pickle cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleProblem {
    /// The pickle ends in the middle, or a length reaches past its end.
    #[error("the pickle ends early")]
    Ends,
    /// An opcode that no protocol has.
    #[error("unknown opcode {0:#04x}")]
    Opcode(u8),
    /// A protocol newer than 5.
    #[error("protocol {0} is not read")]
    Protocol(u8),
    /// An opcode needs a value, and there is none.
    #[error("a value is missing")]
    NoValue,
    /// An opcode needs a mark, and there is none.
    #[error("a mark is missing")]
    NoMark,
    /// A value is fetched that was not remembered.
    #[error("a value was never remembered")]
    NoMemo,
    /// A number is not written as one.
    #[error("a number is not written as one")]
    Number,
}
