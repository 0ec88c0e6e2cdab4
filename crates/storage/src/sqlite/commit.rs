//! The commit: messages, updates, events and outbox rows in the writer's transaction.

use sqlx::{SqliteConnection, query};

use super::{
    chat_rows, contact_rows, event_log, history_rows, label_rows, message_rows, send_rows, session_ids,
    session_rows,
};
use crate::{
    Change, CommitBatch, CommitOutcome, EventRow, LaneKey, MessageRef, MessageRow, MessageUpdate, NewEvent,
    SecondName, Tell,
};

/// The acknowledgement of a message that was read.
const READ: i32 = 3;

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    session: &str,
    batch: CommitBatch,
) -> Result<CommitOutcome, sqlx::Error> {
    let session = Session { id: session_ids::of(connection, session).await?, name: session };
    let mut outcome = CommitOutcome::default();
    let mut created = Vec::new();
    let mut room = label_rows::Room::default();
    for change in batch.changes {
        let (applied, events) = apply_change(connection, session, change, &mut room).await?;
        outcome.applied.push(applied);
        created.extend(events);
    }
    let is_stored = |event: &NewEvent| !batch.only_owed || event.is_owed();
    let (mut number, mut place) = (None, 0);
    for event in created {
        if !is_stored(&event) {
            outcome.events.extend(rows(event, 0));
            continue;
        }
        let seq = match number {
            Some(before) => before + 1,
            None => session_ids::next_event(connection, session.id).await?,
        };
        if place == 0 {
            place = event_log::next_place(connection).await?;
        }
        insert_event(connection, (session.id, seq), place, &event, &mut outcome).await?;
        place += 1;
        outcome.events.extend(rows(event, seq));
        number = Some(seq);
    }
    Ok(outcome)
}

/// The session whose batch it is.
#[derive(Clone, Copy)]
struct Session<'s> {
    id: i64,
    name: &'s str,
}

/// Answers whether the change was applied, and the events to be created because of it.
async fn apply_change(
    connection: &mut SqliteConnection,
    session: Session<'_>,
    change: Change,
    room: &mut label_rows::Room,
) -> Result<(bool, Vec<NewEvent>), sqlx::Error> {
    match change {
        Change::Message { row, updates, events } => {
            if !insert_message(connection, session.id, &row).await? {
                return Ok((false, Vec::new()));
            }
            contact_rows::saw(connection, session.id, &row).await?;
            chat_rows::saw(connection, session.id, &row).await?;
            for update in updates {
                update_message(connection, session.id, update).await?;
            }
            Ok((true, events))
        }
        Change::Ack { target, ack, events } => {
            let raised = raise_ack(connection, session.id, &target, ack).await?;
            if let (true, Some(false), Some(chat)) = (raised && ack >= READ, target.from_me, &target.chat) {
                chat_rows::read_one(connection, session.id, chat).await?;
            }
            Ok((raised, if raised { events } else { Vec::new() }))
        }
        Change::Receipt { target, ack, told_always, tell } => {
            receipt(connection, session, &Raise { target, ack, told_always, tell }).await
        }
        Change::Send { message_id, state, error, now_ms } => {
            let error = error.as_deref();
            let known = send_rows::update(connection, session.id, &message_id, state, error, now_ms).await?;
            Ok((known, Vec::new()))
        }
        Change::Chat(update) => {
            let changed = chat_rows::change(connection, session.id, &update.id, update.change).await?;
            Ok((changed, if changed { update.events } else { Vec::new() }))
        }
        Change::Contact(update) => {
            contact_rows::learn(connection, session.id, update).await?;
            Ok((true, Vec::new()))
        }
        Change::Past(step) => Ok((history_rows::step(connection, session.id, *step).await?, Vec::new())),
        Change::PastBegun { part, most } => {
            Ok((history_rows::begin(connection, session.id, &part, most).await?, Vec::new()))
        }
        Change::PastEnded { part } => {
            history_rows::ended(connection, session.id, &part).await?;
            Ok((true, Vec::new()))
        }
        // Of a session that has no row there is something to tell all the same.
        Change::Status { status, events } => {
            Ok((session_rows::set_status(connection, session.id, &status).await?, events))
        }
        Change::Label { change, events } => {
            let changed = label_rows::apply(connection, session.id, change, room).await?;
            Ok((changed, if changed { events } else { Vec::new() }))
        }
        Change::Events(events) => Ok((true, events)),
    }
}

/// Stores a message; `false` when its key is taken.
pub(super) async fn insert_message(
    connection: &mut SqliteConnection,
    session: i64,
    row: &MessageRow,
) -> Result<bool, sqlx::Error> {
    let inserted = query(
        "INSERT INTO messages (session, chat, id, from_me, participant, sender, account, timestamp_s, kind, ack,
             from_api, push_name, wire_chat, wire_chat_alt, wire_participant, wire_participant_alt, target, proto,
             body, mimetype, filename, reply_to, reply_participant, reply_body, edited, revoked, hidden)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23, $24, $25, $26, $27)
         ON CONFLICT (session, id, from_me, chat, participant) DO NOTHING",
    )
    .bind(session)
    .bind(&row.chat)
    .bind(&row.id)
    .bind(row.from_me)
    .bind(&row.participant)
    .bind(&row.sender)
    .bind(&row.account)
    .bind(row.timestamp_s)
    .bind(&row.kind)
    .bind(row.ack)
    .bind(row.from_api)
    .bind(&row.push_name)
    .bind(&row.wire.chat)
    .bind(&row.wire.chat_alt)
    .bind(&row.wire.participant)
    .bind(&row.wire.participant_alt)
    .bind(&row.target)
    .bind(&row.proto)
    .bind(&row.described.body)
    .bind(&row.described.mimetype)
    .bind(&row.described.filename)
    .bind(&row.reply_to)
    .bind(&row.described.reply_participant)
    .bind(&row.described.reply_body)
    .bind(row.edited)
    .bind(row.revoked)
    .bind(row.hidden)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

