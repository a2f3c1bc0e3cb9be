use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Disk(BTreeMap<&'static str, (&'static str, u32)>);

impl Files for Disk {
    fn read(&self, path: &Path) -> Option<FileText> {
        let (text, mode) = self.0.get(path.to_str().unwrap())?;
        Some(FileText {
            text: (*text).to_owned(),
            mode: *mode,
        })
    }
    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path.to_str().unwrap())
    }
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn shown(
    explicit: &str,
    vars: &[(&str, &str)],
    disk: &[(&'static str, &'static str, u32)],
) -> String {
    let files = Disk(disk.iter().map(|(p, t, m)| (*p, (*t, *m))).collect());
    let explicit = Some(explicit).filter(|t| !t.is_empty());
    match resolve(explicit, &env(vars), &files) {
        Ok(r) => {
            let password = r.password.as_ref().map_or("-", Password::reveal);
            let mut line = format!("{}@{} {password} {:?}", r.user, r.address(), r.ssl_mode);
            for notice in &r.notices {
                line.push_str(&format!("\n  {notice}"));
            }
            line
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_form_of_a_connection_string() {
    let user = [("USER", "ann")];
    for (text, expected) in [
        (
            "postgresql://app:pa%40ss@db1:6000/shop?sslmode=require",
            "app@db1:6000/shop pa@ss Require",
        ),
        ("postgres://db1/shop", "ann@db1:5432/shop - Prefer"),
        (
            "postgresql://%2Frun%2Fpg:5433/shop",
            "ann@/run/pg:5433/shop - Prefer",
        ),
        (
            "postgresql:///shop?host=/run/pg&port=7",
            "ann@/run/pg:7/shop - Prefer",
        ),
        ("postgresql://[::1]:5433/shop", "ann@::1:5433/shop - Prefer"),
        ("postgresql://app@", "app@localhost:5432/app - Prefer"),
        (
            "host=db1 port = 5433 user='o''' dbname=x password='a b\\'c'",
            "`=` is missing",
        ),
        (
            "host=db1 port = 5433 user=app dbname=x password='a b\\'c'",
            "app@db1:5433/x a b'c Prefer",
        ),
        (
            "host=db1 hostaddr=10.0.0.7 user=app sslmode=disable",
            "app@db1:5432/app - Disable",
        ),
        ("shop", "ann@localhost:5432/shop - Prefer"),
    ] {
        let got = shown(text, &user, &[]);
        assert!(
            got == expected || (expected.starts_with('`') && got.contains(expected)),
            "{text}: {got}"
        );
    }
}

#[test]
fn errors_name_the_part_and_never_the_password() {
    let user = [("USER", "ann")];
    for (text, expected) in [
        ("mysql://db1/shop", "wrong scheme in the connection string"),
        ("postgresql://a:hunter2@db1,db2/shop", "names 2 hosts"),
        ("host=db1,db2 password=hunter2", "names 2 hosts"),
        ("postgresql://app:hunter2@evil@db1:x/shop", "wrong port"),
        ("postgresql://app:p@ss:hunter2@db1/shop", ""),
        ("postgresql://app:100%hunter2@db1/shop", "wrong password"),
        ("host=db1 password=my hunter2 user=a", "wrong parameter"),
        ("host=db1 pasword=hunter2", "unknown parameter `pasword`"),
        ("host=db1 password='hunter2", "single quote is not closed"),
        ("postgresql://db1:99999/x?password=hunter2", "wrong port"),
        ("host=db1 sslmode=maybe password=hunter2", "wrong sslmode"),
        (
            "host=db1 connect_timeout=soon password=hunter2",
            "wrong connect_timeout",
        ),
    ] {
        let got = shown(text, &user, &[]);
        assert!(got.contains(expected), "{text}: {got}");
        if !expected.is_empty() {
            assert!(!got.contains("hunter2"), "{got}");
        }
    }
    assert!(shown("host=db1", &[], &[]).contains("PGUSER"));
    assert!(!format!("{:?}", Password::new("hunter2")).contains("hunter2"));
}

#[test]
fn sources_are_ranked() {
    let service =
        "[other]\nhost=wrong\n[prod]\n# the one\nhost = db9\nport=6001\ndbname=shop\n[z]\nhost=no";
    let disk = [("/users/ann/.pg_service.conf", service, 0o644)];
    let vars = [
        ("HOME", "/users/ann"),
        ("USER", "ann"),
        ("PGSERVICE", "prod"),
        ("PGPORT", "1"),
        ("PGUSER", "app"),
    ];
    assert_eq!(shown("", &vars, &disk), "app@db9:6001/shop - Prefer");
    assert_eq!(shown("port=7", &vars, &disk), "app@db9:7/shop - Prefer");
    assert_eq!(shown("service=z", &vars, &disk), "app@no:1/app - Prefer");
    insta::assert_snapshot!(shown("service=none", &vars, &disk), @"service `none` is in none of the service files (/users/ann/.pg_service.conf, /etc/postgresql-common/pg_service.conf, /etc/pg_service.conf)");
    let resolved = resolve(
        Some("port=7"),
        &env(&vars),
        &Disk(disk.map(|(p, t, m)| (p, (t, m))).into()),
    )
    .unwrap();
    assert_eq!(resolved.origins["port"], Origin::Explicit);
    assert_eq!(resolved.origins["host"], Origin::Service);
    assert_eq!(resolved.origins["user"], Origin::Environment);
    assert_eq!(resolved.origins["sslmode"], Origin::Default);
}

#[test]
fn password_files_follow_their_rules() {
    let vars = [("HOME", "/h"), ("USER", "ann"), ("PGHOST", "db1")];
    let file =
        "# comment\ndb2:*:*:*:no\ndb1:5432:sh\\:op:ann:a:b\\\\c\n*:*:*:\\*:star\n*:*:*:*:any";
    let disk = |mode| [("/h/.pgpass", file, mode)];
    assert_eq!(
        shown("dbname=sh:op", &vars, &disk(0o100_600)),
        "ann@db1:5432/sh:op a:b\\c Prefer"
    );
    assert_eq!(
        shown("dbname=x", &vars, &disk(0o600)),
        "ann@db1:5432/x any Prefer"
    );
    assert_eq!(
        shown("user=* dbname=x", &vars, &disk(0o600)),
        "*@db1:5432/x star Prefer"
    );
    assert_eq!(
        shown("dbname=x password=own", &vars, &disk(0o600)),
        "ann@db1:5432/x own Prefer"
    );
    insta::assert_snapshot!(shown("dbname=x", &vars, &disk(0o640)), @"
    ann@db1:5432/x - Prefer
      /h/.pgpass is not used, because others may read it: chmod 600 /h/.pgpass
    ");
    let socket = [
        ("/h/.pgpass", "localhost:*:*:*:sock", 0o600),
        ("/tmp/.s.PGSQL.5432", "", 0o777),
    ];
    assert_eq!(
        shown("dbname=x", &vars[..2], &socket),
        "ann@/tmp:5432/x sock Prefer"
    );
}

#[test]
fn startup_options_are_left_out_with_a_notice() {
    let vars = [("USER", "ann"), ("PGOPTIONS", "-c work_mem=1GB")];
    insta::assert_snapshot!(shown("host=db1", &vars, &[]), @"
    ann@db1:5432/ann - Prefer
      startup options (`options=` or PGOPTIONS) are left out: a connection that sets a parameter at startup cannot see the server change it
    ");
}

/// Found by the property below.
#[test]
fn a_password_may_look_like_the_middle_of_a_uri() {
    let text = "host=db1 user=u password='a://b'";
    let resolved = resolve(Some(text), &env(&[]), &Disk::default()).unwrap();
    assert_eq!(resolved.password, Some(Password::new("a://b".to_owned())));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let files = Disk::default();
        for text in [text.clone(), format!("postgresql://{text}")] {
            if let Err(error) = resolve(Some(&text), &env(&[("USER", "ann")]), &files) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn keyword_values_round_trip(value in "[^\\x00]{1,30}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let text = format!("host=db1 user=u password='{quoted}'");
        let resolved = resolve(Some(&text), &env(&[]), &Disk::default()).unwrap();
        prop_assert_eq!(resolved.password, Some(Password::new(value)));
    }
}
