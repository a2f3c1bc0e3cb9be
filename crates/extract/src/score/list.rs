//! Check lists: pairs that somebody vouches for, to measure packs by.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::{EdgeKind, SettingName};

/// Two settings, sorted.
pub(crate) type Pair = (SettingName, SettingName);

/// A dependency as a list or a pack tells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Claim {
    /// What depends; the first by name when the kind is symmetric.
    pub(crate) from: SettingName,
    /// On what.
    pub(crate) to: SettingName,
    /// How.
    pub(crate) kind: EdgeKind,
}

/// A list cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}, line {line}: {what}")]
pub struct ListError {
    file: String,
    line: usize,
    what: String,
}

impl Claim {
    /// The claim in its one form: names of a symmetric kind sorted.
    pub(crate) fn new(from: &str, to: &str, kind: EdgeKind) -> Self {
        let (from, to) = (SettingName::new(from), SettingName::new(to));
        if kind.symmetric() && to < from {
            Self {
                from: to,
                to: from,
                kind,
            }
        } else {
            Self { from, to, kind }
        }
    }

    /// The two names, sorted.
    pub(crate) fn pair(&self) -> Pair {
        pair(&self.from, &self.to)
    }
}

/// Two names, sorted.
pub(crate) fn pair(a: &SettingName, b: &SettingName) -> Pair {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

/// Reads `from,to,type` lines after a header; `#` begins a line for people. Claims about settings that
/// are not in `known` are left out: a list may span versions.
///
/// # Errors
/// A line that is none, with its number.
pub(crate) fn claims(
    file: &str,
    text: &str,
    known: &BTreeSet<SettingName>,
) -> Result<BTreeSet<Claim>, ListError> {
    let mut claims = BTreeSet::new();
    for (line, cells) in rows(file, text, "type")? {
        let kind = EdgeKind::parse(cells[2]).ok_or_else(|| ListError {
            file: file.to_owned(),
            line,
            what: format!("`{}` is no type of dependency", cells[2]),
        })?;
        let claim = Claim::new(cells[0], cells[1], kind);
        if known.contains(&claim.from) && known.contains(&claim.to) {
            claims.insert(claim);
        }
    }
    Ok(claims)
}

/// Reads `from,to,verdict` lines: whether a person who does not know the pack calls a pair real.
///
/// # Errors
/// A line that is none, with its number.
pub(crate) fn judgements(file: &str, text: &str) -> Result<BTreeMap<Pair, bool>, ListError> {
    let mut judged = BTreeMap::new();
    for (line, cells) in rows(file, text, "verdict")? {
        let real = match cells[2] {
            "real" => true,
            "none" => false,
            other => {
                return Err(ListError {
                    file: file.to_owned(),
                    line,
                    what: format!("`{other}` is neither `real` nor `none`"),
                });
            }
        };
        let key = pair(&SettingName::new(cells[0]), &SettingName::new(cells[1]));
        judged.insert(key, real);
    }
    Ok(judged)
}

/// Lines with their first three cells, and their numbers.
fn rows<'t>(
    file: &str,
    text: &'t str,
    third: &str,
) -> Result<Vec<(usize, [&'t str; 3])>, ListError> {
    let wrong = |line: usize, what: &str| ListError {
        file: file.to_owned(),
        line,
        what: what.to_owned(),
    };
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
    let header = lines.next().map(|(_, l)| l.trim());
    if !header.is_some_and(|h| h.starts_with(&format!("from,to,{third}"))) {
        return Err(wrong(1, &format!("the header is not `from,to,{third}`")));
    }
    lines
        .map(|(line, text)| {
            let mut cells = text.split(',').map(str::trim);
            match (cells.next(), cells.next(), cells.next()) {
                (Some(a), Some(b), Some(c)) if !a.is_empty() && a != b => Ok((line, [a, b, c])),
                _ => Err(wrong(line, "not two names and a word")),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<SettingName> {
        all.iter().map(|n| SettingName::new(n)).collect()
    }

    #[test]
    fn a_symmetric_claim_is_one_whichever_way_it_is_written() {
        let text = "# ours\nfrom,to,type\nb,a,conflicts_with\na,b,conflicts_with\na,b,requires\n";
        let found = claims("x.csv", text, &names(&["a", "b"])).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&Claim::new("b", "a", EdgeKind::ConflictsWith)));
    }

    #[test]
    fn settings_of_other_versions_are_left_out_and_wrong_lines_are_named() {
        let known = names(&["a", "b"]);
        let text = "from,to,type,why\na,gone,requires,\n\na,b,requires,\"x, y\"\n";
        assert_eq!(claims("x.csv", text, &known).unwrap().len(), 1);
        for (text, said) in [
            (
                "a,b,requires\n",
                "x.csv, line 1: the header is not `from,to,type`",
            ),
            (
                "from,to,type\na,b\n",
                "x.csv, line 2: not two names and a word",
            ),
            (
                "from,to,type\na,a,requires\n",
                "x.csv, line 2: not two names and a word",
            ),
            (
                "from,to,type\n#\na,b,needs\n",
                "x.csv, line 3: `needs` is no type of dependency",
            ),
        ] {
            assert_eq!(claims("x.csv", text, &known).unwrap_err().to_string(), said);
        }
        let error = judgements("j.csv", "from,to,verdict\na,b,maybe\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "j.csv, line 2: `maybe` is neither `real` nor `none`"
        );
    }
}
