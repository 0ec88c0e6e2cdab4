//! People: one row each, whichever of their two names was seen first.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query, query_as, query_scalar};

use crate::{ContactQuery, ContactRow, ContactUpdate, MessageRow};

const LID: &str = "@lid";
const PHONE: &str = "@c.us";

/// The name that a row is shown under, as [`ContactRow::shown_name`] says it.
const SHOWN: &str = "COALESCE(name, business_name, push_name)";

/// One name of a person, as a chat id; `None` for what is no person.
fn person(name: &str) -> Option<String> {
    if let Some(user) = name.strip_suffix("@s.whatsapp.net") {
        return Some(format!("{user}{PHONE}"));
    }
    (name.ends_with(PHONE) || name.ends_with(LID)).then(|| name.to_owned())
}

/// The name that a chat or person stands under: of a LID whose phone number is known, that.
pub(super) async fn canonical(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
) -> Result<String, sqlx::Error> {
    let known: Option<String> = if id.ends_with(LID) {
        query_scalar("SELECT id FROM contacts WHERE session = $1 AND lid = $2")
            .bind(session)
            .bind(id)
            .fetch_optional(connection)
            .await?
    } else {
        None
    };
    Ok(known.unwrap_or_else(|| id.to_owned()))
}

/// Learns whom a message names: whom the chat is with, and who wrote in it.
pub(super) async fn saw(
    connection: &mut SqliteConnection,
    session: i64,
    row: &MessageRow,
) -> Result<(), sqlx::Error> {
    let wire = &row.wire;
    let chat = [Some(row.chat.as_str()), Some(wire.chat.as_str()), wire.chat_alt.as_deref()];
    let push_name = row.push_name.clone().filter(|_| !row.from_me);
    if row.participant.is_empty() {
        return meet(connection, session, chat, push_name).await;
    }
    if row.from_me {
        return Ok(());
    }
    let writer = [Some(row.sender.as_str()), wire.participant.as_deref(), wire.participant_alt.as_deref()];
    meet(connection, session, writer, push_name).await
}

/// Learns that all of these names are one person's.
async fn meet(
    connection: &mut SqliteConnection,
    session: i64,
    names: [Option<&str>; 3],
    push_name: Option<String>,
) -> Result<(), sqlx::Error> {
    let names: Vec<String> = names.into_iter().flatten().filter_map(person).collect();
    let of = |server: &str| names.iter().find(|name| name.ends_with(server)).cloned();
    let (phone, lid) = (of(PHONE), of(LID));
    let Some(id) = phone.clone().or_else(|| lid.clone()) else { return Ok(()) };
    let lid = lid.filter(|_| phone.is_some());
    // As a rule nothing is new.
    let known: Option<(Option<String>, Option<String>)> =
        query_as("SELECT lid, push_name FROM contacts WHERE session = $1 AND id = $2")
            .bind(session)
            .bind(&id)
            .fetch_optional(&mut *connection)
            .await?;
    if let Some((known_lid, known_name)) = known
        && (lid.is_none() || lid == known_lid)
        && (push_name.is_none() || push_name == known_name)
    {
        return Ok(());
    }
    learn(connection, session, ContactUpdate { id, lid, push_name, ..ContactUpdate::default() }).await
}

/// Learns something of a person, and joins the two rows of one whose names are now known to be theirs.
pub(super) async fn learn(
    connection: &mut SqliteConnection,
    session: i64,
    update: ContactUpdate,
) -> Result<(), sqlx::Error> {
    let id = canonical(connection, session, &update.id).await?;
    let lid = update.lid.filter(|lid| lid.ends_with(LID) && id.ends_with(PHONE));
    if let Some(lid) = &lid {
        // Somebody else had it: their number changed.
        query("UPDATE contacts SET lid = NULL WHERE session = $1 AND lid = $2 AND id <> $3")
            .bind(session)
            .bind(lid)
            .bind(&id)
            .execute(&mut *connection)
            .await?;
    }
    query(
        "INSERT INTO contacts (session, id, lid, name, short_name, push_name, business_name, saved)
         VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, ''), NULLIF($6, ''), NULLIF($7, ''), COALESCE($8, 0))
         ON CONFLICT (session, id) DO UPDATE SET lid = COALESCE($3, lid), name = NULLIF(COALESCE($4, name), ''),
             short_name = NULLIF(COALESCE($5, short_name), ''), push_name = NULLIF(COALESCE($6, push_name), ''),
             business_name = NULLIF(COALESCE($7, business_name), ''), saved = COALESCE($8, saved)",
    )
    .bind(session)
    .bind(&id)
    .bind(&lid)
    .bind(update.name)
    .bind(update.short_name)
    .bind(update.push_name)
    .bind(update.business_name)
    .bind(update.saved)
    .execute(&mut *connection)
    .await?;
    match lid {
        Some(lid) => join(connection, session, &id, &lid).await,
        None => Ok(()),
    }
}

