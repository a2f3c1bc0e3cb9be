//! Facts about the host: read where the server runs on this machine, else given by options.

use std::fs;
use std::path::Path;

use backstay_catalog::Quantity;
use backstay_host::{Fact, Machine, Measured};

use crate::args::Subject;
use crate::commands::subject::Ground;
use crate::failure::{Code, Failure};

/// Facts about the machine that we run on, when the server does as well. A connection that ends on this
/// machine may be a tunnel: only a process on the server's own data directory proves it.
pub(crate) fn this_machine(mut ground: Ground) -> Ground {
    let Some(live) = &ground.live else {
        return ground;
    };
    let data = live.snapshot.server.data_directory.clone();
    let data = Path::new(&data);
    let machine = Machine::here();
    let Some(process) = machine.serving(data) else {
        ground.notes.push(
            "the server answers on this machine, but no process here runs on its data directory: nothing \
             is read about its host"
                .to_owned(),
        );
        return ground;
    };
    for fact in machine.facts(process, data) {
        let from = match fact.from {
            "control group" => " (control group)",
            _ => "",
        };
        let name = fact.name;
        ground = ground.with_host(name, quantity(&fact), from);
    }
    ground
}

/// A size that is larger is told in whole gibibytes.
const GIBIBYTES_FROM: u64 = 10 << 30;

/// Sizes of memory and disk are told in whole mebibytes, large ones in gibibytes: nobody decides by less.
fn quantity(fact: &Fact) -> Quantity {
    match fact.value {
        // The word of the kernel's table of limits is "unlimited".
        Measured::Bytes(u64::MAX) => Quantity::Unlimited,
        Measured::Bytes(n) if n >= GIBIBYTES_FROM => Quantity::Bytes(i128::from(n >> 30) << 30),
        Measured::Bytes(n) => Quantity::Bytes(i128::from(n >> 20) << 20),
        Measured::Count(n) => Quantity::Count(i128::from(n)),
        Measured::Word(word) => Quantity::Text(word.to_owned()),
    }
}

/// What the options say, over what was read.
pub(crate) fn host_options(mut ground: Ground, subject: &Subject) -> Result<Ground, Failure> {
    let sizes = [
        ("memory", "--memory", &subject.memory),
        ("stack", "--stack-limit", &subject.host.stack_limit),
        ("disk_free", "--disk-free", &subject.host.disk_free),
        ("huge_pages", "--huge-pages", &subject.host.huge_pages),
    ];
    for (fact, option, given) in sizes {
        if let Some(text) = given {
            let size = Quantity::parse_bytes(text).ok_or_else(|| {
                Failure::new(Code::Usage, format!("`{option} {text}` is not a size"))
                    .hint("write a number with a unit: 64GB")
            })?;
            // A machine may have no space left and no huge pages, but it has memory.
            if ["memory", "stack"].contains(&fact) && size == Quantity::Bytes(0) {
                return Err(Failure::new(
                    Code::Usage,
                    format!("`{option} {text}`: no machine has none of it"),
                )
                .hint("leave the option out when you do not know: what is unknown is told so"));
            }
            ground = ground.with_host(fact, size, "");
        }
    }
    let counts = [
        ("cpus", subject.cpus),
        ("open_files", subject.host.open_files),
    ];
    for (fact, given) in counts {
        if let Some(n) = given {
            ground = ground.with_host(fact, Quantity::Count(i128::from(n)), "");
        }
    }
    if let Some(kind) = &subject.storage {
        if !["ssd", "nvme", "hdd"].contains(&kind.as_str()) {
            return Err(
                Failure::new(Code::Usage, format!("`--storage {kind}` is not a kind"))
                    .hint("kinds of storage are ssd, nvme and hdd"),
            );
        }
        ground = ground.with_host("storage", Quantity::Text(kind.clone()), "");
    }
    Ok(ground)
}

/// A line of the kernel's memory table, in bytes.
pub(crate) fn memory_line(head: &str) -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    backstay_host::limits::table_bytes(&table, head)
}
