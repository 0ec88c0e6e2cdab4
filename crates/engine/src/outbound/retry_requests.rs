//! Sent messages that a device asked for once more, kept until that device has them.
//!
//! A device that cannot decrypt a message asks its sender for it with a retry receipt. The client acknowledges such a receipt
//! at once and answers it later: a process that is killed in between never answers, WhatsApp does not tell it again, and the
//! message is lost although its send was answered. So each request is written down before it is acknowledged, and taken out
//! when the device confirms the message; what is left from an earlier connection is answered by the next one.

mod answer;
mod request;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use wakeeper_private_fs::{Folder, FsError, read_own};
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::types::events::Receipt;
use whatsapp_rust::wacore_binary::NodeRef;

pub(crate) use answer::answer;
use request::RetryRequest;

use crate::address;
use crate::life::state::SessionState;

/// The file, in the session's folder.
pub(crate) const FILE: &str = "asked-again.json";
/// The most that [`MAX_REQUESTS`] requests can take, with each character of their names escaped.
const MAX_FILE: u64 = 8 << 20;
/// How many requests are kept, and of one account. Beyond that the oldest goes, of the account that has most; whoever asks
/// for messages that never were pushes out its own. Only the client answers those, while its connection lasts.
const MAX_REQUESTS: usize = 1_000;
const MAX_OF_ACCOUNT: usize = 100;
/// How many requests of one account are written before they are acknowledged, in a minute: as many as are kept of it, so that
/// none which is kept is lost with the process. Those beyond are written with the next round of answers, so that nobody keeps
/// the disk busy. They push out older ones, which may be lost as well.
const MAX_SYNCED_REQUESTS: u32 = MAX_OF_ACCOUNT as u32;
/// The same for what one account confirms. A confirmation that is lost with the process costs a copy, no message.
const MAX_SYNCED_CONFIRMATIONS: u32 = 30;
const MINUTE_MS: i64 = 60_000;
/// How often a request is answered again whose device does not confirm.
const MAX_ANSWERS: u8 = 3;
/// A request that nobody confirmed for so long was not answered: the client drops answers beyond 20 at once, and ten a minute,
/// to a chat (`resend_rate_limiter.rs` of whatsapp-rust 0.7.0), and counts on the device to ask again.
const UNANSWERED_MS: i64 = 20_000;
/// As long as the client keeps what it sent.
const MAX_AGE_MS: i64 = 24 * 60 * 60 * 1_000;

/// The requests that are open.
#[derive(Debug, Default)]
pub(crate) struct RetryRequests {
    inner: Mutex<Inner>,
    /// Held while the file is written. `inner` is not: whoever only asks does not wait for the disk.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    folder: PathBuf,
    open: Vec<RetryRequest>,
    connection: u64,
    /// Counts the changes; the file has those up to `written`.
    changes: u64,
    written: u64,
    /// What was written at once for each account, in the minute that began then.
    synced: HashMap<String, Synced>,
    minute_ms: i64,
}

/// How much of one account was written at once in a minute.
#[derive(Debug, Default)]
struct Synced {
    requests: u32,
    confirmations: u32,
}

impl RetryRequests {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins in this folder. A file that cannot be read counts as empty.
    pub(crate) fn begin(&self, folder: &Path, now_ms: i64) {
        let mut inner = self.inner();
        if inner.changes == inner.written || inner.folder != folder {
            inner.open = read_own(&folder.join(FILE), MAX_FILE)
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            inner.written = inner.changes;
        }
        folder.clone_into(&mut inner.folder);
        inner.open.retain(|request| now_ms.saturating_sub(request.asked_ms) < MAX_AGE_MS);
        inner.open.truncate(MAX_REQUESTS);
        inner.connection += 1;
    }

    /// The connection was lost, and with it what the client had not answered yet.
    pub(crate) fn disconnected(&self) {
        self.inner().connection += 1;
    }

