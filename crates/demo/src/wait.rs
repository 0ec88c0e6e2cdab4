//! Waiting for something that another program does.

use std::time::Duration;

use crate::DemoError;

/// Longest wait for any step; a slow machine needs some of it.
const LONGEST: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until there is something, or fails saying what was waited for.
pub async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if started.elapsed() > LONGEST {
            return Err(DemoError::Waited { what: what.to_owned(), seconds: LONGEST.as_secs() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}
