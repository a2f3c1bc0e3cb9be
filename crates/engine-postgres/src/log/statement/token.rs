//! SQL text as tokens (documentation, chapter "Lexical Structure"). Total: what does not end takes the
//! rest of the text.

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or name, in lower case.
    Word(String),
    /// A quoted identifier, as it is.
    Quoted(String),
    /// A string; its text is not kept, it may be a secret.
    Text,
    /// Any other character.
    Mark(char),
    /// The text of a comment.
    Comment(String),
}

pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let (token, after) = if c.is_whitespace() {
            (None, rest.trim_start())
        } else if let Some(comment) = rest.strip_prefix("--") {
            let (text, after) = comment.split_once('\n').unwrap_or((comment, ""));
            (Some(Token::Comment(text.to_owned())), after)
        } else if rest.starts_with("/*") {
            let (text, after) = block_comment(rest);
            (Some(Token::Comment(text)), after)
        } else if c == '"' {
            let (text, after) = quoted(rest, '"', Backslash::IsText);
            (Some(Token::Quoted(text)), after)
        } else if c == '\'' {
            (Some(Token::Text), quoted(rest, '\'', Backslash::IsText).1)
        } else if let Some(text) = rest
            .strip_prefix(['e', 'E'])
            .filter(|t| t.starts_with('\''))
        {
            (Some(Token::Text), quoted(text, '\'', Backslash::Escapes).1)
        } else if let Some(after) = dollar_quoted(rest) {
            (Some(Token::Text), after)
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            (Some(Token::Word(word.to_lowercase())), after)
        } else {
            (
                Some(Token::Mark(c)),
                rest.get(c.len_utf8()..).unwrap_or_default(),
            )
        };
        found.extend(token);
        rest = after;
    }
    found
}

/// Whether a backslash in a string means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    IsText,
    Escapes,
}

/// The text up to the closing quote (a doubled one is a quote in the text), and what follows.
fn quoted(text: &str, quote: char, backslash: Backslash) -> (String, &str) {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash == Backslash::Escapes {
            inside.extend(chars.next().map(|(_, c)| c));
        } else if c != quote {
            inside.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            inside.push(quote);
        } else {
            return (inside, text.get(at + 1..).unwrap_or_default());
        }
    }
    (inside, "")
}

/// A comment in `/* */`, which may hold others.
fn block_comment(text: &str) -> (String, &str) {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return (
                    text.get(2..at - 2).unwrap_or_default().to_owned(),
                    text.get(at..).unwrap_or_default(),
                );
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    (text.get(2..).unwrap_or_default().to_owned(), "")
}

/// What follows a string in `$tag$ … $tag$`, if `text` begins with one.
fn dollar_quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let (tag, body) = inner.split_once('$')?;
    let named = tag.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !named || tag.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = format!("${tag}$");
    Some(body.split_once(end.as_str()).map_or("", |(_, after)| after))
}
