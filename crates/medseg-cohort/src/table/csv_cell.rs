//! Text as a cell of a table that spreadsheets open.

/// The text, after `'` where a spreadsheet would take it for a formula; numbers stay as they are.
pub(super) fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    // NaN and infinity have no digit, and no program takes them for a formula without a sign.
    let number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if formula && !number { format!("'{text}") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "-inf", "-", "=", "\n=1"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["-1.5", "+3e2", "a=b", "", "liver", "1"] {
            assert_eq!(cell(text), text);
        }
    }
}
