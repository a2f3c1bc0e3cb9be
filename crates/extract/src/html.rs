//! The documentation package as blocks of text with the names in it marked.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scraper::{ElementRef, Html, Node, Selector};

pub(crate) use backstay_typing::sentence::MARK;

/// One paragraph or list item.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Block {
    /// The settings whose entry it stands in; empty outside entries.
    pub(crate) owners: Vec<String>,
    /// Where it stands: `GUC-WORK-MEM`, or the section, or the page.
    pub(crate) anchor: String,
    /// The section around it.
    pub(crate) section: String,
    /// Its text, white space collapsed, names marked.
    pub(crate) text: String,
}

/// The documentation could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read documentation {path}")]
pub struct DocsError {
    path: PathBuf,
    source: io::Error,
}

/// The blocks of every page in the folder `docs`, pages in the order of their names.
pub(crate) fn read(docs: &Path) -> Result<Vec<Block>, DocsError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| DocsError { path, source }
    };
    let mut pages = Vec::new();
    for entry in fs::read_dir(docs).map_err(failed(docs))? {
        let path = entry.map_err(failed(docs))?.path();
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.ends_with(".html") && !name.starts_with("release") && name != "bookindex.html" {
            pages.push((name, path));
        }
    }
    pages.sort();
    let mut blocks = Vec::new();
    for (name, path) in pages {
        let text = fs::read(&path).map_err(failed(&path))?;
        let text = String::from_utf8_lossy(&text);
        if text.contains("varname") {
            blocks.extend(page(&name, &text));
        }
    }
    Ok(blocks)
}

/// The blocks of one page.
pub(crate) fn page(name: &str, text: &str) -> Vec<Block> {
    let html = Html::parse_document(text);
    let mut walk = Walk {
        blocks: Vec::new(),
        here: Block {
            anchor: name.trim_end_matches(".html").to_owned(),
            ..Block::default()
        },
    };
    walk.element(html.root_element());
    walk.flush();
    walk.blocks
}

struct Walk {
    blocks: Vec<Block>,
    here: Block,
}

/// Elements that end the block before them and the block in them.
const BREAKS: [&str; 12] = [
    "p", "li", "dd", "dt", "td", "th", "tr", "div", "ul", "h2", "h3", "table",
];
/// Elements without prose.
const SKIPPED: [&str; 6] = ["pre", "head", "script", "style", "h1", "footer"];

impl Walk {
    fn element(&mut self, element: ElementRef<'_>) {
        let tag = element.value().name();
        let class = element.value().attr("class").unwrap_or_default();
        if SKIPPED.contains(&tag) || ["navheader", "navfooter", "toc"].contains(&class) {
            return;
        }
        if tag == "dl" {
            self.definitions(element);
            return;
        }
        if is_name(element, class) {
            self.here.text.push(MARK);
            // A link is told apart by a second mark.
            if tag == "a" {
                self.here.text.push(MARK);
            }
        }
        let breaks = BREAKS.contains(&tag);
        if breaks {
            self.flush();
        }
        let outer = class
            .starts_with("sect")
            .then(|| (self.here.anchor.clone(), self.here.section.clone()));
        if let (Some(_), Some(id)) = (&outer, element.value().attr("id")) {
            id.clone_into(&mut self.here.anchor);
            id.clone_into(&mut self.here.section);
        }
        self.children(element);
        if breaks {
            self.flush();
        }
        if let Some((anchor, section)) = outer {
            self.here.anchor = anchor;
            self.here.section = section;
        }
    }

    fn children(&mut self, element: ElementRef<'_>) {
        for child in element.children() {
            match child.value() {
                Node::Text(text) => self.here.text.push_str(text),
                Node::Element(_) => {
                    if let Some(child) = ElementRef::wrap(child) {
                        self.element(child);
                    }
                }
                _ => {}
            }
        }
    }

