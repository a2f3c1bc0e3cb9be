//! Scratch servers of Neo4j, on the jars that are in the cache.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use backstay_scratch::neo4j::{
    Access, Installation, Lasting, Options, Release, Server, say_skipped,
};

/// True, and says so loudly, when there is no Neo4j to test with.
fn skipped(test: &str) -> bool {
    let missing = Installation::find(Release::Supported).err();
    if let Some(error) = &missing {
        say_skipped(test, error);
    }
    missing.is_some()
}

/// The version of Bolt that the server picks when offered 4.4 only; `None` when nobody answers.
fn bolt(access: &Access) -> Option<[u8; 4]> {
    let address = access.uri.strip_prefix("bolt://")?;
    let mut stream = TcpStream::connect(address).ok()?;
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).ok()?;
    let magic = [0x60, 0x60, 0xB0, 0x17];
    let offers = [[0, 0, 4, 4], [0; 4], [0; 4], [0; 4]].concat();
    stream.write_all(&[&magic[..], &offers].concat()).ok()?;
    let mut picked = [0; 4];
    stream.read_exact(&mut picked).ok()?;
    Some(picked)
}

#[test]
fn a_server_starts_falls_rises_and_goes() {
    if skipped("a_server_starts_falls_rises_and_goes") {
        return;
    }
    let mut server = Server::start(Options::default()).unwrap();
    let access = server.access();
    let home = server.home().to_path_buf();
    assert_eq!(bolt(&access), Some([0, 0, 4, 4]));
    assert_eq!(access.password().unwrap().len(), 32);
    server.kill9().unwrap();
    assert_eq!(bolt(&access), None);
    assert!(server.kill9().is_err(), "it does not run");
    server.start_again().unwrap();
    assert_eq!(server.access(), access);
    assert_eq!(bolt(&access), Some([0, 0, 4, 4]));
    server.stop().unwrap();
    assert_eq!(bolt(&access), None);
    drop(server);
    assert!(!home.exists());
}

#[test]
fn a_lasting_server_is_found_again_and_stopped() {
    if skipped("a_lasting_server_is_found_again_and_stopped") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    assert!(Lasting::find(&home).is_none());
    let access = Lasting::start(&home, &Options::default()).unwrap().access();
    assert_eq!(bolt(&access), Some([0, 0, 4, 4]));
    let again = Lasting::start(&home, &Options::default()).unwrap();
    assert_eq!(again.access(), access);
    again.stop().unwrap();
    assert_eq!(bolt(&access), None);
    assert!(!home.exists());
    // A process id that is somebody else's by now.
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("running"), format!("{} 7\n", std::process::id())).unwrap();
    assert!(Lasting::find(&home).is_none());
}

#[test]
fn what_a_server_says_against_its_start_is_told() {
    if skipped("what_a_server_says_against_its_start_is_told") {
        return;
    }
    let settings = vec![("server.memory.pagecache.size".into(), "much".into())];
    let options = Options {
        settings,
        ..Options::default()
    };
    let error = Server::start(options).unwrap_err().to_string();
    assert!(error.contains("'much' is not a valid size"), "{error}");
}
