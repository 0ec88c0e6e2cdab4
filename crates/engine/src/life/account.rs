//! Whose the rows of a session are. When another phone number is linked in a session's place, the rows of the former
//! one are set apart before anything of the new one is stored or sent.

use tokio_util::sync::CancellationToken;
use wakeeper_delivery::webhook::SessionContext;
use wakeeper_storage::{AccountChange, AccountRow, StorageError};
use whatsapp_rust::Client;

use crate::address;
use crate::journal::Journal;
use crate::life::state::SessionState;

/// What callers hear whose sends were accepted for another number.
pub(crate) const REASON: &str =
    "another phone number was linked in this session's place before the message went out";

/// Makes sure that the session's rows are those of the account that `client` is logged in to. Called before anything
/// is stored for that account, and before the session works; cheap when nothing changed.
pub(crate) async fn settle(
    state: &SessionState,
    journal: &Journal,
    client: &Client,
) -> Result<(), StorageError> {
    let Some(present) = account_of(client) else { return Ok(()) };
    let mut known = state.account().lock().await;
    if known.as_ref().is_some_and(|known| tells_nothing_new(known, &present)) {
        return Ok(());
    }
    let stored = match known.take() {
        Some(known) => Some(known),
        None => journal.storage().account(state.name().as_str()).await?,
    };
    match stored {
        Some(former) if !same(&former, &present) => change(state, journal, client, former, &present).await?,
        stored => {
            let lid = present.lid.clone().or_else(|| stored.and_then(|stored| stored.lid));
            journal.rows()?.put_account(AccountRow { lid, ..present.clone() }).await?;
        }
    }
    *known = Some(present);
    Ok(())
}

/// Of which account something was told, noted when it is heard: it may wait until another one is linked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The account of the client that told it, as far as that is known.
    account: Option<AccountRow>,
    /// How often the rows had changed hands.
    changes: u64,
}

/// Notes of whom something is that is heard now.
pub(crate) fn heard(state: &SessionState) -> Heard {
    let account = state.client().as_deref().and_then(account_of);
    let known = || state.account().try_lock().ok().and_then(|known| known.clone());
    Heard { account: account.or_else(known), changes: state.account_changes() }
}

/// Whose the rows are, settled for the account that is linked now.
///
/// # Errors
/// When they cannot be read or written.
pub(crate) async fn present(state: &SessionState, journal: &Journal) -> Result<Heard, StorageError> {
    if let Some(client) = state.client() {
        settle(state, journal, &client).await?;
    }
    let known = state.account().lock().await.clone();
    let account = match known {
        Some(known) => Some(known),
        None => journal.storage().account(state.name().as_str()).await?,
    };
    Ok(Heard { account, changes: state.account_changes() })
}

impl Heard {
    /// Whether both are of one account.
    pub(crate) fn is_of(&self, present: &Self) -> bool {
        match (&self.account, &present.account) {
            (Some(own), Some(present)) => same(own, present),
            // Rows of nobody are the first account's.
            (Some(_), None) => true,
            (None, _) => self.changes == present.changes,
        }
    }
}

/// As [`present`], and waits while the disk takes no writes; `None` when the session ends first.
///
/// # Errors
/// What went wrong, when it is not the disk.
pub(crate) async fn present_patiently(
    state: &SessionState,
    journal: &Journal,
    gone: &CancellationToken,
) -> Result<Option<Heard>, StorageError> {
    loop {
        match present(state, journal).await {
            Err(error) if error.disk_cause().is_some() => {}
            known => return known.map(Some),
        }
        tokio::select! {
            () = journal.pause() => {}
            () = gone.cancelled() => return Ok(None),
        }
    }
}

