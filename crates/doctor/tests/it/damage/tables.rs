//! Which damage gives which finding.

use std::path::Path;

use super::edits::{
    BOB, BOBS_SENDER_KEY, CAROL_6, CAROL_7, append, counters, cut, edit, replace_member, swap_between, write,
};

pub(super) type Damage = fn(&Path);

/// Name of the finding, the fixture, the damage.
pub(super) const ERRORS: &[(&str, &str, Damage)] = &[
    ("file_empty", "baileys6", |dir| write(dir, BOB, b"")),
    ("file_all_nul", "baileys6", |dir| write(dir, BOB, &[0; 4096])),
    ("file_truncated", "baileys7", |dir| cut(dir, BOB, 700)),
    ("file_truncated", "baileys7", |dir| cut(dir, "pre-key-5.json", 60)),
    ("file_two_writers", "baileys6", |dir| append(dir, BOB, b"\"}}}")),
    ("file_garbled", "baileys7", |dir| edit(dir, BOB, |text| text.replacen(":{", ":!", 1))),
    ("file_garbled", "baileys7", |dir| write(dir, BOB, &vec![b'['; 1_000_000])),
    ("file_garbled", "baileys7", |dir| write(dir, "tctoken-x@lid.json", &[0xff, 0xfe, 0, 1])),
    ("file_not_regular", "baileys6", |dir| {
        std::fs::remove_file(dir.join(BOB)).unwrap();
        std::fs::create_dir_all(dir.join(BOB).join("inside")).unwrap();
    }),
    ("file_not_regular", "baileys6", |dir| {
        std::fs::remove_file(dir.join(BOB)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join(BOB)).unwrap();
    }),
    ("file_too_large", "baileys6", |dir| {
        std::fs::File::options().write(true).open(dir.join(BOB)).unwrap().set_len(1 << 40).unwrap();
    }),
    ("file_wrong_shape", "baileys7", |dir| write(dir, "device-list-6281100000003.json", b"{\"0\":true}")),
    ("file_wrong_shape", "baileys7", |dir| {
        edit(dir, "app-state-sync-version-regular_low.json", |text| {
            text.replace("\"version\":3", "\"version\":-3")
        });
    }),
    ("pre_key_counter_behind", "baileys7", |dir| counters(dir, 9, 9)),
    ("pre_key_counter_range", "baileys7", |dir| counters(dir, u32::MAX, u32::MAX)),
    ("pre_key_counters_crossed", "baileys7", |dir| counters(dir, 15, 16)),
    ("pre_key_malformed", "baileys6", |dir| write(dir, "pre-key-5.json", b"{\"private\":{}}")),
    ("pre_key_mismatch", "baileys6", |dir| {
        let other = std::fs::read_to_string(dir.join("pre-key-6.json")).unwrap();
        let public = other[other.find("\"public\"").unwrap()..].to_owned();
        edit(dir, "pre-key-5.json", |text| text[..text.find("\"public\"").unwrap()].to_owned() + &public);
    }),
    ("signal_session_empty", "baileys6", |dir| write(dir, BOB, b"{}")),
    ("signal_session_empty", "baileys7", |dir| write(dir, BOB, b"null")),
    ("signal_session_empty", "baileys7", |dir| write(dir, BOB, b"{\"_sessions\":{},\"version\":\"v1\"}")),
    ("signal_session_version", "baileys7", |dir| edit(dir, BOB, |text| text.replace("\"v1\"", "\"v9\""))),
    ("signal_session_incomplete", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"registrationId\"", "\"x\""));
    }),
    ("signal_session_incomplete", "baileys6", |dir| {
        edit(dir, BOB, |text| text.replacen("\"rootKey\"", "\"x\"", 1));
    }),
    ("signal_session_key_invalid", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"remoteIdentityKey\":\"", "\"remoteIdentityKey\":\"AAAA"));
    }),
    ("signal_session_key_mismatch", "baileys7", |dir| swap_between(dir, BOB, CAROL_7, "\"privKey\":\"")),
    ("signal_session_index_mismatch", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let at = text.find("\"_sessions\":{\"").unwrap() + 14;
            let mut text = text.to_owned();
            text.replace_range(at + 20..at + 24, "AAAA");
            text
        });
    }),
    ("signal_session_many_open", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let at = text.find("\"closed\":1").unwrap() + 9;
            let end = at + text[at..].find(',').unwrap();
            format!("{}-1{}", &text[..at], &text[end..])
        });
    }),
    ("signal_session_none_open", "baileys6", |dir| {
        edit(dir, BOB, |text| text.replace("\"closed\":-1", "\"closed\":1700000000000"));
    }),
    ("signal_session_sending_chain", "baileys7", |dir| {
        edit(dir, CAROL_7, |text| text.replace("\"chainType\":1", "\"chainType\":2"));
    }),
    ("signal_session_receiving_chain", "baileys7", |dir| {
        swap_between(dir, BOB, CAROL_7, "\"lastRemoteEphemeralKey\":\"");
    }),
    ("signal_session_counters", "baileys7", |dir| {
        edit(dir, CAROL_7, |text| text.replacen("\"counter\":0", "\"counter\":-2", 1));
    }),
    ("signal_session_pending_mismatch", "baileys6", |dir| {
        edit(dir, "session-6281100000004.0.json", |text| {
            text.replace("\"baseKeyType\":1", "\"baseKeyType\":2")
        });
    }),
    ("signal_session_contaminated", "baileys6-contaminated-ours", |_| {}),
    ("signal_session_contaminated", "baileys7-contaminated-theirs", |_| {}),
    ("signal_session_other_version", "baileys7", |dir| {
        // Another one, used no earlier, is named as 7.x names it.
        std::fs::copy(dir.join(CAROL_7), dir.join("session-100000000000033_1.0.json")).unwrap();
        std::fs::rename(dir.join(CAROL_7), dir.join(CAROL_6)).unwrap();
    }),
    ("sender_key_malformed", "baileys6", |dir| {
        edit(dir, BOBS_SENDER_KEY, |text| text.replace("\"seed\":", "\"x\":"));
    }),
    ("sender_key_malformed", "baileys7", |dir| {
        write(dir, BOBS_SENDER_KEY, b"{\"type\":\"Buffer\",\"data\":\"AAAA\"}");
    }),
    ("sender_key_other_version", "baileys7", |dir| {
        std::fs::copy(
            crate::support::fixture_path("baileys6").join(BOBS_SENDER_KEY),
            dir.join(BOBS_SENDER_KEY),
        )
        .unwrap();
    }),
    // 6.7.19 sent one message with the key that 6.7.18 made.
    ("sender_key_carried_over", "baileys6", |dir| {
        std::fs::copy(
            crate::support::fixture_path("sender-key-carried-over.json"),
            dir.join("sender-key-120363000000000001@g.us--6281100000001--12.json"),
        )
        .unwrap();
    }),
    ("sender_key_memory_orphan", "baileys7", |dir| {
        std::fs::remove_file(dir.join("sender-key-120363000000000001@g.us--100000000000011_1--12.json"))
            .unwrap();
    }),
];

