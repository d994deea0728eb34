//! Words of an expression.

use crate::config::identifier::{LONGEST, id_length, normal};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    /// `@id`.
    Reference(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Operators, longest first.
const SIGNS: [&str; 26] = [
    "**", "//", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", "{", "}", ":",
    "=", "|", "&", "~",
];

/// The words of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '@' {
            let length = id_length(&rest[1..]);
            tokens.push(Token::Reference(normal(&rest[1..1 + length])));
            1 + length
        } else if first == '\'' || first == '"' {
            let (token, length) = quoted(rest, first)?;
            tokens.push(Token::Text(token));
            length
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let (token, length) = number(rest)?;
            tokens.push(token);
            length
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..length].to_owned()));
            length
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first:?} is not recognised"))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A quoted text and its length with the quotes.
fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => out.push(escaped),
                _ => return Err("an escape of this kind is not recognised".into()),
            },
            _ if character == quote => return Ok((out, at + 1)),
            _ => out.push(character),
        }
    }
    Err("a quote is not closed".into())
}

/// A number and its length.
fn number(text: &str) -> Result<(Token, usize), String> {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    let mut end = digits(0);
    let mut whole = true;
    if bytes.get(end) == Some(&b'.') {
        whole = false;
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            whole = false;
            end = after;
        }
    }
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return Err(format!("the number {} is not recognised", &text[..end]));
    }
    let plain = text[..end].replace('_', "");
    if whole {
        return match plain.parse() {
            Ok(value) => Ok((Token::Int(value), end)),
            Err(_) => Err(format!("the number {plain} is too large")),
        };
    }
    match plain.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Float(value), end)),
        _ => Err(format!("the number {plain} is not finite")),
    }
}
