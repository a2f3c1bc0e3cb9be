//! Lines of a story on a page that has an end: what is too long goes on below its own text.

/// Where the text of a line begins, beside the clock and the word in its column.
const TEXT_AT: usize = 21;
/// Where the text of a report's row begins, beside its name.
const ROW_AT: usize = 40;
/// Narrowest text that is worth keeping beside its column.
const TEXT_MIN: usize = 30;

/// `line` in pieces of at most `columns`, each after the first under the text of the first. Colours
/// take no room.
pub(crate) fn fold(line: &str, columns: usize) -> Vec<String> {
    if visible(line) <= columns {
        return vec![line.to_owned()];
    }
    let hang = hang(line, columns);
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut pieces = Vec::new();
    let mut piece = indent.clone();
    let mut words = 0;
    for word in line.trim_start_matches(' ').split(' ') {
        let needs = visible(&piece) + usize::from(words > 0) + visible(word);
        if words > 0 && needs > columns {
            pieces.push(std::mem::replace(&mut piece, " ".repeat(hang)));
            words = 0;
        }
        if words > 0 {
            piece.push(' ');
        }
        piece.push_str(word);
        words += 1;
    }
    pieces.push(piece);
    pieces
}

/// The column of a line's text.
fn hang(line: &str, columns: usize) -> usize {
    let plain: Vec<char> = bare(line).collect();
    let blank = |at: usize| plain.get(at) == Some(&' ');
    let row = plain.len() > ROW_AT && blank(TEXT_AT - 1) && blank(ROW_AT - 2) && blank(ROW_AT - 1);
    [(row, ROW_AT), (true, TEXT_AT)]
        .into_iter()
        .find(|(fits, at)| *fits && at + TEXT_MIN <= columns)
        .map_or(2, |(_, at)| at)
}

/// Columns that `text` takes.
fn visible(text: &str) -> usize {
    bare(text).count()
}

/// The characters of `text` without its colours (`ESC [ … m`).
fn bare(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut colour = false;
    text.chars().filter(move |c| match (colour, c) {
        (false, '\u{1b}') => {
            colour = true;
            false
        }
        (true, c) => {
            colour = *c != 'm';
            false
        }
        (false, _) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn long_lines_go_on_below_their_text() {
        let told = "18:00:01  \u{1b}[1mdecision  \u{1b}[0m C13 hold: the value stands in a file that people edit";
        let folded = [
            "18:00:01  \u{1b}[1mdecision  \u{1b}[0m C13 hold: the value stands in a file",
            "                     that people edit",
        ];
        assert_eq!(fold(told, 60), folded);
        let row = "                     root cause         statement_timeout 0 -> 1ms by ann caused new errors";
        let folded = [
            "                     root cause         statement_timeout 0 -> 1ms by",
            "                                        ann caused new errors",
        ];
        assert_eq!(fold(row, 72), folded);
    }

    #[test]
    fn short_lines_and_long_words_stay_whole() {
        assert_eq!(
            fold("18:00:01  target     up", 40),
            ["18:00:01  target     up"]
        );
        let word = "x".repeat(50);
        assert_eq!(fold(&word, 40), [word]);
    }
}