async fn change(
    state: &SessionState,
    journal: &Journal,
    client: &Client,
    former: AccountRow,
    present: &AccountRow,
) -> Result<(), StorageError> {
    let note = format!(
        "another phone number is linked in this session's place: the one that ends in {}, not the one that ends in {}. \
         Chats and messages of the former are set apart and come back when it is linked again; its unsent messages \
         are not sent",
        ending(&present.id),
        ending(&former.id)
    );
    journal
        .rows()?
        .change_account(AccountChange {
            former,
            present: present.clone(),
            reason: REASON.to_owned(),
            now_ms: state.clock().now_ms(),
        })
        .await?;
    state.account_changed();
    tracing::warn!(session = %state.name(), "{note}");
    state.set_note(Some(note));
    state.set_me(address::me(client));
    match SessionContext::new(state.name().as_str(), &state.config(), state.me().as_ref()) {
        Ok(context) => journal.sink().set_session(state.name(), context),
        Err(error) => tracing::error!(session = %state.name(), %error, "the session's webhooks cannot work"),
    }
    state.store(journal).await
}

fn account_of(client: &Client) -> Option<AccountRow> {
    let lid = client.lid().as_ref().and_then(address::chat_id).map(|lid| lid.to_string());
    match client.pn().as_ref().and_then(address::chat_id) {
        Some(id) => Some(AccountRow { id: id.to_string(), lid }),
        None => lid.map(|lid| AccountRow { id: lid.clone(), lid: Some(lid) }),
    }
}

/// One person keeps the LID when the number changes, and may be known by the LID alone.
fn same(left: &AccountRow, right: &AccountRow) -> bool {
    let names = |account: &AccountRow| [Some(account.id.clone()), account.lid.clone()];
    names(left)
        .iter()
        .flatten()
        .any(|name| names(right).iter().flatten().any(|other| user(name) == user(other)))
}

fn tells_nothing_new(known: &AccountRow, present: &AccountRow) -> bool {
    known.id == present.id && (present.lid.is_none() || present.lid == known.lid)
}

/// A name without its device; the server tells phone numbers and LIDs apart.
fn user(id: &str) -> (&str, bool) {
    let (user, server) = id.split_once('@').unwrap_or((id, ""));
    (user.split([':', '.']).next().unwrap_or_default(), server == "lid" || server == "hosted.lid")
}

/// The last digits: enough for a person to know the number, too little to give it away.
fn ending(id: &str) -> &str {
    let (user, _) = user(id);
    user.get(user.len().saturating_sub(4)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, lid: Option<&str>) -> AccountRow {
        AccountRow { id: id.to_owned(), lid: lid.map(str::to_owned) }
    }

    #[test]
    fn accounts_are_told_apart_by_number_or_lid_not_by_device() {
        let a = account("628111@c.us", Some("77@lid"));
        for same_one in [
            account("628111@c.us", None),
            account("628111:3@s.whatsapp.net", Some("77:3@lid")),
            account("628999@c.us", Some("77@lid")),
            account("77@lid", Some("77@lid")),
        ] {
            assert!(same(&a, &same_one) && same(&same_one, &a), "{}", same_one.id);
        }
        for other in
            [account("628112@c.us", Some("78@lid")), account("77@c.us", None), account("628111@lid", None)]
        {
            assert!(!same(&a, &other) && !same(&other, &a), "{}", other.id);
        }
        assert!(!same(&account("628111@c.us", None), &account("78@lid", Some("78@lid"))));
    }

    #[test]
    fn what_waited_is_told_apart_from_what_is_of_this_account() {
        let of = |id: Option<&str>, changes| Heard { account: id.map(|id| account(id, None)), changes };
        let present = of(Some("628112@c.us"), 1);
        // It was heard before the rows changed hands, and is of the new account all the same.
        assert!(of(Some("628112@c.us"), 0).is_of(&present));
        assert!(!of(Some("628111@c.us"), 1).is_of(&present));
        assert!(!of(None, 0).is_of(&present) && of(None, 1).is_of(&present));
        assert!(of(Some("628111@c.us"), 0).is_of(&of(None, 0)));
    }

    #[test]
    fn a_number_is_named_by_its_end() {
        assert_eq!(ending("628111000001@c.us"), "0001");
        assert_eq!(ending("12@lid"), "12");
    }
}
