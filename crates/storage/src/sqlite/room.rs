//! Room that rows left is given back to the disk in small steps, because the file keeps its pages until somebody moves the last
//! of them to the front. SQLite can only do that in a file that says so from its beginning (`auto_vacuum`,
//! <https://sqlite.org/pragma.html#pragma_auto_vacuum>); one of before is written anew once.

use sqlx::{SqliteConnection, query, query_scalar};

/// A file of more pages is not written anew without being asked: that takes seconds, and as much free disk again.
pub(super) const SMALL_PAGES: i64 = 16 * 1024;

/// Free pages that stay: the next rows need them.
const RESERVE_PAGES: i64 = 1024;

/// Whether the file is one that gives room back.
pub(super) async fn gives_back(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // 0 none, 1 full, 2 incremental.
    query_scalar::<_, i64>("PRAGMA auto_vacuum").fetch_one(connection).await.map(|mode| mode == 2)
}

/// Makes the file one that gives room back, if it is small or that was asked for. Answers whether it is one.
pub(super) async fn bring_over(
    connection: &mut SqliteConnection,
    whatever_its_size: bool,
) -> Result<bool, sqlx::Error> {
    if gives_back(connection).await? {
        return Ok(true);
    }
    let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    if pages > SMALL_PAGES && !whatever_its_size {
        return Ok(false);
    }
    query("PRAGMA auto_vacuum = INCREMENTAL").execute(&mut *connection).await?;
    query("VACUUM").execute(&mut *connection).await?;
    // All of it went through the log.
    query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await?;
    gives_back(connection).await
}

/// Gives back at most so many pages, if more are free than the next rows need. Answers how many went.
pub(super) async fn give_back(connection: &mut SqliteConnection, most: u32) -> Result<u64, sqlx::Error> {
    let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    let free: i64 = query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
    let stays = RESERVE_PAGES.max(pages / 10);
    let goes = (free - stays).min(i64::from(most));
    if goes <= 0 || !gives_back(connection).await? {
        return Ok(0);
    }
    // Each page is a step of the statement, so it is read to its end.
    query(sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({goes})")))
        .fetch_all(&mut *connection)
        .await?;
    let left: i64 = query_scalar("PRAGMA freelist_count").fetch_one(connection).await?;
    Ok(u64::try_from(free - left).unwrap_or_default())
}
