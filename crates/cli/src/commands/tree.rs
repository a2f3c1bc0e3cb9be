//! A configuration file with everything that it includes, in the order in which the server reads it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use backstay_catalog::conf::{ConfLine, Directive, Remark};
use backstay_catalog::parse_conf;

use crate::failure::{Code, Failure};

/// Deepest nesting of includes: the server's own limit.
const DEPTH_MAX: usize = 10;
/// Largest file that is read, in bytes; no configuration file comes near it.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most files of a tree.
const FILES_MAX: usize = 1_000;
/// Unreadable lines of a file beyond which it is taken for something else.
const BROKEN_MAX: usize = 50;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Lines in the order in which they count, the later ones stronger.
    pub(crate) lines: Vec<Placed>,
    /// What the server would refuse as a whole: unreadable lines, includes that lead nowhere.
    pub(crate) refused: Vec<Refused>,
    /// Things to know.
    pub(crate) notes: Vec<String>,
    files: usize,
}

/// A line and its file.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) file: String,
    pub(crate) line: ConfLine,
}

/// Something that the server refuses, and with it the file.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Stable name: `file.syntax`, `file.include`.
    pub(crate) rule: &'static str,
    /// The setting, where there is one.
    pub(crate) setting: Option<String>,
    pub(crate) why: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Tree {
    /// Reads `path` and what it includes; a file that cannot be read at all is a failure, one that is only
    /// included is a finding.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_limited(path)?;
        let mut tree = Self::default();
        tree.file(path, &text, &mut Vec::new())?;
        tree.superseded();
        Ok(tree)
    }

    fn file(&mut self, path: &Path, bytes: &[u8], above: &mut Vec<PathBuf>) -> Result<(), Failure> {
        self.files += 1;
        let shown = path.display().to_string();
        let text = String::from_utf8_lossy(bytes);
        if std::str::from_utf8(bytes).is_err() {
            let what = "holds bytes that are no UTF-8; they are shown as replacement characters";
            self.notes.push(format!("{shown} {what}"));
        }
        let (lines, notes) = parse_conf(&text);
        let broken = notes
            .iter()
            .filter(|n| matches!(n.what, Remark::Syntax { .. }));
        let broken = broken.count();
        if broken > BROKEN_MAX && broken > lines.len() {
            return Err(
                Failure::new(Code::File, format!("{shown} is not a configuration file"))
                    .because(format!("{broken} of its lines cannot be read"))
                    .hint("name the server's postgresql.conf"),
            );
        }
        above.push(path.to_path_buf());
        // Includes count where they stand.
        let mut lines = lines.into_iter().peekable();
        for note in notes {
            while let Some(line) = lines.next_if(|l| l.line <= note.line) {
                self.lines.push(Placed {
                    file: shown.clone(),
                    line,
                });
            }
            match note.what {
                Remark::Include {
                    directive,
                    path: to,
                } => self.include((&shown, note.line), directive, &to, above)?,
                Remark::Syntax { why } => {
                    let remedy = "correct the line: the server refuses the whole file";
                    self.refuse((&shown, note.line), "file.syntax", why, remedy);
                }
                // Told over the whole tree, at the end.
                Remark::Superseded { .. } => {}
            }
        }
        self.lines.extend(lines.map(|line| Placed {
            file: shown.clone(),
            line,
        }));
        above.pop();
        Ok(())
    }

    fn refuse(&mut self, (file, line): (&str, u32), rule: &'static str, why: String, remedy: &str) {
        self.refused.push(Refused {
            file: file.to_owned(),
            line,
            rule,
            setting: None,
            why,
            remedy: remedy.to_owned(),
        });
    }

    fn include(
        &mut self,
        at: (&str, u32),
        directive: Directive,
        to: &str,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let inner = |why: String, tree: &mut Self| {
            tree.refuse(
                at,
                "file.include",
                why,
                "correct the path, or take the line out",
            );
        };
        if to.is_empty() || to.contains('\0') {
            inner(format!("`{to}` is no path"), self);
            return Ok(());
        }
        let base = above
            .last()
            .and_then(|p| p.parent())
            .unwrap_or(Path::new(""));
        let path = base.join(to);
        if above.len() >= DEPTH_MAX || self.files >= FILES_MAX {
            let why = format!("includes are nested too deeply at {}", path.display());
            inner(why, self);
            return Ok(());
        }
        if same_file(above, &path) {
            inner(format!("{} includes itself", path.display()), self);
            return Ok(());
        }
        let files = match (directive, paths(directive, &path)) {
            (_, Ok(files)) => files,
            (Directive::IncludeIfExists, Err(_)) => {
                let (file, line) = at;
                self.notes.push(format!(
                    "{file}: line {line}: {} is not there",
                    path.display()
                ));
                return Ok(());
            }
            (_, Err(why)) => {
                inner(why, self);
                return Ok(());
            }
        };
        for file in files {
            match read_limited(&file) {
                Ok(bytes) => self.file(&file, &bytes, above)?,
                Err(failure) => {
                    let why = failure.detail.join("; ");
                    inner(format!("{}: {why}", failure.primary), self);
                }
            }
        }
        Ok(())
    }

    /// Lines that a later one makes void, over all files.
    fn superseded(&mut self) {
        let mut last: std::collections::BTreeMap<_, &Placed> = std::collections::BTreeMap::new();
        let mut notes = Vec::new();
        for placed in &self.lines {
            if let Some(before) = last.insert(&placed.line.name, placed) {
                let (name, line) = (&placed.line.name, placed.line.line);
                let place = if before.file == placed.file {
                    format!("in line {line}")
                } else {
                    format!("in {}, line {line}", placed.file)
                };
                let head = format!("{}: line {}", before.file, before.line.line);
                notes.push(format!("{head}: {name} is set again {place}"));
            }
        }
        self.notes.extend(notes);
    }
}

/// The files that a directive names; an error says why there are none.
fn paths(directive: Directive, path: &Path) -> Result<Vec<PathBuf>, String> {
    if directive != Directive::IncludeDir {
        return match fs::metadata(path) {
            Ok(_) => Ok(vec![path.to_path_buf()]),
            Err(e) => Err(format!("{} cannot be read: {e}", path.display())),
        };
    }
    let entries =
        fs::read_dir(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    let fits = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".conf") && !name.starts_with('.') && !p.is_dir()
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(fits)
        .collect();
    files.sort();
    Ok(files)
}

fn same_file(above: &[PathBuf], path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    above
        .iter()
        .any(|p| p.canonicalize().is_ok_and(|p| p == real))
}

/// The bytes of a file, never more than a configuration file can have; `-` is standard input.
fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |e: &std::io::Error| Failure::of(Code::File, e).because(format!("file {}", path.display()));
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        let stdin = std::io::stdin();
        stdin
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        if path.is_dir() {
            let inside = path.join("postgresql.conf");
            let failure = Failure::new(Code::File, format!("{} is a folder", path.display()));
            return Err(match inside.exists() {
                true => failure.hint(format!("backstay check -f {}", inside.display())),
                false => failure.hint("name the configuration file in it"),
            });
        }
        let file = fs::File::open(path).map_err(|e| failed(&e))?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    };
    read.map_err(|e| failed(&e))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let head = format!("{} is too large for a configuration file", path.display());
        return Err(Failure::new(Code::File, head)
            .because(format!("it has more than {} MB", FILE_BYTES_MAX >> 20))
            .hint("name the server's postgresql.conf"));
    }
    Ok(bytes)
}
