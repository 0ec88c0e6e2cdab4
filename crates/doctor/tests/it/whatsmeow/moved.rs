//! Several devices in a store, one that moves out of it, what its journals hold, and backups.

use super::*;

/// Two devices in one store.
fn two() -> (TempDir, PathBuf, [String; 2]) {
    let (dir, path) = store("baileys7");
    let mut second = session("baileys6");
    "6281199999999".clone_into(&mut second.credentials.me.phone.user);
    second.credentials.me.lid = None;
    let second = fill::add(&path, &second);
    (dir, path, [session("baileys7").credentials.me.phone.to_string(), second])
}

#[test]
fn several_devices_are_several_sessions() {
    let (_dir, path, [first, second]) = two();
    let report = whatsmeow::examine(&path, None, &options()).unwrap();
    let mut named: Vec<_> = report.all().map(|device| device.session.clone().unwrap()).collect();
    named.sort();
    let mut expected = vec![first.clone(), second.clone()];
    expected.sort();
    assert_eq!(named, expected);
    let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err().to_string();
    assert!(error.contains(&first) && error.contains(&second) && error.contains("--device"), "{error}");
    for name in [second.as_str(), "+6281199999999", "6281199999999"] {
        assert_eq!(whatsmeow::hand_over(&path, Some(name), NOW_MS).unwrap().device, second);
        let one = whatsmeow::examine(&path, Some(name), &options()).unwrap();
        assert_eq!((one.first.session.as_ref(), one.sessions.len()), (Some(&second), 0));
    }
    let error = whatsmeow::hand_over(&path, Some("1@s.whatsapp.net"), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { .. }), "{error}");
}

#[test]
fn a_device_that_moved_is_gone_and_the_others_stay() {
    let (dir, path, [first, second]) = two();
    let shelf = dir.path().join("backups");
    let handover = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap();
    let backup = back_up(&handover, &shelf).path;
    handover.give_up("/data/sessions/default", &backup, NOW_MS).unwrap();

    let store = Store::open(&path).unwrap();
    assert_eq!(store.jids().unwrap(), std::slice::from_ref(&second));
    let left: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM whatsmeow_sessions WHERE our_jid = ?1", [&first], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "nothing of it is left");
    assert!(was_given_up(&path, &handover.account()).unwrap());
    assert!(!was_given_up(&path, "another").unwrap());
    let error = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    assert_eq!(whatsmeow::hand_over(&path, None, NOW_MS).unwrap().device, second);

    // The last one leaves a store that whatsmeow starts anew on, and that says where they went.
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    handover.give_up("/data/sessions/other", &backup, NOW_MS).unwrap();
    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Warning), ["session_moved", "session_moved"]);
    assert_eq!(report.credentials, CredentialsState::Missing);
    let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("was moved to /data/sessions/other"), "{error}");
}

