use proptest::prelude::*;

use super::*;

fn read(text: &str) -> String {
    let (lines, notes) = parse_conf(text);
    let lines = lines
        .iter()
        .map(|l| format!("{}: {} = <{}>", l.line, l.name, l.value));
    let notes = notes.iter().map(ToString::to_string);
    lines.chain(notes).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_read_as_the_server_reads_them() {
    let text = "\
# a comment
work_mem = 4MB   # and why
shared_buffers 128MB
  Listen_Addresses='*'\t# all
log_line_prefix = '%m [%p] it''s \\'fine\\' \\101 '
empty = ''
pg_stat_statements.max = 10000
include 'more.conf'
include_if_exists = 'maybe.conf'
include_dir 'conf.d'
broken value here = 1
= 3
no_value =
unclosed = 'abc
comma = a,b
-x = 1
work_mem = 8MB\r
autovacuum_vacuum_cost_delay=-1
path = /var/lib:x
";
    insta::assert_snapshot!(read(text), @r##"
    2: work_mem = <4MB>
    3: shared_buffers = <128MB>
    4: listen_addresses = <*>
    5: log_line_prefix = <%m [%p] it's 'fine' A >
    6: empty = <>
    7: pg_stat_statements.max = <10000>
    17: work_mem = <8MB>
    18: autovacuum_vacuum_cost_delay = <-1>
    line 2: work_mem is set again in line 17
    line 8: includes more.conf, which was not read
    line 9: includes maybe.conf, which was not read
    line 10: includes conf.d, which was not read
    line 11: after the value there may only be a comment; quote values with spaces
    line 12: a line begins with the name of a setting
    line 13: there is no value
    line 14: the quote is not closed
    line 15: after the value there may only be a comment; quote values with spaces
    line 16: a line begins with the name of a setting
    line 19: the value must be quoted
    "##);
}

#[test]
fn bare_numbers_are_one_piece() {
    // Each tried with `postgres -C` of 15.
    for (line, taken) in [
        ("work_mem = 1.5MB", false),
        ("statement_timeout = 1.5h", false),
        ("seq_page_cost = 1e3", false),
        ("search_path = 10.0.0.1", false),
        ("search_path = 5:3", false),
        ("x.y.z = 1", false),
        ("x.y = 1", true),
        ("work_mem = '1.5MB'", true),
        ("work_mem = 1MB", true),
        ("work_mem = +8MB", true),
        ("work_mem = 0x800", true),
        ("work_mem = 0x800kB", true),
        ("seq_page_cost = 1.5", true),
        ("seq_page_cost = .5", true),
        ("seq_page_cost = 1.5e3", true),
        ("seq_page_cost = 1.e-3", true),
        ("search_path = 1abc", true),
        ("search_path = a-b", true),
    ] {
        let (lines, notes) = parse_conf(line);
        assert_eq!(
            (lines.len() == 1, notes.is_empty()),
            (taken, taken),
            "{line}"
        );
    }
}

#[test]
fn long_values_are_kept_whole() {
    let long = "x".repeat(10_000);
    let (lines, notes) = parse_conf(&format!("cluster_name = '{long}'"));
    assert_eq!(notes, []);
    assert_eq!(lines.first().map(|l| l.value.len()), Some(10_000));
}

proptest! {
    #[test]
    fn reading_never_panics(text in "(\\PC|[\n\t'=#\\\\]){0,200}") {
        drop(parse_conf(&text));
    }

    #[test]
    fn quoted_values_come_back(value in "[^\n\r\\\\\u{0}]{0,50}") {
        let text = format!("x = '{}'", value.replace('\'', "''"));
        let (lines, _) = parse_conf(&text);
        prop_assert_eq!(lines.first().map(|l| l.value.clone()), Some(value));
    }
}
