//! Whose change it is: our own writes are no changes, and nobody else's is taken for ours.

use backstay_engine::Statement;
use backstay_model::{SettingKey, Value, ValueSource};

use crate::room::{KEY, Load, Room, effective, statement};

fn rolled_back() -> Room {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.load = Load::Calm;
    room.seconds(8);
    assert_eq!(room.state(id), "rolled back");
    room.news.clear();
    room
}

#[test]
fn our_write_is_ours_whatever_the_log_says_of_it() {
    let ours = |role: &str, application: Option<&str>, description: Option<&str>| Statement {
        description: description.map(str::to_owned),
        ..statement(role, application, KEY)
    };
    for statements in [
        vec![],
        vec![ours("backstay", Some("backstay/I9"), None)],
        vec![ours("backstay", None, Some("backstay rollback C5 I9"))],
    ] {
        let (mut room, _) = Room::reverting();
        room.news.clear();
        room.reset(KEY);
        room.observe_with(statements.clone());
        assert_eq!(room.told(), [format!("ours {KEY}")], "{statements:?}");
    }
}

#[test]
fn who_undoes_it_by_hand_at_the_same_moment_is_named() {
    let (mut room, id) = Room::reverting();
    room.news.clear();
    room.reset(KEY);
    room.observe_with(vec![statement("ann", Some("psql"), KEY)]);
    let told = room.told();
    assert_eq!(told[0], format!("seen {KEY} by ann"), "{told:#?}");
    assert_eq!(room.state(id), "superseded");
}

#[test]
fn a_later_change_to_the_same_old_value_is_somebodys() {
    let mut room = rolled_back();
    room.set(KEY, "on");
    room.observe();
    let second = room.newest();
    room.reset(KEY);
    room.observe();
    let told = room.told();
    assert!(!told.iter().any(|t| t.starts_with("ours")), "{told:#?}");
    assert_eq!(room.state(second), "superseded");
}

#[test]
fn a_later_change_to_the_same_old_value_is_somebodys_after_a_restart_too() {
    let mut room = rolled_back();
    room.set(KEY, "on");
    room.observe();
    let second = room.newest();
    room.again(backstay_model::decision::Mode::Auto);
    room.connect();
    room.reset(KEY);
    room.observe();
    assert_eq!(room.state(second), "superseded");
}

#[test]
fn our_write_that_is_seen_while_we_are_away_is_ours() {
    let (mut room, id) = Room::reverting();
    room.reset(KEY);
    room.again(backstay_model::decision::Mode::Auto);
    room.connect();
    room.observe();
    let told = room.told();
    assert!(told.contains(&format!("ours {KEY}")), "{told:#?}");
    assert_eq!(room.state(id), "reverting");
}

#[test]
fn our_entry_and_its_effect_may_be_seen_one_after_the_other() {
    let (mut room, _) = Room::reverting();
    room.news.clear();
    let key = SettingKey::instance(KEY);
    let mut entry_gone = room.shown.settings[&key].clone();
    entry_gone.entry = None;
    room.stand(KEY, entry_gone);
    room.observe();
    room.reset(KEY);
    room.observe();
    assert_eq!(room.told(), [format!("ours {KEY}"), format!("ours {KEY}")]);
}

#[test]
fn a_third_value_is_somebodys_and_supersedes() {
    let (mut room, id) = Room::reverting();
    let key = SettingKey::instance(KEY);
    let mut third = room.shown.settings[&key].clone();
    third.effective = Some(Value::text("off"));
    third.source = ValueSource::CommandLine;
    room.stand(KEY, third);
    room.observe();
    assert_eq!(room.state(id), "superseded");
}