#[test]
fn a_store_that_changed_or_is_in_use_is_not_given_up() {
    let (_dir, path) = store("baileys7");
    let before = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    change(&path, "UPDATE whatsmeow_device SET push_name = 'somebody wrote'");
    let error = before.give_up("/elsewhere", Path::new("backup"), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let now = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    let user = Connection::open(&path).unwrap();
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = now.give_up("/elsewhere", Path::new("backup"), NOW_MS).unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    user.execute_batch("ROLLBACK").unwrap();
    assert_eq!(Store::open(&path).unwrap().jids().unwrap().len(), 1);
    assert!(Store::open(&path).unwrap().moved().unwrap().is_empty());
}

/// Also by a user whose processes this one may not look into.
#[test]
fn a_store_that_somebody_is_connected_to_is_not_given_up() {
    let (dir, path, [first, _]) = two();
    let user = Connection::open(&path).unwrap();
    user.pragma_update(None, "journal_mode", "WAL").unwrap();
    let devices = "SELECT count(*) FROM whatsmeow_device";
    assert_eq!(user.query_row(devices, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    let handover = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap();
    let backup = back_up(&handover, &dir.path().join("backups")).path;
    let error = handover.give_up("/data/sessions/default", &backup, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    assert_eq!(user.query_row(devices, [], |row| row.get::<_, i64>(0)).unwrap(), 2, "as it was");
    drop(user);
    let handover = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap();
    handover.give_up("/data/sessions/default", &backup, NOW_MS).unwrap();
}

#[test]
fn what_waits_in_the_log_counts_and_what_was_not_finished_does_not() {
    let (_dir, path) = store("baileys7");
    // A write-ahead log that nobody has moved into the database.
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "journal_mode", "WAL").unwrap();
    writer.execute("UPDATE whatsmeow_device SET push_name = 'in the log'", []).unwrap();
    let name = |path: &Path| whatsmeow::hand_over(path, None, NOW_MS).unwrap().session.credentials.me.name;
    assert_eq!(name(&path).as_deref(), Some("in the log"));
    assert_eq!(name(&path).as_deref(), Some("in the log"), "and stays where it is");
    writer.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(writer);

    // A transaction that was cut short: its pages are in the database, what was there before is in the journal.
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "cache_size", 1).unwrap();
    writer.execute_batch("BEGIN; UPDATE whatsmeow_device SET push_name = 'never committed'").unwrap();
    for _ in 0..200 {
        let sql = "INSERT INTO whatsmeow_message_secrets SELECT jid, 'c', 's', lower(hex(randomblob(16))), randomblob(900) \
                   FROM whatsmeow_device";
        writer.execute(sql, []).unwrap();
    }
    let journal = path.with_file_name("whatsapp.db-journal");
    assert!(journal.metadata().unwrap().len() > 0);
    let killed = tempfile::tempdir().unwrap();
    for file in ["whatsapp.db", "whatsapp.db-journal"] {
        std::fs::copy(path.with_file_name(file), killed.path().join(file)).unwrap();
    }
    let torn = killed.path().join("whatsapp.db");
    let before = contents(killed.path());
    assert_eq!(name(&torn).as_deref(), Some("in the log"));
    assert_eq!(contents(killed.path()), before);

    // A journal that names another file is one that a stranger wrote.
    let mut text = std::fs::read(killed.path().join("whatsapp.db-journal")).unwrap();
    text.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    std::fs::write(killed.path().join("whatsapp.db-journal"), text).unwrap();
    let error = examine(&torn, &options()).unwrap_err().to_string();
    assert!(error.contains("names another file"), "{error}");
}

#[test]
fn a_backup_is_listed_verified_and_the_same_for_the_same_store() {
    let (dir, path) = store("baileys7");
    let shelf = dir.path().join("backups");
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    let made = back_up(&handover, &shelf);
    assert!(!made.unchanged);
    assert_eq!((made.manifest.format.as_str(), made.manifest.files.len()), ("whatsmeow", 1));
    assert_eq!(made.manifest.credentials, CredentialsState::Sound);
    assert_eq!(made.manifest.account, Some(handover.account()));
    let again = back_up(&whatsmeow::hand_over(&path, None, NOW_MS).unwrap(), &shelf);
    assert!(again.unchanged && again.path == made.path);

    let verified = backup::verify(&made.path, &options()).unwrap();
    assert!(verified.report.healthy && verified.report.format == Format::Whatsmeow);
    assert_eq!(examine(&made.path, &options()).unwrap().credentials, CredentialsState::Sound);
    let list = backup::Shelf::at(&shelf).list(Some("bot"), None, &options().limits).unwrap();
    assert_eq!((list.len(), list[0].credentials), (1, Some(CredentialsState::Sound)));

    // Nothing of it goes into a session's folder.
    let target = dir.path().join("auth_info");
    for what in [What::Credentials, What::All { force: Some("a test") }] {
        let how = RestoreOptions { what, dry_run: true, shelf: &shelf, label: "bot", makes_room: false };
        let refused = restore(&made.path, &target, &options(), &how).unwrap_err().to_string();
        assert!(refused.contains("whatsmeow store"), "{refused}");
    }

    // What it holds is a store that SQLite opens.
    let unpacked = zstd::decode_all(std::fs::File::open(&made.path).unwrap()).unwrap();
    let mut archive = tar::Archive::new(unpacked.as_slice());
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut member = entries.find(|entry| entry.path().unwrap().ends_with("whatsapp.db")).unwrap();
    let copy = dir.path().join("copy.db");
    member.unpack(&copy).unwrap();
    let restored = whatsmeow::hand_over(&copy, None, NOW_MS).unwrap();
    assert_eq!(comparable(&restored.session), comparable(&handover.session));
}

#[test]
fn a_large_store_is_backed_up_without_the_tables_of_others() {
    let (dir, path) = store("baileys7");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE \"the gateway's chats\" (body BLOB)").unwrap();
    for _ in 0..5 {
        connection.execute("INSERT INTO \"the gateway's chats\" VALUES (zeroblob(15000000))", []).unwrap();
    }
    drop(connection);
    let made = back_up(&whatsmeow::hand_over(&path, None, NOW_MS).unwrap(), &dir.path().join("backups"));
    assert_eq!(made.manifest.left_out.len(), 1, "{:?}", made.manifest.left_out);
    assert!(made.manifest.files[0].len < 1 << 20);
    assert!(backup::verify(&made.path, &options()).unwrap().report.healthy);
}

#[test]
fn a_folder_means_its_only_store() {
    let (dir, path) = store("baileys7");
    assert_eq!(store_at(dir.path()).unwrap(), Some(path.clone()));
    fill::empty(&dir.path().join("second.db"));
    let error = store_at(dir.path()).unwrap_err().to_string();
    assert!(error.contains("second.db") && error.contains("whatsapp.db"), "{error}");
    std::fs::remove_file(dir.path().join("second.db")).unwrap();
    std::fs::write(dir.path().join("creds.json"), "{}").unwrap();
    assert_eq!(store_at(dir.path()).unwrap(), None, "a session of Baileys lies there");
    assert_eq!(store_at(&dir.path().join("creds.json")).unwrap(), None);
}

/// Every chain that is written has its own side; a writer that mixed them up would make the tests above worthless.
#[test]
fn records_are_what_go_writes() {
    let whole = session("baileys7");
    let record = whole.signal_sessions.values().next().unwrap();
    let text: Value = fill::session_record(record, &whole.credentials);
    let state = &text["SessionState"];
    assert!(state["SenderChain"]["SenderRatchetKeyPrivate"].is_string());
    let receiving =
        record.current().unwrap().chains.iter().filter(|chain| chain.kind == ChainKind::Receiving);
    assert_eq!(state["ReceiverChains"].as_array().unwrap().len(), receiving.count());
}