    /// The login is gone, and the file with it.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        *inner = Inner { connection: inner.connection, ..Inner::default() };
    }

    /// A retry receipt came. It is on the disk when this returns, and is acknowledged after that.
    pub(crate) fn received(&self, receipt: &NodeRef<'_>, state: &SessionState) {
        let client = state.client();
        let is_own = |jid: &Jid| match &client {
            Some(client) => address::is_own(client, jid),
            None => state.is_own(jid),
        };
        let now_ms = state.clock().now_ms();
        let Some(request) = RetryRequest::of(receipt, is_own, now_ms) else { return };
        let at_once = self.inner().add(request, now_ms);
        if at_once && let Err(error) = self.write() {
            tracing::warn!(session = %state.name(), %error,
                "a request for a sent message could not be written down; a lost connection or a restart may forget it");
        }
    }

    /// A device confirmed messages. The disk knows it when this returns, and the receipt is acknowledged after that: a process
    /// that is killed then does not send them again. Those of one account beyond [`MAX_SYNCED_CONFIRMATIONS`] in a minute, and
    /// those that cannot be written now, are written with the next round of answers.
    pub(crate) fn confirmed(&self, receipt: &Receipt, state: &SessionState) {
        let now_ms = state.clock().now_ms();
        if self.inner().confirm(receipt, now_ms) {
            self.save(state);
        }
    }

    /// What is to be answered now; first what was answered least and waits longest.
    fn due(&self, now_ms: i64) -> Vec<RetryRequest> {
        let inner = self.inner();
        let is_due = |request: &&RetryRequest| {
            request.connection != inner.connection || now_ms.saturating_sub(request.tried_ms) >= UNANSWERED_MS
        };
        let mut due: Vec<RetryRequest> = inner.open.iter().filter(is_due).cloned().collect();
        due.sort_by_key(|request| (request.answers, request.tried_ms, request.asked_ms));
        due
    }

    fn is_open(&self, request: &RetryRequest) -> bool {
        self.inner().open.iter().any(|open| open.is_of(&request.id, &request.requester))
    }

    /// Counts an answer, or drops the request with its last one.
    fn answered(&self, request: &RetryRequest, now_ms: i64) {
        let mut inner = self.inner();
        let connection = inner.connection;
        for open in inner.open.iter_mut().filter(|open| open.is_of(&request.id, &request.requester)) {
            open.answers += 1;
            open.connection = connection;
            open.tried_ms = now_ms;
        }
        inner.changes += 1;
        inner.keep(|open| open.answers < MAX_ANSWERS);
    }

    fn remove(&self, request: &RetryRequest) {
        self.inner().keep(|open| !open.is_of(&request.id, &request.requester));
    }

    /// Writes what changed. Nothing depends on it: at worst a device gets a message once more, and drops the copy.
    pub(crate) fn save(&self, state: &SessionState) {
        if let Err(error) = self.write() {
            tracing::debug!(session = %state.name(), %error, "requests for sent messages were not written");
        }
    }

    /// Brings the file up to date.
    fn write(&self) -> Result<(), FsError> {
        let write = || {
            let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let (text, changes, folder) = {
                let inner = self.inner();
                if inner.changes == inner.written {
                    return Ok(());
                }
                let text = serde_json::to_vec(&inner.open).map_err(std::io::Error::other)?;
                (text, inner.changes, inner.folder.clone())
            };
            Folder::named(&folder)?.replace(FILE, &text)?;
            let mut inner = self.inner();
            // Forgotten meanwhile, or of another folder: then this says nothing of it.
            if inner.folder == folder {
                inner.written = inner.written.max(changes);
            }
            Ok(())
        };
        off_the_runtime(write)
    }
}

impl Inner {
    /// Keeps a request; answers whether it is to be written at once.
    fn add(&mut self, request: RetryRequest, now_ms: i64) -> bool {
        if let Some(open) = self.open.iter_mut().find(|open| open.is_of(&request.id, &request.requester)) {
            // Written already, or to be; the number matters only for a next time.
            open.count = open.count.max(request.count);
            open.connection = self.connection;
            open.tried_ms = request.tried_ms;
            return false;
        }
        self.make_room(request.account());
        let synced = &mut self.synced_of(request.account(), now_ms).requests;
        *synced += 1;
        let at_once = *synced <= MAX_SYNCED_REQUESTS;
        self.open.push(RetryRequest { connection: self.connection, ..request });
        self.changes += 1;
        at_once
    }

