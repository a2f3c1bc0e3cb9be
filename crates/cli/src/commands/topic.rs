//! `backstay topic`: explanations beyond the commands.

use crate::failure::{Code, Exit, Failure};
use crate::out::Out;

const TOPICS: &[(&str, &str)] = &[
    (
        "exit-codes",
        "\
0    ok, or risk under the threshold
1    failure: input, disk, something unexpected
2    usage: the command line, a value, something not available yet
3    gate tripped: risk at or over the threshold, a rule at or over --fail-on
4    inconclusive: too little data (--allow-inconclusive makes it 0)
5    conflict: somebody else moved the value, or holds the state directory
6    the target or the guard does not answer
7    refused by policy: paused, observe mode, approval missing
8    timed out
130  interrupted
",
    ),
    (
        "modes",
        "\
observe   the default: watch, judge, tell; never write
approve   as observe; a plan runs when a person approves exactly this plan
auto      rolls back by itself what the evidence and the policy allow

Classes of settings cap the mode, whatever is configured:
  reloadable                                       up to auto
  restart, durability, authentication, secrets     approve
  settings that run or load code                   observe only, never written
",
    ),
    (
        "verdicts",
        "\
hurt            the change hurt: a class of behaviour changed (hang, errors, new sessions fail, twice
                as bad), or a metric left its calibrated band by more than what matters
healthy         harm of at least the stated size is ruled out by the data
no harm seen    kept; harm below twice as bad is not ruled out, so it is not known to be good
workload shift  the load moved, and the outcomes no more than the load explains
confounded      something else moved as well: neither blamed nor cleared
inconclusive    the data decide nothing; held after its extensions
no data         nothing to judge by; never \"healthy\"
",
    ),
    (
        "config",
        "\
format_version = \"1.0\"
state_dir = \"/var/lib/backstay\"     # journal, snapshots, metric history

[policy]
mode = \"observe\"          # observe, approve, auto
watch = \"15m\"             # how long a change is watched before it is kept
extensions = 1            # how often a watch that decided nothing goes on
min_baseline = \"60s\"      # least history before a change
recovery = \"120s\"         # how long after a rollback the symptom may take to go away
intent_ttl = \"5m\"         # an intent that was not begun expires
cooldown = \"30m\"          # between two automatic rollbacks of one setting
max_auto_per_hour = 1     # automatic rollbacks per target
max_auto_per_day = 2
metrics_bytes_max = 268435456

[graph]
store = \"sqlite\"          # in the state directory; or \"neo4j\", with:
# uri = \"neo4j://graph.example:7687\"
# user = \"backstay\"
# password_file = \"/etc/backstay/neo4j.password\"    # else BACKSTAY_NEO4J_PASSWORD
# database = \"neo4j\"      # else the one that the server gives the user
# tls = \"on\"              # off, on, any-certificate; ca_file = \"…\" to trust another authority
# deployment = \"prod\"     # else made from the key of the state directory

[[target]]
name = \"shop\"
dsn = \"postgresql://backstay@db1/shop\"     # or: service = \"shop\" (pg_service.conf)
probe_dsn = \"postgresql://app@db1/shop\"    # log in the way an application does
mode = \"auto\"
services = { checkout = 5, reports = 1 }   # weights in the blast radius
",
    ),
];

/// Prints a topic, or the list of them.
pub(crate) fn run(topic: Option<&str>, out: Out) -> Result<Exit, Failure> {
    let Some(wanted) = topic else {
        for (name, _) in TOPICS {
            out.line(*name);
        }
        return Ok(Exit::Ok);
    };
    match TOPICS.iter().find(|(name, _)| *name == wanted) {
        Some((_, text)) => {
            out.text(text);
            Ok(Exit::Ok)
        }
        None => {
            let names: Vec<&str> = TOPICS.iter().map(|(n, _)| *n).collect();
            Err(
                Failure::new(Code::Usage, format!("there is no topic `{wanted}`"))
                    .hint(format!("topics: {}", names.join(", "))),
            )
        }
    }
}
