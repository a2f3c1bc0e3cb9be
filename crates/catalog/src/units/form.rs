//! Texts that the server reads further than its catalogue tells: a word it does not know stops the start.

/// Encodings of a client, as the server compares them: lower case, letters and digits only.
const ENCODINGS: &[&str] = &[
    "abc",
    "alt",
    "big5",
    "euccn",
    "eucjis2004",
    "eucjp",
    "euckr",
    "euctw",
    "gb18030",
    "gbk",
    "iso88591",
    "iso885910",
    "iso885913",
    "iso885914",
    "iso885915",
    "iso885916",
    "iso88592",
    "iso88593",
    "iso88594",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso88599",
    "johab",
    "koi8",
    "koi8r",
    "koi8u",
    "latin1",
    "latin10",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "mskanji",
    "muleinternal",
    "shiftjis",
    "shiftjis2004",
    "sjis",
    "sqlascii",
    "tcvn",
    "tcvn5712",
    "uhc",
    "unicode",
    "utf8",
    "vscii",
    "win",
    "win1250",
    "win1251",
    "win1252",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "win932",
    "win936",
    "win949",
    "win950",
    "windows1250",
    "windows1251",
    "windows1252",
    "windows1253",
    "windows1254",
    "windows1255",
    "windows1256",
    "windows1257",
    "windows1258",
    "windows866",
    "windows874",
    "windows932",
    "windows936",
    "windows949",
    "windows950",
];

const LOGS: [&str; 5] = ["stderr", "csvlog", "jsonlog", "syslog", "eventlog"];

/// Whether the server can read `text` as a value of `setting`; true for settings it takes any text for.
pub(super) fn holds(setting: &str, text: &str) -> bool {
    match setting {
        "log_destination" => super::items(text)
            .iter()
            .all(|i| LOGS.contains(&i.as_str())),
        "client_encoding" => encoding(text),
        "recovery_target" => matches!(text, "" | "immediate"),
        "synchronous_standby_names" => text.is_empty() || standbys(text).is_some(),
        _ => true,
    }
}

/// What such a setting takes.
pub(super) fn of(setting: &str) -> &'static str {
    match setting {
        "log_destination" => "it takes a list of stderr, csvlog, jsonlog, syslog, eventlog",
        "client_encoding" => "no such encoding; it takes names like UTF8, LATIN1, SQL_ASCII",
        "recovery_target" => "it takes immediate, or nothing",
        _ => "it takes a list of names, or FIRST n (names), or ANY n (names)",
    }
}

fn encoding(text: &str) -> bool {
    let plain: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ENCODINGS.contains(&plain.as_str())
}

#[derive(PartialEq)]
enum Token {
    Name,
    Keyword,
    Number(bool),
    Mark(char),
}

/// `list`, `n (list)`, `FIRST n (list)`, `ANY n (list)`.
fn standbys(text: &str) -> Option<()> {
    let tokens = tokens(text)?;
    let list = match tokens.as_slice() {
        [
            Token::Keyword,
            Token::Number(true),
            Token::Mark('('),
            list @ ..,
            Token::Mark(')'),
        ]
        | [
            Token::Number(true),
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
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let inside = |c: char| letter(c) || c.is_ascii_digit() || c == '$';
        let (token, after) = match first {
            '(' | ')' | ',' => (Token::Mark(first), rest.get(1..)?),
            '*' => (Token::Name, rest.get(1..)?),
            '"' => (Token::Name, quoted(rest.get(1..)?)?),
            c if c.is_ascii_digit() => {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                let (number, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
                (Token::Number(number.bytes().any(|b| b != b'0')), after)
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
        rest = after.trim_start();
    }
    Some(found)
}

/// What is after the closing quote; a doubled quote does not close.
fn quoted(mut rest: &str) -> Option<&str> {
    loop {
        let (_, after) = rest.split_once('"')?;
        match after.strip_prefix('"') {
            Some(more) => rest = more,
            None => return Some(after),
        }
    }
}