async fn update_message(
    connection: &mut SqliteConnection,
    session: i64,
    update: MessageUpdate,
) -> Result<(), sqlx::Error> {
    match update {
        MessageUpdate::Edited { target, proto, body } => {
            query(
                "UPDATE messages SET edited = 1, body = $5, proto = COALESCE($6, proto)
                 WHERE session = $1 AND id = $2 AND ($3 IS NULL OR from_me = $3)
                     AND ($4 IS NULL OR chat = $4)",
            )
            .bind(session)
            .bind(target.id)
            .bind(target.from_me)
            .bind(target.chat)
            .bind(body)
            .bind(proto)
            .execute(connection)
            .await?;
        }
        MessageUpdate::Revoked { target } => {
            query(
                "UPDATE messages SET revoked = 1
                 WHERE session = $1 AND id = $2 AND ($3 IS NULL OR from_me = $3)
                     AND ($4 IS NULL OR chat = $4)",
            )
            .bind(session)
            .bind(target.id)
            .bind(target.from_me)
            .bind(target.chat)
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

async fn raise_ack(
    connection: &mut SqliteConnection,
    session: i64,
    target: &MessageRef,
    ack: i32,
) -> Result<bool, sqlx::Error> {
    let raised = query(
        "UPDATE messages SET ack = $5
         WHERE session = $1 AND id = $2 AND ($3 IS NULL OR from_me = $3) AND ($4 IS NULL OR chat = $4)
             AND (ack < $5 OR ($5 < 0 AND ack = 0))",
    )
    .bind(session)
    .bind(&target.id)
    .bind(target.from_me)
    .bind(&target.chat)
    .bind(ack)
    .execute(connection)
    .await?;
    Ok(raised.rows_affected() > 0)
}

/// A receipt: see [`Change::Receipt`].
struct Raise {
    target: MessageRef,
    ack: i32,
    told_always: bool,
    tell: Tell,
}

/// Raises an ack; its events are made of the message's row. Nothing is read of one that got so far already, if nothing is to be
/// told of it.
async fn receipt(
    connection: &mut SqliteConnection,
    session: Session<'_>,
    raise: &Raise,
) -> Result<(bool, Vec<NewEvent>), sqlx::Error> {
    let rose = raise_ack(connection, session.id, &raise.target, raise.ack).await?;
    if !rose && !raise.told_always {
        return Ok((false, Vec::new()));
    }
    let row = match message_rows::one(&raise.target).fetch_optional(connection).await {
        Err(error @ sqlx::Error::Decode(_)) => {
            tracing::error!(%error, "a receipt for a damaged message is told to nobody");
            None
        }
        found => found?,
    };
    let events = row.map(|row| (raise.tell)(&row)).unwrap_or_default();
    if events.iter().any(|event| event.session != session.name) {
        return Err(sqlx::Error::Protocol("an event names another session than its message".to_owned()));
    }
    Ok((rose || !events.is_empty(), events))
}

async fn insert_event(
    connection: &mut SqliteConnection,
    key: (i64, i64),
    place: i64,
    event: &NewEvent,
    outcome: &mut CommitOutcome,
) -> Result<(), sqlx::Error> {
    query(
        "INSERT INTO events (session, number, id, chat, name, rest, timestamp_ms, also_id, also_name, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(key.0)
    .bind(key.1)
    .bind(&event.id)
    .bind(&event.chat)
    .bind(&event.name)
    .bind(&event.rest)
    .bind(event.timestamp_ms)
    .bind(event.also.as_ref().map(|also| also.id.as_str()))
    .bind(event.also.as_ref().map(|also| also.name.as_str()))
    .bind(place)
    .execute(&mut *connection)
    .await?;
    owe(connection, key, false, &event.subscriptions, event, outcome).await?;
    if let Some(also) = &event.also {
        owe(connection, key, true, &also.subscriptions, event, outcome).await?;
    }
    Ok(())
}

/// The event under each of its names.
fn rows(event: NewEvent, seq: i64) -> impl Iterator<Item = EventRow> {
    let NewEvent { id, session, chat, name, rest, timestamp_ms, also, .. } = event;
    let first = EventRow { seq, id, session, chat, name, rest, timestamp_ms };
    let second = also.map(|SecondName { id, name, .. }| EventRow { id, name, ..first.clone() });
    std::iter::once(first).chain(second)
}

/// Owes an event, under one of its names, to its subscriptions.
async fn owe(
    connection: &mut SqliteConnection,
    (session, number): (i64, i64),
    also: bool,
    subscriptions: &[String],
    event: &NewEvent,
    outcome: &mut CommitOutcome,
) -> Result<(), sqlx::Error> {
    for subscription in subscriptions {
        query(
            "INSERT INTO outbox (session, number, also, subscription, chat, state, attempts)
             VALUES ($1, $2, $3, $4, $5, 0, 0)",
        )
        .bind(session)
        .bind(number)
        .bind(also)
        .bind(subscription)
        .bind(&event.chat)
        .execute(&mut *connection)
        .await?;
        let lane = LaneKey {
            subscription: subscription.clone(),
            session: event.session.clone(),
            chat: event.chat.clone(),
        };
        if !outcome.lanes.contains(&lane) {
            outcome.lanes.push(lane);
        }
    }
    Ok(())
}
