//! Texts that servers refuse, judged without one: every text of `fixtures/texts/offers.toml` is offered to the
//! judge and to servers of each version, and where the judge decides it must decide as they do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use backstay_catalog::{Judgement, Pack};
use backstay_model::SettingName;
use backstay_scratch::postgres::{BareEnd, Binaries, ComputeError, DataDir, Options, Server};
use serde::Deserialize;

use crate::say::say;
use crate::silent::knowledge;
use crate::turn::{MyTurn, Turn};

const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];
/// Settings of which `ALTER SYSTEM` quotes each item, so that it cannot write every text.
const QUOTED: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "shared_preload_libraries",
    "session_preload_libraries",
    "local_preload_libraries",
    "unix_socket_directories",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offers {
    offer: Vec<Offer>,
}

/// Texts that are offered for one setting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    setting: String,
    /// Decided, and answered by `postgres -C`.
    #[serde(default)]
    decided: Vec<String>,
    /// Decided, and answered by a whole start.
    #[serde(default)]
    start: Vec<String>,
    #[serde(default)]
    undecided: Vec<String>,
}

fn offers() -> Vec<Offer> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/texts/offers.toml");
    let text = fs::read_to_string(path).unwrap();
    toml::from_str::<Offers>(&text).unwrap().offer
}

fn judged(pack: &Pack, setting: &str, text: &str) -> Option<Judgement> {
    pack.judge_text(&SettingName::new(setting), text)
}

#[test]
fn what_is_decided_and_what_is_not_is_written_down() {
    let mut wrong = Vec::new();
    for offer in offers() {
        let knowing = MAJORS.map(knowledge);
        let knowing = knowing
            .iter()
            .filter(|p| judged(p, &offer.setting, "").is_some());
        let newest = knowing.clone().next_back();
        for text in offer.decided.iter().chain(&offer.start) {
            for pack in knowing.clone() {
                if let Some(Judgement::Undecided(why)) = judged(pack, &offer.setting, text) {
                    wrong.push(format!(
                        "{} {} = {text:?}: {why}",
                        pack.major, offer.setting
                    ));
                }
            }
        }
        for text in &offer.undecided {
            let judgement = newest.and_then(|p| judged(p, &offer.setting, text));
            if !matches!(judgement, Some(Judgement::Undecided(_))) {
                wrong.push(format!("{} = {text:?}: {judgement:?}", offer.setting));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn servers_decide_texts_as_we_do() {
    let _turn = MyTurn::comes(Turn::Beside).await;
    let mut asked = Vec::new();
    for major in MAJORS {
        match Binaries::find_major(major) {
            Ok(binaries) => asked.push(tokio::spawn(differences(binaries))),
            Err(error) => say(&format!(
                "SKIPPED: texts judged by PostgreSQL {major}: {error}"
            )),
        }
    }
    let (mut offered, mut wrong) = (0, Vec::new());
    for one in asked {
        let (count, found) = one.await.unwrap();
        offered += count;
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    say(&format!(
        "{offered} texts were decided by servers as by the judge"
    ));
}

/// How many texts were offered to one version, and where it answered something else than the judge.
async fn differences(binaries: Binaries) -> (usize, Vec<String>) {
    let pack = knowledge(binaries.major);
    let dir = DataDir::create(&binaries).unwrap();
    let (mut offered, mut wrong, mut taken) = (0, Vec::new(), Vec::new());
    for offer in offers() {
        let setting = offer.setting.as_str();
        for (text, whole) in texts(&offer) {
            let Some(judgement) = judged(pack, setting, text) else {
                continue;
            };
            let refused = match whole {
                Ask::Program => computed(&dir, setting, text).await,
                Ask::Start => started(&dir, setting, text).await,
            };
            offered += 1;
            match (&judgement, refused) {
                (Judgement::Taken, None) => taken.push((setting.to_owned(), text.clone())),
                (Judgement::Refused(_), Some(_)) => {}
                (_, said) => wrong.push(format!(
                    "{} {setting} = {text:?}: {judgement:?}, the server: {said:?}",
                    binaries.major
                )),
            }
        }
    }
    wrong.extend(refused_by_a_session(&binaries, &taken).await);
    (offered, wrong)
}

#[derive(Clone, Copy)]
enum Ask {
    Program,
    Start,
}

fn texts(offer: &Offer) -> impl Iterator<Item = (&String, Ask)> {
    let decided = offer.decided.iter().map(|t| (t, Ask::Program));
    decided.chain(offer.start.iter().map(|t| (t, Ask::Start)))
}

/// What the server program says against a text on its command line.
async fn computed(dir: &DataDir, setting: &str, text: &str) -> Option<String> {
    let settings = [(setting.to_owned(), text.to_owned())];
    match dir.computed(setting, &settings) {
        Ok(_) => None,
        Err(ComputeError::Refused { said }) => Some(said),
        Err(error) => panic!("{error}"),
    }
}

/// What a server says that does not start with a text in its file.
async fn started(dir: &DataDir, setting: &str, text: &str) -> Option<String> {
    let line = format!("{setting} = '{}'", text.replace('\'', "''"));
    let bare = dir.bare_start(&line).await.unwrap();
    match bare.end {
        BareEnd::Stood => None,
        BareEnd::Fell => Some(format!("{:?}", bare.said.last())),
        BareEnd::Closed | BareEnd::Late => panic!("{line}: {:?} {:?}", bare.end, bare.said),
    }
}

/// What is taken at a start is taken from a person too.
async fn refused_by_a_session(binaries: &Binaries, taken: &[(String, String)]) -> Vec<String> {
    let server = Server::start(Options {
        major: Some(binaries.major),
        ..Options::default()
    })
    .await
    .unwrap();
    let client = server.connect("postgres").await.unwrap();
    let mut wrong = Vec::new();
    let sayable = |(setting, text): &&(String, String)| {
        !QUOTED.contains(&setting.as_str()) && !text.contains('\n')
    };
    for (setting, text) in taken.iter().filter(sayable) {
        let text = text.replace('\'', "''");
        let statement = format!("ALTER SYSTEM SET {setting} TO '{text}'");
        if let Err(error) = client.simple_query(&statement).await {
            wrong.push(format!("{} {statement}: {error:?}", binaries.major));
        }
    }
    wrong.extend(other_zones(&client, binaries.major).await);
    wrong
}

/// Time zones that the server knows and the judge refuses, or the other way round.
async fn other_zones(client: &tokio_postgres::Client, major: u32) -> Vec<String> {
    let names = client
        .query("SELECT name FROM pg_timezone_names", &[])
        .await;
    let theirs: BTreeSet<String> = names.unwrap().iter().map(|row| row.get(0)).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/catalog/src/text/zones.txt");
    let ours = fs::read_to_string(path).unwrap();
    let unknown = ours.lines().filter(|n| !theirs.contains(*n));
    let unknown = unknown.map(|n| format!("{major} does not know the time zone {n}"));
    let refused = |n: &&String| {
        let judgement = judged(knowledge(major), "timezone", n);
        matches!(judgement, None | Some(Judgement::Refused(_)))
    };
    let refused = theirs.iter().filter(refused);
    let refused = refused.map(|n| format!("{major} knows the time zone {n}"));
    unknown.chain(refused).collect()
}