    /// Drops the oldest request of an account that has too many, or of the one that has most.
    fn make_room(&mut self, account: &str) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        self.open.iter().for_each(|open| *counts.entry(open.account()).or_default() += 1);
        let crowded = if counts.get(account).is_some_and(|count| *count >= MAX_OF_ACCOUNT) {
            account.to_owned()
        } else if self.open.len() >= MAX_REQUESTS
            && let Some((most, _)) = counts.into_iter().max_by_key(|(account, count)| (*count, *account))
        {
            most.to_owned()
        } else {
            return;
        };
        if let Some(oldest) = self.open.iter().position(|open| open.account() == crowded) {
            let dropped = self.open.remove(oldest);
            tracing::debug!(
                id = dropped.id,
                "too many requests for sent messages are open; the oldest is dropped"
            );
        }
    }

    fn synced_of(&mut self, account: &str, now_ms: i64) -> &mut Synced {
        if !(0..MINUTE_MS).contains(&now_ms.saturating_sub(self.minute_ms)) {
            self.minute_ms = now_ms;
            self.synced.clear();
        }
        self.synced.entry(account.to_owned()).or_default()
    }

    /// Takes out what a device has now; answers whether that is to be written at once.
    fn confirm(&mut self, receipt: &Receipt, now_ms: i64) -> bool {
        let devices: Vec<String> = [Some(&receipt.source.sender), receipt.source.sender_alt.as_ref()]
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        let is_confirmed = |request: &RetryRequest| {
            receipt.message_ids.iter().any(|id| devices.iter().any(|device| request.is_of(id, device)))
        };
        let Some(account) =
            self.open.iter().find(|open| is_confirmed(open)).map(|open| open.account().to_owned())
        else {
            return false;
        };
        self.keep(|open| !is_confirmed(open));
        let synced = &mut self.synced_of(&account, now_ms).confirmations;
        *synced += 1;
        *synced <= MAX_SYNCED_CONFIRMATIONS
    }

    fn keep(&mut self, keep: impl Fn(&RetryRequest) -> bool) {
        let before = self.open.len();
        self.open.retain(keep);
        self.changes += u64::from(self.open.len() != before);
    }
}