    /// A definition list: entries of settings, several terms may share one text.
    fn definitions(&mut self, list: ElementRef<'_>) {
        self.flush();
        let mut terms: Vec<ElementRef<'_>> = Vec::new();
        for child in list.children().filter_map(ElementRef::wrap) {
            if child.value().name() == "dt" {
                terms.push(child);
                continue;
            }
            let ids: Vec<&str> = terms.iter().filter_map(|t| t.value().attr("id")).collect();
            let entry = ids.iter().find(|id| id.starts_with("GUC-"));
            let outer = (self.here.owners.clone(), self.here.anchor.clone());
            // A few entries of several settings have no anchor of their own: their section's stands.
            let owners: Vec<String> = terms.iter().flat_map(|t| names(*t)).collect();
            if entry.is_some() || owners.len() > 1 {
                if let Some(id) = entry {
                    (*id).clone_into(&mut self.here.anchor);
                }
                self.here.owners = owners;
            } else {
                for term in &terms {
                    self.children(*term);
                    self.flush();
                }
            }
            terms.clear();
            self.children(child);
            self.flush();
            (self.here.owners, self.here.anchor) = outer;
        }
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.here.text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            self.blocks.push(Block {
                text,
                ..self.here.clone()
            });
        }
    }
}

/// A variable's name, or a link to a setting's entry.
fn is_name(element: ElementRef<'_>, class: &str) -> bool {
    match element.value().name() {
        "code" => class == "varname",
        "a" => element
            .value()
            .attr("href")
            .is_some_and(|href| href.contains("#GUC-")),
        _ => false,
    }
}

/// The names in the term of an entry.
fn names(term: ElementRef<'_>) -> Vec<String> {
    let Ok(selector) = Selector::parse("code.varname") else {
        return Vec::new();
    };
    term.select(&selector)
        .map(|e| e.text().collect::<String>().trim().to_lowercase())
        .collect()
}

/// The settings described in each section, in the order of the documentation.
pub(crate) fn sections(blocks: &[Block]) -> BTreeMap<&str, Vec<&str>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for block in blocks.iter().filter(|b| !b.owners.is_empty()) {
        let members = sections.entry(&block.section).or_default();
        for owner in &block.owners {
            if !members.contains(&owner.as_str()) {
                members.push(owner);
            }
        }
    }
    sections
}

/// Settings that share one entry, two and two: worth trying together.
pub(crate) fn entry_mates(blocks: &[Block]) -> Vec<(String, String)> {
    let mut mates = Vec::new();
    for owners in blocks.iter().map(|b| &b.owners) {
        for (i, a) in owners.iter().enumerate() {
            for b in owners.iter().skip(i + 1) {
                let (a, b) = if a < b { (a, b) } else { (b, a) };
                mates.push((a.clone(), b.clone()));
            }
        }
    }
    mates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_know_their_owners_and_end_with_their_text() {
        let text = r##"<body><div class="sect2" id="SEC"><p>Intro.</p><dl>
            <dt id="GUC-A"><span><code class="varname">a_one</code> (<code class="type">bool</code>)</span></dt>
            <dt id="GUC-B"><code class="varname">B_two</code></dt>
            <dd><p>Needs <code class="varname">c_three</code>, see <a href="x.html#GUC-D">d_four</a>.</p>
            <pre>code c_three</pre></dd></dl><p>After.</p></div></body>"##;
        let blocks = page("x.html", text);
        let texts: Vec<_> = blocks
            .iter()
            .map(|b| (b.owners.join("+"), b.anchor.as_str(), b.text.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                (String::new(), "SEC", "Intro."),
                (
                    "a_one+b_two".into(),
                    "GUC-A",
                    "Needs \u{1}c_three, see \u{1}\u{1}d_four."
                ),
                (String::new(), "SEC", "After."),
            ]
        );
        assert_eq!(sections(&blocks)["SEC"], ["a_one", "b_two"]);
    }
}