/// Damage to the credentials, which only a backup can cure.
pub(super) const CREDENTIALS: &[(&str, &str, Damage)] = &[
    ("credentials_missing", "baileys6", |dir| std::fs::remove_file(dir.join("creds.json")).unwrap()),
    ("credentials_torn", "baileys6", |dir| write(dir, "creds.json", b"")),
    ("credentials_torn", "baileys7", |dir| write(dir, "creds.json", &[0; 100])),
    ("credentials_torn", "baileys7", |dir| cut(dir, "creds.json", 900)),
    ("file_not_regular", "baileys7", |dir| {
        std::fs::remove_file(dir.join("creds.json")).unwrap();
        std::fs::create_dir(dir.join("creds.json")).unwrap();
    }),
    ("credentials_incomplete", "baileys7", |dir| write(dir, "creds.json", b"{}")),
    ("credentials_incomplete", "baileys6", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"noiseKey\"", "\"n\""));
    }),
    ("credentials_key_invalid", "baileys7", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"advSecretKey\":\"", "\"advSecretKey\":\"AAAA"));
    }),
    ("credentials_key_mismatch", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            text.replacen("\"public\"", "\"p\"", 1).replacen("\"private\"", "\"public\"", 1).replacen(
                "\"p\"",
                "\"private\"",
                1,
            )
        });
    }),
    ("credentials_reinitialised", "baileys7", |dir| {
        std::fs::copy(
            crate::support::fixture_path("baileys7-unlinked").join("creds.json"),
            dir.join("creds.json"),
        )
        .unwrap();
    }),
    ("credentials_half_registered", "baileys7", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"account\":", "\"x\":"));
    }),
    ("registration_id_range", "baileys6", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"registrationId\":", "\"registrationId\":99999999999"));
    }),
    ("signed_pre_key_signature", "baileys7", |dir| {
        let other =
            std::fs::read_to_string(crate::support::fixture_path("baileys6").join("creds.json")).unwrap();
        edit(dir, "creds.json", |text| replace_member(text, &other, "signedPreKey"));
    }),
    ("account_signature", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            let at = text.find("\"accountSignature\":\"").unwrap() + 20;
            let mut text = text.to_owned();
            let flipped = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, flipped);
            text
        });
    }),
    ("device_signature", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            let at = text.find("\"deviceSignature\":\"").unwrap() + 19;
            let mut text = text.to_owned();
            let flipped = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, flipped);
            text
        });
    }),
];

