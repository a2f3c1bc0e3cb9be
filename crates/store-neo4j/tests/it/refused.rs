//! What can be wrong with a server, each told in words with a hint.

use backstay_graph::GraphStore;
use backstay_scratch::neo4j::{Access, Options, Release, Tls};
use backstay_store_neo4j::{Address, Encryption, Neo4jGraph, NeoError, Password, schema};

use super::bed::{self, Console};

/// What opening the graph says.
fn refusal(address: &Address, password: &Password) -> NeoError {
    Neo4jGraph::open(address, password, bed::own_deployment()).expect_err("it is refused")
}

fn hinted(error: &NeoError, words: &str) {
    assert!(error.hint().contains(words), "{error}: {}", error.hint());
}

#[test]
fn a_wrong_password_and_a_wrong_user_are_told() {
    let Some(access) = bed::shared("a_wrong_password_and_a_wrong_user_are_told") else {
        return;
    };
    let mut address = bed::address(&access);
    let wrong = Password::new("not the password");
    let error = refusal(&address, &wrong);
    assert!(matches!(error, NeoError::Login { .. }), "{error:?}");
    hinted(&error, "password");
    assert!(!format!("{error:?}").contains("not the password"));
    assert!(matches!(
        schema::prepare(&address, &wrong),
        Err(NeoError::Login { .. })
    ));
    address.user = "nobody".into();
    let error = refusal(&address, &bed::password(&access));
    assert!(matches!(error, NeoError::Login { .. }), "{error:?}");
}

#[test]
fn a_wrong_database_is_told() {
    let Some(access) = bed::shared("a_wrong_database_is_told") else {
        return;
    };
    let mut address = bed::address(&access);
    address.database = Some("fleet".into());
    let error = refusal(&address, &bed::password(&access));
    assert!(matches!(error, NeoError::NoDatabase { .. }), "{error:?}");
    hinted(&error, "neo4j");
    address.database = Some("neo4j".into());
    let opened = Neo4jGraph::open(&address, &bed::password(&access), bed::own_deployment());
    assert_eq!(opened.unwrap().applied_seq().unwrap(), 0);
}

#[test]
fn a_server_of_another_major_version_is_told() {
    let options = Options {
        release: Release::Older,
        ..Options::default()
    };
    let Some(server) = bed::own("a_server_of_another_major_version_is_told", options) else {
        return;
    };
    let access = server.access();
    let (address, password) = (bed::address(&access), bed::password(&access));
    let error = refusal(&address, &password);
    assert!(matches!(error, NeoError::OtherVersion { .. }), "{error:?}");
    assert!(error.to_string().contains("4.4."), "{error}");
    hinted(&error, "5.26");
    let error = schema::prepare(&address, &password).unwrap_err();
    assert!(matches!(error, NeoError::OtherVersion { .. }), "{error:?}");
    let made = "SHOW CONSTRAINTS YIELD name RETURN count(*) AS n";
    assert_eq!(Console::new(&access).count(made), 0, "nothing was made");
}

#[test]
fn tls_that_is_required_refused_or_untrusted_is_told() {
    let test = "tls_that_is_required_refused_or_untrusted_is_told";
    let Some(plain) = bed::shared(test) else {
        return;
    };
    let mut address = bed::address(&plain);
    address.encryption = Encryption::Unverified;
    let error = refusal(&address, &bed::password(&plain));
    assert!(
        matches!(
            error,
            NeoError::HungUp {
                encrypted: true,
                ..
            }
        ),
        "{error:?}"
    );
    hinted(&error, "neo4j://");

    let options = Options {
        tls: Tls::Required,
        ..Options::default()
    };
    let Some(server) = bed::own(test, options) else {
        return;
    };
    let access = server.access();
    let (mut address, password) = (bed::address(&access), bed::password(&access));
    let error = refusal(&address, &password);
    assert!(
        matches!(
            error,
            NeoError::HungUp {
                encrypted: false,
                ..
            }
        ),
        "{error:?}"
    );
    hinted(&error, "neo4j+s://");

    address.encryption = Encryption::Verified;
    let error = refusal(&address, &password);
    assert!(matches!(error, NeoError::Certificate { .. }), "{error:?}");
    hinted(&error, "certificate");

    address.authority = Some(server.certificate().display().to_string());
    works(&address, &access);
    address.authority = None;
    address.encryption = Encryption::Unverified;
    works(&address, &access);
}

fn works(address: &Address, access: &Access) {
    let password = bed::password(access);
    schema::prepare(address, &password).unwrap();
    let mut store = Neo4jGraph::open(address, &password, bed::own_deployment()).unwrap();
    store.apply(&bed::batch(1, 1)).unwrap();
    assert_eq!(store.applied_seq().unwrap(), 1);
}

/// A constraint that is missing is told, and made again.
pub(crate) fn without_the_constraint(access: &Access) {
    let (address, password) = (bed::address(access), bed::password(access));
    let error = refusal(&address, &password);
    assert!(matches!(error, NeoError::NotPrepared { .. }), "{error:?}");
    hinted(&error, "backstay graph init");

    let first = schema::prepare(&address, &password).unwrap();
    assert_eq!((first.form_before, first.version.as_str()), (0, "5.26.31"));
    let again = schema::prepare(&address, &password).unwrap();
    assert_eq!(again.form_before, schema::FORM);
    let mut store = Neo4jGraph::open(&address, &password, bed::own_deployment()).unwrap();
    store.apply(&bed::batch(1, 1)).unwrap();

    let console = Console::new(access);
    console.ask(&format!("DROP CONSTRAINT {}", schema::CONSTRAINT), &[]);
    let error = refusal(&address, &password);
    assert!(matches!(error, NeoError::NotPrepared { .. }), "{error:?}");
    schema::prepare(&address, &password).unwrap();
    store.apply(&bed::batch(1, 2)).unwrap();
    assert_eq!(store.applied_seq().unwrap(), 2);

    console.ask("MATCH (s:Backstay:Schema) SET s.form = 99", &[]);
    let error = refusal(&address, &password);
    assert!(matches!(error, NeoError::NewerForm { .. }), "{error:?}");
    let back = format!("MATCH (s:Backstay:Schema) SET s.form = {}", schema::FORM);
    console.ask(&back, &[]);
}
