use super::*;
use crate::html;
use crate::words::copied;

const DATA: [(&str, &str); 5] = [
    (
        "documentation.tsv",
        include_str!("../../../../typing/data/documentation.tsv"),
    ),
    (
        "sentences.tsv",
        include_str!("../../../../typing/data/sentences.tsv"),
    ),
    (
        "weights.json",
        include_str!("../../../../typing/data/weights.json"),
    ),
    (
        "SCORES.md",
        include_str!("../../../../typing/data/SCORES.md"),
    ),
    (
        "README.md",
        include_str!("../../../../typing/data/README.md"),
    ),
];

fn docs() -> Option<PathBuf> {
    let docs = PathBuf::from("/usr/share/doc/postgresql-doc-15/html");
    if docs.is_dir() {
        return Some(docs);
    }
    eprintln!("SKIPPED: the package postgresql-doc-15 is not installed");
    None
}

#[test]
fn no_sentence_of_documentation_is_kept() {
    let Some(docs) = docs() else { return };
    let blocks = html::read(&docs).unwrap();
    for (name, text) in DATA {
        let lines: Vec<&str> = text.lines().collect();
        let lines = serde_json::to_string(&lines).unwrap();
        assert_eq!(copied(&blocks, &lines).unwrap(), None, "{name}");
    }
}

#[test]
fn stored_features_are_what_is_seen_today() {
    let Some(docs) = docs() else { return };
    let places = Places {
        postgresql: Some(docs),
        ..Places::default()
    };
    let (text, lost) = relabel(&places, DATA[0].1, "").unwrap();
    // Another minor version of the documentation may word a few sentences anew.
    let lost = lost
        .iter()
        .filter(|row| row.starts_with("postgresql\t"))
        .count();
    assert!(
        lost <= 10,
        "{lost} labelled sentences are no longer in the documentation"
    );
    if lost == 0 {
        assert_eq!(
            text, DATA[0].1,
            "run `backstay-extract label --postgresql …`"
        );
    }
}

#[test]
fn help_texts_and_comments_are_read() {
    let help = "\n  --q-size=#  Size of it.\n              Ignored if 'q-use' is off.\n  --q-use     Use it\n\nVariables (--variable-name=value)\nq-size 3\n";
    let source = mariadb(help);
    let seen: Vec<_> = pairs_of(&source);
    assert_eq!(seen, [("q_size".to_owned(), "q_use".to_owned())]);
    let conf = "# What q-limit is for.\n#\n# It must be less than q-total.\nq-limit 10\n\n# All of it.\nq-total 20\n";
    assert_eq!(
        pairs_of(&redis(conf)),
        [("q-limit".to_owned(), "q-total".to_owned())]
    );
    let roff = ".SS q_pool\n.PP\nIf not set, \\f[V]q_default\\f[R] is used.\n.PP\nDefault: 3\n.SS q_default\n.PP\nSize.\n";
    assert_eq!(
        pairs_of(&pgbouncer(roff)),
        [("q_pool".to_owned(), "q_default".to_owned())]
    );
    let page = "<DL><DT\n><A\nNAME=\"GUC-Q-A\"\n></A\n><TT\nCLASS=\"VARNAME\"\n>q_a</TT\n> (<TT\nCLASS=\"TYPE\"\n>boolean</TT\n>)</DT><DD><P>Needs <TT\nCLASS=\"VARNAME\"\n>q_b</TT\n>.</P></DD><DT\n><A\nNAME=\"GUC-Q-B\"\n></A\n><TT\nCLASS=\"VARNAME\"\n>q_b</TT\n> (<TT\nCLASS=\"TYPE\"\n>integer</TT\n>)</DT><DD><P>B.</P></DD></DL>";
    let source = pgpool(&[("page".to_owned(), page.to_owned())]);
    assert_eq!(pairs_of(&source), [("q_a".to_owned(), "q_b".to_owned())]);
}

fn pairs_of(source: &Source) -> Vec<(String, String)> {
    let sections = sections(&source.passages);
    let pairs = source
        .passages
        .iter()
        .flat_map(|p| source.pairs(p, &sections));
    pairs.map(|p| (p.owner, p.mentioned)).collect()
}