/// What stood under a LID becomes part of what stands under the phone number.
async fn join(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    lid: &str,
) -> Result<(), sqlx::Error> {
    for sql in [
        "UPDATE contacts SET name = COALESCE(contacts.name, other.name),
             short_name = COALESCE(contacts.short_name, other.short_name),
             push_name = COALESCE(contacts.push_name, other.push_name),
             business_name = COALESCE(contacts.business_name, other.business_name),
             saved = max(contacts.saved, other.saved)
         FROM (SELECT * FROM contacts WHERE session = $1 AND id = $3) AS other
         WHERE contacts.session = $1 AND contacts.id = $2",
        "DELETE FROM contacts WHERE session = $1 AND id = $3 AND id <> $2",
        "INSERT INTO chats (session, id, name, named_s, last_s, unread, marked_unread, archived, pinned_s, muted_until_ms)
         SELECT session, $2, name, named_s, last_s, unread, marked_unread, archived, pinned_s, muted_until_ms
         FROM chats WHERE session = $1 AND id = $3
         ON CONFLICT (session, id) DO UPDATE SET name = COALESCE(chats.name, excluded.name),
             named_s = max(chats.named_s, excluded.named_s), last_s = max(chats.last_s, excluded.last_s),
             unread = min(chats.unread + excluded.unread, 1000000),
             marked_unread = max(chats.marked_unread, excluded.marked_unread),
             pinned_s = COALESCE(chats.pinned_s, excluded.pinned_s),
             muted_until_ms = COALESCE(chats.muted_until_ms, excluded.muted_until_ms)",
        "DELETE FROM chats WHERE session = $1 AND id = $3 AND id <> $2",
    ] {
        query(sql).bind(session).bind(id).bind(lid).execute(&mut *connection).await?;
    }
    Ok(())
}

/// People in an order.
pub(super) fn page(session: &str, query: &ContactQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT *, ");
    sql.push_bind(session.to_owned());
    sql.push(
        " AS session_name FROM contacts WHERE session = (SELECT sessions.id FROM sessions WHERE name = ",
    );
    sql.push_bind(session.to_owned()).push(") ORDER BY ");
    let direction = if query.descending { " DESC" } else { "" };
    if query.by_name {
        sql.push(format!("{SHOWN} IS NULL, {SHOWN} COLLATE NOCASE{direction}, id{direction}"));
    } else {
        sql.push(format!("contacts.id{direction}"));
    }
    sql.push(" LIMIT ").push_bind(query.limit).push(" OFFSET ").push_bind(query.offset);
    sql
}

/// The person that any of these names is of.
pub(super) fn one(session: &str, names: &str) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("");
    for (index, column) in ["id", "lid"].into_iter().enumerate() {
        sql.push(if index == 0 { "SELECT *, " } else { " UNION ALL SELECT *, " });
        sql.push_bind(session.to_owned());
        sql.push(
            " AS session_name FROM contacts WHERE session = (SELECT sessions.id FROM sessions WHERE name = ",
        );
        sql.push_bind(session.to_owned()).push(format!(") AND {column} IN (SELECT value FROM json_each("));
        sql.push_bind(names.to_owned()).push("))");
    }
    sql.push(" LIMIT 1");
    sql
}

/// A row of [`page`].
pub(super) fn read(row: &SqliteRow) -> Result<ContactRow, sqlx::Error> {
    Ok(ContactRow {
        id: row.try_get("id")?,
        lid: row.try_get("lid")?,
        name: row.try_get("name")?,
        short_name: row.try_get("short_name")?,
        push_name: row.try_get("push_name")?,
        business_name: row.try_get("business_name")?,
        saved: row.try_get("saved")?,
    })
}
