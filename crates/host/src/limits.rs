//! Reading the kernel's tables: pure functions of their text.

/// Control groups that a process is in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// Path in the one hierarchy of version 2.
    pub unified: Option<String>,
    /// Path in the memory hierarchy of version 1.
    pub memory: Option<String>,
    /// Path in the processor hierarchy of version 1.
    pub cpu: Option<String>,
}

/// Deepest nesting of control groups that is looked at.
const DEPTH_MAX: usize = 32;

/// Reads `/proc/<pid>/cgroup`.
#[must_use]
pub fn groups(text: &str) -> Groups {
    let mut found = Groups::default();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        // A path that leads out of what we can see is no folder of ours.
        if path.contains("..") {
            continue;
        }
        let path = Some(path.trim_end_matches('/').to_owned());
        let has = |name: &str| controllers.split(',').any(|c| c == name);
        if number == "0" && controllers.is_empty() {
            found.unified = path;
        } else if has("memory") {
            found.memory = path;
        } else if has("cpu") {
            found.cpu = path;
        }
    }
    found
}

/// The group and all groups around it, up to the root (an empty path): a limit of any of them binds.
#[must_use]
pub fn upwards(path: &str) -> Vec<String> {
    let mut all = vec![path.to_owned()];
    let mut rest = path;
    while let Some((outer, _)) = rest.rsplit_once('/') {
        if all.len() == DEPTH_MAX {
            break;
        }
        all.push(outer.to_owned());
        rest = outer;
    }
    all
}

/// Whole processors that a quota of time per period is worth, rounded up; `None` without a quota.
#[must_use]
pub fn share(quota: &str, period: &str) -> Option<u64> {
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok().filter(|p| *p > 0)?;
    Some(quota.div_ceil(period).max(1))
}

/// The number behind `head` in a table of `head number unit` lines.
#[must_use]
pub fn table_number(table: &str, head: &str) -> Option<u64> {
    let line = table.lines().find_map(|l| l.strip_prefix(head))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The same where the table counts kibibytes, in bytes.
#[must_use]
pub fn table_bytes(table: &str, head: &str) -> Option<u64> {
    table_number(table, head)?.checked_mul(1_024)
}

/// How many numbers a list like `0-3,8` names.
#[must_use]
pub fn listed(list: &str) -> Option<u64> {
    let mut sum: u64 = 0;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        sum = sum.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(sum).filter(|n| *n > 0)
}

/// The soft limit called `name` in `/proc/<pid>/limits`; `unlimited` is the largest number there is.
#[must_use]
pub fn soft_limit(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|l| l.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}
