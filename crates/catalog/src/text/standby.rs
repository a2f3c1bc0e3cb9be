//! Which standbys a commit waits for: a small grammar of its own.

use super::Judgement;
use super::list::{quoted, space};

const STANDBYS: &str = "it takes a list of names, or FIRST n (names), or ANY n (names)";

pub(super) fn judge(text: &str) -> Judgement {
    let read = if text.is_empty() {
        Some(())
    } else {
        standbys(text)
    };
    Judgement::read(read, STANDBYS)
}

#[derive(PartialEq)]
enum Token {
    Name,
    Keyword,
    /// As the server counts it.
    Number(i32),
    Mark(char),
}

/// `list`, `n (list)`, `FIRST n (list)`, `ANY n (list)`.
fn standbys(text: &str) -> Option<()> {
    let tokens = tokens(text)?;
    let list = match tokens.as_slice() {
        [
            Token::Keyword,
            Token::Number(1..),
            Token::Mark('('),
            list @ ..,
            Token::Mark(')'),
        ]
        | [
            Token::Number(1..),
            Token::Mark('('),
            list @ ..,
            Token::Mark(')'),
        ] => list,
        list => list,
    };
    let comma = |t: &Token| *t == Token::Mark(',');
    let name = |one: &[Token]| matches!(one, [Token::Name | Token::Number(_)]);
    list.split(comma).all(name).then_some(())
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(space);
    while let Some(first) = rest.chars().next() {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let inside = |c: char| letter(c) || c.is_ascii_digit() || c == '$';
        let (token, after) = match first {
            '(' | ')' | ',' => (Token::Mark(first), rest.get(1..)?),
            '*' => (Token::Name, rest.get(1..)?),
            '"' => (Token::Name, quoted(rest.get(1..)?)?.1),
            c if c.is_ascii_digit() => {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                let (number, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
                (Token::Number(counted(number)), after)
            }
            c if letter(c) => {
                let end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end)?;
                let keyword = ["any", "first"]
                    .iter()
                    .any(|k| word.eq_ignore_ascii_case(k));
                (if keyword { Token::Keyword } else { Token::Name }, after)
            }
            _ => return None,
        };
        found.push(token);
        rest = after.trim_start_matches(space);
    }
    Some(found)
}

/// Digits as the C library makes an `int` of them: held at the largest `long`, then cut.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the server cuts it the same way"
)]
fn counted(digits: &str) -> i32 {
    digits.parse::<i64>().unwrap_or(i64::MAX) as i32
}
