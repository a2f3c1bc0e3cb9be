use std::fmt::Write as _;

use proptest::prelude::*;

use super::statement::{Session, all_from_line, statements};
use super::*;

fn found(sql: &str) -> String {
    let session = Session {
        role: Some("ann"),
        database: Some("shop"),
    };
    statements(sql, &session)
        .iter()
        .map(|f| {
            format!(
                "{} because {}",
                f.key,
                f.description.as_deref().unwrap_or("-")
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn statements_name_settings_and_reasons() {
    for (sql, expected) in [
        (
            "/* OPS-77 why */ ALTER SYSTEM SET work_mem = '64MB'",
            "work_mem because OPS-77 why",
        ),
        (
            "alter system set Work_Mem to 4096 -- for the\n /* report */;",
            "work_mem because for the report",
        ),
        (
            "ALTER /* here */ SYSTEM RESET work_mem",
            "work_mem because here",
        ),
        ("ALTER SYSTEM RESET ALL", "all because -"),
        (
            "ALTER SYSTEM SET pg_stat_statements.max = 1",
            "pg_stat_statements.max because -",
        ),
        (
            "ALTER ROLE \"App\" SET statement_timeout = '1ms'",
            "statement_timeout (role App) because -",
        ),
        (
            "ALTER USER App IN DATABASE shop SET jit TO off",
            "jit (role app in database shop) because -",
        ),
        (
            "ALTER ROLE CURRENT_USER RESET ALL",
            "all (role ann) because -",
        ),
        ("ALTER ROLE ALL SET jit = off", "jit (role ALL) because -"),
        (
            "ALTER DATABASE shop SET TIME ZONE 'UTC'",
            "timezone (database shop) because -",
        ),
        (
            "ALTER DATABASE \"a\"\"b\" SET x FROM CURRENT",
            "x (database a\"b) because -",
        ),
        ("ALTER DATABASE shop SET TABLESPACE fast", ""),
        ("ALTER ROLE app PASSWORD 'hunter2'", ""),
        ("SELECT 'ALTER SYSTEM SET jit = off'", ""),
        ("SELECT $x$; ALTER SYSTEM SET jit = off; $x$", ""),
        ("SELECT E'\\'; ALTER SYSTEM SET jit = off; --'", ""),
        (
            "SELECT 1 /* ; ALTER SYSTEM SET jit = off; /* nested */ */",
            "",
        ),
        (
            "/* password=hunter2 OPS-1 */ ALTER SYSTEM SET jit = off",
            "jit because password=(secret) OPS-1",
        ),
    ] {
        assert_eq!(found(sql), expected, "{sql}");
    }
    insta::assert_snapshot!(found("/* OPS-9 */ ALTER ROLE a SET jit=off; /* other */ ALTER ROLE b SET jit=off; ALTER DATABASE d RESET jit"), @r#"
    jit (role a) because OPS-9
    jit (role b) because other
    jit (database d) because OPS-9
    "#);
}

const JSON: &str = r#"{"timestamp":"2026-11-23 18:00:00.123 UTC","user":"ann","dbname":"shop","pid":42,"remote_host":"[local]","session_id":"1","line_num":1,"ps":"ALTER SYSTEM","application_name":"psql","backend_type":"client backend","error_severity":"LOG","message":"statement: /* OPS-77 */ ALTER SYSTEM SET work_mem='64MB'","query_id":0}
{"timestamp":"2026-11-23 18:00:00.125 UTC","pid":7,"backend_type":"postmaster","error_severity":"LOG","message":"parameter \"work_mem\" changed to \"64MB\""}
{"timestamp":"2026-11-23 18:00:00.200 UTC","user":"app","dbname":"shop","pid":43,"application_name":"shop","error_severity":"ERROR","state_code":"57014","message":"canceling statement due to statement timeout","statement":"ALTER ROLE x PASSWORD 'hunter2'"}
not json
{"timestamp":"2026-11-23 18:00:01.000 UTC","user":"app","pid":43,"error_severity":"LOG","message":"statement: SELECT secret_of_the_customer"}
"#;

const CSV: &str = r#"2026-11-23 19:00:00.123 CET,"ann","shop",42,"[local]",64b.1,1,"ALTER SYSTEM",2026-11-23 18:59:00 CET,3/4,0,LOG,00000,"statement: /* OPS-77
 two lines, with ""quotes"" */ ALTER SYSTEM SET work_mem='64MB'",,,,,,,,,"psql","client backend",,0
2026-11-23 19:00:00.125 CET,,,7,,64a.1,2,,2026-11-23 18:00:00 CET,,0,LOG,00000,"parameter ""work_mem"" changed to ""64MB""",,,,,,,,,"","postmaster",,0
2026-11-23 19:00:00.200 CET,"app","shop",43,"10.0.0.1:99",64c.1,1,"SELECT",2026-11-23 18:59:00 CET,3/5,0,ERROR,57014,"canceling statement due to statement timeout",,,,,,"select pg_sleep(9)",,,"shop","client backend",,0
"#;

const PLAIN: &str =
    "2026-11-23 18:00:00.123 UTC [42] ann@shop my app LOG:  statement: /* OPS-77 */ ALTER SYSTEM
\tSET work_mem='64MB'
2026-11-23 18:00:00.125 UTC [7] LOG:  parameter \"work_mem\" changed to \"64MB\"
2026-11-23 18:00:00.200 UTC [43] app@shop shop ERROR:  canceling statement due to statement timeout
2026-11-23 18:00:00.200 UTC [43] app@shop shop STATEMENT:  select pg_sleep(9)
";

fn shown(mut parser: Parser, text: &str, piece: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut lines = Vec::new();
    for part in chars.chunks(piece) {
        lines.extend(parser.push(&part.iter().collect::<String>()));
    }
    lines.extend(parser.flush());
    let mut out = String::new();
    for line in lines {
        let or = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
        let at = line.at.map_or("-".to_owned(), |t| t.to_string());
        writeln!(
            out,
            "{at} {} {}@{} {} {} {}: {} | {}",
            line.pid.unwrap_or_default(),
            or(&line.role),
            or(&line.database),
            or(&line.application),
            or(&line.sqlstate),
            line.severity,
            line.message.escape_debug(),
            or(&line.failed),
        )
        .unwrap();
        for s in all_from_line(&line) {
            let why = s.description.unwrap_or_else(|| "-".to_owned());
            writeln!(out, "  -> {} by {} because {why}", s.keys[0], or(&s.role)).unwrap();
        }
    }
    out
}

#[test]
fn json_entries() {
    insta::assert_snapshot!(shown(Parser::new(Format::Json, Span::ZERO), JSON, 10_000), @r#"
    2026-11-23T18:00:00.123Z 42 ann@shop psql - LOG: statement: /* OPS-77 */ ALTER SYSTEM SET work_mem=\'64MB\' | -
      -> work_mem by ann because OPS-77
    2026-11-23T18:00:00.125Z 7 -@- - - LOG: parameter \"work_mem\" changed to \"64MB\" | -
      -> work_mem by - because -
    2026-11-23T18:00:00.2Z 43 app@shop shop 57014 ERROR: canceling statement due to statement timeout | ALTER ROLE x PASSWORD (secret)
    2026-11-23T18:00:01Z 43 app@- - - LOG:  | -
    "#);
}

#[test]
fn csv_entries() {
    let hour = Span::from_secs(3_600);
    insta::assert_snapshot!(shown(Parser::new(Format::Csv, hour), CSV, 10_000), @r#"
    2026-11-23T18:00:00.123Z 42 ann@shop psql 00000 LOG: statement: /* OPS-77\n two lines, with \"quotes\" */ ALTER SYSTEM SET work_mem=\'64MB\' | -
      -> work_mem by ann because OPS-77 two lines, with "quotes"
    2026-11-23T18:00:00.125Z 7 -@- - 00000 LOG: parameter \"work_mem\" changed to \"64MB\" | -
      -> work_mem by - because -
    2026-11-23T18:00:00.2Z 43 app@shop shop 57014 ERROR: canceling statement due to statement timeout | select pg_sleep(9)
    "#);
}

#[test]
fn plain_entries() {
    let prefix = "%m [%p] %q%u@%d %a ".to_owned();
    insta::assert_snapshot!(shown(Parser::new(Format::Plain { prefix }, Span::ZERO), PLAIN, 10_000), @r#"
    2026-11-23T18:00:00.123Z 42 ann@shop my app - LOG: statement: /* OPS-77 */ ALTER SYSTEM\nSET work_mem=\'64MB\' | -
      -> work_mem by ann because OPS-77
    2026-11-23T18:00:00.125Z 7 -@- - - LOG: parameter \"work_mem\" changed to \"64MB\" | -
      -> work_mem by - because -
    2026-11-23T18:00:00.2Z 43 app@shop shop - ERROR: canceling statement due to statement timeout | select pg_sleep(9)
    "#);
}

#[test]
fn prefixes_of_every_shape() {
    let sql = "LOG:  statement: ALTER SYSTEM RESET jit";
    for (prefix, begin) in [
        ("%m [%p] ", "2026-11-23 18:00:00.123 UTC [42] "),
        (
            "%t:%r:%u@%d:[%p]: ",
            "2026-11-23 18:00:00 UTC:10.0.0.1(99):ann@shop:[42]: ",
        ),
        (
            "%n %-10u|%d|%5p|%e ",
            "1795456800.123 ann       |shop|   42|00000 ",
        ),
        (
            "user=%u,db=%d,app=%a,client=%h ",
            "user=ann,db=shop,app=my app,client=10.0.0.1 ",
        ),
        ("", ""),
    ] {
        let parser = Parser::new(
            Format::Plain {
                prefix: prefix.to_owned(),
            },
            Span::ZERO,
        );
        let out = shown(parser, &format!("{begin}{sql}\n"), 10_000);
        assert!(out.contains("-> jit"), "{prefix}: {out}");
        if prefix.contains("%u") {
            assert!(out.contains("by ann"), "{prefix}: {out}");
        }
    }
}

#[test]
fn zones_are_understood() {
    let hour = Span::from_secs(3_600);
    for (text, expected) in [
        ("2026-11-23 18:00:00.5 UTC", "2026-11-23T18:00:00.5Z"),
        ("2026-11-23 18:00:00 CET", "2026-11-23T17:00:00Z"),
        ("2026-11-23 18:00:00 +05:30", "2026-11-23T12:30:00Z"),
        ("2026-11-23 18:00:00 -03", "2026-11-23T21:00:00Z"),
    ] {
        assert_eq!(time::parse(text, hour).unwrap().to_string(), expected);
    }
    assert_eq!(time::parse("yesterday", hour), None);
}

#[test]
fn pieces_make_no_difference() {
    let formats = [
        (Format::Json, JSON),
        (Format::Csv, CSV),
        (
            Format::Plain {
                prefix: "%m [%p] %q%u@%d %a ".to_owned(),
            },
            PLAIN,
        ),
    ];
    for (format, text) in formats {
        let whole = shown(Parser::new(format.clone(), Span::ZERO), text, 100_000);
        for piece in [1, 7, 64] {
            assert_eq!(
                shown(Parser::new(format.clone(), Span::ZERO), text, piece),
                whole
            );
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_them_panic(text in "[\\PC\n\t\"'/*$-]{0,200}", prefix in "[%a-z0-9 \\[\\]-]{0,12}") {
        let formats = [Format::Json, Format::Csv, Format::Plain { prefix }];
        for format in formats {
            let mut parser = Parser::new(format, Span::ZERO);
            parser.push(&text);
            parser.push(&text);
            parser.flush();
        }
        prop_assert!(statements(&text, &Session::default()).len() <= text.len());
        let sql = format!("ALTER SYSTEM SET {text}");
        prop_assert!(statements(&sql, &Session::default()).len() <= sql.len());
    }

    #[test]
    fn a_quoted_role_is_found_again(role in "[^\\x00]{1,20}") {
        let sql = format!("ALTER ROLE \"{}\" SET jit = off", role.replace('"', "\"\""));
        let all = statements(&sql, &Session::default());
        prop_assert_eq!(&all[0].key.scope, &backstay_model::Scope::Role { role });
    }
}
