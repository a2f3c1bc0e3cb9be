//! A quicker eye on configuration files: says "look now" when something moved in one of their
//! directories. Only an accelerator; the look each second stays the truth, because file events fail on
//! network file systems and get lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches the directories that hold configuration files. Directories, because the server and editors
/// replace files by renaming.
#[derive(Debug)]
pub struct FileWatch {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
    moved: Arc<AtomicBool>,
    wake: Arc<Notify>,
}

impl FileWatch {
    /// A watch on nothing yet; wakes `wake` when something moves.
    ///
    /// # Errors
    /// When the system gives no more watches.
    pub fn new(wake: Arc<Notify>) -> Result<Self, notify::Error> {
        let moved = Arc::new(AtomicBool::new(false));
        let (flag, waker) = (Arc::clone(&moved), Arc::clone(&wake));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| concerns_configuration(&event)) {
                flag.store(true, Ordering::Relaxed);
                waker.notify_one();
            }
        })?;
        Ok(Self {
            watcher,
            directories: BTreeSet::new(),
            moved,
            wake,
        })
    }

    /// Watches the directories of `files` from now on, and no others.
    pub fn cover<'f>(&mut self, files: impl Iterator<Item = &'f Path>) {
        let wanted: BTreeSet<PathBuf> =
            files.filter_map(Path::parent).map(Path::to_owned).collect();
        for gone in self.directories.difference(&wanted) {
            if let Err(error) = self.watcher.unwatch(gone) {
                tracing::debug!(%error, directory = %gone.display(), "no longer watched");
            }
        }
        let mut covered = BTreeSet::new();
        for directory in wanted {
            let known = self.directories.contains(&directory);
            match if known {
                Ok(())
            } else {
                self.watcher.watch(&directory, RecursiveMode::NonRecursive)
            } {
                Ok(()) => {
                    covered.insert(directory);
                }
                Err(error) => {
                    tracing::debug!(%error, directory = %directory.display(), "cannot be watched");
                }
            }
        }
        self.directories = covered;
    }

    /// Whether something moved since the last call.
    #[must_use]
    pub fn take(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Woken when something moved.
    #[must_use]
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }
}

/// Data directories hold busy files too, so only names of configuration files count; and reading never
/// does, because the server reads them for every look that we take.
fn concerns_configuration(event: &notify::Event) -> bool {
    use notify::EventKind::{Access, Create, Modify, Remove};
    use notify::event::{AccessKind, AccessMode};
    let writes = matches!(
        event.kind,
        Create(_) | Modify(_) | Remove(_) | Access(AccessKind::Close(AccessMode::Write))
    );
    let name = |path: &PathBuf| path.extension().is_some_and(|e| e == "conf" || e == "tmp");
    writes && event.paths.iter().any(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One file that moves makes several events; what the last of them says may have been taken already.
    async fn woken(watch: &FileWatch) -> bool {
        let wake = watch.wake();
        let moved = async {
            while !watch.take() {
                wake.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), moved)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_file_that_is_renamed_over_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postgresql.auto.conf");
        std::fs::write(&path, "a").unwrap();
        let mut watch = FileWatch::new(Arc::new(Notify::new())).unwrap();
        watch.cover([path.as_path()].into_iter());
        assert_eq!(std::fs::read(&path).unwrap(), b"a");
        assert!(!watch.take());
        let draft = folder.path().join("postgresql.auto.conf.tmp");
        std::fs::write(&draft, "b").unwrap();
        std::fs::rename(&draft, &path).unwrap();
        assert!(woken(&watch).await);
        std::fs::remove_file(&path).unwrap();
        assert!(woken(&watch).await);
    }
}
