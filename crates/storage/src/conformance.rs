//! What every back end must do: one suite, given a fresh storage for each case.

pub(crate) mod accounts;
pub(crate) mod bulk;
pub(crate) mod chats;
pub(crate) mod commits;
pub(crate) mod generations;
pub(crate) mod incidents;
pub(crate) mod keys;
pub(crate) mod labels;
pub(crate) mod lanes;
pub(crate) mod lists;
pub(crate) mod log;
pub(crate) mod outbox;
pub(crate) mod ownership;
pub(crate) mod search;
pub(crate) mod sends;
pub(crate) mod sessions;

use std::sync::Arc;

use crate::{
    Described, EventRow, Lane, LaneKey, MessageRow, NewEvent, OutboxItem, Ownership, Storage, WireKey,
};

/// Runs the suite: each back end calls this with its own way to make an empty storage.
macro_rules! suite {
    ($open:path) => {
        crate::conformance::suite!(@cases $open;
            ownership: a_session_has_one_owner, who_gave_a_session_up_writes_nothing_more,
                an_owner_writes_no_other_sessions_rows, a_session_with_an_owner_is_not_deleted,
                events_are_numbered_by_session, numbers_are_given_once;
            sessions: keeps_replaces_and_lists, a_status_is_kept_beside_what_else_is_stored,
                deleting_takes_what_is_not_owed;
            accounts: an_account_is_kept, rows_of_a_former_account_are_set_apart_and_come_back,
                deleting_a_session_takes_former_accounts_too;
            commits: a_message_is_kept_whole, a_redelivered_message_makes_no_second_event, acks_only_rise, receipts_tell_of_their_message, what_is_stored_soon_is_read_at_once,
                edits_and_revokes_change_what_is_stored, a_failing_batch_leaves_nothing,
                concurrent_commits_all_land, pages_and_filters;
            lists: pages_lead_from_one_to_the_next_in_both_orders,
                a_page_starts_where_the_last_one_ended_whatever_came_and_went,
                messages_are_forgotten_by_age_in_steps, messages_are_forgotten_by_size_the_oldest_first,
                what_somebody_waits_for_is_not_forgotten;
            chats: messages_make_chats_and_count_as_unread, what_was_read_counts_no_more,
                two_names_become_one_person_and_one_chat, what_happens_to_a_chat_is_told_once,
                a_chat_that_was_deleted_comes_back_with_its_next_message,
                a_history_is_read_once_and_changes_nothing_newer, a_history_is_begun_a_few_times_alone,
                a_history_may_say_little_or_too_much, chats_and_people_are_listed_in_an_order;
            search: words_are_found_by_session_and_chat, what_becomes_of_messages_is_followed,
                words_are_forgotten_and_made_anew, what_is_found_is_read_page_by_page, whatever_is_searched_is_no_error;
            outbox: an_event_of_two_names_is_stored_once_and_owed_under_each, what_was_delivered_is_not_kept,
                outcomes_are_stored_together_in_their_order, a_delivery_ends_its_lane, retries_wait_and_keep_their_attempts,
                dead_letters_are_listed_paged_and_replayed, abandoning_settles_everything, pruning_forgets_the_old_only;
            log: events_of_all_sessions_stand_in_one_order, a_part_of_the_log_is_by_session_and_name,
                positions_are_given_once_also_when_all_is_forgotten,
                what_a_reader_asked_for_is_stored_though_nobody_is_owed_it;
            lanes: rows_keep_their_order_and_lanes_their_distance, a_late_outcome_for_a_settled_lane_is_ignored,
                giving_up_is_remembered_until_a_success, a_lane_outlives_a_change_of_accounts,
                a_replay_ends_the_waiting_of_its_lane;
            sends: a_key_is_taken_once, unfinished_sends_keep_their_order, a_send_is_acked_with_its_message;
            bulk: a_bulk_send_goes_from_one_to_the_next, a_bulk_send_moves_only_from_where_it_may,
                a_bulk_send_goes_with_its_session;
            incidents: an_incident_is_told_from_first_to_last, incidents_are_paged_newest_first,
                alerts_stay_until_somebody_took_them, checkpoints_move_on_and_old_incidents_go,
                a_monitor_and_a_gateway_keep_their_own, an_incident_that_comes_again_has_not_ended;
            labels: labels_are_kept_changed_and_deleted, chats_have_labels_under_any_of_their_names,
                labels_are_set_apart_and_go_with_their_session, there_is_room_for_so_many_labels,
                deleted_labels_give_way_to_new_ones, chats_with_labels_are_counted;
            keys: keys_are_kept_changed_and_deleted, keys_of_a_session_go_when_they_are_told_to,
                administrative_calls_are_noted_and_paged;
            generations: a_generation_is_kept_moves_on_and_goes_with_its_session;
        );
    };
    (@cases $open:path; $($module:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $case() {
                let opened = $open().await;
                crate::conformance::$module::$case(opened.storage.clone()).await;
                opened.storage.close().await;
            }
        )+)+
    };
}
pub(crate) use suite;

/// A message from somebody, in chat `chat` under stanza id `id`.
pub(crate) fn message(chat: &str, id: &str) -> MessageRow {
    MessageRow {
        session: "default".to_owned(),
        chat: chat.to_owned(),
        id: id.to_owned(),
        from_me: false,
        participant: String::new(),
        sender: chat.to_owned(),
        timestamp_s: 1_700_000_000,
        kind: "text".to_owned(),
        ack: 0,
        account: Some("me".to_owned()),
        from_api: false,
        push_name: Some("Ann".to_owned()),
        wire: WireKey { chat: format!("wire {chat}"), ..WireKey::default() },
        target: None,
        proto: vec![1, 2, 3],
        described: Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    }
}

/// An event of chat `chat` for the subscriptions given, at time 1000.
fn event(chat: &str, id: &str, subscriptions: &[&str]) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        session: "default".to_owned(),
        chat: chat.to_owned(),
        name: "message".to_owned(),
        rest: format!("rest of {id}"),
        timestamp_ms: 1000,
        subscriptions: subscriptions.iter().map(ToString::to_string).collect(),
        also: None,
        kept: false,
    }
}

/// Owns a session; its rows are written in the same statement, at the end of which it is given up again.
async fn own(storage: &Arc<dyn Storage>, session: &str) -> Ownership {
    storage.acquire(session).await.unwrap()
}

/// The lane of a chat of the session `default`.
fn lane_of(subscription: &str, chat: &str) -> LaneKey {
    LaneKey { subscription: subscription.to_owned(), session: "default".to_owned(), chat: chat.to_owned() }
}

/// What is owed to a subscription.
async fn lanes(storage: &Arc<dyn Storage>, subscription: &str) -> Vec<Lane> {
    let mut lanes = storage.pending_lanes().await.unwrap();
    lanes.retain(|lane| lane.key.subscription == subscription);
    lanes
}

/// The pending deliveries of a subscription's only lane.
async fn pending(storage: &Arc<dyn Storage>, subscription: &str) -> Vec<OutboxItem> {
    let lane = lanes(storage, subscription).await.remove(0);
    storage.lane_items(&lane.key, 100).await.unwrap()
}

/// The events of every session that the suite knows, those that are set apart too.
async fn all_events(storage: &Arc<dyn Storage>) -> Vec<EventRow> {
    let mut events = Vec::new();
    for session in ["default", "default/a", "default/b", "other", "gone"] {
        events.extend(storage.events_after(session, 0, 10_000).await.unwrap());
    }
    events
}
