//! List settings whose elements the server quotes by itself when a statement writes them.

use backstay_model::SettingName;

/// How the server reads the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    /// Names: unquoted ones are folded to lower case.
    Names,
    /// Paths and libraries: taken as they stand.
    Paths,
}

/// The kind of list `name` is, if a statement must write its elements one by one (the settings that
/// the server marks `GUC_LIST_QUOTE`; no others may get that mark, says its own header). All other
/// lists are stored exactly as one literal gives them.
pub(super) fn kind(name: &SettingName) -> Option<ListKind> {
    match name.as_str() {
        "search_path" | "temp_tablespaces" => Some(ListKind::Names),
        "local_preload_libraries"
        | "session_preload_libraries"
        | "shared_preload_libraries"
        | "unix_socket_directories" => Some(ListKind::Paths),
        _ => None,
    }
}

/// The elements of `text`; empty for a text without any. `None` when it is not a list: a quote is
/// left open, an element is missing, or something follows a closing quote.
pub(super) fn split(kind: ListKind, text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim();
    let mut elements = Vec::new();
    if rest.is_empty() {
        return Some(elements);
    }
    loop {
        let (element, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_element(quoted)?,
            None => bare_element(kind, rest)?,
        };
        elements.push(element);
        let after = after.trim_start();
        if after.is_empty() {
            return Some(elements);
        }
        rest = after.strip_prefix(',')?.trim_start();
    }
}

/// Up to the closing quote; two quotes in a row stand for one.
fn quoted_element(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        element.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                element.push('"');
                rest = more;
            }
            None => return Some((element, after)),
        }
    }
}

/// Up to the next comma. Names end at white space and are folded; a path may have spaces inside.
fn bare_element(kind: ListKind, text: &str) -> Option<(String, &str)> {
    let end = text.find(',').unwrap_or(text.len());
    let (element, after) = text.split_at(end);
    let element = element.trim_end();
    let folded = match kind {
        ListKind::Names if element.contains(char::is_whitespace) => return None,
        ListKind::Names => element.to_ascii_lowercase(),
        ListKind::Paths => element.to_owned(),
    };
    (!folded.is_empty()).then_some((folded, after))
}
