use std::hint::black_box;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A machine of files.
struct Toy(TempDir);

impl Toy {
    fn new() -> Self {
        let toy = Self(tempfile::tempdir().unwrap());
        toy.file(
            "proc/meminfo",
            "MemTotal:       16384000 kB\nMemFree: 1 kB\nHugePages_Total:     512\nHugepagesize:       2048 kB\n",
        );
        toy.file("proc/77/comm", "postgres\n");
        toy.file(
            "proc/77/status",
            "Name:\tpostgres\nCpus_allowed_list:\t0-5,8\n",
        );
        toy.file(
            "proc/77/limits",
            "Limit                     Soft Limit           Hard Limit           Units\nMax stack size            8388608              unlimited            bytes\nMax open files            1024                 524288               files\n",
        );
        toy.file("proc/77/cmdline", "/usr/bin/postgres\0-D\0/srv/data\0");
        toy.file("srv/data/PG_VERSION", "15\n");
        toy
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn machine(&self) -> Machine {
        Machine::under(self.0.path())
    }

    fn fact(&self, name: &str) -> Option<(Measured, &'static str)> {
        let facts = self.machine().facts(Process(77), Path::new("/srv/data"));
        let found = facts.into_iter().find(|f| f.name == name)?;
        Some((found.value, found.from))
    }
}

#[test]
fn a_machine_without_groups_gives_all_it_has() {
    let toy = Toy::new();
    let memory = Measured::Bytes(16_384_000 * 1_024);
    assert_eq!(toy.fact("memory"), Some((memory, "this machine")));
    assert_eq!(toy.fact("cpus"), Some((Measured::Count(7), "this machine")));
    let files = toy.fact("open_files").unwrap();
    assert_eq!(files.0, Measured::Count(1_024));
    assert_eq!(toy.fact("stack").unwrap().0, Measured::Bytes(8 << 20));
    assert_eq!(toy.fact("huge_pages").unwrap().0, Measured::Bytes(1 << 30));
    assert!(matches!(toy.fact("disk_free"), Some((Measured::Bytes(n), _)) if n > 0));
}

#[test]
fn the_tightest_group_of_version_2_binds() {
    let toy = Toy::new();
    toy.file("proc/77/cgroup", "0::/kubepods/pod1/db\n");
    toy.file("sys/fs/cgroup/kubepods/pod1/db/memory.max", "max\n");
    toy.file("sys/fs/cgroup/kubepods/pod1/memory.max", "4294967296\n");
    toy.file("sys/fs/cgroup/kubepods/memory.max", "8589934592\n");
    toy.file("sys/fs/cgroup/kubepods/pod1/db/cpu.max", "150000 100000\n");
    toy.file("sys/fs/cgroup/kubepods/cpu.max", "max 100000\n");
    let limit = Measured::Bytes(4 << 30);
    assert_eq!(toy.fact("memory"), Some((limit, "control group")));
    assert_eq!(
        toy.fact("cpus"),
        Some((Measured::Count(2), "control group"))
    );
}

#[test]
fn groups_of_version_1_bind_as_well() {
    let toy = Toy::new();
    toy.file(
        "proc/77/cgroup",
        "12:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
    );
    toy.file(
        "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
        "1073741824\n",
    );
    toy.file(
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "9223372036854771712\n",
    );
    toy.file("sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
    toy.file("sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
    assert_eq!(toy.fact("memory").unwrap().0, Measured::Bytes(1 << 30));
    assert_eq!(toy.fact("cpus").unwrap().0, Measured::Count(7));
}

#[test]
fn a_server_is_here_when_a_process_runs_on_its_data() {
    let toy = Toy::new();
    let data = PathBuf::from("/srv/data");
    assert_eq!(
        toy.machine().serving(&data),
        Some(Process(77)),
        "by its command line"
    );
    toy.file("srv/data/postmaster.pid", "77\n/srv/data\n");
    assert_eq!(
        toy.machine().serving(&data),
        Some(Process(77)),
        "by its lock file"
    );
    // A lock file left over by a crash, its number taken by somebody else.
    toy.file("srv/data/postmaster.pid", "78\n/srv/data\n");
    toy.file("proc/78/comm", "bash\n");
    toy.file("proc/77/cmdline", "/usr/bin/postgres\0-D\0/srv/other\0");
    assert_eq!(toy.machine().serving(&data), None);
    assert_eq!(toy.machine().serving(Path::new("")), None);
}

#[test]
fn this_machine_is_read_like_any_other() {
    let me = Process(std::process::id());
    let facts = Machine::here().facts(me, Path::new("/"));
    let names: Vec<&str> = facts.iter().map(|f| f.name).collect();
    for name in ["cpus", "disk_free", "disk_size", "memory", "open_files"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

proptest! {
    #[test]
    fn tables_never_panic(text in "(\\PC|[\n\t:,/-]){0,200}") {
        black_box(limits::groups(&text));
        black_box(limits::upwards(&text));
        black_box(limits::listed(&text));
        black_box(limits::soft_limit(&text, "Max"));
        black_box(limits::table_bytes(&text, "Mem"));
        black_box(limits::share(&text, "100000"));
    }
}
