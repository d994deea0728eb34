//! Words to trees.

use super::token::{Token, tokens};
use super::tree::Tree;

/// Deepest nesting.
const DEEPEST: usize = 48;

/// Binary operators, loosest first.
const LEVELS: [&[&str]; 5] =
    [&["or"], &["and"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "//", "%"]];

/// The tree of an expression, or the reason why there is none.
pub(super) fn parse(text: &str) -> Result<Tree, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let tree = parser.choice()?;
    match parser.tokens.get(parser.at) {
        None => Ok(tree),
        Some(token) => Err(format!("{} is not recognised", shown(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// `a if c else b`.
    fn choice(&mut self) -> Result<Tree, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is nested more than {DEEPEST} times"));
        }
        let value = self.binary(0)?;
        let tree = if self.word("if") {
            let condition = self.binary(0)?;
            if !self.word("else") {
                return Err("an if has no else".into());
            }
            Tree::Choice(Box::new([condition, value, self.choice()?]))
        } else {
            value
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn binary(&mut self, level: usize) -> Result<Tree, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut length = 0;
        while let Some(operator) = operators.iter().find(|operator| self.word(operator) || self.sign(operator)) {
            // A chain is as deep as it is long.
            length += 1;
            if length > DEEPEST {
                return Err(format!("it joins more than {DEEPEST} values"));
            }
            let right = self.binary(level + 1)?;
            left = Tree::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Tree, String> {
        let operator = ["-", "+"].into_iter().find(|operator| self.sign(operator));
        let operator = operator.or_else(|| self.word("not").then_some("not"));
        let Some(operator) = operator else { return self.power() };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is nested more than {DEEPEST} times"));
        }
        let value = self.unary()?;
        self.depth -= 1;
        Ok(Tree::Unary(operator, Box::new(value)))
    }

    fn power(&mut self) -> Result<Tree, String> {
        let base = self.postfix()?;
        if !self.sign("**") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is nested more than {DEEPEST} times"));
        }
        let exponent = self.unary()?;
        self.depth -= 1;
        Ok(Tree::Binary("**", Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Result<Tree, String> {
        let mut tree = self.atom()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > DEEPEST {
                return Err(format!("it has more than {DEEPEST} calls in a row"));
            }
            tree = if self.sign("(") {
                Tree::Call(Box::new(tree), self.items(")")?.0)
            } else if self.sign("[") {
                let index = self.choice()?;
                self.expect("]")?;
                Tree::Index(Box::new(tree), Box::new(index))
            } else if self.sign(".") {
                match self.next() {
                    Some(Token::Name(name)) => Tree::Attribute(Box::new(tree), name),
                    _ => return Err("a name is missing behind a dot".into()),
                }
            } else {
                return Ok(tree);
            };
        }
    }

    fn atom(&mut self) -> Result<Tree, String> {
        match self.next() {
            None => Err("it ends too early".into()),
            Some(Token::Int(value)) => Ok(Tree::Int(value)),
            Some(Token::Float(value)) => Ok(Tree::Float(value)),
            Some(Token::Text(text)) => Ok(Tree::Text(text)),
            Some(Token::Reference(id)) => Ok(Tree::Reference(id)),
            Some(Token::Name(name)) => match name.as_str() {
                "lambda" | "for" | "import" | "from" | "in" | "is" | "if" | "else" | "and" | "or" | "yield"
                | "await" => Err(format!("`{name}` is not recognised")),
                _ => Ok(Tree::Name(name)),
            },
            Some(Token::Sign("[")) => Ok(Tree::List(self.items("]")?.0)),
            Some(Token::Sign("(")) => {
                let (mut items, is_tuple) = self.items(")")?;
                match items.len() == 1 && !is_tuple {
                    true => Ok(items.remove(0)),
                    false => Ok(Tree::List(items)),
                }
            }
            Some(token) => Err(format!("{} is not recognised", shown(&token))),
        }
    }

    /// Values up to a closing bracket, and true if there is a comma among or behind them.
    fn items(&mut self, end: &'static str) -> Result<(Vec<Tree>, bool), String> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            if self.sign(end) {
                return Ok((items, comma));
            }
            items.push(self.choice()?);
            if self.sign(",") {
                comma = true;
            } else {
                self.expect(end)?;
                return Ok((items, comma));
            }
        }
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        match self.sign(sign) {
            true => Ok(()),
            false => match self.tokens.get(self.at) {
                Some(token) => Err(format!("{} is not recognised", shown(token))),
                None => Err(format!("`{sign}` is missing")),
            },
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(next)) if next == word);
        self.at += usize::from(found);
        found
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Int(value) => format!("`{value}`"),
        Token::Float(value) => format!("`{value}`"),
        Token::Text(text) => format!("the text {:?}", crate::problem::shortened(text)),
        Token::Name(name) => format!("`{}`", crate::problem::shortened(name)),
        Token::Reference(id) => format!("`@{}`", crate::problem::shortened(id)),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}
