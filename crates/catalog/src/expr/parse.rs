//! Reads expressions: a tokeniser and one function per level of binding.

use backstay_model::SettingName;

use crate::expr::{Arithmetic, Comparison, Decimal, Expr, Function, HOST, POOLER, PRIMARY};
use crate::units::Unit;

/// Deepest nesting that is read.
pub(super) const DEPTH_MAX: usize = 64;

/// Longest expression that is read, in bytes.
pub(super) const LEN_MAX: usize = 10_000;

/// An expression cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("at character {at} of the rule: {what}")]
pub struct ParseError {
    /// Where, in characters from 1.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Number(Decimal),
    Text(String),
    Name(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 18] = [
    "=>", "<=", ">=", "!=", "<>", "==", "<", ">", "=", "+", "-", "*", "/", "(", ")", "{", "}", ",",
];
const RESERVED: [&str; 13] = [
    "and",
    "or",
    "not",
    "in",
    "on",
    "off",
    "true",
    "false",
    "min",
    "max",
    "clamp",
    "is_set",
    "count_set",
];

/// Reads an expression.
///
/// # Errors
/// Where reading stopped and why.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    if text.len() > LEN_MAX {
        return Err(ParseError {
            at: 1,
            what: format!("it is longer than {LEN_MAX} bytes"),
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.chars().count() + 1,
        depth: 0,
    };
    let expr = parser.implies()?;
    match parser.tokens.get(parser.next) {
        None => Ok(expr),
        Some(_) => Err(parser.error("expected an operator or the end")),
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ParseError> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut i) = (Vec::new(), 0);
    while let Some(&c) = chars.get(i) {
        if c.is_whitespace() {
            i += 1;
            continue;
        }
        let rest = chars.get(i..).unwrap_or_default();
        let (token, used) = match c {
            '\'' => quoted(rest),
            '0'..='9' => number(rest),
            c if c.is_ascii_alphabetic() || c == '_' => Ok(name(rest)),
            _ => symbol(rest),
        }
        .map_err(|what| ParseError { at: i + 1, what })?;
        found.push((i + 1, token));
        i += used;
    }
    Ok(found)
}

fn quoted(rest: &[char]) -> Result<(Token, usize), String> {
    let (mut text, mut i) = (String::new(), 1);
    loop {
        match (rest.get(i), rest.get(i + 1)) {
            (Some('\''), Some('\'')) => {
                text.push('\'');
                i += 2;
            }
            (Some('\''), _) => return Ok((Token::Text(text), i + 1)),
            (Some(c), _) => {
                text.push(*c);
                i += 1;
            }
            (None, _) => return Err("the text is not closed".to_owned()),
        }
    }
}

fn number(rest: &[char]) -> Result<(Token, usize), String> {
    let run = |from: usize, fits: fn(&char) -> bool| {
        rest.iter().skip(from).take_while(|c| fits(c)).count()
    };
    let whole = run(0, char::is_ascii_digit);
    let fraction = match (rest.get(whole), rest.get(whole + 1)) {
        (Some('.'), Some(c)) if c.is_ascii_digit() => run(whole + 1, char::is_ascii_digit),
        _ => 0,
    };
    let end = whole + if fraction > 0 { fraction + 1 } else { 0 };
    let digits: String = rest
        .iter()
        .take(end)
        .filter(|c| c.is_ascii_digit())
        .collect();
    let scale = u32::try_from(fraction)
        .ok()
        .filter(|n| *n <= Decimal::SCALE_MAX);
    let (Ok(mantissa), Some(scale)) = (digits.parse(), scale) else {
        return Err("the number has too many digits".to_owned());
    };
    let letters = run(end, char::is_ascii_alphabetic);
    let word: String = rest.iter().skip(end).take(letters).collect();
    let unit = match word.as_str() {
        "" => None,
        word => Some(Unit::parse(word).ok_or_else(|| format!("{word} is not a unit"))?),
    };
    Ok((
        Token::Number(Decimal::new(mantissa, scale, unit)),
        end + letters,
    ))
}

fn name(rest: &[char]) -> (Token, usize) {
    let fits = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    let text: String = rest.iter().take_while(fits).collect();
    let used = text.chars().count();
    (Token::Name(text.to_ascii_lowercase()), used)
}

fn symbol(rest: &[char]) -> Result<(Token, usize), String> {
    let fits = |s: &&&str| s.chars().zip(rest).filter(|(a, b)| a == *b).count() == s.len();
    let found = SYMBOLS.iter().find(fits);
    found
        .map(|s| (Token::Symbol(s), s.len()))
        .ok_or_else(|| match rest.first() {
            Some(c) => format!("{} means nothing here", c.escape_debug()),
            None => "something is missing".to_owned(),
        })
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn error(&self, what: &str) -> ParseError {
        let at = self.tokens.get(self.next).map_or(self.end, |(at, _)| *at);
        ParseError {
            at,
            what: what.to_owned(),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol);
        self.next += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ParseError> {
        if self.eat(symbol) {
            Ok(())
        } else {
            Err(self.error(&format!("expected {symbol}")))
        }
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth >= DEPTH_MAX {
            return Err(self.error("it is nested too deeply"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn implies(&mut self) -> Result<Expr, ParseError> {
        let left = self.or()?;
        if self.eat("=>") {
            let right = self.nested(Self::implies)?;
            return Ok(Expr::Implies(Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, ParseError> {
        let mut all = vec![self.and()?];
        while self.eat_word("or") {
            all.push(self.and()?);
        }
        Ok(one_or(all, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, ParseError> {
        let mut all = vec![self.not()?];
        while self.eat_word("and") {
            all.push(self.not()?);
        }
        Ok(one_or(all, Expr::And))
    }

    fn not(&mut self) -> Result<Expr, ParseError> {
        if self.eat_word("not") {
            return self.nested(Self::not).map(|e| Expr::Not(Box::new(e)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, ParseError> {
        let left = self.sum()?;
        if self.eat_word("in") {
            return self.membership(left);
        }
        let op = match self.peek() {
            Some(Token::Symbol("<")) => Comparison::Less,
            Some(Token::Symbol("<=")) => Comparison::LessEqual,
            Some(Token::Symbol("=" | "==")) => Comparison::Equal,
            Some(Token::Symbol("!=" | "<>")) => Comparison::NotEqual,
            Some(Token::Symbol(">=")) => Comparison::GreaterEqual,
            Some(Token::Symbol(">")) => Comparison::Greater,
            _ => return Ok(left),
        };
        self.next += 1;
        Ok(Expr::Compare(op, Box::new(left), Box::new(self.sum()?)))
    }

    fn membership(&mut self, left: Expr) -> Result<Expr, ParseError> {
        if !self.eat("{") {
            return Ok(Expr::ItemOf(Box::new(left), Box::new(self.sum()?)));
        }
        let mut all = Vec::new();
        loop {
            all.push(self.item()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Expr::OneOf(Box::new(left), all))
    }

    /// An item of `{..}`: there a bare word is a text, because enums are written so.
    fn item(&mut self) -> Result<Expr, ParseError> {
        let word = match self.peek() {
            Some(Token::Name(word)) if !RESERVED.contains(&word.as_str()) => word.clone(),
            _ => return self.sum(),
        };
        let after = self.tokens.get(self.next + 1).map(|(_, token)| token);
        let elsewhere = [HOST, PRIMARY, POOLER].iter().any(|p| word.starts_with(p));
        if matches!(after, Some(Token::Symbol("," | "}"))) && !elsewhere {
            self.next += 1;
            return Ok(Expr::Text(word));
        }
        self.sum()
    }

    fn sum(&mut self) -> Result<Expr, ParseError> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Some(Token::Symbol("+")) => Arithmetic::Add,
                Some(Token::Symbol("-")) => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Expr::Arithmetic(op, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr, ParseError> {
        let mut left = self.unary()?;
        loop {
            let op = match self.peek() {
                Some(Token::Symbol("*")) => Arithmetic::Multiply,
                Some(Token::Symbol("/")) => Arithmetic::Divide,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Expr::Arithmetic(op, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        if !self.eat("-") {
            return self.primary();
        }
        Ok(match self.nested(Self::unary)? {
            Expr::Number(n) => Expr::Number(Decimal {
                mantissa: -n.mantissa,
                ..n
            }),
            other => Expr::Negative(Box::new(other)),
        })
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.error("expected a value"));
        };
        match token {
            Token::Number(n) => {
                self.next += 1;
                Ok(Expr::Number(n))
            }
            Token::Text(text) => {
                self.next += 1;
                Ok(Expr::Text(text))
            }
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.nested(Self::implies)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol(_) => Err(self.error("expected a value")),
            Token::Name(name) => self.named(&name),
        }
    }

    fn named(&mut self, name: &str) -> Result<Expr, ParseError> {
        if matches!(name, "and" | "or" | "in" | "not") {
            return Err(self.error("expected a value"));
        }
        self.next += 1;
        let call = |function| move |p: &mut Self| p.arguments().map(|all| (function, all));
        let (function, all) = match name {
            "on" | "true" => return Ok(Expr::Bool(true)),
            "off" | "false" => return Ok(Expr::Bool(false)),
            "min" => self.nested(call(Function::Min))?,
            "max" => self.nested(call(Function::Max))?,
            "clamp" => self.nested(call(Function::Clamp))?,
            "is_set" => return self.one_name().map(Expr::IsSet),
            "count_set" => return self.names().map(Expr::CountSet),
            "eff" if self.peek() == Some(&Token::Symbol("(")) => {
                return self.one_name().map(Expr::Effective);
            }
            _ => return Ok(plain_name(name)),
        };
        if function == Function::Clamp && all.len() != 3 {
            return Err(self.error("clamp takes a value, a lower and an upper end"));
        }
        Ok(Expr::Call(function, all))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.expect("(")?;
        let mut all = vec![self.sum()?];
        while self.eat(",") {
            all.push(self.sum()?);
        }
        self.expect(")")?;
        Ok(all)
    }

    fn names(&mut self) -> Result<Vec<SettingName>, ParseError> {
        self.expect("(")?;
        let mut all = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Name(name)) => all.push(SettingName::new(name)),
                _ => return Err(self.error("expected the name of a setting")),
            }
            self.next += 1;
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(all)
    }

    fn one_name(&mut self) -> Result<SettingName, ParseError> {
        let mut all = self.names()?;
        match (all.pop(), all.is_empty()) {
            (Some(name), true) => Ok(name),
            _ => Err(self.error("expected one setting only")),
        }
    }
}

fn plain_name(name: &str) -> Expr {
    if let Some(fact) = name.strip_prefix(HOST) {
        Expr::Host(fact.to_owned())
    } else if let Some(setting) = name.strip_prefix(PRIMARY) {
        Expr::Primary(SettingName::new(setting))
    } else if let Some(fact) = name.strip_prefix(POOLER) {
        Expr::Pooler(fact.to_owned())
    } else {
        Expr::Setting(SettingName::new(name))
    }
}

fn one_or(mut all: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            all.extend(last);
            many(all)
        }
    }
}
