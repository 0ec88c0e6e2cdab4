//! Stores that somebody made to cost much, or to run something.

use super::*;

/// A changed store, its report and what was found that is an error.
fn judged(sql: &str) -> (Vec<&'static str>, String) {
    let (_dir, path) = store("baileys7");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let report = examine(&path, &options()).unwrap();
    let refused = whatsmeow::hand_over(&path, None, NOW_MS).is_err();
    let damaged = codes(&report, Severity::Error).contains(&"whatsmeow_database_damaged");
    assert_eq!(refused, damaged, "{sql}: {:?}", report.findings);
    let evidence = report.findings.iter().map(|found| found.evidence.clone()).collect();
    (codes(&report, Severity::Error), evidence)
}

/// Tokens for the device, of so many contacts, in a table whose column of tokens comes last.
fn tokens(count: u32, column: &str) -> String {
    format!(
        "DROP TABLE whatsmeow_privacy_tokens;
         CREATE TABLE whatsmeow_privacy_tokens (our_jid TEXT, their_jid TEXT, timestamp INTEGER, sender_timestamp INTEGER);
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count})
         INSERT INTO whatsmeow_privacy_tokens
         SELECT jid, (628111000000 + x) || '@s.whatsapp.net', 1, 1 FROM n, whatsmeow_device;
         ALTER TABLE whatsmeow_privacy_tokens ADD COLUMN {column};"
    )
}

#[test]
fn what_runs_on_the_tables_is_a_finding_and_is_not_run() {
    let computed = tokens(20, "token BLOB GENERATED ALWAYS AS (zeroblob(1000000)) VIRTUAL");
    for (sql, named) in [
        (computed.as_str(), "whatsmeow_privacy_tokens.token"),
        (
            "ALTER TABLE WhatsMeow_Sessions ADD COLUMN evil AS (zeroblob(9)) VIRTUAL",
            "whatsmeow_sessions.evil",
        ),
        ("CREATE TABLE Wakeeper_Moved (x, evil AS (x || x) STORED)", "Wakeeper_Moved.evil"),
        ("CREATE INDEX evil ON whatsmeow_sessions (hex(session))", "computed index evil"),
        (
            "CREATE TRIGGER evil AFTER DELETE ON whatsmeow_sessions BEGIN DELETE FROM whatsmeow_device; END",
            "trigger evil",
        ),
        (
            "CREATE TABLE own (x); CREATE TRIGGER evil AFTER INSERT ON own BEGIN DELETE FROM WHATSMEOW_device; END",
            "trigger evil",
        ),
        ("CREATE VIEW evil AS SELECT * FROM whatsmeow_device", "view evil"),
        ("CREATE VIRTUAL TABLE Whatsmeow_Evil USING fts5(x)", "virtual table Whatsmeow_Evil"),
    ] {
        let (errors, evidence) = judged(sql);
        assert_eq!(errors, ["whatsmeow_database_damaged"], "{sql}: {evidence}");
        assert!(evidence.contains(named), "{sql}: {evidence}");
    }
}

#[test]
fn what_a_gateway_computes_from_its_own_tables_is_its_own_affair() {
    let own = "CREATE TABLE own (x, y AS (zeroblob(x)) VIRTUAL NOT NULL); INSERT INTO own VALUES (3);
               CREATE TABLE \"7\" (x); CREATE VIRTUAL TABLE found USING fts5(x);
               CREATE VIEW seen AS SELECT x FROM own;
               CREATE TRIGGER told AFTER INSERT ON own BEGIN INSERT INTO found VALUES (new.x); END;";
    assert_eq!(judged(own).0, [""; 0]);
    // Damage of the other tables is still seen.
    let (_dir, path) = store("baileys7");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(own).unwrap();
    let page = "SELECT rootpage FROM sqlite_schema WHERE name = 'whatsmeow_sessions'";
    let page: u32 = connection.query_row(page, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut content = std::fs::read(&path).unwrap();
    content[(page as usize - 1) * 4096 + 8..page as usize * 4096].fill(0xaa);
    std::fs::write(&path, content).unwrap();
    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["whatsmeow_database_damaged"], "{:?}", report.findings);
}

/// SQLite gives a row that is shorter than its table the default from the schema: one text in the file, read many times.
#[test]
fn no_more_comes_out_of_a_store_than_is_in_it() {
    let (errors, evidence) = judged(&tokens(50, &format!("token BLOB DEFAULT x'{}'", "00".repeat(300_000))));
    assert_eq!(errors, ["whatsmeow_database_damaged"], "{evidence}");
    assert!(evidence.contains("than the file can hold"), "{evidence}");
}

#[test]
fn a_long_token_is_left_out() {
    let sql = tokens(1, "token BLOB") + "UPDATE whatsmeow_privacy_tokens SET token = zeroblob(5000)";
    let (_, evidence) = judged(&sql);
    assert!(evidence.contains("token has 5000 bytes"), "{evidence}");
}

#[test]
fn a_pre_key_with_an_id_that_cannot_be_is_left_out() {
    for id in ["4294967295", "16777216", "0"] {
        let (_dir, path) = store("baileys7");
        let last = "(SELECT max(key_id) FROM whatsmeow_pre_keys)";
        change(&path, &format!("UPDATE whatsmeow_pre_keys SET key_id = {id} WHERE key_id = {last}"));
        let report = examine(&path, &options()).unwrap();
        assert!(report.findings.iter().any(|found| found.evidence.contains(id)), "{:?}", report.findings);
        let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
        assert_eq!(handover.left_out.len(), 1);
        let next = handover.session.credentials.next_pre_key_id;
        assert_eq!(Some(next), handover.session.pre_keys.keys().max().map(|id| id + 1));
    }
}