/// Waits for the disk without keeping other tasks of this thread waiting, where the runtime has threads for them.
fn off_the_runtime<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore::types::message::MessageSource;
    use whatsapp_rust::wacore::types::presence::ReceiptType;

    use super::request::tests::asked_by;
    use super::*;

    const BEN: &str = "491702000001:3@s.whatsapp.net";

    fn in_folder(folder: &Path) -> RetryRequests {
        let requests = RetryRequests::default();
        requests.begin(folder, 2);
        requests
    }

    /// Keeps a request as [`RetryRequests::received`] does; answers whether it was written at once.
    fn add(requests: &RetryRequests, device: &str, id: &str) -> bool {
        let at_once = requests.inner().add(asked_by(device, id), 2);
        if at_once {
            requests.write().expect("written");
        }
        at_once
    }

    /// Takes in the confirmation of one message, as [`RetryRequests::confirmed`] does; answers whether it was written at once.
    fn confirm(requests: &RetryRequests, id: &str) -> bool {
        let source = MessageSource { sender: BEN.parse().expect("a JID"), ..Default::default() };
        let receipt = Receipt::builder()
            .message_ids(vec![id.to_owned()])
            .source(source)
            .timestamp(whatsapp_rust::wacore::time::from_secs(0).expect("a time"))
            .r#type(ReceiptType::Delivered)
            .offline(false)
            .build();
        let at_once = requests.inner().confirm(&receipt, 2);
        if at_once {
            requests.write().expect("written");
        }
        at_once
    }

    fn count_of(requests: &RetryRequests, account: &str) -> usize {
        requests.inner().open.iter().filter(|open| open.account() == account).count()
    }

    #[test]
    fn a_request_outlives_the_process_and_is_due_in_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        assert!(add(&requests, BEN, "A"));
        assert!(requests.due(2).is_empty(), "the client answers it");
        assert_eq!(requests.due(2 + UNANSWERED_MS).len(), 1, "unless it does not");
        requests.disconnected();
        assert_eq!(requests.due(2).len(), 1, "or its connection is lost");
        assert_eq!(in_folder(folder.path()).due(2).len(), 1);
        let later = RetryRequests::default();
        later.begin(folder.path(), MAX_AGE_MS + 1);
        assert!(later.due(i64::MAX).is_empty(), "nobody waits any more");
    }

    #[test]
    fn what_a_device_confirmed_is_not_sent_again_after_a_kill() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        add(&requests, BEN, "A");
        add(&requests, BEN, "B");
        assert!(confirm(&requests, "A"));
        let left: Vec<String> =
            in_folder(folder.path()).due(2).into_iter().map(|request| request.id).collect();
        assert_eq!(left, ["B"]);
    }

    #[test]
    fn every_request_that_is_kept_is_on_the_disk_whatever_was_confirmed_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        for id in 0..MAX_OF_ACCOUNT {
            add(&requests, BEN, &id.to_string());
            if id % 2 == 0 {
                confirm(&requests, &id.to_string());
            }
        }
        let kept = |requests: &RetryRequests| -> Vec<String> {
            requests.inner().open.iter().map(|open| open.id.clone()).collect()
        };
        assert_eq!(kept(&in_folder(folder.path())), kept(&requests));
        assert_eq!(kept(&requests).len(), MAX_OF_ACCOUNT / 2);
    }

    #[test]
    fn who_asks_for_very_much_pushes_out_only_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        for account in 0..MAX_REQUESTS / MAX_OF_ACCOUNT {
            for id in 0..=MAX_OF_ACCOUNT {
                add(&requests, &format!("77{account}:1@s.whatsapp.net"), &id.to_string());
            }
        }
        assert_eq!(requests.inner().open.len(), MAX_REQUESTS);
        assert!(add(&requests, BEN, "A"), "somebody else's is kept, and written at once");
        assert_eq!(requests.inner().open.len(), MAX_REQUESTS);
        assert_eq!(count_of(&in_folder(folder.path()), "491702000001"), 1);
    }

    #[test]
    fn who_asks_fast_does_not_keep_the_disk_busy() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        let written = (0..MAX_OF_ACCOUNT + 50).filter(|id| add(&requests, BEN, &id.to_string())).count();
        assert_eq!(written, MAX_SYNCED_REQUESTS as usize);
        let written = (50..MAX_OF_ACCOUNT + 50).filter(|id| confirm(&requests, &id.to_string())).count();
        assert_eq!(written, MAX_SYNCED_CONFIRMATIONS as usize);
        assert!(add(&requests, "77:1@s.whatsapp.net", "A"), "others are not held up by it");
        let mut inner = requests.inner();
        assert!(inner.add(asked_by(BEN, "later"), 2 + MINUTE_MS), "nor is it a minute later");
    }

    #[test]
    fn what_is_not_written_yet_outlives_a_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        for id in 0..=MAX_SYNCED_REQUESTS {
            add(&requests, BEN, &id.to_string());
        }
        requests.remove(&asked_by(BEN, "1"));
        requests.begin(folder.path(), 2);
        assert_eq!(count_of(&requests, "491702000001"), MAX_OF_ACCOUNT - 1);
        assert!(!requests.is_open(&asked_by(BEN, "1")), "what was confirmed does not come back");
    }

    #[test]
    fn the_longest_names_can_be_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        for n in 0..MAX_REQUESTS {
            let id = format!("{n:04}{}", "\u{1}".repeat(124));
            let device = format!("77{}:1@s.whatsapp.net", n / MAX_OF_ACCOUNT);
            requests.inner().add(asked_by(&device, &id), 2);
        }
        requests.write().expect("written");
        assert_eq!(in_folder(folder.path()).inner().open.len(), MAX_REQUESTS);
    }

    #[test]
    fn what_was_answered_least_comes_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        for id in ["A", "B", "C"] {
            add(&requests, BEN, id);
        }
        requests.answered(&asked_by(BEN, "A"), 5);
        requests.disconnected();
        let ids: Vec<String> = requests.due(6).into_iter().map(|request| request.id).collect();
        assert_eq!(ids, ["B", "C", "A"]);
        for _ in 0..MAX_ANSWERS {
            requests.answered(&asked_by(BEN, "B"), 7);
        }
        assert!(!requests.is_open(&asked_by(BEN, "B")), "not for ever");
    }

    #[test]
    fn a_login_that_is_gone_leaves_no_requests() {
        let folder = tempfile::tempdir().expect("a folder");
        let requests = in_folder(folder.path());
        add(&requests, BEN, "A");
        std::fs::remove_file(folder.path().join(FILE)).expect("moved aside with the login");
        requests.forget();
        requests.begin(folder.path(), 2);
        assert!(requests.due(i64::MAX).is_empty());
    }

    #[test]
    fn a_file_that_is_damaged_counts_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        for content in [&b"{"[..], b"[{\"id\":1}]", b""] {
            std::fs::write(folder.path().join(FILE), content).expect("written");
            assert!(in_folder(folder.path()).due(2).is_empty());
        }
        add(&in_folder(folder.path()), BEN, "A");
        assert_eq!(in_folder(folder.path()).due(2).len(), 1);
    }
}
