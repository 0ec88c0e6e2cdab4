//! The power cut of the tests' disk takes what it should, so that a test under it can fail.

use tokio::process::Command;
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{FailingDisk, PATIENCE};

/// Writes a hundred blocks to each file, syncs one of them, and waits for its end. Perl leaves the signals as they are.
const WRITER: &str = r#"
use IO::Handle;
for my $name ("synced", "unsynced") {
    open(my $file, ">", "data/$name") or die $!;
    syswrite($file, "x" x 4096) or die $! for 1..100;
    $file->sync or die $! if $name eq "synced";
    push @open, $file;
}
syswrite(STDOUT, "written\n");
sleep 1 while 1;
"#;

#[tokio::test]
async fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder for the files");
    let disk = FailingDisk::new(folder.path());
    let whole = vec![b'x'; 100 * 4096];
    let mut lost = 0;
    for seed in 0..4 {
        disk.set(&format!("lose /data/ seed={seed}\n"));
        let mut command = Command::new("perl");
        command.arg("-e").arg(WRITER).current_dir(folder.path()).envs(disk.variables());
        let mut writer = Process::start("writer", &mut command, folder.path());
        writer.wait_line("written", PATIENCE).await;
        writer.cut_power(PATIENCE).await;
        let left = |name: &str| std::fs::read(folder.path().join("data").join(name)).expect("the file");
        assert!(left("synced") == whole, "seed {seed}: what was synced is there");
        lost += usize::from(left("unsynced") != whole);
    }
    let cuts = disk.power_cuts();
    assert_eq!(cuts.len(), 4, "{cuts:?}");
    assert!(cuts.iter().all(|cut| cut.unsynced == 100), "what was not synced is known: {cuts:?}");
    assert_eq!(lost, cuts.iter().filter(|cut| cut.lost + cut.torn > 0).count(), "and lost: {cuts:?}");
    assert!(lost > 0, "at least one cut takes something: {cuts:?}");
}
