use super::*;

/// Stands for every secret below; no output may ever hold it.
const CANARY: &str = "c4n4ryS3cr3t9";

fn redactor() -> Redactor {
    Redactor::new(&[7; 32], &TargetId::new("shop"))
}

#[test]
fn no_secret_value_keeps_its_text() {
    for (name, text) in [
        ("primary_conninfo", "host=a user=r password=c4n4ryS3cr3t9"),
        ("primary_conninfo", "c4n4ryS3cr3t9"),
        ("archive_command", "aws s3 cp %p s3://b --key c4n4ryS3cr3t9"),
        ("restore_command", "c4n4ryS3cr3t9"),
        ("ssl_passphrase_command", "echo c4n4ryS3cr3t9"),
        ("log_some_new_command", "c4n4ryS3cr3t9"),
        ("application_name", "postgres://u:c4n4ryS3cr3t9@h/db"),
        ("cluster_name", "password = 'c4n4ryS3cr3t9'"),
        ("vault.role", "c4n4ryS3cr3t9"),
        ("my_extension.api_url", "https://h/c4n4ryS3cr3t9"),
    ] {
        let value = redactor().value(&SettingName::new(name), text);
        assert!(matches!(value, Value::Secret(_)), "{name}: {value:?}");
        assert!(!format!("{value:?} {value}").contains(CANARY), "{name}");
    }
}

#[test]
fn ordinary_values_keep_their_text() {
    for (name, text) in [
        ("work_mem", "4MB"),
        ("search_path", "\"$user\", public"),
        ("password_encryption", "scram-sha-256"),
        ("archive_command", "(disabled)"),
        ("archive_command", ""),
        ("auto_explain.log_format", "json"),
        ("vault.retries", "3"),
        ("vault.enabled", "on"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
        ("synchronous_standby_names", "FIRST 1 (a, b)"),
        ("listen_addresses", "localhost, 10.0.0.1"),
        ("log_filename", "postgresql-%Y-%m-%d_%H%M%S.log"),
    ] {
        assert_eq!(
            redactor().value(&SettingName::new(name), text),
            Value::text(text),
            "{name}"
        );
    }
    let declared = redactor().with_open([SettingName::new("vault.role")]);
    assert_eq!(
        declared.value(&SettingName::new("vault.role"), "reader"),
        Value::text("reader")
    );
}

#[test]
fn fingerprints_tell_targets_settings_and_values_apart() {
    let name = SettingName::new("primary_conninfo");
    let one = redactor().value(&name, "a");
    assert_eq!(one, redactor().value(&name, "a"));
    assert!(redactor().matches(&name, &one, "a"));
    assert!(!redactor().matches(&name, &one, "b"));
    let others = [
        redactor().value(&name, "b"),
        redactor().value(&SettingName::new("restore_command"), "a"),
        Redactor::new(&[7; 32], &TargetId::new("other")).value(&name, "a"),
        Redactor::new(&[8; 32], &TargetId::new("shop")).value(&name, "a"),
    ];
    assert!(others.iter().all(|other| *other != one));
    // lengths are hashed too: ("ab", "c") is not ("a", "bc")
    assert_ne!(
        redactor().fingerprint("ab", b"c"),
        redactor().fingerprint("a", b"bc")
    );
}

#[test]
fn texts_lose_their_secrets_and_nothing_else() {
    let redacted: Vec<String> = [
        "ALTER ROLE app PASSWORD 'c4n4ryS3cr3t9' VALID UNTIL 'infinity'",
        "CREATE ROLE a LOGIN ENCRYPTED PASSWORD E'c4n4ry\\'S3cr3t9';",
        "could not connect: host=h password=c4n4ryS3cr3t9 user=a",
        "primary_conninfo = 'user=r password=''c4n4ryS3cr3t9'' host=a'",
        "CONNECTION 'postgresql://rep:c4n4ryS3cr3t9@10.0.0.1:5432/a'",
        "postgresql://h/db?user=a&password=c4n4ryS3cr3t9&sslmode=require",
        "curl -H 'Authorization: Bearer c4n4ryS3cr3t9' https://h",
        "backup --password c4n4ryS3cr3t9 --verbose",
        "AWS_SECRET_ACCESS_KEY=c4n4ryS3cr3t9 wal-push %p",
        "{\"token\": \"c4n4ryS3cr3t9\"}",
        "ALTER ROLE a PASSWORD 'c4n4ryS3cr3t9",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "password_encryption = scram-sha-256",
    ]
    .iter()
    .map(|text| redact_text(text))
    .collect();
    insta::assert_snapshot!(redacted.join("\n"), @r#"
    ALTER ROLE app PASSWORD (secret) VALID UNTIL 'infinity'
    CREATE ROLE a LOGIN ENCRYPTED PASSWORD (secret);
    could not connect: host=h password=(secret) user=a
    primary_conninfo = 'user=r password=(secret) host=a'
    CONNECTION 'postgresql://rep:(secret)@10.0.0.1:5432/a'
    postgresql://h/db?user=a&password=(secret)&sslmode=require
    curl -H 'Authorization: Bearer (secret)' https://h
    backup --password (secret) --verbose
    AWS_SECRET_ACCESS_KEY=(secret) wal-push %p
    {"token": (secret)}
    ALTER ROLE a PASSWORD (secret)
    ALTER SYSTEM SET work_mem = '4MB'
    password_encryption = scram-sha-256
    "#);
    assert!(!redacted.join("\n").contains("S3cr3t9"));
}

#[test]
fn redaction_is_idempotent_on_its_own_output() {
    let once = redact_text("a password=c4n4ryS3cr3t9 b");
    assert_eq!(redact_text(&once), once);
}
