//! What people read, whole. Renew with `INSTA_UPDATE=always` and look at the difference.

use crate::support::Bench;

fn said(line: &str) -> String {
    let ran = Bench::new().say(line);
    assert!(!ran.out.contains('\u{1b}'), "colour in a pipe");
    format!(
        "$ backstay {line}\n{}{}exit {}\n",
        ran.out, ran.err, ran.code
    )
}

#[test]
fn a_simulation_of_a_dangerous_change() {
    insta::assert_snapshot!(said(
        "simulate shared_buffers=32GB --memory 16GB --cpus 8 --storage ssd"
    ));
}

#[test]
fn a_simulation_of_a_harmless_change() {
    insta::assert_snapshot!(said("simulate log_rotation_age=2h"));
}

#[test]
fn a_simulation_for_a_pull_request() {
    insta::assert_snapshot!(said("simulate wal_level=minimal --memory 16GB -o markdown"));
}

#[test]
fn a_check_of_a_file() {
    let bench = Bench::new();
    bench.file(
        "postgresql.conf",
        "wal_level = minimal\nmax_wal_senders = 10\nfsync = off\neffective_cache_size = 200GB\nwork_memm = 4MB\n",
    );
    let ran = bench.say("check -f postgresql.conf --memory 16GB --cpus 4");
    insta::assert_snapshot!(format!("{}exit {}\n", ran.out, ran.code));
}

#[test]
fn the_manual_of_a_setting() {
    insta::assert_snapshot!(said("explain fsync"));
}

#[test]
fn what_a_setting_reaches() {
    insta::assert_snapshot!(said("graph show fsync --depth 2"));
}

#[test]
fn the_way_from_one_node_to_another() {
    insta::assert_snapshot!(said("graph path max_connections connections_used"));
}

#[test]
fn the_version() {
    assert_eq!(
        said("--version"),
        "$ backstay --version\nbackstay 0.1.0\nexit 0\n"
    );
}

#[test]
fn help_of_the_demo() {
    insta::assert_snapshot!(said("demo --help"));
}

#[test]
fn statements_that_are_the_same_for_two_modes_are_said_once() {
    insta::assert_snapshot!(said("doctor"));
}

#[test]
fn help_of_the_whole() {
    insta::assert_snapshot!(said("--help"));
}