/// Findings below error: the code, and what an examination must be told.
pub(super) const WARNINGS: &[(&str, &str, Damage)] = &[
    ("pre_keys_missing", "baileys7", |dir| {
        for id in 4..=14 {
            std::fs::remove_file(dir.join(format!("pre-key-{id}.json"))).unwrap();
        }
    }),
    ("sender_key_empty", "baileys6", |dir| write(dir, BOBS_SENDER_KEY, b"[]")),
    ("app_state_key_missing", "baileys6", |dir| {
        std::fs::remove_file(dir.join("app-state-sync-key-AAAAAFx__.json")).unwrap();
    }),
    ("lid_mapping_asymmetric", "baileys7", |dir| {
        std::fs::remove_file(dir.join("lid-mapping-100000000000033_reverse.json")).unwrap();
    }),
    ("signal_session_lid_and_phone", "baileys7", |dir| {
        std::fs::copy(dir.join(CAROL_7), dir.join("session-6281100000003.3.json")).unwrap();
    }),
    ("signal_session_stranded", "baileys7", |dir| {
        std::fs::rename(dir.join(CAROL_7), dir.join("session-6281100000003.3.json")).unwrap();
        std::fs::remove_file(dir.join("device-list-6281100000003.json")).unwrap();
    }),
    ("signal_session_predates_pairing", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let mut text = text.to_owned();
            for field in ["\"created\":", "\"used\":"] {
                let mut from = 0;
                while let Some(at) = text[from..].find(field) {
                    from += at + field.len();
                    text.replace_range(from..from + 13, "1600000000000");
                }
            }
            text
        });
    }),
    ("permissions_open", "baileys6", |dir| {
        std::fs::set_permissions(dir.join(BOB), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    }),
    ("session_moved", "baileys6", |dir| write(dir, ".wakeeper-moved.json", b"{}")),
];

pub(super) const INFOS: &[(&str, &str, Damage)] = &[
    ("signal_session_skipped_many", "baileys7", |dir| {
        let key = "A".repeat(43) + "=";
        let keys: Vec<_> = (0..2001).map(|n| format!("\"{n}\":\"{key}\"")).collect();
        edit(dir, CAROL_7, |text| {
            let text =
                text.replacen("\"messageKeys\":{}", &format!("\"messageKeys\":{{{}}}", keys.join(",")), 1);
            text.replacen("\"counter\":0", "\"counter\":2001", 1)
        });
    }),
    ("signal_session_identity_changed", "baileys7", |dir| {
        let carol = std::fs::read_to_string(dir.join(CAROL_7)).unwrap();
        let label = "\"remoteIdentityKey\":\"";
        let from = carol.find(label).unwrap() + label.len();
        edit(dir, BOB, |text| {
            let at = text.find(label).unwrap() + label.len();
            format!("{}{}{}", &text[..at], &carol[from..from + 44], &text[at + 44..])
        });
    }),
    ("file_unknown", "baileys7", |dir| write(dir, "notes.txt", b"hello")),
    ("file_temporary", "baileys7", |dir| write(dir, "creds.json.bak", b"{}")),
    ("signal_session_future_format", "baileys7", |dir| {
        write(dir, BOB, b"{\"type\":\"Buffer\",\"data\":\"AAAA\"}");
    }),
    ("signal_session_none_open", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"closed\":-1", "\"closed\":1700000000000"));
    }),
];
