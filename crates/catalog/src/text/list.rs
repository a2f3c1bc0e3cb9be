//! Lists as the server parts them: three ways, none of which forgives a comma too many.

/// What the server's scanner takes for a space.
pub(super) const fn space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// Where an unquoted item ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// At the first space.
    Space,
    /// At the comma; spaces may be inside.
    Comma,
}

/// The items of a list of identifiers, those that are not quoted in lower case; `None` when it is none. An
/// empty text is an empty list.
pub(super) fn identifiers(text: &str) -> Option<Vec<String>> {
    let fold = |(item, quoted): (String, Quoted)| match quoted {
        Quoted::Yes => item,
        Quoted::No => item.to_ascii_lowercase(),
    };
    Some(parted(text, Ends::Space)?.into_iter().map(fold).collect())
}

/// The items of a list of paths or libraries, as they are written; `None` when it is none.
pub(super) fn directories(text: &str) -> Option<Vec<String>> {
    let items = parted(text, Ends::Comma)?;
    Some(items.into_iter().map(|(item, _)| item).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

fn parted(text: &str, ends: Ends) -> Option<Vec<(String, Quoted)>> {
    let mut items = Vec::new();
    let mut rest = text.trim_start_matches(space);
    if rest.is_empty() {
        return Some(items);
    }
    loop {
        let (item, after) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (item, after) = quoted(inside)?;
                ((item, Quoted::Yes), after)
            }
            None => {
                let stops = |c: char| c == ',' || (ends == Ends::Space && space(c));
                let end = rest.find(stops).unwrap_or(rest.len());
                let (item, after) = rest.split_at_checked(end)?;
                let item = item.trim_end_matches(space);
                if item.is_empty() {
                    return None;
                }
                ((item.to_owned(), Quoted::No), after)
            }
        };
        items.push(item);
        let after = after.trim_start_matches(space);
        if after.is_empty() {
            return Some(items);
        }
        rest = after.strip_prefix(',')?.trim_start_matches(space);
    }
}

/// The text up to the closing quote, and what is after it; a doubled quote is one and does not close.
pub(super) fn quoted(mut rest: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    loop {
        let (inside, after) = rest.split_once('"')?;
        item.push_str(inside);
        match after.strip_prefix('"') {
            Some(more) => {
                item.push('"');
                rest = more;
            }
            None => return Some((item, after)),
        }
    }
}
