//! Parts of an expression.

/// An expression as a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    Reference(String),
    List(Vec<Tree>),
    Unary(&'static str, Box<Tree>),
    Binary(&'static str, Box<Tree>, Box<Tree>),
    /// Condition, value if true, value if false.
    Choice(Box<[Tree; 3]>),
    Call(Box<Tree>, Vec<Tree>),
    Attribute(Box<Tree>, String),
    Index(Box<Tree>, Box<Tree>),
}
