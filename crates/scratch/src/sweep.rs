//! Folders of processes that were killed before they could remove them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, geteuid, test_kill_process};

#[cfg(feature = "postgres")]
use crate::postgres::Account;

/// Removes every folder in `temp` that is called `prefix`, a process id, `-` and anything, when that
/// process is dead, the folder is ours, and no server works in it. Gives how many it removed; what
/// cannot be removed stays.
pub fn sweep(temp: &Path, prefix: &str) -> usize {
    let entries = fs::read_dir(temp).into_iter().flatten().flatten();
    let left = entries.filter(|entry| {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| owner(name, prefix));
        pid.is_some_and(dead) && ours(&entry.path()) && !served(&entry.path())
    });
    left.filter(|entry| fs::remove_dir_all(entry.path()).is_ok())
        .count()
}

fn owner(name: &str, prefix: &str) -> Option<Pid> {
    let (pid, _) = name.strip_prefix(prefix)?.split_once('-')?;
    Pid::from_raw(pid.parse().ok()?)
}

fn dead(pid: Pid) -> bool {
    test_kill_process(pid) == Err(Errno::SRCH)
}

/// Whether `path` is a folder (no link to one) of our account or of our servers' account.
fn ours(path: &Path) -> bool {
    let accounts = [
        geteuid().as_raw(),
        #[cfg(feature = "postgres")]
        Account::choose().uid(),
    ];
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && accounts.contains(&meta.uid()))
}

/// Whether the server that was started in `folder` lives: it outlives a starter that was killed.
fn served(folder: &Path) -> bool {
    let noted = fs::read_to_string(folder.join("data").join("postmaster.pid")).unwrap_or_default();
    let pid = noted
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    pid.and_then(Pid::from_raw).is_some_and(|pid| !dead(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_the_dead_go() {
        let temp = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (gone, here) = (child.id(), std::process::id());
        child.wait().unwrap();
        let folder = |name: String| {
            fs::create_dir_all(temp.path().join(&name).join("data")).unwrap();
            name
        };
        let left = folder(format!("story-{gone}-abc"));
        let served = folder(format!("story-{gone}-served"));
        let note = temp.path().join(&served).join("data/postmaster.pid");
        fs::write(note, format!("{here}\n/somewhere\n")).unwrap();
        let kept = [
            served,
            folder(format!("story-{here}-abc")),
            folder(format!("other-{gone}-abc")),
            folder("story-abc".to_owned()),
            folder("story-0-abc".to_owned()),
        ];
        let link = temp.path().join(format!("story-{gone}-link"));
        std::os::unix::fs::symlink(temp.path().join(&kept[1]), &link).unwrap();
        assert_eq!(sweep(temp.path(), "story-"), 1);
        assert!(!temp.path().join(left).exists());
        assert!(
            kept.iter()
                .all(|name| temp.path().join(name).join("data").exists())
        );
        assert!(link.exists());
    }
}
