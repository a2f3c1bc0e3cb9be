//! The reference pages, made from the command line and the table of failures. A test compares them
//! with what is committed; `BACKSTAY_RENEW_DOCS=1 cargo test -p backstay-cli docs` writes them anew.

use std::fs;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory};

use crate::args::Arguments;
use crate::failure::{Code, Exit};

/// Says that a page is made, not written.
const MADE: &str =
    "<!-- made from the source: BACKSTAY_RENEW_DOCS=1 cargo test -p backstay-cli docs -->\n";

fn commands() -> String {
    let mut root = Arguments::command().term_width(100);
    root.build();
    let mut text = format!("# Commands\n\n{MADE}\nOptions of every command:\n\n");
    for arg in root.get_arguments().filter(|a| a.is_global_set()) {
        text.push_str(&option(arg));
    }
    for command in root.get_subcommands() {
        section(command, "backstay", &mut text);
    }
    text
}

fn section(command: &Command, above: &str, text: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let group = command.has_subcommands();
    if !group {
        text.push_str(&format!("\n## {name}\n\n"));
        let about = command.get_about().map(ToString::to_string);
        text.push_str(&format!(
            "{}.\n\n",
            about.unwrap_or_default().trim_end_matches('.')
        ));
        let usage = command.clone().render_usage().to_string();
        text.push_str(&format!(
            "```\n{}\n```\n\n",
            usage.trim_start_matches("Usage: ")
        ));
        for arg in command.get_arguments().filter(|a| !a.is_global_set()) {
            if arg.get_id() != "help" {
                text.push_str(&option(arg));
            }
        }
        if let Some(after) = command.get_after_help() {
            text.push_str(&format!("\n```\n{after}\n```\n"));
        }
    }
    for below in command.get_subcommands() {
        section(below, &name, text);
    }
}

fn option(arg: &Arg) -> String {
    let value = arg
        .get_value_names()
        .map(|names| names.join(" "))
        .filter(|_| arg.get_action().takes_values());
    let name = match (arg.get_short(), arg.get_long(), value) {
        (_, None, value) => value.unwrap_or_default(),
        (None, Some(long), None) => format!("--{long}"),
        (None, Some(long), Some(value)) => format!("--{long} {value}"),
        (Some(short), Some(long), None) => format!("-{short}, --{long}"),
        (Some(short), Some(long), Some(value)) => format!("-{short}, --{long} {value}"),
    };
    let default: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy().into_owned())
        .filter(|v| v != "false" && v != "0")
        .collect();
    let default = match default.is_empty() || !arg.get_action().takes_values() {
        true => String::new(),
        false => format!(" Default: `{}`.", default.join(", ")),
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    format!("- `{name}`: {}.{default}\n", help.trim_end_matches('.'))
}

/// When a failure is shown; a new code does not compile without its line here.
const fn situation(code: Code) -> &'static str {
    match code {
        Code::Usage => {
            "the command line asks for something that does not exist, or contradicts itself"
        }
        Code::NotYet => "promised for a later version, and said so",
        Code::NotBuilt => {
            "this build was made without that part; the hint is how to build one with it"
        }
        Code::Config => "the configuration file has an unknown key or a value that cannot be",
        Code::Dsn => "the connection string cannot be understood",
        Code::Unreachable => "nobody answers at the address",
        Code::LoginRefused => "the server answers and refuses the login",
        Code::Unfit => {
            "the server answers and cannot be used: no such database, another version, a certificate that \
             nobody vouches for"
        }
        Code::Right => "a right is missing; the hint is the statement that grants it",
        Code::AnotherServer => "another server than the expected one answers",
        Code::UnknownSetting => "no such setting; the nearest names are told",
        Code::BadValue => "a value that the setting cannot have: range, unit or word",
        Code::TwoValues => "one setting is given two different values",
        Code::File => "a file cannot be read, or is not what it should be",
        Code::Store => {
            "the state directory, or the database of the graph, cannot be read or written"
        }
        Code::NewerFormat => "a newer version of Backstay wrote the state directory",
        Code::Locked => "another process owns the state directory",
        Code::Broken => "the journal is damaged or was altered; the first bad entry is named",
        Code::Full => "no room is left for the journal: nothing is written to any database",
        Code::Unknown => "no such change set, plan, snapshot or deployment of a graph",
        Code::NoGuard => "no guard works on this state directory",
        Code::NoAnswer => "the guard did not answer in time; the request stays in its letter box",
        Code::Refused => "policy or the guard refused: paused, observe mode, another plan by now",
        Code::Conflict => {
            "somebody else moved the value meanwhile, or made the graph from another journal: neither is \
             overwritten"
        }
        Code::NoBinaries => "no server programs are installed here",
        Code::NoPack => "no knowledge is shipped for this engine and version",
        Code::Internal => "something that should not happen",
    }
}

const fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "ok, or risk under the threshold",
        Exit::Failure => "failure: input, disk, something unexpected",
        Exit::Usage => "usage: the command line, a value, something not available yet",
        Exit::Gate => "gate tripped: risk at or over the threshold, a rule at or over `--fail-on`",
        Exit::Inconclusive => {
            "inconclusive: too little is known (`--allow-inconclusive` makes it 0)"
        }
        Exit::Conflict => "conflict: somebody else moved the value, or holds the state directory",
        Exit::Unreachable => "the target or the guard does not answer",
        Exit::Refused => "refused by policy: paused, observe mode, approval missing",
        Exit::TimedOut => "timed out",
        Exit::Interrupted => "interrupted",
    }
}

fn errors() -> String {
    let mut text = format!("# Errors and exit codes\n\n{MADE}\n");
    text.push_str("| exit code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        text.push_str(&format!("| {} | {} |\n", exit.code(), meaning(exit)));
    }
    text.push_str(
        "\nEvery failure names its code. `--json` prints it as a document on standard error.\n\n",
    );
    text.push_str("| code | when | exit code |\n|---|---|---|\n");
    for code in Code::ALL {
        let (name, exit) = code.entry();
        text.push_str(&format!(
            "| `{name}` | {} | {} |\n",
            situation(code),
            exit.code()
        ));
    }
    text
}

fn compare(name: &str, made: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let path = folder.join(name);
    if std::env::var_os("BACKSTAY_RENEW_DOCS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference/{name} is not what the source says: BACKSTAY_RENEW_DOCS=1 cargo test -p backstay-cli docs"
    );
}

#[test]
fn docs_of_the_commands_are_those_of_the_source() {
    compare("commands.md", &commands());
}

#[test]
fn docs_of_the_errors_are_those_of_the_source() {
    compare("errors.md", &errors());
}

#[test]
fn every_code_has_its_own_name_and_every_exit_code_its_number() {
    let mut names: Vec<&str> = Code::ALL.iter().map(|c| c.entry().0).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for name in names {
        let area = name.split('-').nth(1).unwrap_or_default();
        let known = [
            "CONF", "CONN", "PERM", "PLAN", "GATE", "MODEL", "STORE", "AUDIT", "AGENT",
        ];
        assert!(name.starts_with("E-") && known.contains(&area), "{name}");
    }
    let numbers: Vec<u8> = Exit::ALL.iter().map(|e| e.code()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
}

#[test]
fn every_command_shows_examples() {
    fn walk(command: &Command, above: &str) {
        let name = format!("{above} {}", command.get_name());
        if command.get_name() == "help" {
            return;
        }
        let after = command.get_after_help().map(ToString::to_string);
        let after = after.unwrap_or_default();
        assert!(after.contains("Examples:"), "{name} has no examples");
        command.get_subcommands().for_each(|c| walk(c, &name));
    }
    let mut root = Arguments::command();
    root.build();
    walk(&root, "");
}
