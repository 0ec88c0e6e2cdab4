use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/baileys7");

fn files(at: &Path, names: &[&str]) {
    for name in names {
        let path = at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
}

fn layout(names: &[&str]) -> Layout {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path(), names);
    Layout::at(folder.path()).unwrap()
}

fn sessions(names: &[&str]) -> Vec<String> {
    match layout(names) {
        Layout::Sessions(found) => found.iter().map(|path| path.display().to_string()).collect(),
        other => panic!("{names:?}: {other:?}"),
    }
}

#[test]
fn a_sessions_own_folder_is_told_by_its_files() {
    assert_eq!(Layout::at(Path::new(FIXTURE)), Some(Layout::Session));
    for names in [["creds.json"], ["pre-key-1.json"], [".wakeeper-moved.json"]] {
        assert_eq!(layout(&names), Layout::Session, "{names:?}");
    }
    let gateways = tempfile::tempdir().unwrap();
    fs::write(gateways.path().join("wakeeper.db"), "SQLite format 3\0...").unwrap();
    assert_eq!(Layout::at(gateways.path()), Some(Layout::Session));
    // What only has such a name is not known.
    assert!(matches!(layout(&["wakeeper.db", "creds.json.moved"]), Layout::Foreign(_)));
    assert_eq!(Layout::at(Path::new("/does/not/exist")), None);
}

#[test]
fn sessions_below_are_found_where_gateways_keep_them_and_copies_are_not() {
    assert_eq!(sessions(&["auth_info/creds.json", "index.js", "node_modules/a/creds.json"]), ["auth_info"]);
    assert_eq!(sessions(&["auth_info/creds.json", "auth_info_backup/creds.json"]), ["auth_info"]);
    assert_eq!(
        sessions(&["shop/creds.json", "support/pre-key-1.json", "notes/readme.txt"]),
        ["shop", "support"]
    );
    assert_eq!(sessions(&[".sessions/noweb/default/creds.json"]), [".sessions/noweb/default"]);
    assert_eq!(sessions(&["store/auth/creds.json"]), ["store/auth"]);
    // Nobody keeps one as deep as that.
    assert!(matches!(layout(&["a/b/c/d/creds.json"]), Layout::Foreign(Foreign::Other { .. })));
}

#[test]
fn a_link_leads_to_no_session() {
    let folder = tempfile::tempdir().unwrap();
    symlink(FIXTURE, folder.path().join("auth_info")).unwrap();
    assert!(matches!(Layout::at(folder.path()), Some(Layout::Foreign(_))));
    assert_eq!(sessions_in(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_search_ends() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..OPENED {
        fs::create_dir(folder.path().join(format!("a{number:04}"))).unwrap();
    }
    files(folder.path(), &["z/creds.json"]);
    assert!(matches!(Layout::at(folder.path()), Some(Layout::Foreign(_))));
}

#[test]
fn what_is_empty_is_told_from_what_is_something_else() {
    assert_eq!(layout(&[]), Layout::Empty);
    assert_eq!(layout(&[".gitkeep", "sessions/.gitkeep"]), Layout::Empty);
    assert_eq!(
        layout(&["passwd", "hosts"]),
        Layout::Foreign(Foreign::Other { entries: 2, examples: vec!["hosts".into(), "passwd".into()] })
    );
    assert!(matches!(layout(&["Default/Cookies"]), Layout::Foreign(Foreign::Browser { .. })));
}

#[test]
fn stores_of_other_programs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let token = r#"{"WABrowserId":"\"x\"","WASecretBundle":"{}","WAToken1":"\"a\"","WAToken2":"\"b\""}"#;
    fs::write(folder.path().join("mysession.data.json"), token).unwrap();
    let Some(Layout::Foreign(found)) = Layout::at(folder.path()) else { panic!("foreign") };
    assert!(
        found.describe().contains("mysession.data.json is a token of wppconnect"),
        "{}",
        found.describe()
    );

    let folder = tempfile::tempdir().unwrap();
    let mut database = b"SQLite format 3\0".to_vec();
    database.extend([0; 4000]);
    database.extend(b"CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY)");
    fs::create_dir(folder.path().join("gows")).unwrap();
    fs::write(folder.path().join("gows/gows.db"), &database).unwrap();
    let found = Layout::at(folder.path());
    assert_eq!(found, Some(Layout::Foreign(Foreign::Whatsmeow { database: "gows/gows.db".into() })));
    // It may have any name, and stand beside much else.
    fs::rename(folder.path().join("gows/gows.db"), folder.path().join("gows/whatsapp")).unwrap();
    fs::write(folder.path().join("gows/a.txt"), "x").unwrap();
    let found = Layout::at(folder.path());
    assert_eq!(found, Some(Layout::Foreign(Foreign::Whatsmeow { database: "gows/whatsapp".into() })));
    let found = Layout::at(&folder.path().join("gows"));
    assert_eq!(found, Some(Layout::Foreign(Foreign::Whatsmeow { database: "whatsapp".into() })));
    fs::remove_file(folder.path().join("gows/whatsapp")).unwrap();
    // One that only has the name is none.
    fs::write(folder.path().join("gows/gows.db"), &database[..3000]).unwrap();
    assert!(matches!(Layout::at(folder.path()), Some(Layout::Foreign(Foreign::Other { .. }))));
}

#[test]
fn of_several_folders_with_known_names_none_is_left_out() {
    let bot = tempfile::tempdir().unwrap();
    let names = ["auth_info_baileys", "session", "store/auth", ".sessions/noweb"];
    files(bot.path(), &["auth_info_baileys/creds.json", "session/creds.json", "store/auth/creds.json"]);
    files(bot.path(), &[".sessions/noweb/default/creds.json"]);
    symlink(bot.path().join("session"), bot.path().join("auth")).unwrap();
    let all: Vec<_> = names.iter().map(|name| bot.path().join(name)).collect();
    assert_eq!(known_in(bot.path()), all);
    assert_eq!(meant_in(bot.path()).as_deref(), Some(bot.path()));
    assert_eq!(sessions_in(bot.path()).len(), 4);
    let told = also_there(bot.path(), &all[0]).unwrap();
    assert!(all[1..].iter().all(|path| told.contains(&*path.to_string_lossy())), "{told}");
    assert!(told.contains(&format!("--auth-info-dir {}", all[1].display())), "{told}");
}

#[test]
fn the_folder_that_was_meant_is_named() {
    let bot = tempfile::tempdir().unwrap();
    files(bot.path(), &["auth_info_baileys/creds.json"]);
    let session = bot.path().join("auth_info_baileys");
    assert_eq!(meant_in(bot.path()), Some(session.clone()));
    assert_eq!(also_there(bot.path(), &session), None);
    assert!(meant_by(&bot.path().join("auth_info")).contains("auth_info_baileys?"));
    assert!(meant_by(&session.join("auth_info")).contains("is a session's own folder itself"));
    files(bot.path(), &["shop/creds.json"]);
    assert!(meant_by(&bot.path().join("auth_info")).contains("holds 2 sessions"));
    assert_eq!(meant_by(Path::new("/does/not/exist")), "");
}
