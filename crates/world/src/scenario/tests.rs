use super::*;

const TALE: &str = "\
title everything at once
seed 9
lasts 150s
mode approve
policy watch 30s
policy extensions 0
file work_mem = 8MB
command-line port = 5432
at 10s load x3 for 20s on checkout
at 11s neighbour 0.5 for 5s
at 12s gap for 5s
at 12s carl locks for 3s
at 13s away for 5s
at 14s restart for 3s
at 15s login refused for 3s
at 16s guard dies for 2s
at 20.4s ann alters system set work_mem = 64MB /* OPS-1 more memory */
at 21s somebody alters role app set statement_timeout = 1ms
at 22s ann alters role app in database shop reset work_mem
at 23s ann edits file set jit = off
at 24s ann inserts hba rule 1: host all app all reject
at 25s ann deletes hba rule 1
at 30s bob approves change 1
at 31s bob pauses
fault lost reply
fault foreign 16MB
expect change 1 noticed within 1s
expect change 2 verdict no data within 10s
expect change 2 no verdict healthy
expect change 1 ends as rolled back
expect writes 1
expect role app statement_timeout = nothing
expect told durability
";

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let tale = Scenario::parse(TALE).unwrap();
    assert_eq!(Scenario::parse(&tale.to_string()).unwrap(), tale);
    assert_eq!(tale.changes().count(), 6);
}

#[test]
fn every_problem_is_told_with_its_line_and_what_would_be_right() {
    let error = Scenario::parse(
        "seed x\nmood auto\nmode often\nat soon restart for 3s\nat 3s load 3\nat 3s ann eats\n\
         at 3s ann alters system set work_mem 3MB\nfault rain\nexpect change 1 ends as dead\n\
         expect change 2 noticed\nlasts 3s or so\n",
    )
    .unwrap_err();
    let told: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    line 1: "x" is not a seed, a whole number
    line 2: "mood" begins no statement; write one of title, seed, lasts, mode, policy, roughness, file, command-line, at, fault, expect
    line 3: "often" is no mode; write observe, approve or auto
    line 4: "soon" is no time; write 90s, 500ms or 2m
    line 5: "3" is no factor; write x3 or x0.5
    line 6: a person does not "eats"; write alters system|role|database, edits file, inserts hba rule, deletes hba rule, approves, keeps, reverts, locks, pauses or resumes
    line 7: expected "=", found "3MB"
    line 8: no such fault: "rain"; write lost reply, lost request, masked, refused, crash before, crash after or foreign VALUE
    line 9: "dead" is none of dormant, watching, held, reverting, verifying, kept, rolled back, rollback failed, superseded
    line 11: too much on this line: "or so"
    line 10: change 2 is expected, but the story has 0 changes
    "#);
}

#[test]
fn no_text_makes_it_panic() {
    let mut dice = backstay_chance::Dice::new(3);
    for _ in 0..2_000 {
        let mut text: Vec<char> = TALE.chars().collect();
        for _ in 0..1 + dice.below(6) {
            let place = usize::try_from(dice.below(text.len() as u64)).unwrap();
            match dice.below(3) {
                0 => text[place] = '\u{fe}',
                1 => {
                    text.remove(place);
                }
                _ => text.insert(place, '\n'),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(tale) = Scenario::parse(&text) {
            assert_eq!(Scenario::parse(&tale.to_string()), Ok(tale), "{text}");
        }
    }
}
