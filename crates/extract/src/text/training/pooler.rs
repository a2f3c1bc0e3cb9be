//! Documentation of connection poolers: Pgpool-II (HTML) and PgBouncer (manual page).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use backstay_typing::sentence::Names;
use backstay_typing::setting::{Kind, Setting};
use regex::Regex;

use super::source::{Source, entry, guessed};
use crate::html::{self, Block, MARK};
use crate::text::passage::passages;

static TERM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?s)<DT\s*><A\s+NAME="([^"]+)"\s*></A\s*>"#));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?s)<TT\s+CLASS="VARNAME"\s*>([^<]*)</TT\s*>"#));
static TYPED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?s)<code class="varname">(\w+)</code>\s*\(\s*<TT\s+CLASS="TYPE"\s*>(\w+)"#)
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a fixed pattern")
}

/// The pages of Pgpool-II's documentation, each with its name.
pub(crate) fn pgpool(pages: &[(String, String)]) -> Source {
    let mut settings = BTreeMap::new();
    let mut blocks: Vec<Block> = Vec::new();
    for (name, text) in pages {
        // An older dialect of DocBook: brought to the newer one's forms.
        let text = TERM.replace_all(text, "<dt id=\"$1\">");
        let text = NAME.replace_all(&text, "<code class=\"varname\">$1</code>");
        for found in TYPED.captures_iter(&text) {
            let kind = match &found[2] {
                "boolean" => Kind::Switch,
                "integer" | "floating" | "real" => Kind::Number,
                "enum" => Kind::Choice,
                _ => Kind::Text,
            };
            let name = found[1].to_lowercase();
            settings.insert(name.clone(), guessed(&name, kind));
        }
        blocks.extend(html::page(name, &text));
    }
    source("pgpool", settings, &blocks)
}

/// PgBouncer's manual page of its configuration file, in roff.
pub(crate) fn pgbouncer(roff: &str) -> Source {
    let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
    let mut entries: Vec<(String, Vec<String>)> = Vec::new();
    let mut code = false;
    for line in roff.lines() {
        code = (code || line == ".nf") && line != ".fi";
        if let Some(name) = line.strip_prefix(".SS ") {
            entries.push((name.trim().to_owned(), vec![String::new()]));
        } else if line.starts_with(".SH") {
            entries.push((String::new(), vec![String::new()]));
        } else if let Some((_, texts)) = entries.last_mut() {
            let last = texts.last_mut().expect("never empty");
            if line.starts_with('.') {
                texts.push(String::new());
            } else if !code {
                last.push_str(line);
                last.push(' ');
            }
        }
    }
    entries.retain(|(name, _)| name.contains('_') && !name.contains(' '));
    for (name, texts) in &entries {
        let default = texts.iter().find_map(|t| t.strip_prefix("Default: "));
        let default = default.unwrap_or_default();
        let kind = match default.chars().next() {
            Some(c) if c.is_ascii_digit() && name.ends_with("_pooling") => Kind::Switch,
            Some(c) if c.is_ascii_digit() => Kind::Number,
            _ => Kind::Text,
        };
        settings.insert(name.clone(), guessed(name, kind));
    }
    let mut blocks = Vec::new();
    for (name, texts) in entries {
        for text in texts.iter().filter(|t| !t.trim().is_empty()) {
            let text = text
                .replace("\\f[V]", &MARK.to_string())
                .replace("\\f[R]", "")
                .replace("\\f[B]", "")
                .replace("\\[cq]", "'")
                .replace("\\-", "-");
            blocks.push(entry(name.clone(), &text));
        }
    }
    source("pgbouncer", settings, &blocks)
}

fn source(engine: &'static str, settings: BTreeMap<String, Setting>, blocks: &[Block]) -> Source {
    Source {
        engine,
        names: Names::new(settings.keys().map(String::as_str)),
        passages: passages(blocks),
        settings,
    }
}
