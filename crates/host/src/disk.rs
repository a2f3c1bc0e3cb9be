//! The file system with the data, and what it stands on.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{Fact, Machine, Measured};

impl Machine {
    /// Size and free space where the data are, and the kind of storage where the kernel is sure of it.
    pub(crate) fn disk(&self, data: &Path) -> Vec<Fact> {
        let inside = data.strip_prefix("/").unwrap_or(data);
        let path = self.root.join(inside);
        let mut facts = Vec::new();
        if let Ok(space) = rustix::fs::statvfs(&path) {
            let bytes = |blocks: u64| Measured::Bytes(blocks.saturating_mul(space.f_frsize));
            for (name, value) in [
                ("disk_free", bytes(space.f_bavail)),
                ("disk_size", bytes(space.f_blocks)),
            ] {
                facts.push(Fact {
                    name,
                    value,
                    from: "the data directory",
                });
            }
        }
        if let Some(word) = self.storage(&path) {
            facts.push(Fact {
                name: "storage",
                value: Measured::Word(word),
                from: "the data directory",
            });
        }
        facts
    }

    /// `nvme` or `ssd`; a disk that says it turns is often a virtual one that does not know better, so
    /// that is no answer.
    fn storage(&self, path: &Path) -> Option<&'static str> {
        let device = std::fs::metadata(path).ok()?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let folder = self.root.join(format!("sys/dev/block/{major}:{minor}"));
        let folder = folder.canonicalize().ok()?;
        // A partition has its queue one level up.
        let turning = ["queue/rotational", "../queue/rotational"]
            .iter()
            .find_map(|p| std::fs::read_to_string(folder.join(p)).ok())?;
        let name = folder.to_string_lossy().into_owned();
        match turning.trim() {
            "0" if name.contains("/nvme") => Some("nvme"),
            "0" => Some("ssd"),
            _ => None,
        }
    }
}
